"""A gateway of the user's is waited for, and what is missing is said."""

import pytest
import trio

from gateway.commands.demonstration import wire
from gateway.commands.demonstration.probe import Waiting, wait_until_asked
from gateway.commands.demonstration.upstream import LOOPBACK, Upstream
from gateway.commands.demonstration.wire import Address
from gateway.words.target import Origin
from tests.scripted import Link, Script, listen


def at(port: int) -> Address:
    return Address(Origin("http", LOOPBACK, port))


async def unknown(link: Link) -> None:
    """A gateway that has no such model."""
    await link.request()
    await link.send(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")


async def from_its_own_stock(link: Link) -> None:
    """A gateway that answers without asking anybody."""
    await link.request()
    await link.send(wire.whole_answer("m"))


async def hanging_up(link: Link) -> None:
    """A gateway that has no time."""
    link.close()


async def silent(link: Link) -> None:
    """A gateway that says nothing."""


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (unknown, "it answers HTTP/1.1 404 Not Found"),
        (from_its_own_stock, "it answers, but it does not ask the upstream"),
        (hanging_up, "it answers nothing"),
        (silent, "no answer within 0.01 seconds"),
    ],
)
async def test_what_is_missing_is_said(nursery: trio.Nursery, script: Script, said: str) -> None:
    waiting = Waiting(0.1, 0.01 if script is silent else 5.0)
    gateway = await listen(nursery, script)
    upstream = Upstream(0, "m")
    with trio.fail_after(5):
        assert await wait_until_asked(upstream, at(gateway.port), "m", waiting) == said
    upstream.close()
    nursery.cancel_scope.cancel()


async def test_a_gateway_that_is_not_there_is_said() -> None:
    upstream = Upstream(0, "m")
    upstream.close()
    said = await wait_until_asked(upstream, at(upstream.port), "m", Waiting(0.05))
    assert said.startswith("no connection: ")


async def test_it_is_asked_again_until_it_asks_the_upstream(nursery: trio.Nursery) -> None:
    upstream = Upstream(0, "m")

    async def at_last(link: Link) -> None:
        await link.request()
        if link.number < 2:
            await link.send(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")
            return
        upstream.served += 1
        await link.send(wire.whole_answer("m"))

    gateway = await listen(nursery, at_last)
    with trio.fail_after(5):
        assert (
            await wait_until_asked(upstream, at(gateway.port), "m", Waiting(5.0, interval=0.001))
            == ""
        )
    assert len(gateway.links) == 3
    upstream.close()
    nursery.cancel_scope.cancel()


async def test_no_two_calls_are_alike(nursery: trio.Nursery) -> None:
    bodies: list[bytes] = []

    async def remembering(link: Link) -> None:
        bodies.append((await link.request()).body)
        link.close()

    gateway = await listen(nursery, remembering)
    upstream = Upstream(0, "m")
    await wait_until_asked(upstream, at(gateway.port), "m", Waiting(0.05, interval=0.001))
    upstream.close()
    assert len(bodies) == len(set(bodies)) > 1
    nursery.cancel_scope.cancel()
