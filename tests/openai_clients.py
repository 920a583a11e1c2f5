"""OpenAI's official clients, the sync and the async one, each in a thread beside the test.

Both answer to the same few words, so that a test need not say which of them is speaking.
"""

import asyncio  # noqa: TID251 (the async client is one of asyncio's world)
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import trio
from openai import AsyncOpenAI, OpenAI, OpenAIError
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

PATIENCE = 10
"""Seconds; a test that waits so long has failed."""

HELLO = "The quick brown fox jumps"

OPTIONS: dict[str, Any] = {"api_key": "none", "timeout": PATIENCE}

Wish = dict[str, Any]
T = TypeVar("T")


@dataclass
class Heard:
    """What came of a stream: its chunks, how it broke off, and when the client closed it."""

    chunks: list[ChatCompletionChunk] = field(default_factory=list)
    error: OpenAIError | None = None
    request_id: str = ""
    closed_at: float = 0.0

    @property
    def text(self) -> str:
        """All that was said."""
        said = (chunk.choices[0].delta.content for chunk in self.chunks if chunk.choices)
        return "".join(word or "" for word in said)


Enough = Callable[[ChatCompletionChunk], bool]
"""Says at which chunk the listener has heard enough, and leaves."""


def never(_: ChatCompletionChunk) -> bool:
    """Listen to the end."""
    return False


class Speaker(Protocol):
    """One of the clients."""

    async def whole(self, **wish: Any) -> ChatCompletion:
        """Ask for an answer in one piece."""

    async def stream(self, enough: Enough = never, **wish: Any) -> Heard:
        """Ask for a stream, and close it when enough has been heard, or at its end."""

    async def models(self) -> list[Model]:
        """List the models."""

    async def model(self, name: str) -> Model:
        """Ask for one model."""

    async def get(self, path: str) -> object:
        """Ask for any path."""


def wish_for(text: str, wish: Wish) -> Wish:
    """Say what is asked for: the model echo, unless the wish says otherwise."""
    return {"model": "echo", "messages": [{"role": "user", "content": text}], **wish}


def to_trio() -> float:
    """Return what to add to `time.perf_counter()`, in any thread, to have Trio's time."""
    return trio.current_time() - time.perf_counter()


class SyncSpeaker:
    """`OpenAI`, which blocks its thread."""

    def __init__(self, base_url: str, **options: Any) -> None:
        self.options = {**OPTIONS, "base_url": base_url, **options}

    def open(self) -> OpenAI:
        """Open a client, which closes its connections when it is left."""
        return OpenAI(**self.options)

    async def _speak(self, ask: Callable[[OpenAI], T]) -> T:
        def speak() -> T:
            with self.open() as client:
                return ask(client)

        return await trio.to_thread.run_sync(speak)

    async def whole(self, **wish: Any) -> ChatCompletion:
        def ask(client: OpenAI) -> ChatCompletion:
            answer = client.chat.completions.create(**wish_for(HELLO, wish))
            assert isinstance(answer, ChatCompletion)
            return answer

        return await self._speak(ask)

    async def stream(self, enough: Enough = never, **wish: Any) -> Heard:
        heard, shift = Heard(), to_trio()

        def ask(client: OpenAI) -> Heard:
            stream = client.chat.completions.create(**wish_for(HELLO, wish), stream=True)
            heard.request_id = stream.response.headers["x-request-id"]
            try:
                for chunk in stream:
                    heard.chunks.append(chunk)
                    if enough(chunk):
                        break
            except OpenAIError as error:
                heard.error = error
            heard.closed_at = time.perf_counter() + shift
            stream.close()
            return heard

        return await self._speak(ask)

    async def models(self) -> list[Model]:
        return await self._speak(lambda client: client.models.list().data)

    async def model(self, name: str) -> Model:
        return await self._speak(lambda client: client.models.retrieve(name))

    async def get(self, path: str) -> object:
        return await self._speak(lambda client: client.get(path, cast_to=object))


class AsyncSpeaker:
    """`AsyncOpenAI`, each time in an event loop of its own, in a thread of its own."""

    def __init__(self, base_url: str, **options: Any) -> None:
        self.options = {**OPTIONS, "base_url": base_url, **options}

    def open(self) -> AsyncOpenAI:
        """Open a client, which closes its connections when it is left."""
        return AsyncOpenAI(**self.options)

    async def _speak(self, ask: Callable[[AsyncOpenAI], Awaitable[T]]) -> T:
        async def speak() -> T:
            async with self.open() as client:
                return await ask(client)

        return await trio.to_thread.run_sync(lambda: asyncio.run(speak()))

    async def whole(self, **wish: Any) -> ChatCompletion:
        async def ask(client: AsyncOpenAI) -> ChatCompletion:
            answer = await client.chat.completions.create(**wish_for(HELLO, wish))
            assert isinstance(answer, ChatCompletion)
            return answer

        return await self._speak(ask)

    async def stream(self, enough: Enough = never, **wish: Any) -> Heard:
        heard, shift = Heard(), to_trio()

        async def ask(client: AsyncOpenAI) -> Heard:
            stream = await client.chat.completions.create(**wish_for(HELLO, wish), stream=True)
            heard.request_id = stream.response.headers["x-request-id"]
            try:
                async for chunk in stream:
                    heard.chunks.append(chunk)
                    if enough(chunk):
                        break
            except OpenAIError as error:
                heard.error = error
            heard.closed_at = time.perf_counter() + shift
            await stream.close()
            return heard

        return await self._speak(ask)

    async def models(self) -> list[Model]:
        async def ask(client: AsyncOpenAI) -> list[Model]:
            return (await client.models.list()).data

        return await self._speak(ask)

    async def model(self, name: str) -> Model:
        return await self._speak(lambda client: client.models.retrieve(name))

    async def get(self, path: str) -> object:
        return await self._speak(lambda client: client.get(path, cast_to=object))


SPEAKERS: dict[str, Callable[..., Speaker]] = {"sync": SyncSpeaker, "async": AsyncSpeaker}
