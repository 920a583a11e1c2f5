"""Reads one answer of the gateway as its bytes arrive, and holds every word against the plan. Pure.

It is written for this alone and shares nothing with the gateway, so that a mistake there is no
mistake here.
"""

from typing import Any, Final

import msgspec

from benchmarks.soak.plan import CHAT, Plan
from benchmarks.soak.records import Seen
from benchmarks.soak.wording import DONE, event, last, said, usage

BLANK: Final = b"\r\n\r\n"
BEHIND: Final = "bytes behind the answer"
MOST_SHOWN: Final = 200

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Broken(Exception):
    """The gateway said what no answer may hold; its text says what."""


class Reading:
    """One answer; `seen` is filled in as it is read. `keeps` is whether another may follow."""

    def __init__(self, plan: Plan, seen: Seen) -> None:
        self._plan = plan
        self.seen = seen
        self.keeps = False
        self.whole = False
        self._wire = bytearray()
        self._body = bytearray()
        self._fields: dict[str, str] = {}
        self._left: int | None = None
        self._behind = 0

    def feed(self, data: bytes) -> None:
        """Read what has come. What is wrong is noted, and nothing more is read."""
        seen = self.seen
        seen.bytes += len(data)
        if seen.wrong:
            return
        self._wire += data
        try:
            if self.whole and data:
                raise Broken(BEHIND)
            if not seen.status and not self._head():
                return
            if "transfer-encoding" in self._fields:
                self._chunks()
            else:
                self._length()
        except (Broken, msgspec.MsgspecError, ValueError, IndexError, KeyError) as error:
            seen.wrong = f"{type(error).__name__}: {error}"[:MOST_SHOWN]

    def _head(self) -> bool:
        end = self._wire.find(BLANK)
        if end < 0:
            return False
        status, *lines = bytes(self._wire[:end]).decode("latin-1").split("\r\n")
        parts = [line.partition(":") for line in lines]
        del self._wire[: end + len(BLANK)]
        self._fields = {name.lower(): value.strip() for name, _, value in parts}
        version, code, _ = status.split(" ", 2)
        if version != "HTTP/1.1" or not code.isdecimal():
            raise Broken(f"the status line {status!r}")
        own = self._fields.get("x-request-id")
        refused = int(code) >= 400 and self._plan.request != CHAT
        if own != self._plan.id and not refused:
            raise Broken(f"the answer to {own}")
        self.seen.status = int(code)
        self.seen.retry_after = self._fields.get("retry-after")
        self._left = int(self._fields.get("content-length", 0))
        self.keeps = self._fields.get("connection") == "keep-alive"
        return True

    def _length(self) -> None:
        assert self._left is not None
        part = self._wire[: self._left]
        del self._wire[: self._left]
        self._left -= len(part)
        self._body += part
        if not self._left:
            self._end()

    def _chunks(self) -> None:
        while (end := self._wire.find(b"\r\n")) >= 0 and not self.whole:
            size = int(self._wire[:end], 16)
            begin, behind = end + 2, end + 2 + size
            if len(self._wire) < behind + 2:
                return
            if self._wire[behind : behind + 2] != b"\r\n":
                raise Broken("a chunk without its end")
            self._body += self._wire[begin:behind]
            del self._wire[: behind + 2]
            if size:
                self._events()
            else:
                self._end()

    def _end(self) -> None:
        self.whole = True
        self.seen.end = "whole"
        if self._wire:
            raise Broken(BEHIND)
        if not self._is_stream:
            self._read_whole(bytes(self._body))
        elif self._body:
            raise Broken(f"half an event: {bytes(self._body[:80])!r}")
        elif not self.seen.done:
            raise Broken("an end without [DONE]")

    @property
    def _is_stream(self) -> bool:
        return self._fields.get("content-type", "").startswith("text/event-stream")

    def _read_whole(self, body: bytes) -> None:
        """Read an answer of one piece: a completion, an error, a list, a probe's word."""
        told = _decode(body)
        if self.seen.status != 200:
            self.seen.code = str(told["error"]["code"])
            return
        if self._plan.request != CHAT:
            return
        message = told["choices"][0]["message"]["content"]
        if message != said(self._plan.id, 0, self._plan.play.size) or told["usage"] != usage(1):
            raise Broken("another answer than was given")

    def _events(self) -> None:
        if not self._is_stream:
            return
        while (end := self._body.find(b"\n\n")) >= 0:
            raw = bytes(self._body[: end + 2])
            del self._body[: end + 2]
            if self.seen.done or self.seen.code is not None:
                raise Broken("an event behind the last")
            if raw.startswith(b":"):
                self.seen.comments += 1
            elif raw == DONE:
                self._done()
            else:
                self._event(raw)

    def _done(self) -> None:
        if self._behind < len(self._last()):
            raise Broken("[DONE] before what stands behind the content")
        self.seen.done = True

    def _last(self) -> tuple[bytes, ...]:
        """Return the events behind the content; the usage only where it was asked for."""
        return last(self._plan.id, self.seen.events)[: 2 if self._plan.usage else 1]

    def _event(self, raw: bytes) -> None:
        """Compare an event with those that may come now: all are passed on byte for byte."""
        seen, plan = self.seen, self._plan
        if not self._behind and raw == event(plan.id, seen.events, plan.play.size):
            seen.events += 1
            return
        behind = self._last()
        if self._behind < len(behind) and raw == behind[self._behind]:
            self._behind += 1
            return
        fields = _decode(raw.removeprefix(b"data: "))
        if "error" not in fields:
            raise Broken(f"something else than event {seen.events}: {raw[:80]!r}")
        seen.code = str(fields["error"]["code"])
