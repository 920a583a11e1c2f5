"""The shapes in which providers of chat completions tell errors, read into one. Pure.

OpenAI's own is an object `error` with message, type, param and code. Others send that object bare,
wrapped in a list, as a plain string, as FastAPI's `detail`, as text, or as a page of HTML.
"""

import re

import msgspec

from gateway.forms.text import one_line
from gateway.words.answer import Fault
from gateway.words.errors import UpstreamFault

MAX_MESSAGE = 2000
MAX_WORD = 256
"""Characters of a message, and of a type, code or param."""

_FILTER_WORD = re.compile(
    r"content.?filter|content.?(?:management.?)?policy|responsible.?ai|moderation"
    r"|data.?inspection|prohibited.?content|safety|invalid_prompt",
    re.IGNORECASE,
)
_FILTER_SAID = (
    "content filter",
    "content management policy",
    "content policy",
    "content usage policy",
    "responsibleaipolicyviolation",
    "violating our usage policy",
    "inappropriate content",
    "input was flagged",
)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Told(msgspec.Struct, frozen=True):
    """What a provider said of its error; None for each thing that it did not say."""

    message: str | None = None
    type: str | None = None
    code: str | None = None
    param: str | None = None


def told_in(body: bytes) -> Told:
    """Read an error from JSON of any shape, or from plain text; HTML says nothing."""
    try:
        return told_by(_decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Enough that `one_line` sees where there is more: a character has four bytes at most.
        text = body[: 9 * MAX_MESSAGE].decode(errors="replace").strip("\ufeff \t\r\n")
        return Told() if text.startswith("<") else Told(_word(text, MAX_MESSAGE))


def told_by(value: object) -> Told:
    """Read an error from decoded JSON of any shape."""
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, dict):
        return Told(_word(value, MAX_MESSAGE))
    inner = value.get("error")
    if isinstance(inner, dict):
        value, inner = inner, None
    message = (
        _word(value.get("message"), MAX_MESSAGE)
        or _word(inner, MAX_MESSAGE)
        or _word(_detail(value.get("detail")), MAX_MESSAGE)
    )
    return Told(message, *(_word(value.get(key), MAX_WORD) for key in ("type", "code", "param")))


def _detail(value: object) -> object:
    """FastAPI tells a string, or a list of what is wrong with which field."""
    if isinstance(value, list):
        value = value[0] if value else None
    return (value.get("msg") or value.get("message")) if isinstance(value, dict) else value


def _word(value: object, limit: int) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return (one_line(value, limit) or None) if isinstance(value, str) else None


def fault_of(told: Told) -> Fault:
    """Make a fault of what was told inside a stream; the provider's own words and code are kept."""
    message = told.message or "The provider told an error without saying which."
    return Fault(message, told.type or UpstreamFault.type, told.code)


def raised(fault: Fault) -> UpstreamFault:
    """Return a fault as the error that it is where nothing has been answered yet."""
    return UpstreamFault(fault.message, type=fault.type, code=fault.code)


def error_body(message: str, type: str, param: str | None, code: str | None) -> bytes:
    """Return OpenAI's error object, with all four keys that its SDKs want."""
    words = {"message": message, "type": type, "param": param, "code": code}
    return _encode({"error": {key: word and _encodable(word) for key, word in words.items()}})


def _encodable(text: str) -> str:
    """Return the text without halves of surrogate pairs, which no encoder takes."""
    return text.encode(errors="replace").decode()


def tells_of_filter(words: str, message: str) -> bool:
    """Say whether a provider refused what was asked or answered for its content.

    `words` are the error's type and code; `message` is read as far as a message may go.
    """
    if _FILTER_WORD.search(words):
        return True
    said = message[:MAX_MESSAGE].lower()
    return any(sentence in said for sentence in _FILTER_SAID)
