"""The wall: so many requests at a time and no more, and a last send that nobody cuts short."""

from typing import Any

import pytest
import trio
import trio.testing

from gateway.admin.wall import LAST_SEND_TIMEOUT, Wall

SCOPE: Any = {"type": "http", "http_version": "1.1"}


class Peer:
    """The server's side: it takes what is sent, some of it slowly."""

    def __init__(self, slow: float = 0.0) -> None:
        self.sent: list[Any] = []
        self._slow = slow

    async def receive(self) -> Any:
        await trio.sleep_forever()

    async def send(self, message: Any) -> None:
        await trio.sleep(self._slow)
        self.sent.append(message)


def body(*, more: bool) -> Any:
    return {"type": "http.response.body", "body": b"x", "more_body": more}


async def test_one_request_too_many_is_told_at_once_and_the_place_is_given_back() -> None:
    go_on = trio.Event()

    async def site(scope: Any, receive: Any, send: Any) -> None:
        await go_on.wait()

    wall = Wall(site, most=2)
    first, late = Peer(), Peer()
    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(wall, SCOPE, first.receive, first.send)
        await trio.testing.wait_all_tasks_blocked()
        await wall(SCOPE, late.receive, late.send)
        start, said = late.sent
        assert start["status"] == 503
        assert (b"retry-after", b"1") in start["headers"]
        assert b'"overloaded"' in said["body"]
        go_on.set()
    await wall(SCOPE, late.receive, late.send)
    assert len(late.sent) == 2
    assert first.sent == []


@pytest.mark.parametrize("version", ["2", "2.0", "3", "0.9"])
async def test_r19_what_is_no_http_1_is_told_so_and_reaches_nobody(version: str) -> None:
    """R19."""
    peer = Peer()

    async def site(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("reached")

    scope: Any = {**SCOPE, "http_version": version}
    await Wall(site)(scope, peer.receive, peer.send)
    start, said = peer.sent
    assert start["status"] == 505
    assert b"retry-after" not in dict(start["headers"])
    assert b"HTTP/1.1 is spoken here" in said["body"]


async def test_a_bug_gives_the_place_back_too() -> None:
    async def site(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("not like this")

    wall = Wall(site, most=1)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await wall(SCOPE, Peer().receive, Peer().send)


async def test_the_last_send_is_whole_though_the_request_is_cancelled(
    autojump_clock: object,
) -> None:
    peer = Peer(slow=2.0)

    async def site(scope: Any, receive: Any, send: Any) -> None:
        with trio.move_on_after(1):
            await send(body(more=False))

    await Wall(site)(SCOPE, peer.receive, peer.send)
    assert peer.sent == [body(more=False)]


async def test_all_other_sends_can_be_cancelled(autojump_clock: object) -> None:
    peer = Peer(slow=2.0)

    async def site(scope: Any, receive: Any, send: Any) -> None:
        with trio.move_on_after(1):
            await send(body(more=True))

    await Wall(site)(SCOPE, peer.receive, peer.send)
    assert peer.sent == []


async def test_the_last_send_has_an_end_too(autojump_clock: object) -> None:
    peer = Peer(slow=1000.0)

    async def site(scope: Any, receive: Any, send: Any) -> None:
        await send(body(more=False))

    began = trio.current_time()
    await Wall(site)(SCOPE, peer.receive, peer.send)
    assert trio.current_time() - began == LAST_SEND_TIMEOUT


async def test_what_is_no_request_passes_and_is_not_counted() -> None:
    seen: list[Any] = []

    async def site(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["type"], send))

    peer = Peer()
    lifespan: Any = {"type": "lifespan"}
    await Wall(site, most=0)(lifespan, peer.receive, peer.send)
    assert seen == [("lifespan", peer.send)]


async def test_a_websocket_is_closed_before_anybody_hears_of_it() -> None:
    async def site(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("reached")

    peer = Peer()
    websocket: Any = {"type": "websocket", "http_version": "1.1"}
    await Wall(site)(websocket, peer.receive, peer.send)
    assert [each["type"] for each in peer.sent] == ["websocket.close"]
