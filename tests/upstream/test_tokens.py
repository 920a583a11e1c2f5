"""Credentials that end: when they are fetched, who waits for them, what goes wrong."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from math import inf

import httpx2
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gateway.upstream.probe import client_on
from gateway.upstream.tokens import (
    DOUBTED_EVERY,
    FETCH_TIMEOUT,
    LONGEST,
    MARGIN,
    PATIENCE,
    Fetched,
    Grant,
    Source,
    Tokens,
)
from gateway.words.call import UpstreamRequest
from gateway.words.client import Header
from gateway.words.errors import NoCredentials, UpstreamAuth
from gateway.words.secret import Secret
from gateway.words.target import Origin, Target
from tests.token_place import Lines, TokenPlace

REQUEST = UpstreamRequest("POST", "/chat", (), b"{}")
HALF = 0.5
"""A lot in the middle: what fails is tried again after exactly one, two, four seconds."""


def target(grant: str = "azure") -> Target:
    return Target("azure", "azure", "chat", Origin("https", "a.test", 443), "", "m", grant=grant)


@dataclass
class Numbered:
    """Credentials that say which they are."""

    number: int

    @property
    def secrets(self) -> tuple[Secret, ...]:
        return (Secret(f"secret-number-{self.number}"),)

    def headers(self, target: Target, request: UpstreamRequest) -> tuple[Header, ...]:
        return ((b"authorization", b"%d %b" % (self.number, request.path.encode())),)


class Place:
    """A source. `error` is raised by it; `silent` has it say nothing."""

    def __init__(self, lasts: float = 3600.0) -> None:
        self.lasts = lasts
        self.delay = 0.0
        self.silent = False
        self.error: Exception | None = None
        self.times: list[float] = []

    async def fetch(self, client: httpx2.AsyncClient) -> Fetched:
        self.times.append(trio.current_time())
        await trio.sleep(inf if self.silent else self.delay)
        if self.error is not None:
            raise self.error
        return Fetched(Numbered(len(self.times)), self.lasts)


class Desk:
    """The credentials of one source."""

    def __init__(self, source: Source) -> None:
        self.lines = Lines()
        self.learned: list[list[str]] = []
        self.grant = Grant("azure", source, self.lines, lambda: HALF, self._learn)
        self.tokens = Tokens({"azure": self.grant})

    def _learn(self, name: str, secrets: Iterable[Secret]) -> None:
        self.learned.append([name, *(secret.reveal() for secret in secrets)])

    async def number(self) -> int:
        """Return which credentials are shown."""
        ((_, value),) = await self.tokens.credentials(target(), REQUEST)
        return int(value.split()[0])

    async def reason(self) -> str:
        """Return why there are none."""
        with pytest.raises(NoCredentials) as caught:
            await self.number()
        return caught.value.message


@asynccontextmanager
async def running(place: Source) -> AsyncIterator[Desk]:
    async with trio.open_nursery() as nursery:
        desk = Desk(place)
        nursery.start_soon(desk.grant.serve, client_on(TokenPlace(b"")))
        try:
            yield desk
        finally:
            nursery.cancel_scope.cancel()


async def test_credentials_are_fetched_before_anybody_asks(autojump_clock: MockClock) -> None:
    place = Place()
    async with running(place) as desk:
        await wait_all_tasks_blocked()
        assert place.times == [0.0]
        assert await desk.tokens.credentials(target(), REQUEST) == ((b"authorization", b"1 /chat"),)
        assert desk.lines.said == ["credentials fetched: azure"]
        assert desk.learned == [["azure", "secret-number-1"]]


async def test_they_are_fetched_anew_long_before_they_end_and_nobody_waits(
    autojump_clock: MockClock,
) -> None:
    place = Place(lasts=3600.0)
    async with running(place) as desk:
        await trio.sleep(1)
        place.delay = 2.0
        for number in (1, 2, 3):
            before = trio.current_time()
            assert await desk.number() == number
            assert trio.current_time() == before
            await trio.sleep((3600.0 - MARGIN) * 0.8 + 2.0)
        assert desk.lines.said == ["credentials fetched: azure"]


async def test_while_they_are_fetched_anew_the_old_ones_are_shown(
    autojump_clock: MockClock,
) -> None:
    place = Place(lasts=1000.0)
    async with running(place) as desk:
        await trio.sleep(1)
        place.delay = 5.0
        await trio.sleep(992.0 * 0.8)
        assert len(place.times) == 2
        assert await desk.number() == 1
        assert trio.current_time() == 1 + 992.0 * 0.8
        await trio.sleep(5)
        assert await desk.number() == 2


async def test_a_hundred_who_ask_at_once_wait_for_one_fetch(autojump_clock: MockClock) -> None:
    place = Place()
    place.delay = 1.0
    found: list[int] = []
    async with running(place) as desk, trio.open_nursery() as nursery:

        async def ask() -> None:
            found.append(await desk.number())

        for _ in range(100):
            nursery.start_soon(ask)
        await trio.sleep(1.1)
        assert found == [1] * 100
        assert place.times == [0.0]


async def test_who_leaves_while_waiting_takes_nothing_away(autojump_clock: MockClock) -> None:
    place = Place()
    place.delay = 1.0
    async with running(place) as desk:
        with trio.move_on_after(0.5) as scope:
            await desk.number()
        assert scope.cancelled_caught
        assert await desk.number() == 1
        assert (trio.current_time(), place.times) == (1.0, [0.0])


async def test_a_source_that_is_silent_keeps_nobody_waiting_for_ever(
    autojump_clock: MockClock,
) -> None:
    place = Place()
    place.silent = True
    async with running(place) as desk:
        assert "they have not come yet" in await desk.reason()
        assert trio.current_time() == PATIENCE
        await trio.sleep(FETCH_TIMEOUT)
        before = trio.current_time()
        assert "no answer within 10 seconds" in await desk.reason()
        assert trio.current_time() in {before, before + PATIENCE}


async def test_u39_what_fails_is_told_with_its_reason_and_tried_again_ever_more_seldom(
    autojump_clock: MockClock,
) -> None:
    """U39."""
    place = Place()
    place.error = UpstreamAuth("https://login.test answered 401 (invalid_client).")
    async with running(place) as desk:
        await wait_all_tasks_blocked()
        with pytest.raises(NoCredentials) as caught:
            await desk.number()
        error = caught.value
        assert (error.status, error.code) == (502, "upstream_credentials_missing")
        assert error.message == (
            "The credentials for the provider azure cannot be had now:"
            " https://login.test answered 401 (invalid_client)."
        )
        assert error.headers == ((b"retry-after", b"1"),)
        assert (trio.current_time(), len(place.times)) == (0.0, 1)
        await trio.sleep(100)
        assert place.times == [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0]
        assert desk.lines.said == [
            "credentials not fetched: https://login.test answered 401 (invalid_client)"
        ]
        assert desk.learned == []
        place.error = None
        await trio.sleep(30)
        assert await desk.number() == 9
        assert desk.lines.said[1:] == ["credentials fetched: azure"]


async def test_while_a_source_fails_the_old_ones_go_on_until_they_end(
    autojump_clock: MockClock,
) -> None:
    place = Place(lasts=1000.0)
    async with running(place) as desk:
        await trio.sleep(1)
        place.error = ValueError("cannot read key.json: No such file or directory")
        await trio.sleep(1000.0 - MARGIN - 2)
        assert await desk.number() == 1
        assert len(place.times) > 5
        assert desk.lines.said[1:] == [
            "credentials not renewed: cannot read key.json: No such file or directory"
        ]
        await trio.sleep(2)
        assert "cannot read key.json" in await desk.reason()
        place.error = None
        await trio.sleep(30)
        assert await desk.number() == len(place.times)


async def test_another_reason_is_told_again_and_the_same_is_not(autojump_clock: MockClock) -> None:
    place = Place()
    async with running(place) as desk:
        for reason in ("one", "one", "two"):
            place.error = ValueError(reason)
            await trio.sleep(40)
        assert desk.lines.said == ["credentials not fetched: one", "credentials not fetched: two"]


async def test_refused_credentials_are_fetched_anew_but_only_now_and_then(
    autojump_clock: MockClock,
) -> None:
    place = Place()
    async with running(place) as desk:
        await trio.sleep(DOUBTED_EVERY)
        for _ in range(100):
            desk.tokens.doubt(target())
            await wait_all_tasks_blocked()
        assert place.times == [0.0, DOUBTED_EVERY]
        assert await desk.number() == 2


async def test_what_holds_for_ever_is_looked_at_once_a_day(autojump_clock: MockClock) -> None:
    place = Place(lasts=inf)
    async with running(place) as desk:
        await trio.sleep(2.5 * LONGEST)
        assert place.times == [0.0, LONGEST, 2 * LONGEST]
        assert await desk.number() == 3


async def test_what_ends_at_once_is_not_fetched_without_a_pause(autojump_clock: MockClock) -> None:
    place = Place(lasts=1.0)
    async with running(place):
        await trio.sleep(21)
        assert place.times == [0.0, 5.0, 10.0, 15.0, 20.0]


async def test_a_bug_in_a_source_leaves_nobody_waiting(autojump_clock: MockClock) -> None:
    place = Place()
    place.delay, place.error = 1.0, ZeroDivisionError()
    desk = Desk(place)
    with pytest.RaisesGroup(ZeroDivisionError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(desk.grant.serve, client_on(TokenPlace(b"")))
            await desk.reason()
            assert trio.current_time() == 1.0
            await trio.sleep_forever()


async def test_without_somebody_to_learn_of_secrets_they_are_fetched_all_the_same(
    autojump_clock: MockClock,
) -> None:
    grant = Grant("azure", Place(), Lines(), lambda: HALF)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(grant.serve, client_on(TokenPlace(b"")))
        assert isinstance(await grant.get(), Numbered)
        nursery.cancel_scope.cancel()
