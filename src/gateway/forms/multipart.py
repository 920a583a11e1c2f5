"""Forms with files (multipart/form-data), looked through as they arrive and never held. Pure.

What a provider will take for the parts must be what was taken for them here: else whoever asks
could name one model to the gateway and another to the provider. So only what every reader takes in
the same way is let through: no words before, between or behind the parts, one plain header per
fact, and nowhere else the bytes of the boundary.
"""

import re
from itertools import starmap
from typing import Final
from urllib.parse import unquote

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from gateway.forms.http import check_header
from gateway.words.errors import BadRequest, UnsupportedMedia

MAX_PARTS: Final = 1024
MAX_VALUE_BYTES: Final = 1024
"""Parts of a form, and bytes of a field that is read."""

_IN_UTF_8 = rb"(?:[ \t]*;[ \t]*charset=\"?utf-8\"?)?"
_TYPE = re.compile(
    rb"multipart/form-data" + _IN_UTF_8 + rb"[ \t]*;[ \t]*boundary=(?:([\w'()+,./:=?-]{1,70})"
    rb'|"([\w\'()+,./:=? -]{0,69}[\w\'()+,./:=?-])")' + _IN_UTF_8 + rb"[ \t]*",
    re.ASCII | re.IGNORECASE,
)
_PARAMETER = re.compile(
    rb"[ \t]*;[ \t]*([a-z]+\*?)="
    rb"(?:\"((?:[^\"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*)\"|([\w!#$%&'*+.^`|~-]+))",
    re.ASCII | re.IGNORECASE,
)
_TOKEN = re.compile(rb"[\w'+.-]+", re.ASCII)
_DISPOSITION = b"form-data"
_PARAMETERS = frozenset({b"name", b"filename", b"filename*"})
_PLAIN_TYPE = re.compile(
    rb"text/plain(?:[ \t]*;[ \t]*charset=\"?(?:utf-8|(us-ascii|iso-8859-1))\"?)?", re.IGNORECASE
)
"""What says that a value is text, with a charset that has ASCII alone in common with UTF-8."""

_MOST_DIGITS: Final = 18
_CHARSET: Final = "_charset_"
"""The name of a field that says how the others are to be read."""


class Survey(msgspec.Struct, frozen=True):
    """What a form says in the fields that were looked for, and where each of them stands.

    A span is the first byte of a part's head and the one behind its value, counted from the body's
    beginning; where the value is empty there is none.
    """

    values: dict[str, str]
    spans: dict[str, tuple[int, int]]


def boundary_of(content_type: bytes) -> bytes:
    """Return the boundary that a content type names. Raises `UnsupportedMedia`."""
    match = _TYPE.fullmatch(content_type.strip())
    if match is None:
        raise UnsupportedMedia("Declare the body: content-type: multipart/form-data; boundary=….")
    boundary: bytes = match[1] or match[2]
    return boundary


def content_type_of(boundary: bytes) -> bytes:
    """Return the content type of a form with this boundary."""
    form = b"multipart/form-data; boundary=%b"
    return form % (boundary if _TOKEN.fullmatch(boundary) else b'"%b"' % boundary)


def field_of(boundary: bytes, name: str, value: str) -> bytes:
    """Write a field as it may stand before the first part of a form."""
    return b"--%b\r\n%b\r\n" % (boundary, part_of(name, value))


def part_of(name: str, value: str) -> bytes:
    """Write a field as it may stand between two boundaries."""
    head = b'content-disposition: form-data; name="%b"\r\n\r\n'
    return head % name.encode() + value.encode()


class Scanner:
    """Looks through one form for a few fields, piece by piece."""

    def __init__(self, boundary: bytes, wanted: frozenset[str]) -> None:
        self._wanted = wanted
        self._marks = _Marks(boundary)
        self._parts = 0
        self._at = 0
        self._piece = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._field, self._value = bytearray(), bytearray()
        self._name: str | None = None
        self._charset = "utf-8"
        self._said = bytearray()
        self._head = self._begin = -1
        self._length: int | None = None
        self._counted = 0
        self._ended = False
        self._values: dict[str, str] = {}
        self._spans: dict[str, tuple[int, int]] = {}
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_part_data": self._take,
                "on_part_end": self._end_part,
                "on_header_field": self._take_field,
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_end": self._end,
            },
        )
        # It would tell the log, on the loop, of what clients send.
        self._parser.logger.disabled = True

    def feed(self, data: bytes) -> None:
        """Look through the next piece. Raises `BadRequest`."""
        self._marks.feed(data)
        self._piece = data
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _malformed(str(error)) from None
        self._at += len(data)

    def end(self) -> Survey:
        """Say that the form is over; return what was found. Raises `BadRequest`."""
        if not self._ended:
            raise _malformed("it has no end")
        self._marks.check(self._parts)
        return Survey(self._values, self._spans)

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise BadRequest(f"The form has more than {MAX_PARTS} parts.")
        self._fields.clear()
        self._name = self._length = None
        self._head = self._begin = -1
        self._counted = 0

    def _take_field(self, data: bytes, start: int, end: int) -> None:
        if self._head < 0:
            self._head = self._at + start
        self._field += data[start:end]

    def _end_header(self) -> None:
        name, value = bytes(self._field).lower(), bytes(self._value)
        self._field.clear()
        self._value.clear()
        try:
            check_header(name, value)
        except ValueError as error:
            raise _malformed(str(error)) from None
        self._fields.append((name, value))

    def _end_headers(self) -> None:
        told = [value for name, value in self._fields if name == b"content-disposition"]
        if len(told) != 1:
            raise _malformed("a part says not once what it is")
        self._length = _length_of(self._fields)
        parameters = _parameters_of(told[0])
        name = _name_of(parameters, self._wanted)
        if name not in self._wanted:
            return
        if len(parameters) > 1 or not all(starmap(_is_plain, self._fields)):
            raise BadRequest(f"{name!r} must be a plain field of text.", param=name)
        if name in self._values:
            raise BadRequest(f"{name!r} stands twice in the form.", param=name)
        self._name, self._charset = name, _charset_of(self._fields)
        self._said.clear()

    def _take(self, data: bytes, start: int, end: int) -> None:
        self._counted += end - start
        if self._name is None:
            return
        part = data[start:end]
        # What is not of this piece was held back for a boundary: it begins with the end of a line.
        several = data is not self._piece or b"\r" in part or b"\n" in part
        if several or len(self._said) + len(part) > MAX_VALUE_BYTES:
            raise BadRequest(
                f"{self._name!r} must be one line of {MAX_VALUE_BYTES} bytes at most.",
                param=self._name,
            )
        if self._begin < 0:
            self._begin = self._at + start
        self._said += part

    def _end_part(self) -> None:
        if self._length not in {None, self._counted}:
            raise _malformed("a part is not as long as it says")
        name = self._name
        if name is None:
            return
        try:
            self._values[name] = self._said.decode(self._charset)
        except UnicodeDecodeError:
            raise BadRequest(f"{name!r} is no text in UTF-8.", param=name) from None
        if self._said:
            self._spans[name] = (self._head, self._begin + len(self._said))

    def _end(self) -> None:
        self._ended = True


