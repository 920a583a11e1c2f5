"""Server-sent events: cuts a stream of bytes into events, by WHATWG's rules. Pure.

An event keeps its own bytes, framing included, so that it can be passed on as it came; the events
of a stream, put together, are the stream. Nothing here decodes text or JSON.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

import re

import msgspec

from gateway.words.errors import AnswerTooLarge

BOM = b"\xef\xbb\xbf"

_COLON = ord(":")
_MARKS = (b"id", b"retry")

_BLANK_LINE = re.compile(rb"(?:\r\n?+|\n)(?:\r\n?+|\n)")
"""The end of a line and an empty line; possessive, so that no CRLF is ever read as two ends."""

_LONGEST_BLANK_LINE = len(b"\r\n\r\n")


class Event(msgspec.Struct, gc=False):
    """One event, or one block of comments, as it stood in the stream.

    `data` is what its data lines say, joined with LF; None where it has no such line. `marked`
    says that it holds `id:` or `retry:` lines; `bom`, that the stream's byte order mark is in
    front of it.
    """

    raw: bytes
    data: bytes | None
    name: bytes = b""
    comments_only: bool = False
    marked: bool = False
    bom: bool = False


def read_event(raw: bytes, first: bool = False) -> Event:
    """Read one whole block; `first` is the one that a byte order mark may precede."""
    bom = first and raw.startswith(BOM)
    name, data = b"", []
    comments = fields = marked = False
    for line in (raw[len(BOM) :] if bom else raw).splitlines():
        if not line:
            continue
        if line[0] == _COLON:
            comments = True
            continue
        fields = True
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
        elif field in _MARKS:
            marked = True
    joined = b"\n".join(data) if data else None
    return Event(raw, joined, name, comments and not fields, marked, bom)


def without_marks(event: Event) -> bytes:
    """Return the event's bytes without its `id:` and `retry:` lines and the byte order mark."""
    raw = event.raw[len(BOM) :] if event.bom else event.raw
    if not event.marked:
        return raw
    lines = raw.splitlines(keepends=True)
    return b"".join(line for line in lines if _field_of(line) not in _MARKS)


def _field_of(line: bytes) -> bytes:
    return line.rstrip(b"\r\n").partition(b":")[0]


class Splitter:
    """Cuts bytes into events as they arrive; what is not whole yet waits, within the limit.

    Lines end in LF, CRLF or a lone CR. Where a blank line ends in CR it shows only with the next
    byte whether an LF belongs to it, so that such an event waits for that byte.
    """

    __slots__ = ("_carriage_returns", "_first", "_limit", "_too_large", "_waiting")

    def __init__(self, max_event_bytes: int) -> None:
        self._limit = max_event_bytes
        self._waiting = bytearray()
        self._first = True
        self._carriage_returns = False
        self._too_large = False

    @property
    def rest(self) -> bytes:
        """The bytes of an event that is not whole; at the end of the stream it is to be dropped."""
        return bytes(self._waiting)

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete.

        Raises `AnswerTooLarge` for an event above the limit; those before it are returned first.
        """
        if self._too_large:
            raise self._refusal()
        if not self._waiting and (one := _is_one(data)) and len(data) <= self._limit:
            self._first = False
            return [Event(data, data[6:-one])]
        if not self._carriage_returns and b"\r" in data:
            self._carriage_returns = True
        if self._waiting:
            data = self._joined(data)
        blocks, rest = _cut_anywhere(data) if self._carriage_returns else _cut_plainly(data)
        events: list[Event] = []
        for raw in blocks:
            if len(raw) > self._limit:
                return self._refuse_after(events)
            events.append(_read_quickly(raw) or read_event(raw, self._first))
            self._first = False
        if rest:
            if len(rest) > self._limit:
                return self._refuse_after(events)
            self._waiting += rest
        return events

    def end(self) -> list[Event]:
        """Say that no more bytes come: returns the event that waited to see if an LF follows."""
        if self._too_large:
            raise self._refusal()
        raw = self.rest
        if _BLANK_LINE.search(raw) is None:
            return []
        self._waiting.clear()
        return [read_event(raw, self._first)]

    def _joined(self, data: bytes) -> bytes:
        """Return what waits together with `data` if that holds a whole event, else keep it.

        Only the seam is searched again: a huge event in many small reads costs no more than once.
        """
        seam = max(0, len(self._waiting) - _LONGEST_BLANK_LINE + 1)
        self._waiting += data
        if self._carriage_returns:
            whole = _BLANK_LINE.search(self._waiting, seam) is not None
        else:
            whole = self._waiting.find(b"\n\n", seam) >= 0
        if not whole and len(self._waiting) <= self._limit:
            return b""
        joined = bytes(self._waiting)
        self._waiting.clear()
        return joined

    def _refuse_after(self, events: list[Event]) -> list[Event]:
        self._too_large = True
        self._waiting.clear()
        if events:
            return events
        raise self._refusal()

    def _refusal(self) -> AnswerTooLarge:
        return AnswerTooLarge(f"The provider sent an event of more than {self._limit} bytes.")


def _is_one(data: bytes) -> int:
    """Say whether this is the usual event and nothing else: one data line.

    Returns how long its end is: 2 of LF, 4 of CRLF, 0 for whatever else.
    """
    if not data.startswith(b"data: "):
        return 0
    line_feed = data.find(b"\n")
    if b"\r" not in data:
        return 2 if line_feed == len(data) - 2 and data.endswith(b"\n\n") else 0
    is_one = line_feed == len(data) - 3 and data.find(b"\r") == line_feed - 1
    return 4 if is_one and data.endswith(b"\r\n\r\n") else 0


def _cut_plainly(data: bytes, blank: bytes = b"\n\n") -> tuple[list[bytes], bytes]:
    """Cut bytes whose lines all end alike into whole blocks and the rest."""
    blocks = data.split(blank)
    rest = blocks.pop()
    return [block + blank for block in blocks], rest


def _cut_anywhere(data: bytes) -> tuple[list[bytes], bytes]:
    """Cut bytes into whole blocks and the rest, by every line end that there is."""
    if data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n"):
        return _cut_plainly(data, b"\r\n\r\n")
    blocks = []
    begin = 0
    for blank in _BLANK_LINE.finditer(data):
        end = blank.end()
        if end == len(data) and data.endswith(b"\r"):
            break
        blocks.append(data[begin:end])
        begin = end
    return blocks, data[begin:]


def _read_quickly(raw: bytes) -> Event | None:
    """Read the usual block, one data line ended by LF or CRLF; None for any other."""
    if not raw.startswith(b"data: "):
        return None
    last = len(raw) - 2
    line_feed = raw.find(b"\n")
    if line_feed == last and raw.find(b"\r") < 0:
        return Event(raw, raw[6:last])
    if line_feed == last - 1 and raw.find(b"\r") == last - 2:
        return Event(raw, raw[6 : last - 2])
    return None
