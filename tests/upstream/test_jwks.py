"""The keys of an issuer: when they are fetched, by whom they are waited for, what goes wrong."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx2
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gateway.upstream.dial import Dialer
from gateway.upstream.jwks import (
    FETCH_TIMEOUT,
    KEPT,
    LONGEST,
    MAX_BYTES,
    PATIENCE,
    RETRY,
    SHORTEST,
    UNKNOWN_EVERY,
    Jwks,
    fetch,
    lifetime_of,
)
from gateway.upstream.probe import client_on
from gateway.upstream.signatures import read_keys
from gateway.upstream.transport import Transport
from gateway.words.errors import Busy, GatewayError, UpstreamFailure
from gateway.words.target import Origin
from tests.issuer import ISSUER, JWKS_URL, Lines, Place, Signer, document
from tests.scripted import Link, listen

OLD, NEW = Signer("old"), Signer("new", number=1)


class Desk:
    """The keys of one issuer, whose documents are at a place."""

    def __init__(self, place: Place, jwks_url: str = JWKS_URL) -> None:
        self.lines = Lines()
        self.place = place
        self.keys = Jwks(ISSUER, jwks_url, read_keys, self.lines)

    async def has(self, kid: str | None) -> bool:
        return await self.keys.find(kid, "ES256") is not None


@asynccontextmanager
async def running(place: Place, jwks_url: str = JWKS_URL) -> AsyncIterator[Desk]:
    """Run the service, which begins to fetch at once."""
    async with trio.open_nursery() as nursery:
        desk = Desk(place, jwks_url)
        nursery.start_soon(desk.keys.serve, client_on(place))
        try:
            yield desk
        finally:
            nursery.cancel_scope.cancel()


async def test_keys_are_fetched_before_anybody_asks(autojump_clock: MockClock) -> None:
    place = Place(document(OLD))
    async with running(place) as desk:
        await wait_all_tasks_blocked()
        assert place.asked == [(0.0, JWKS_URL)]
        assert await desk.has("old")
        assert place.heads[0]["accept-encoding"] == "identity"
        assert place.heads[0]["accept"] == "application/json"
        assert "authorization" not in place.heads[0]
        assert desk.lines.said == ["keys of an issuer: 1"]


@pytest.mark.parametrize(
    ("said", "every"),
    [
        ({}, 2880.0),
        ({"cache-control": "max-age=1000"}, 800.0),
        ({"cache-control": "max-age=1"}, SHORTEST * 0.8),
        ({"cache-control": "max-age=99999999"}, LONGEST * 0.8),
    ],
)
async def test_keys_are_fetched_anew_before_they_are_old(
    said: dict[str, str], every: float, autojump_clock: MockClock
) -> None:
    place = Place(document(OLD))
    place.fields = said
    async with running(place) as desk:
        await trio.sleep(every * 2.5)
        assert place.times == [0.0, every, every * 2]
        assert (desk.keys.changes, desk.lines.said) == (1, ["keys of an issuer: 1"])


async def test_a_key_that_nobody_has_heard_of_is_fetched_once_for_all_who_ask(
    autojump_clock: MockClock,
) -> None:
    place = Place(document(OLD))
    found: list[bool] = []
    async with running(place) as desk, trio.open_nursery() as nursery:

        async def ask() -> None:
            found.append(await desk.has("new"))

        await trio.sleep(100)
        place.answer, place.delay = document(OLD, NEW), 1.0
        for _ in range(20):
            nursery.start_soon(ask)
        await trio.sleep(0.5)
        assert await desk.has("old")
        assert trio.current_time() == 100.5
        nursery.start_soon(ask)
        await trio.sleep(0.6)
        assert found == [True] * 21
        assert place.times == [0.0, 100.0]
        assert desk.keys.changes == 2


async def test_a_flood_of_names_that_are_made_up_asks_nobody(autojump_clock: MockClock) -> None:
    place = Place(document(OLD))
    async with running(place) as desk:
        await wait_all_tasks_blocked()
        for number in range(1000):
            assert not await desk.has(f"made-up-{number}")
            await trio.sleep(0.1)
        assert len(place.asked) == 1 + int(100 / UNKNOWN_EVERY)
        gaps = [later - before for before, later in zip(place.times, place.times[1:], strict=False)]
        assert min(gaps) >= UNKNOWN_EVERY


async def test_whoever_leaves_while_waiting_leaves_nothing_and_ends_nothing(
    autojump_clock: MockClock,
) -> None:
    place = Place(document(OLD))
    place.delay = 2.0
    async with running(place) as desk:
        for patience in (0.0, 0.5, 1.0):
            with trio.move_on_after(patience) as scope:
                await desk.has("old")
            assert scope.cancelled_caught
        assert desk.keys._answered.statistics().tasks_waiting == 0
        assert await desk.has("old")
        assert place.times == [0.0]


async def test_a_request_waits_for_a_slow_issuer_only_so_long(autojump_clock: MockClock) -> None:
    place = Place(document(OLD))
    place.delay = FETCH_TIMEOUT - 1
    async with running(place) as desk:
        with pytest.raises(Busy) as caught:
            await desk.has("old")
        assert trio.current_time() == PATIENCE
        assert caught.value.headers == ((b"retry-after", b"1"),)
        await trio.sleep(PATIENCE)
        assert await desk.has("old")


async def test_where_no_keys_can_be_had_one_is_told_when_to_ask_again(
    autojump_clock: MockClock,
) -> None:
    place = Place(httpx2.ConnectError("refused"))
    async with running(place) as desk:
        for _ in range(2):
            with pytest.raises(Busy) as caught:
                await desk.has("old")
            assert caught.value.headers == ((b"retry-after", b"%d" % RETRY),)
        assert trio.current_time() == 0.0
        await trio.sleep(RETRY * 2.5)
        assert place.times == [0.0, RETRY, RETRY * 2]
        with pytest.raises(Busy) as caught:
            await desk.has("old")
        assert caught.value.headers == ((b"retry-after", b"5"),)
        place.answer = document(OLD)
        await trio.sleep(RETRY)
        assert await desk.has("old")
        first, second = desk.lines.said
        assert first.startswith("keys of an issuer not fetched: ")
        assert "https://keys.example.com:443 could not be connected to" in first
        assert second == "keys of an issuer: 1"


async def test_while_an_issuer_is_away_its_keys_go_on_for_a_day(autojump_clock: MockClock) -> None:
    place = Place(document(OLD))
    async with running(place) as desk:
        await trio.sleep(1)
        place.answer = 503
        await trio.sleep(KEPT - 10)
        assert await desk.has("old")
        assert not await desk.has("new")
        assert len(desk.lines.said) == 2
        await trio.sleep(100)
        with pytest.raises(Busy):
            await desk.has("old")
        assert desk.keys.changes == 2
        assert [line.partition(":")[0] for line in desk.lines.said] == [
            "keys of an issuer",
            "keys of an issuer not fetched",
            "keys of an issuer given up",
        ]
        place.answer = document(OLD)
        await trio.sleep(UNKNOWN_EVERY)
        assert await desk.has("old")
        assert desk.lines.said[3:] == ["keys of an issuer: 1"]


def packed(body: bytes) -> httpx2.Response:
    return httpx2.Response(
        200, headers={"content-encoding": "gzip"}, stream=httpx2.ByteStream(body)
    )


WRONG: dict[str, tuple[bytes | int | httpx2.Response | Exception | None, str]] = {
    "silence": (None, "no answer within 10 seconds"),
    "an error": (500, "answered 500"),
    "nothing there": (404, "answered 404"),
    "another address": (302, "answered 302"),
    "no content": (204, "answered 204"),
    "garbage": (b"<html>", "it holds no set of keys"),
    "nothing": (b"", "it holds no set of keys"),
    "no key": (b'{"keys":[]}', "it holds no key that can be used"),
    "too much": (b" " * (MAX_BYTES + 1), "is longer than 1048576 bytes"),
    "compressed": (packed(b"x"), "is compressed, unasked"),
    "broken off": (httpx2.ReadError("reset"), "broke off"),
    "refused": (httpx2.ConnectError("no"), "could not be connected to"),
}


@pytest.mark.parametrize(("answer", "reason"), WRONG.values(), ids=list(WRONG))
async def test_whatever_goes_wrong_is_told_once_and_the_old_keys_go_on(
    answer: bytes | int | httpx2.Response | Exception | None,
    reason: str,
    autojump_clock: MockClock,
) -> None:
    place = Place(document(OLD))
    async with running(place) as desk:
        await trio.sleep(1)
        place.answer = answer
        await trio.sleep(4000)
        assert await desk.has("old")
        told = desk.lines.said[1:]
        assert len(told) == 1
        assert told[0].startswith("keys of an issuer not fetched: ")
        assert reason in told[0]
        place.answer = document(NEW)
        await trio.sleep(50)
        assert await desk.has("new")
        assert not await desk.has("old")


async def test_a_bug_in_reading_keys_leaves_nobody_waiting(autojump_clock: MockClock) -> None:
    def read(body: bytes) -> object:
        raise ZeroDivisionError

    place = Place(b"{}")
    place.delay = 1.0
    keys = Jwks(ISSUER, JWKS_URL, read, Lines())  # type: ignore[arg-type]
    with pytest.RaisesGroup(ZeroDivisionError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keys.serve, client_on(place))
            with pytest.raises(Busy):
                await keys.find("a", "ES256")
            assert trio.current_time() == 1.0
            await trio.sleep_forever()


CONFIGURATION = "/.well-known/openid-configuration"


def discovered(**said: object) -> bytes:
    return json.dumps({"issuer": ISSUER, "jwks_uri": JWKS_URL} | said).encode()


async def test_the_issuer_says_where_its_keys_are(autojump_clock: MockClock) -> None:
    place = Place(document(OLD))
    place.others[CONFIGURATION] = discovered(token_endpoint="https://id.example.com/token")
    async with running(place, "") as desk:
        assert await desk.has("old")
        assert [url for _, url in place.asked] == [ISSUER + CONFIGURATION, JWKS_URL]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"{}", "names no jwks_uri"),
        (b"\xff", "names no jwks_uri"),
        (discovered(issuer=ISSUER + "/"), "is another issuer's"),
        (discovered(jwks_uri=""), "the jwks_uri of its configuration is empty"),
        (discovered(jwks_uri="http://keys.example.com/"), "does not begin with https://"),
        (discovered(jwks_uri="http://127.0.0.1/jwks"), "leads to this machine"),
        (discovered(jwks_uri="file:///etc/passwd"), "does not begin with http"),
        (discovered(jwks_uri="https://u:p@keys.example.com/"), "user name or password"),
    ],
)
async def test_r1_s15_what_an_issuer_says_leads_nowhere_else(
    said: bytes, reason: str, autojump_clock: MockClock
) -> None:
    """R1, S15."""
    place = Place(document(OLD))
    place.others[CONFIGURATION] = said
    async with running(place, "") as desk:
        with pytest.raises(Busy):
            await desk.has("old")
        assert reason in desk.lines.said[0]
        assert [url for _, url in place.asked] == [ISSUER + CONFIGURATION]


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("", 3600.0),
        ("no-store", 3600.0),
        ("public, max-age=7200, must-revalidate", 7200.0),
        ('Max-Age = "7200"', 7200.0),
        ("s-maxage=600, max-age=7200", 7200.0),
        ("s-maxage=7200", 3600.0),
        ("max-age=-1", 3600.0),
        ("max-age=99999999999999999999", 3600.0),
        ("max-age=0", SHORTEST),
        ("max-age=999999999", LONGEST),
    ],
)
def test_how_long_keys_are_fresh_has_bounds(said: str, seconds: float) -> None:
    assert lifetime_of(said) == seconds


def saying(*parts: bytes) -> Callable[[Link], Awaitable[None]]:
    async def script(link: Link) -> None:
        await link.request()
        await link.send(*parts)

    return script


HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",),
        (HEAD + b"Content-Length: 2000000\r\n\r\n", b" " * 2_000_000),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1e8480\r\n" + b" " * 2_000_000),
        (b"\x00\x01garbage\r\n\r\n",),
        (HEAD + b"Content-Length: 9\r\nContent-Length: 8\r\n\r\n{}",),
    ],
)
async def test_on_the_wire_what_is_wrong_ends_and_no_other_address_is_asked(
    parts: tuple[bytes, ...], nursery: trio.Nursery
) -> None:
    """S15, R4."""
    server = await listen(nursery, saying(*parts))
    transport = Transport(Dialer().connect)
    with pytest.raises(GatewayError) as caught, trio.fail_after(5):
        await fetch(Origin("http", "127.0.0.1", server.port), "/jwks", client_on(transport))
    assert isinstance(caught.value, UpstreamFailure)
    assert (transport.pool.busy, len(server.links)) == (0, 1)
    await transport.aclose()
    nursery.cancel_scope.cancel()


async def test_on_the_wire_keys_come_and_the_connection_is_kept(nursery: trio.Nursery) -> None:
    body = document(OLD)

    async def script(link: Link) -> None:
        for _ in range(2):
            request = await link.request()
            assert request.line == b"GET /jwks?v=1 HTTP/1.1"
            await link.send(HEAD + b"Cache-Control: max-age=600\r\n")
            await link.send(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    server = await listen(nursery, script)
    transport = Transport(Dialer().connect)
    for _ in range(2):
        origin = Origin("http", "127.0.0.1", server.port)
        assert await fetch(origin, "/jwks?v=1", client_on(transport)) == (body, 600.0)
    assert len(server.links) == 1
    await transport.aclose()
    nursery.cancel_scope.cancel()
