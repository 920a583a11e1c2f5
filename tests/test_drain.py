"""How the process ends: readiness first, then listeners, then calls, each with its line."""

import signal
from pathlib import Path

import pytest
import trio

from tests.process import Gateway, gateway, provider
from tests.scripted import Link, listen
from tests.test_audit import FINISH, STREAM, say
from tests.test_client_leaves import CHUNK, STREAM_HEAD, connect, in_mid_answer

READYZ = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n"
HEALTHZ = READYZ.replace(b"readyz", b"healthz")


async def get(client: trio.SocketStream, wire: bytes) -> bytes:
    await client.send_all(wire)
    answer = b""
    with trio.fail_after(5):
        while not answer.endswith(b"}"):
            data = await client.receive_some(65_536)
            if not data:
                break
            answer += data
    return answer


async def refuses(real: Gateway) -> None:
    """Wait until nobody listens any more."""
    with trio.fail_after(5):
        while True:
            try:
                client = await connect(real)
            except ConnectionRefusedError:
                return
            except ConnectionResetError:
                continue  # the listener was closed while this one stood in its queue
            client.socket.close()
            await trio.sleep(0.005)


async def test_g1_an_open_call_may_end_after_sigterm(tmp_path: Path, nursery: trio.Nursery) -> None:
    """G1."""
    go_on = trio.Event()

    async def slow(link: Link) -> None:
        await in_mid_answer(link)
        await go_on.wait()
        await link.chunk(FINISH, b"data: [DONE]\n\n", b"")

    upstream = await listen(nursery, slow)
    with gateway(tmp_path, provider(upstream.port)) as real:
        answers: list[bytes] = []

        async def ask() -> None:
            answers.append(await say(real))

        async with trio.open_nursery() as clients:
            clients.start_soon(ask)
            await (await upstream.link(0)).asked.wait()
            await trio.sleep(0.02)
            real.signal(signal.SIGTERM)
            await refuses(real)
            assert real.process.poll() is None
            go_on.set()
        assert await real.exit_code() == 0
        assert answers[0].endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        (line,) = real.lines()
        assert line["outcome"] == "completed"
    nursery.cancel_scope.cancel()


async def test_g1_readiness_goes_red_while_requests_are_still_served(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G1. `drain_delay`: a proxy in front notices before anything is refused."""
    config = "[server]\ndrain_delay = 0.5\n"
    with gateway(tmp_path, config) as real:
        client = await connect(real)
        assert (await get(client, READYZ)).startswith(b"HTTP/1.1 200 OK\r\n")
        real.signal(signal.SIGTERM)
        with trio.fail_after(0.4):
            while not (answer := await get(client, READYZ)).startswith(b"HTTP/1.1 503 "):
                assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"connection: close\r\n" in answer
        client.socket.close()
        fresh = await connect(real)
        answer = await get(fresh, HEALTHZ)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"connection: close\r\n" in answer
        fresh.socket.close()
        await refuses(real)
        assert await real.exit_code() == 0


async def test_g1_idle_connections_do_not_hold_up_the_end(tmp_path: Path) -> None:
    """G1."""
    with gateway(tmp_path, "") as real:
        clients = [await connect(real) for _ in range(5)]
        for client in clients[:3]:
            await get(client, HEALTHZ)
        await clients[4].send_all(b"GET /healthz HT")
        await trio.sleep(0.02)
        real.signal(signal.SIGTERM)
        assert await real.exit_code(2) == 0
        for client in clients:
            client.socket.close()


async def test_g1_calls_that_do_not_end_in_time_are_told_in_band(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G1. C9 meets G1: the one whose client does not read is cut, the other is told."""

    async def flood(link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        while True:
            await link.chunk(CHUNK % (b"word " * 400))

    upstream = await listen(nursery, flood)
    config = "[server]\ndrain_timeout = 0.2\nwrite_timeout = 0.3\n" + provider(upstream.port)
    with gateway(tmp_path, config) as real:
        stuck = await connect(real, small=True)
        await stuck.send_all(STREAM)
        await trio.sleep(0.05)
        upstream.script = in_mid_answer
        answers: list[bytes] = []

        async def ask() -> None:
            answers.append(await say(real))

        async with trio.open_nursery() as clients:
            clients.start_soon(ask)
            await (await upstream.link(1)).asked.wait()
            real.signal(signal.SIGTERM)
        assert b'"code":"gateway_shutdown"' in answers[0]
        assert await real.exit_code(3) == 0
        assert len(real.lines()) == 2
        stuck.socket.close()
    nursery.cancel_scope.cancel()


async def test_sigint_is_as_good_as_sigterm(tmp_path: Path) -> None:
    with gateway(tmp_path, "") as real:
        real.signal(signal.SIGINT)
        assert await real.exit_code(3) == 0
        assert "Traceback" not in real.log.read_text()


@pytest.mark.parametrize("workers", [1, 2])
async def test_g2_however_often_it_is_said_the_exit_code_is_0_and_nothing_is_left(
    tmp_path: Path, workers: int
) -> None:
    """G2: the last one may come when the process is about to end by itself."""
    with gateway(tmp_path, f"[server]\nworkers = {workers}\n") as real:
        if workers > 1:
            await real.wait_for_workers(workers)
        with trio.fail_after(10):
            while real.process.poll() is None:
                real.signal(signal.SIGTERM, group=True)
                await trio.sleep(0.001)
        assert await real.exit_code() == 0
        assert list(real.control.glob("*.sock")) == []
        assert "Traceback" not in real.log.read_text()
