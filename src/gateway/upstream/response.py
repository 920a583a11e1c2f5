"""Reads one HTTP/1.1 answer from bytes, and stops exactly at its end. Pure: it does no I/O.

llhttp parses heads and chunks. What it leaves open is decided here, strictly: an answer that could
be read in two ways is refused, a byte too many means that its connection is not used again (R4).
"""

from enum import Enum

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.forms.http import MAX_FIELDS, MAX_HEAD_BYTES, MAX_LINE_BYTES, Segments
from gateway.upstream.failures import Malformed, TooMuch, Truncated
from gateway.words.client import Header

MAX_INFORMATIONAL = 8
MAX_SHOWN = 40

_START = b"HTTP/"
_BLANKS = b" \t"
_SWITCHING = 101
_FIRST_STATUS = 100
_FIRST_FINAL = 200
_LAST_STATUS = 599
_FRAMING = frozenset({b"content-encoding", b"content-length", b"transfer-encoding"})
_BODILESS = frozenset({204, 304})


class _Framing(Enum):
    """What the next byte belongs to."""

    HEAD = "head"
    CHUNKS = "chunks"
    LENGTH = "length"
    UNTIL_CLOSE = "until close"
    DONE = "done"


class ResponseReader:
    """One answer, fed as it arrives.

    `began` is True once a byte has come, `head_done` once `status` and `headers` are known,
    `complete` once the body's end has been read. `reusable` says whether another answer may
    follow on the same connection; it is final with `complete`.
    """

    def __init__(self, method: str) -> None:
        self.began = False
        self.status = 0
        self.headers: list[Header] = []
        self.reusable = False
        self._to_head = method == "HEAD"
        self._framing = _Framing.HEAD
        self._parts: list[bytes] = []
        self._remaining = 0
        self._informational = 0
        self._failure: Malformed | None = None
        self._segments = Segments()
        self._parser: HttpResponseParser | None = None
        self._begin_head()

    @property
    def head_done(self) -> bool:
        return self._framing is not _Framing.HEAD

    @property
    def complete(self) -> bool:
        return self._framing is _Framing.DONE

    def arrived(self, data: bytes) -> None:
        """Read what has arrived, b"" for the end: as `feed`, as `end`."""
        if data:
            self.feed(data)
        else:
            self.end()

    def feed(self, data: bytes) -> None:
        """Read what has arrived. Raises `Malformed`, unless parts of the body are to be taken.

        After a failure nothing is read: `take` tells of it.
        """
        if self._failure is not None:
            return
        self.began = True
        try:
            self._read(data)
        except Malformed as failure:
            self._parser = None
            if not self._parts:
                raise
            self._failure = failure

    def take(self) -> bytes:
        """Return what has been read of the body since the last call. Raises `Malformed`."""
        parts = self._parts
        if not parts:
            if self._failure is not None:
                raise self._failure
            return b""
        self._parts = []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def forget(self) -> None:
        """Let go of the parser, where nothing is read on: it and its reader hold each other."""
        self._parser = None

    def end(self) -> None:
        """Say that the connection has ended. Raises `Truncated`, unless that is the body's end."""
        if self._framing is _Framing.UNTIL_CLOSE:
            self._framing = _Framing.DONE
        elif self._framing is not _Framing.DONE:
            where = "in the body of" if self.head_done else "in the head of"
            raise Truncated(
                f"it closed the connection {where if self.began else 'without'} an answer"
            )

    def _begin_head(self) -> None:
        self._start = b""
        self._silent_bytes = 0
        self._keeps_alive = self._fields_done = self._too_much = self._message_done = False
        self.headers = []
        self._parser = None

    def _read(self, data: bytes) -> None:
        framing = self._framing
        if framing is _Framing.CHUNKS and self._segments.is_one(data):
            self._read_chunks(data)
        elif framing is _Framing.LENGTH:
            self._read_length(data)
        elif framing is _Framing.UNTIL_CLOSE:
            self._parts.append(data)
        elif framing is _Framing.DONE:
            self.reusable = False
        else:
            self._read_segments(data)

    def _read_segments(self, data: bytes) -> None:
        for segment, offset in self._segments.split(data):
            if self._framing is _Framing.HEAD:
                self._read_head(segment)
            else:
                self._read_chunks(segment)
            if self._framing is _Framing.HEAD or self._framing is _Framing.CHUNKS:
                continue
            if offset < len(data):
                self._read(data[offset:])
            return

    def _read_length(self, data: bytes) -> None:
        missing = self._remaining - len(data)
        if missing > 0:
            self._remaining = missing
            self._parts.append(data)
            return
        self._framing = _Framing.DONE
        self._parts.append(data[: self._remaining])
        if missing:
            self.reusable = False

    def _read_chunks(self, segment: bytes) -> None:
        known = len(self._parts)
        self._parse(segment)
        if self._message_done:
            self._framing = _Framing.DONE
            self._parser = None
        elif len(self._parts) == known:
            # Chunk extensions and trailers are dropped, but they must not go on for ever.
            self._count_silent(segment)
        else:
            self._silent_bytes = 0

    def _read_head(self, segment: bytes) -> None:
        self._count_silent(segment)
        if len(self._start) < len(_START):
            self._start = (self._start + segment)[: len(_START)]
        self._parse(segment)
        if self._too_much:
            raise TooMuch("the head of its answer has too many or too long fields")
        if self._fields_done:
            self._end_head()

    def _parse(self, segment: bytes) -> None:
        if self._parser is None:
            self._parser = HttpResponseParser(self)
        try:
            self._parser.feed_data(segment)
        except HttpParserUpgrade:
            raise Malformed("it switched to another protocol") from None
        except HttpParserError as error:
            raise Malformed(f"it does not speak HTTP as it should: {error}") from error

    def _count_silent(self, segment: bytes) -> None:
        self._silent_bytes += len(segment)
        if self._silent_bytes > MAX_HEAD_BYTES:
            raise TooMuch("its answer has a head or a trailer that is too long")

    def _end_head(self) -> None:
        assert self._parser is not None
        status, version = self._parser.get_status_code(), self._parser.get_http_version()
        if self._start != _START or version not in {"1.0", "1.1"}:
            raise Malformed("it does not speak HTTP/1.1")
        if not _FIRST_STATUS <= status <= _LAST_STATUS:
            raise Malformed(f"{status} is no status of HTTP")
        if status < _FIRST_FINAL:
            self._skip_informational(status)
            return
        self.status = status
        self.reusable = self._keeps_alive
        self._silent_bytes = 0
        self._framing = self._find_framing(version)
        if self._framing is not _Framing.CHUNKS:
            self._parser = None

    def _skip_informational(self, status: int) -> None:
        self._informational += 1
        if status == _SWITCHING:
            raise Malformed("it switched to another protocol")
        if self._informational > MAX_INFORMATIONAL:
            raise TooMuch("it sends informational answers without end")
        self._begin_head()

    def _find_framing(self, version: str) -> _Framing:
        if self._to_head or self.status in _BODILESS:
            return _Framing.DONE
        framing = [field for field in self.headers if field[0] in _FRAMING]
        encodings = [value for name, value in framing if name == b"content-encoding"]
        if any(value.lower() not in {b"", b"identity"} for value in encodings):
            shown = ascii(encodings[0][:MAX_SHOWN].decode("latin-1"))
            raise Malformed(f"it encoded its answer as {shown}, although identity was asked for")
        codings = [value for name, value in framing if name == b"transfer-encoding"]
        lengths = [value for name, value in framing if name == b"content-length"]
        if codings:
            if version == "1.0" or lengths or [value.lower() for value in codings] != [b"chunked"]:
                raise Malformed("the framing of its answer is not clear")
            return _Framing.CHUNKS
        if lengths:
            # llhttp has let pass one length of digits alone.
            self._remaining = int(lengths[0])
            return _Framing.LENGTH if self._remaining else _Framing.DONE
        self.reusable = False
        return _Framing.UNTIL_CLOSE

    # What llhttp calls. An exception in here would be wrapped, so only facts are noted.

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._fields_done:
            return
        if len(self.headers) >= MAX_FIELDS or len(name) + len(value) > MAX_LINE_BYTES:
            self._too_much = True
        else:
            # llhttp leaves what stands behind a value, although it is no part of it.
            self.headers.append((name.lower(), value.rstrip(_BLANKS)))

    def on_headers_complete(self) -> None:
        self._fields_done = True
        if self._parser is not None:
            self._keeps_alive = self._parser.should_keep_alive()

    def on_body(self, data: bytes) -> None:
        self._parts.append(data)

    def on_message_complete(self) -> None:
        self._message_done = True
