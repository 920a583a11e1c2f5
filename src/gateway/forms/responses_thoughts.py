"""Thoughts on their way through a client of the Responses API, and back unchanged. Pure.

What proves a thought to its provider (`reasoning_details`), and the field in which it was told,
travel in a reasoning item's `encrypted_content`, which clients keep and send back. It is packed,
not encrypted: it is the client's own answer.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms.responses_tools import objects_of
from gateway.words.errors import BadRequest

MARK: Final = "gw1."
"""What the gateway has packed begins so; what a provider has encrypted does not."""

NAMES: Final = ("reasoning_content", "reasoning")
"""The fields in which providers of chats tell thoughts."""

Detail = dict[str, Any]
_TEXTS: Final = ("text", "summary", "data")
_VALUES_EACH: Final = 8
"""Names and values of an object. Where there are more of them, or of the marks that would stand
between them, it costs the process more than the text is worth (R15)."""


class Thought(msgspec.Struct, omit_defaults=True):
    """What an assistant's message says of its thoughts, in the chat form."""

    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: list[Detail] = []


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Thought).decode


def pack(thought: Thought) -> str | None:
    """Return a thought as a text for the client to keep; None where there is nothing to keep."""
    written = _encode(thought)
    return None if written == b"{}" else MARK + urlsafe_b64encode(written).decode()


class Unpacking:
    """Unpacks the thoughts of one request, in bounds."""

    __slots__ = ("_room", "_values")

    def __init__(self, most: int) -> None:
        """`most` is how many objects and arrays all of them may hold."""
        self._room = most
        self._values = most * _VALUES_EACH

    def unpack(self, text: str) -> Thought | None:
        """Return what was packed; None for what somebody else has encrypted.

        Raises `BadRequest`.
        """
        if not text.startswith(MARK):
            return None
        try:
            written = urlsafe_b64decode(text[len(MARK) :])
            self._room -= written.count(b"{") + written.count(b"[")
            self._values -= written.count(b",") + written.count(b":")
            if self._room >= 0 and self._values >= 0:
                return _decode(written)
        except (ValueError, msgspec.DecodeError, RecursionError):
            pass
        raise BadRequest(
            "'encrypted_content' of a reasoning item is not as the gateway has told it.",
            param="input",
        )


class _Item(msgspec.Struct, gc=False):
    encrypted_content: Any = None


_decode_item = msgspec.json.Decoder(_Item).decode


def without_packed(input: Raw) -> Raw:
    """Return an input for a provider that encrypts thoughts itself: it would refuse it for ours."""
    written = bytes(input)
    if written[:1] != b"[" or MARK.encode() not in written:
        return input
    items = objects_of(input, "input")
    return Raw(_encode([item for item in items if not _is_packed(item)]))


def _is_packed(item: Raw) -> bool:
    try:
        sealed = _decode_item(item).encrypted_content
    except (msgspec.DecodeError, RecursionError):
        return False
    return isinstance(sealed, str) and sealed.startswith(MARK)


def joined(details: list[Detail]) -> list[Detail]:
    """Join the parts in which a stream has told each detail; one that is signed is whole."""
    runs: list[list[Detail]] = []
    signed = True
    for detail in details:
        if signed or not _continues(runs[-1][0], detail):
            runs.append([])
        runs[-1].append(detail)
        signed = bool(detail.get("signature"))
    return [_join(run) for run in runs]


def _join(run: list[Detail]) -> Detail:
    """Join the parts of one detail: its texts in a row, of all else the last word."""
    whole: Detail = {}
    for detail in run:
        whole |= {name: it for name, it in detail.items() if it is not None or name not in whole}
    for name in _TEXTS:
        texts = [text for detail in run if isinstance(text := detail.get(name), str)]
        if texts and isinstance(whole[name], str):
            whole[name] = "".join(texts)
    return whole


def _continues(last: Detail, detail: Detail) -> bool:
    """Say whether a detail is a further part of the last one."""
    same = last.get("type") == detail.get("type") and last.get("index") == detail.get("index")
    return same and detail.get("index") is not None
