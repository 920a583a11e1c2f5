"""What may pass as text: whole UTF-8, and words fit for a log line or an error message. Pure."""

import codecs
import re

_STRIDE_BYTES = 64 * 1024

CUT = "…"
"""Where a text was cut, it ends so."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
"""Controls, the two line separators of Unicode, and halves of surrogate pairs."""

# Half a surrogate pair: JSON's grammar allows it, and msgspec does not decode it.
_HALF = re.compile(
    rb"\\u(?<!\\\\u)[dD](?:"  # letters first: so it is searched for at the speed of memory
    rb"[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD])[c-fC-F][0-9a-fA-F]{2})"
)


def is_utf8(data: bytes) -> bool:
    """Say whether these bytes are UTF-8; a long text is looked at piece by piece."""
    if data.isascii():
        return True
    try:
        if len(data) <= _STRIDE_BYTES:
            data.decode()
            return True
        decoder = codecs.getincrementaldecoder("utf-8")()
        for begin in range(0, len(data), _STRIDE_BYTES):
            decoder.decode(data[begin : begin + _STRIDE_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def without_halves(json: bytes) -> bytes:
    """Return JSON in which every escaped half of a surrogate pair is taken for U+FFFD."""
    return _HALF.sub(rb"\\ufffd", json)


def has_controls(text: str) -> bool:
    """Say whether a text holds what must not stand in a header, a name or a log line (R10)."""
    return _CONTROLS.search(text) is not None


def one_line(text: str, limit: int) -> str:
    """Return the text on one line, without controls, cut after `limit` characters.

    What was cut ends in an ellipsis, whatever was cut off: half a secret is told by it (R11).
    """
    line = _CONTROLS.sub(" ", text[: 2 * limit]).strip()
    whole = len(line) <= limit and len(text) <= 2 * limit
    return line if whole else line[: limit - 1] + CUT
