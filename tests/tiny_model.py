"""A language model of 0.5 MB with random weights, in llama.cpp's format, for a real server to run.

What it says is noise (control characters, halves of UTF-8), which is just what a gateway must bear.
"""

from pathlib import Path

import gguf
import numpy as np

WIDTH = 64
HEADS = 4
BLOCKS = 2
HIDDEN = 128
CONTEXT = 65_536
SEED = 7

SPECIAL = ("<unk>", "<s>", "</s>")
WORDS = "▁abcdefghijklmnopqrstuvwxyz.,!"
TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:"
)


def write_model(path: Path) -> None:
    """Write the model; takes some 20 ms."""
    writer = gguf.GGUFWriter(path, "llama")
    tokens = _write_vocabulary(writer)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(BLOCKS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_chat_template(TEMPLATE)
    _write_weights(writer, tokens)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_vocabulary(writer: gguf.GGUFWriter) -> int:
    kinds = gguf.TokenType
    octets = [f"<0x{octet:02X}>" for octet in range(256)]
    tokens = [*SPECIAL, *octets, *WORDS]
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL]
    types += [kinds.BYTE] * len(octets) + [kinds.NORMAL] * len(WORDS)
    writer.add_tokenizer_model("llama")
    writer.add_vocab_size(len(tokens))
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(number) for number in range(len(tokens))])
    writer.add_token_types(types)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    return len(tokens)


def _write_weights(writer: gguf.GGUFWriter, tokens: int) -> None:
    random = np.random.default_rng(SEED)

    def matrix(name: str, rows: int, columns: int) -> None:
        weights = random.standard_normal((rows, columns)) * 0.1
        writer.add_tensor(f"{name}.weight", weights.astype(np.float32))

    def norm(name: str) -> None:
        writer.add_tensor(f"{name}.weight", np.ones(WIDTH, np.float32))

    matrix("token_embd", tokens, WIDTH)
    matrix("output", tokens, WIDTH)
    norm("output_norm")
    for block in (f"blk.{number}" for number in range(BLOCKS)):
        norm(f"{block}.attn_norm")
        norm(f"{block}.ffn_norm")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"{block}.{part}", WIDTH, WIDTH)
        matrix(f"{block}.ffn_gate", HIDDEN, WIDTH)
        matrix(f"{block}.ffn_up", HIDDEN, WIDTH)
        matrix(f"{block}.ffn_down", WIDTH, HIDDEN)
