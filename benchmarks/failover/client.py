"""A caller: OpenAI's own client, which tries nothing again, over a transport that keeps each byte.

What the client does not read to its end the transport reads: behind `[DONE]`, behind an error.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import httpx2
from openai import APIStatusError, OpenAI
from openai.types.chat import ChatCompletionMessageParam

from benchmarks.failover.reading import read
from benchmarks.failover.records import Heard, Mode

PATIENCE: Final = 30.0
"""Seconds without a byte after which a caller gives up: longer than anything may take."""

CONNECT: Final = 5.0


class Kept(httpx2.SyncByteStream):
    """A body that is kept as it passes; `ended` says that it came to its end."""

    def __init__(self, stream: httpx2.SyncByteStream) -> None:
        self.data = bytearray()
        self.ended = False
        self._stream = stream
        self._parts = iter(stream)

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            self.data += part
            yield part
        self.ended = True

    def close(self) -> None:
        """Read what is left, then close."""
        with suppress(httpx2.TransportError):
            for part in self._parts:
                self.data += part
            self.ended = True
        self._stream.close()


class Ear(httpx2.BaseTransport):
    """A transport for one call, which keeps the answer's head and body."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body: Kept | None = None
        self._transport = httpx2.HTTPTransport(verify=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = self._transport.handle_request(request)
        self.status, self.headers = response.status_code, dict(response.headers.items())
        assert isinstance(response.stream, httpx2.SyncByteStream)
        self.body = Kept(response.stream)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=self.body,
            extensions=response.extensions,
        )

    def close(self) -> None:
        self._transport.close()


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom to ask, and as what."""

    url: str
    model: str
    key: str = "none"

    def ask(self, call: str, mode: Mode) -> Heard:
        """Ask once, and hear all of the answer. Blocks."""
        heard, ear = Heard(call=call, mode=mode), Ear()
        with httpx2.Client(transport=ear) as wire:
            client = OpenAI(
                api_key=self.key,
                base_url=self.url,
                max_retries=0,
                timeout=httpx2.Timeout(PATIENCE, connect=CONNECT),
                http_client=wire,
            )
            heard.began = time.monotonic()
            try:
                self._listen(client, heard)
            # It raises what is none of its own too, where an answer is none.
            except Exception as error:
                heard.sdk_error = named(error)
            heard.seconds = time.monotonic() - heard.began
        heard.status, heard.headers = ear.status, ear.headers
        if ear.body is not None:
            heard.ended = ear.body.ended
            read(heard, bytes(ear.body.data))
        return heard

    def _listen(self, client: OpenAI, heard: Heard) -> None:
        messages: list[ChatCompletionMessageParam] = [
            {"role": "user", "content": f"Tell me the tale of the boat. [{heard.call}]"}
        ]
        if heard.mode == "whole":
            answer = client.chat.completions.create(model=self.model, messages=messages)
            heard.sdk_text = answer.choices[0].message.content or ""
            return
        stream = client.chat.completions.create(
            model=self.model,
            messages=messages,
            stream=True,
            stream_options={"include_usage": True},
        )
        for chunk in stream:
            for choice in chunk.choices:
                heard.sdk_text += choice.delta.content or ""


def named(error: Exception) -> str:
    """Return an error's class, and its status and code where it has them."""
    words = [type(error).__name__]
    if isinstance(error, APIStatusError):
        words.append(str(error.status_code))
    if code := getattr(error, "code", None):
        words.append(str(code))
    return " ".join(words)
