"""HTTP/1.1 as both ends of the house speak it: limits, header rules, where a message may end. Pure.

llhttp parses; these are the rules that it leaves to us (docs/security.md, R4, R5, R18).
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from http import HTTPStatus
from itertools import starmap
from urllib.parse import quote

from gateway.words.client import Header
from gateway.words.errors import BadRequest

MAX_FIELDS = 100
MAX_LINE_BYTES = 8 * 1024
MAX_HEAD_BYTES = 32 * 1024

_BLANK_LINE = b"\r\n\r\n"
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")

STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}


def status_line(status: int) -> bytes:
    """Return the status line, always with a reason phrase: h2load counts no 2xx without one."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d Status\r\n" % status


def check_header(name: bytes, value: bytes) -> None:
    """Refuse what could split a message: raises `ValueError` naming the field, never its value."""
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"not a header name: {name!r}")
    if _VALUE.fullmatch(value) is None:
        raise ValueError(f"the value of the header {name.decode()} holds a control character")


def end_to_end(headers: Iterable[Header]) -> list[Header]:
    """Return the fields that are not of one connection alone, by the word of `connection` (R7).

    Names are in lower case.
    """
    fields = list(headers)
    said = b",".join([value for name, value in fields if name == b"connection"])
    named = {token.strip() for token in said.lower().split(b",")}
    return [field for field in fields if field[0] not in named]


def segment_of(id: str) -> str:
    """Return the name of a model as one segment of a path, whatever stands in it (R1, R10).

    Raises `BadRequest` for one that would lead elsewhere.
    """
    if not {".", "..", ""}.isdisjoint(id.replace("\\", "/").split("/")):
        raise BadRequest("'model' is no name of a model.", param="model")
    return quote(id, safe="")


def write_fields(headers: Iterable[Header]) -> bytes:
    """Write header fields, each checked; raises `ValueError`."""
    return b"".join(starmap(_write_field, headers))


def _write_field(name: bytes, value: bytes) -> bytes:
    often = len(value) <= _SHORT_BYTES and name not in _CREDENTIALS
    return _prepared(name, value) if often else _checked(name, value)


def _checked(name: bytes, value: bytes) -> bytes:
    check_header(name, value)
    return b"%b: %b\r\n" % (name, value)


_SHORT_BYTES = 64
_CREDENTIALS = frozenset(
    {
        *(b"authorization", b"x-api-key", b"api-key", b"x-goog-api-key"),
        *(b"x-amz-date", b"x-amz-security-token"),
    }
)
"""What shows whose a request is: others' keys are not to be remembered, nor what is said once."""

_prepared = lru_cache(maxsize=1024)(_checked)
"""Most fields are the same in every message: those are checked once, and not again."""


class Segments:
    """Cuts a stream of bytes so that no cut-off piece reaches beyond the end of a message.

    A head and a chunked body both end in CRLF CRLF. A parser that is fed one segment at a time
    therefore stops exactly at the end of its message, and the rest is still ours.
    """

    __slots__ = ("_tail",)

    def __init__(self) -> None:
        self._tail = b""

    def is_one(self, data: bytes) -> bool:
        """Take data in which no message can end for one segment, as it mostly is; else say no."""
        tail = self._tail
        if data.find(_BLANK_LINE) >= 0 or (tail + data[:3]).find(_BLANK_LINE) >= 0:
            return False
        self._tail = data[-3:] if len(data) >= 3 else (tail + data)[-3:]
        return True

    def split(self, data: bytes) -> Iterator[tuple[bytes, int]]:
        """Yield each segment with the offset in `data` that follows it."""
        kept = len(self._tail)
        joined = self._tail + data if kept else data
        begin = 0
        search = 0
        while (found := joined.find(_BLANK_LINE, search)) >= 0:
            search = found + 1
            end = found + len(_BLANK_LINE) - kept
            yield data[begin:end], end
            begin = end
        self._tail = joined[-3:]
        if begin < len(data):
            yield (data[begin:] if begin else data), len(data)
