"""Probes: a provider is asked whether it is there; two misses in a row are told."""

import httpx2
import pytest
import trio
from trio.testing import MockClock

from gateway.upstream.probe import client_on
from gateway.upstream.pulse import Pulse
from gateway.words.target import Origin


class Answers(httpx2.AsyncBaseTransport):
    """A provider that answers by a list: a status, an error, or None for silence."""

    def __init__(self, *answers: int | Exception | None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[float, str, str | None]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await trio.lowlevel.checkpoint()
        key = request.headers.get("authorization")
        self.asked.append((trio.current_time(), str(request.url), key))
        answer = self.answers.pop(0) if self.answers else 200
        if answer is None:
            await trio.sleep_forever()
        if isinstance(answer, Exception):
            raise answer
        assert answer is not None
        return httpx2.Response(answer, stream=httpx2.ByteStream(b"{}"))


class Book:
    """Who is told, and the log."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []
        self.lines: list[str] = []

    def found(self, provider: str, now: float) -> None:
        self.told.append(("found", now))

    def missed(self, provider: str, until: float) -> None:
        self.told.append(("missed", until))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(f"{event}: {fields['error']}")

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(event)


async def felt(provider: Answers, seconds: float) -> Book:
    """Return what was told within so many seconds."""
    book = Book()
    headers = ((b"authorization", b"Bearer k"),)
    pulse = Pulse("up", Origin("http", "up.test", 80), "/v1/models", headers, 10.0, 5.0)
    with trio.move_on_after(seconds):
        await pulse.feel(client_on(provider), book, book)
    return book


async def test_a_provider_is_asked_at_once_and_then_every_interval(
    autojump_clock: MockClock,
) -> None:
    provider = Answers()
    book = await felt(provider, 25.0)
    assert provider.asked == [
        (at, "http://up.test/v1/models", "Bearer k") for at in (0.0, 10.0, 20.0)
    ]
    assert book.told == [("found", at) for at in (0.0, 10.0, 20.0)]
    assert book.lines == []


async def test_one_miss_is_nothing_and_two_in_a_row_are_told(autojump_clock: MockClock) -> None:
    provider = Answers(500, 200, 503, httpx2.ConnectError("refused"), 200)
    book = await felt(provider, 45.0)
    assert book.told == [("found", 10.0), ("missed", 50.0), ("found", 40.0)]
    assert book.lines[0].startswith("provider is away: The provider http://up.test:80")
    assert book.lines[1:] == ["provider is back"]


async def test_silence_is_a_miss(autojump_clock: MockClock) -> None:
    book = await felt(Answers(None, None), 25.0)
    assert book.told == [("missed", 40.0)]
    assert book.lines == ["provider is away: no answer within 5 seconds"]


@pytest.mark.parametrize("status", [301, 401, 404, 429])
async def test_who_refuses_is_there(status: int, autojump_clock: MockClock) -> None:
    assert (await felt(Answers(status), 5.0)).told == [("found", 0.0)]