class _Marks:
    """Counts the marks between the parts by their bytes alone: they stand nowhere else."""

    def __init__(self, boundary: bytes) -> None:
        self._mark = b"--" + boundary
        self._line = self._mark + b"\r\n"
        self._start = b""
        self._tail = b""
        self._marks = self._lines = 0

    def feed(self, data: bytes) -> None:
        if len(self._start) < len(self._line):
            self._start = (self._start + data)[: len(self._line)]
            if not self._line.startswith(self._start):
                raise _malformed("it does not begin with its boundary")
        self._marks += self._count(data, self._mark)
        self._lines += self._count(data, self._line)
        if self._marks > MAX_PARTS + 1:
            raise BadRequest(f"The form has more than {MAX_PARTS} parts.")
        self._tail = (self._tail + data)[-len(self._line) - 4 :]

    def _count(self, data: bytes, mark: bytes) -> int:
        """Count how often a mark ends in these bytes."""
        before = self._tail[-(len(mark) - 1) :]
        seam = (before + data[: len(mark) - 1]).count(mark)
        return seam + data.count(mark)

    def check(self, parts: int) -> None:
        """Refuse a form of which another reader might see other parts."""
        end = self._tail.removesuffix(b"\r\n").endswith(b"\r\n" + self._mark + b"--")
        if not (end and self._lines == parts and self._marks == parts + 1):
            raise _malformed("its boundary stands where it marks nothing")


def _parameters_of(disposition: bytes) -> dict[bytes, bytes]:
    kind, parameters = disposition[: len(_DISPOSITION)], disposition[len(_DISPOSITION) :]
    found: dict[bytes, bytes] = {}
    at = 0
    while match := _PARAMETER.match(parameters, at):
        name = match[1].lower()
        if name in found or name not in _PARAMETERS:
            break
        found[name] = match[3] if match[2] is None else match[2]
        at = match.end()
    if kind.lower() != _DISPOSITION or at != len(parameters) or b"name" not in found:
        raise _malformed("a part says in no plain words what it is")
    return found


def _name_of(parameters: dict[bytes, bytes], wanted: frozenset[str]) -> str:
    """Return the name of a part; refuse one that others may take for a name that is read."""
    try:
        name = parameters[b"name"].decode()
    except UnicodeDecodeError:
        raise _malformed("a name is not UTF-8") from None
    meant = unquote(name).replace("\\", "").partition("[")[0].strip().lower()
    encoded = "=?" in name  # as in mail, whose readers would decode it
    if encoded or meant == _CHARSET or (meant in wanted and meant != name):
        raise BadRequest(f"A field must not be named {name[:64]!r}.")
    return name


def _length_of(fields: list[tuple[bytes, bytes]]) -> int | None:
    """Return how long a part says it is, by which some readers go; None where it says nothing."""
    said = {value.strip() for name, value in fields if name == b"content-length"}
    if not said:
        return None
    length = said.pop()
    if said or not length.isdigit() or len(length) > _MOST_DIGITS:
        raise _malformed("a part says in no plain number how long it is")
    return int(length)


def _charset_of(fields: list[tuple[bytes, bytes]]) -> str:
    """Return how the value of a plain field is read: as all readers do, whatever they believe."""
    told = [_PLAIN_TYPE.fullmatch(value) for name, value in fields if name == b"content-type"]
    return "ascii" if any(match and match[1] for match in told) else "utf-8"


def _is_plain(name: bytes, value: bytes) -> bool:
    """Say whether a header of a part leaves its bytes what they are: text."""
    if name == b"content-type":
        return _PLAIN_TYPE.fullmatch(value) is not None
    if name == b"content-transfer-encoding":
        return value.lower() in {b"7bit", b"8bit", b"binary"}
    return name in {b"content-disposition", b"content-length"}


def _malformed(reason: str) -> BadRequest:
    return BadRequest(f"The form (multipart/form-data) cannot be read: {reason[:200]}.")
