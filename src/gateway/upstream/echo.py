"""The built-in model: says the last user message back, word by word, at a steady pace.

It stands where a provider's transport stands and answers in the provider's form, so the corridor
cannot tell it from one. It has no socket, no key and no network.
"""

import itertools
import time
from collections.abc import Callable, Mapping
from typing import Annotated

import httpx2
import msgspec
import trio
from msgspec import Meta

from gateway.forms import chat
from gateway.forms.chat_build import (
    DONE,
    Stamp,
    completion,
    content_chunk,
    echo_text,
    finish_chunk,
    role_chunk,
    usage_chunk,
    words_of,
)
from gateway.upstream.stream import DirectStream
from gateway.words.answer import Usage
from gateway.words.client import Header
from gateway.words.errors import BadRequest

WORDS_PER_SECOND = 50.0
MAX_WORDS = 10_000
NOTHING_SAID = "This is echo, the built-in model. Say something, and it will say the same to you."

_JSON: tuple[Header, ...] = ((b"content-type", b"application/json"),)
_EVENTS: tuple[Header, ...] = ((b"content-type", b"text/event-stream; charset=utf-8"),)


class _StreamOptions(msgspec.Struct):
    include_usage: bool | None = False


class _Wish(msgspec.Struct):
    """What echo reads of a request besides the messages."""

    model: str = "echo"
    stream: bool | None = False
    stream_options: _StreamOptions | None = None
    words_per_second: Annotated[float, Meta(ge=0.1, le=100_000.0)] | None = None


_read_wish = msgspec.json.Decoder(_Wish).decode


class Speech(DirectStream):
    """An answer that is being spoken. Words that are due at the same time leave together."""

    headers = _EVENTS

    def __init__(self, stamp: Stamp, words: list[str], words_per_second: float, end: bytes) -> None:
        self._stamp = stamp
        self._words = words
        self._pace = words_per_second
        self._end = end
        self._began = trio.current_time()
        self._said = 0
        self._opening = role_chunk(stamp)
        self._over = False

    async def receive_some(self) -> bytes:
        if self._over:
            return b""
        # Each word has its own moment, counted from the beginning, so that the pace never drifts.
        await trio.sleep_until(self._began + (self._said + 1) / self._pace)
        elapsed = trio.current_time() - self._began
        due = min(len(self._words), max(self._said + 1, int(elapsed * self._pace)))
        events = [content_chunk(self._stamp, word) for word in self._words[self._said : due]]
        opening, self._opening = self._opening, b""
        self._said = due
        if due == len(self._words):
            self._over = True
            events.append(self._end)
        return opening + b"".join(events)

    def close(self) -> None:
        self._over = True


class Whole(DirectStream):
    """An answer in one piece."""

    headers = _JSON

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def receive_some(self) -> bytes:
        body, self._body = self._body, b""
        return body

    def close(self) -> None:
        self._body = b""


class EchoTransport(httpx2.AsyncBaseTransport):
    """Answers chat completions. `paces` gives the words per second of each origin's host.

    A request may ask for another pace in a field of its own, `words_per_second`.
    """

    def __init__(
        self,
        words_per_second: float = WORDS_PER_SECOND,
        paces: Mapping[str, float] | None = None,
        *,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self._words_per_second = words_per_second
        self._paces = paces or {}
        self._now = now
        self._numbers = itertools.count(1)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        body = await request.aread()
        try:
            wish = _read_wish(body)
            words = words_of(echo_text(body) or NOTHING_SAID)
        except BadRequest as error:
            return _refuse(error)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _refuse(BadRequest(f"echo cannot read this: {error}"))
        stamp = Stamp(
            f"chatcmpl-echo-{next(self._numbers)}", self._now() // 1_000_000_000, wish.model
        )
        pace = wish.words_per_second or self._paces.get(request.url.host, self._words_per_second)
        spoken = words[:MAX_WORDS]
        usage = Usage(input_tokens=len(words), output_tokens=len(spoken))
        if wish.stream:
            end = finish_chunk(stamp, "stop" if len(spoken) == len(words) else "length")
            if wish.stream_options is not None and wish.stream_options.include_usage:
                end += usage_chunk(stamp, usage)
            return _answer(200, Speech(stamp, spoken, pace, end + DONE))
        await trio.sleep(len(spoken) / pace)
        return _answer(200, Whole(completion(stamp, "".join(spoken), usage)))


def _answer(status: int, body: DirectStream) -> httpx2.Response:
    return httpx2.Response(status, headers=list(body.headers), stream=body)


def _refuse(error: BadRequest) -> httpx2.Response:
    return _answer(error.status, Whole(chat.write_error(error)))
