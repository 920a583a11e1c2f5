"""Asking the gateway's own listener from the admin."""

import pytest
import trio

from gateway.admin.routes import Refusal
from tests.admin.approaches import approach_at, approach_to
from tests.process import free_port
from tests.scripted import Link

ANSWER = b"HTTP/1.1 200 OK\r\nX-Request-Id: req_1\r\nContent-Length: 5\r\n\r\nhello"


async def answer(link: Link) -> None:
    await link.request()
    await link.send(ANSWER)


async def test_what_is_asked_is_built_and_the_answer_is_read_whole(nursery: trio.Nursery) -> None:
    seen = []

    async def note(link: Link) -> None:
        seen.append(await link.request())
        await link.send(ANSWER)

    approach, server = await approach_to(nursery, note)
    told = await approach.ask("POST", "/v1/x", (approach.shown(""), (b"x-one", b"1")), b"body")
    assert (told.status, told.field(b"x-request-id"), told.field(b"x-none")) == (200, "req_1", "")
    assert await told.whole(100) == b"hello"
    assert (seen[0].line, seen[0].body) == (b"POST /v1/x HTTP/1.1", b"body")
    assert seen[0].values(b"host") == [b"127.0.0.1:%d" % server.port]
    told.close()
    told.close()


async def test_no_more_of_an_answer_is_read_than_was_meant(nursery: trio.Nursery) -> None:
    approach, _ = await approach_to(nursery, answer)
    told = await approach.ask("GET", "/", ())
    assert await told.whole(2) == b"he"
    told.close()


async def test_to_close_is_to_leave(nursery: trio.Nursery) -> None:
    async def begin(link: Link) -> None:
        await link.request()
        await link.send(ANSWER[:-1])

    approach, server = await approach_to(nursery, begin)
    told = await approach.ask("GET", "/", ())
    told.close()
    with trio.fail_after(0.5):
        await (await server.link(0)).gone.wait()


async def test_nobody_there_is_told_and_so_is_who_breaks_off(nursery: trio.Nursery) -> None:
    with pytest.raises(Refusal, match="does not answer"):
        await approach_at(free_port()).ask("GET", "/", ())

    async def break_off(link: Link) -> None:
        await link.request()
        await link.send(ANSWER[:-1])
        link.rst()

    approach, _ = await approach_to(nursery, break_off)
    told = await approach.ask("GET", "/", ())
    with pytest.raises(Refusal, match="does not answer") as caught:
        await told.whole(100)
    assert (caught.value.status, caught.value.code) == (502, "unreachable")
    told.close()
