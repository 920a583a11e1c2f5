"""A call that is left, in every phase: the provider's own socket sees it, and nothing remains."""

import random
import ssl
from collections.abc import Awaitable, Callable
from functools import partial

import httpx2
import pytest
import trio
import trustme

from gateway.upstream.dial import Dialer
from gateway.upstream.exchange import Connection
from gateway.upstream.pool import Pool
from gateway.upstream.stream import DirectStream
from gateway.upstream.transport import Transport
from gateway.upstream.wire import UpstreamStream
from gateway.words.target import Origin
from tests.memory import MemoryStream
from tests.scripted import Link, Scripted, listen

SOON = 0.05
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
EVENT = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
BIG = b"x" * 8_000_000

Tls = tuple[ssl.SSLContext, str]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A server's context, and the file that makes a client trust it."""
    authority = trustme.CA()
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context, str(path)


async def call(transport: Transport, url: str, content: bytes = b"{}", limit: int = 10) -> bytes:
    """Ask, read to the end, close: as the corridor does."""
    request = httpx2.Request(
        "POST", url, content=content, extensions={"max_connections": limit, "timeout": {}}
    )
    response = await transport.handle_async_request(request)
    assert isinstance(response.stream, DirectStream)
    try:
        got = b""
        while part := await response.stream.receive_some():
            got += part
        return got
    finally:
        response.stream.close()


async def handshake(link: Link) -> None:
    await link.wait_for(bool)


async def request(link: Link) -> None:
    await link.request()


async def half_a_head(link: Link) -> None:
    await link.request()
    await link.send(b"HTTP/1.1 200 O")


async def streaming(link: Link) -> None:
    await link.request()
    await link.send(EVENT)


async def no_end(link: Link) -> None:
    await link.request()
    await link.send(HELLO[:-1])


PHASES = {
    "before the head": request,
    "in the head": half_a_head,
    "between events": streaming,
    "in a body of known length": no_end,
}


async def leave_when(
    transport: Transport, url: str, phase: Callable[[Link], Awaitable[None]], server: Scripted
) -> float:
    """Leave a call once its phase is reached; return the seconds until the server saw it."""
    reached = trio.Event()

    async def script(link: Link) -> None:
        await phase(link)
        reached.set()
        await trio.sleep_forever()

    server.script = script
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call, transport, url)
        await reached.wait()
        await trio.sleep(0.002)
        left_at = trio.current_time()
        nursery.cancel_scope.cancel()
    assert transport.pool.open == 0
    link = server.links[-1]
    with trio.fail_after(1):
        await link.gone.wait()
    return link.saw_at - left_at


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("phase", PHASES.values(), ids=PHASES)
async def test_leaving_closes_the_providers_socket_at_once(
    phase: Callable[[Link], Awaitable[None]], scheme: str, tls: Tls, nursery: trio.Nursery
) -> None:
    """C1, C4, C6."""
    context, ca_file = tls
    transport = Transport(Dialer(ca_file).connect)
    server = await listen(nursery, phase, tls=context if scheme == "https" else None)
    url = f"{scheme}://127.0.0.1:{server.port}/"
    assert await leave_when(transport, url, phase, server) < SOON
    nursery.cancel_scope.cancel()


async def test_leaving_in_the_handshake_closes_the_providers_socket_at_once(
    nursery: trio.Nursery,
) -> None:
    """C5."""
    transport = Transport(Dialer().connect)
    server = await listen(nursery, handshake)
    url = f"https://127.0.0.1:{server.port}/"
    assert await leave_when(transport, url, handshake, server) < SOON
    nursery.cancel_scope.cancel()


async def test_leaving_a_reused_connection_closes_it(nursery: trio.Nursery) -> None:
    async def script(link: Link) -> None:
        await link.request()
        await link.send(HELLO)
        await link.request()
        await trio.sleep_forever()

    transport = Transport(Dialer().connect)
    server = await listen(nursery, script)
    url = f"http://127.0.0.1:{server.port}/"
    assert await call(transport, url) == b"hello"
    with trio.move_on_after(0.01):
        await call(transport, url)
    with trio.fail_after(SOON):
        await server.links[0].gone.wait()
    assert len(server.links) == 1, "who has left is not tried again"
    assert transport.pool.open == 0
    nursery.cancel_scope.cancel()


