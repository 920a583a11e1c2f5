"""How many tokens a call will take, about: to reserve them before anybody can count. Pure.

It is an estimate, from the size of what was asked and the most that may be answered; nothing is
tokenised. What the provider says it was corrects it once that is known.
"""

from typing import Final, NamedTuple

import msgspec
from msgspec import Raw

from gateway.words.call import COUNT_INPUT, COUNT_TOKENS, Call

TOKEN_BYTES: Final = 4
"""Bytes of JSON to a token. English has about four, other scripts have more and take more."""

ANSWER_TOKENS: Final = 512
"""What an answer is taken to be where the client names no most."""

MOST_TOKENS: Final = 10_000_000
"""No answer is taken to be longer, whatever the client names."""

SAYS_NO_TOKENS: Final = frozenset({"embeddings", "moderation", "rerank"})
"""Operations whose answers are no tokens to anybody."""

COUNTS: Final = frozenset({COUNT_TOKENS, COUNT_INPUT})
"""Operations that only ask how many tokens there are: they take none, however they end."""

IMAGE_TOKENS: Final = 4_160
"""What an image of the usual size and good quality is made of, by OpenAI's own table."""

MAKES_IMAGES: Final = frozenset({"image_generation", "image_edit", "image_variation"})

ATTACHMENT_TOKENS: Final = 1_000
"""What an image, a document or a sound within the request is at most taken for: its bytes say
nothing of its tokens, and are a hundred times as many."""

ATTACHMENTS: Final = 1_000
"""So many are told apart; what follows counts as text."""

SMALL_BYTES: Final = 4_096
"""A field that is no longer is not searched for attachments."""

_MOST_CHOICES = 128
_MOST_COMPLETIONS = 2048
_LONG_BYTES = 1_048_576
"""In a longer list of prompts a quote within a text counts as one around it."""
_COMPLETES = "completions"
_NAMES_OF_MOST = ("max_completion_tokens", "max_tokens", "max_output_tokens")
_DATA = b";base64,"
_SOUND = b'"input_audio"'

_decode_count = msgspec.json.Decoder(int).decode


class Size(NamedTuple):
    """How large a call is, in tokens: what is asked, and the most that may be answered.

    `most` is for all choices together, None where nobody says; `choices` are side by side.
    """

    prompt: int
    most: int | None
    choices: int

    @property
    def estimate(self) -> int:
        """How many tokens to reserve for the call, its answer included."""
        return self.prompt + (self.choices * ANSWER_TOKENS if self.most is None else self.most)


def size_of(call: Call) -> Size:
    """Return how large a call is, about."""
    fields = call.fields
    if call.operation in COUNTS:
        return Size(0, 0, 1)
    if call.operation in SAYS_NO_TOKENS:
        return Size(prompt_of(call), 0, 1)
    choices = min(_count(fields.get("n")) or 1, _MOST_CHOICES)
    if call.operation == _COMPLETES:
        # All of the best are made, of which so many are told; and for each of several prompts.
        best = min(_count(fields.get("best_of")) or 1, _MOST_CHOICES)
        prompts = _count_prompts(fields.get("prompt"))
        choices = min(max(choices, best) * prompts, _MOST_COMPLETIONS)
    if call.operation in MAKES_IMAGES:
        return Size(prompt_of(call), IMAGE_TOKENS * choices, choices)
    for name in _NAMES_OF_MOST:
        most = _count(fields.get(name))
        if most is not None:
            return Size(prompt_of(call), min(most, MOST_TOKENS) * choices, choices)
    return Size(prompt_of(call), None, choices)


def prompt_of(call: Call) -> int:
    """Return how many tokens are asked, without those that are answered."""
    asked = sum(_weight(raw) for raw in call.fields.values())
    if call.upload is not None:
        asked += min(len(call.upload.body), ATTACHMENT_TOKENS * TOKEN_BYTES)
    return -(-asked // TOKEN_BYTES)


def _count(raw: Raw | None) -> int | None:
    """Read a number above 0; whatever else it is, the provider is to judge."""
    if raw is None:
        return None
    try:
        number = _decode_count(raw)
    except msgspec.DecodeError:
        return None
    return number if number > 0 else None


def _count_prompts(raw: Raw | None) -> int:
    """Return how many prompts a completion is asked for: texts, or lists of tokens."""
    said = b"" if raw is None else bytes(raw)
    inner = said[1:].lstrip()[:1] if said[:1] == b"[" else b""
    if inner == b'"':
        if len(said) <= _LONG_BYTES:
            said = said.replace(b"\\\\", b"").replace(b'\\"', b"")
        texts = said.count(b'"') // 2
    else:
        texts = said.count(b"[") - 1 if inner == b"[" else 1
    return max(1, texts)


def _weight(raw: Raw) -> int:
    """Return how many bytes of text a field is worth."""
    weight = len(raw)
    if weight <= SMALL_BYTES:
        return weight
    text = bytes(raw)
    return weight - _spared(text, _DATA, b'"') - _spared(text, _SOUND, b"}")


def _spared(text: bytes, mark: bytes, end: bytes) -> int:
    """Return by how many bytes attachments are longer than they count.

    `mark` is what one begins with, `end` what it cannot hold.
    """
    spared = at = 0
    for _ in range(ATTACHMENTS):
        begin = text.find(mark, at)
        if begin < 0:
            break
        at = text.find(end, begin + len(mark))
        if at < 0:
            break
        if mark is _DATA:  # a text that only speaks of such data has words after it
            space = text.find(b" ", begin, at)
            at = at if space < 0 else space
        spared += max(0, at - begin - ATTACHMENT_TOKENS * TOKEN_BYTES)
    return spared
