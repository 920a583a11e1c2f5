"""Tells a whole message of Anthropic's as the stream that was asked for. Pure."""

from typing import Final

import msgspec
from msgspec import Raw

from gateway.forms.messages_write_events import (
    STOP,
    block_start,
    block_stop,
    delta,
    event,
    message_start,
)

MOST_BLOCKS: Final = 4_096
"""Blocks of a message; to tell more of them at once would hold up the process."""

_CALLS: Final = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})

_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_blocks = msgspec.json.Decoder(list[Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


def as_stream(body: bytes) -> bytes | None:
    """Return the events of a message; None where the body is none, or has too many blocks."""
    try:
        message = _decode_fields(body)
        blocks = _decode_blocks(message["content"])
        if len(blocks) > MOST_BLOCKS:
            return None
        told = [_opening(message)]
        for index, block in enumerate(blocks):
            told += _block(index, _decode_fields(block))
        told += [_closing(message), STOP]
    except (msgspec.DecodeError, RecursionError, KeyError):
        return None
    return b"".join(told)


def _opening(message: dict[str, Raw]) -> bytes:
    return message_start({**message, "content": [], "stop_reason": None, "stop_sequence": None})


def _closing(message: dict[str, Raw]) -> bytes:
    """Tell how the message has ended, with whatever else is known of that."""
    told = {name: value for name, value in message.items() if name.startswith("stop_")}
    return event("message_delta", delta=told, usage=message.get("usage", {"output_tokens": 0}))


def _block(index: int, block: dict[str, Raw]) -> list[bytes]:
    """Tell a block: what comes in parts is told behind its beginning, all else at once."""
    kind = _decode_text(block["type"])
    blank: dict[str, object] = dict(block)
    parts: list[tuple[bytes, str]] = []
    if kind in _CALLS:
        blank["input"] = {}
        parts = [(b"partial_json", bytes(block["input"]).decode())]
    elif kind in {"text", "thinking"}:
        for name in ("text", "thinking", "signature"):
            if name in block:
                parts.append((name.encode(), _decode_text(block[name])))
                blank[name] = ""
    told = [delta(index, name, text) for name, text in parts if text]
    return [block_start(index, blank), *told, block_stop(index)]