async def test_leaving_while_the_request_is_written(nursery: trio.Nursery) -> None:
    async def script(link: Link) -> None:
        await trio.sleep_forever()

    transport = Transport(Dialer().connect)
    server = await listen(nursery, script, reads=False, receive_buffer=4096)
    with trio.move_on_after(0.03) as scope:
        await call(transport, f"http://127.0.0.1:{server.port}/", BIG)
    assert scope.cancelled_caught
    assert transport.pool.open == 0
    link = await server.link(0)
    link.reading.set()
    with trio.fail_after(1):
        await link.gone.wait()
    nursery.cancel_scope.cancel()


async def test_leaving_the_queue_for_a_slot(nursery: trio.Nursery) -> None:
    """C5: no attempt is made, and the slot goes to the next in line."""

    async def script(link: Link) -> None:
        await link.request()
        await trio.sleep(0.03)
        await link.send(HELLO)
        await link.request()
        await link.send(HELLO)

    transport = Transport(Dialer().connect)
    server = await listen(nursery, script)
    url = f"http://127.0.0.1:{server.port}/"
    async with trio.open_nursery() as callers:
        callers.start_soon(partial(call, transport, url, limit=1))
        await trio.testing.wait_all_tasks_blocked(0.001)
        with trio.move_on_after(0.005):
            await call(transport, url, limit=1)
        assert transport.pool.waiting == 0
        assert await call(transport, url, limit=1) == b"hello"
    assert len(server.links) == 1
    await transport.aclose()
    nursery.cancel_scope.cancel()


async def test_a_storm_of_leaving_callers_loses_no_connection(nursery: trio.Nursery) -> None:
    """G16. 24 callers at a limit of 4 over real sockets, each leaving at a random moment."""
    lots = random.Random(7)

    async def script(link: Link) -> None:
        while True:
            await link.request()
            await trio.sleep(lots.choice((0, 0, 0.001)))
            if lots.random() < 0.05:
                link.rst()
                return
            await link.send(EVENT)
            await trio.sleep(lots.choice((0, 0.001)))
            await link.send(b"0\r\n\r\n")

    transport = Transport(Dialer().connect)
    server = await listen(nursery, script)
    url = f"http://127.0.0.1:{server.port}/"
    until = trio.current_time() + 0.8
    done = left = 0

    async def caller() -> None:
        nonlocal done, left
        while trio.current_time() < until:
            with trio.move_on_after(lots.choice((0.0005, 0.002, 0.005, 0.02, 1))) as scope:
                try:
                    assert await call(transport, url, limit=4) == b"hello"
                    done += 1
                except httpx2.TransportError:
                    pass
            left += scope.cancelled_caught

    async with trio.open_nursery() as callers:
        for _ in range(24):
            callers.start_soon(caller)
    assert done > 20
    assert left > 20
    assert transport.pool.busy == 0
    assert transport.pool.waiting == 0
    assert transport.pool.open <= 4
    with trio.fail_after(1):
        while server.open > transport.pool.open:
            await trio.sleep(0.001)
    await transport.aclose()
    with trio.fail_after(1):
        while server.open:
            await trio.sleep(0.001)
    nursery.cancel_scope.cancel()


class CancelAt(trio.abc.Instrument):
    """Cancels a scope at the n-th step of one task: every place where a call can be left."""

    def __init__(self, task: trio.lowlevel.Task, scope: trio.CancelScope, step: int) -> None:
        self._task, self._scope, self._left = task, scope, step

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._left -= 1
            if self._left == 0:
                self._scope.cancel()


async def test_a_call_may_be_left_at_each_of_its_steps(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """G15. On connections in memory: whichever step it is, no slot and no connection is lost."""

    async def connect(origin: Origin) -> UpstreamStream:
        stream = MemoryStream(EVENT, EVENT, EVENT)
        streams.append(stream)
        try:
            await trio.sleep(1)
        except BaseException:
            stream.close()
            raise
        return stream

    async def story() -> None:
        for _ in range(2):
            async with trio.open_nursery() as helpers:
                helpers.start_soon(end_of_the_answer)
                assert await call(transport, "http://a.example/", limit=1) == b"hello"

    async def end_of_the_answer() -> None:
        await trio.sleep(2)
        streams[-1].say(b"0\r\n\r\n")

    for step in range(1, 100):
        streams: list[MemoryStream] = []
        transport = Transport(connect)
        with trio.CancelScope() as scope:
            instrument = CancelAt(trio.lowlevel.current_task(), scope, step)
            trio.lowlevel.add_instrument(instrument)
            try:
                await story()
            finally:
                trio.lowlevel.remove_instrument(instrument)
        pool: Pool[Connection] = transport.pool
        assert pool.busy == pool.waiting == 0
        assert sum(not stream.closed for stream in streams) == pool.open
        if not scope.cancelled_caught:
            break
    assert 8 < step < 99
