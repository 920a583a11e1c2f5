"""The five crashes of the gateway that this one replaces, and its silence: each impossible here.

Every test drives the real process with a real socket at both ends.
"""

import json
import signal
import socket
import struct
from pathlib import Path

import pytest
import trio

from tests.process import Gateway, gateway, provider
from tests.scripted import Link, Scripted, listen
from tests.test_client_leaves import (
    CHUNK,
    STREAM_HEAD,
    Shape,
    connect,
    in_mid_answer,
    leave,
    silent,
)

STREAM = Shape(stream=True, dress="plain").wire()
FINISH = CHUNK.replace(b'"finish_reason":null', b'"finish_reason":"stop"') % b"end"
DONE = b"data: [DONE]\n\n"


async def whole_stream(link: Link) -> None:
    """A provider that answers one stream after the other on its connection."""
    while True:
        await link.request()
        await link.send(STREAM_HEAD)
        await link.chunk(CHUNK % b"hello", FINISH, DONE, b"")


async def say(real: Gateway, wire: bytes = STREAM) -> bytes:
    """Ask, and read until the gateway has said all or closed the connection."""
    client = await connect(real)
    answer = b""
    async with client:
        await client.send_all(wire)
        with trio.fail_after(5):
            while b"\r\n0\r\n\r\n" not in answer:
                try:
                    data = await client.receive_some(65_536)
                except trio.BrokenResourceError:
                    break
                if not data:
                    break
                answer += data
    return answer


async def still_serves(real: Gateway, upstream: Scripted) -> None:
    """The process lives, and the next call is answered whole."""
    assert real.process.poll() is None
    upstream.script = whole_stream
    answer = await say(real)
    assert answer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")


@pytest.mark.parametrize("way", ["fin", "rst", "half-close"])
async def test_audit_1_a_client_that_leaves_in_mid_stream_ends_only_its_call(
    tmp_path: Path, nursery: trio.Nursery, way: str
) -> None:
    """C1, C2, C3. The call's nursery owns the upstream stream: no loop to close, no task lost."""
    upstream = await listen(nursery, in_mid_answer)
    with gateway(tmp_path, provider(upstream.port)) as real:
        for number in range(20):
            client = await connect(real)
            await client.send_all(STREAM)
            await client.receive_some(1000)
            await leave(client, way)
            link = await upstream.link(number)
            with trio.fail_after(1):
                await link.gone.wait()
            client.socket.close()
        await still_serves(real, upstream)
        assert "Traceback" not in real.log.read_text()
    nursery.cancel_scope.cancel()


async def test_audit_1_a_wait_for_the_next_chunk_is_bounded(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """U11."""
    upstream = await listen(nursery, in_mid_answer)
    config = provider(upstream.port, timeouts="{ idle = 0.2 }")
    with gateway(tmp_path, config) as real:
        answer = await say(real)
        assert b'"code":"idle_timeout"' in answer
        assert (await upstream.link(0)).saw is not None or await _gone(upstream.links[0])
        await still_serves(real, upstream)
    nursery.cancel_scope.cancel()


async def _gone(link: Link) -> bool:
    with trio.fail_after(1):
        await link.gone.wait()
    return True


async def test_audit_2_an_upstream_that_ignores_its_end_holds_nothing_up(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G15 in part. Closing an upstream never waits for it: this one does not even read."""
    upstream = await listen(nursery, in_mid_answer, reads=False, receive_buffer=4096)

    async def never_reads(link: Link) -> None:
        await trio.sleep_forever()

    upstream.script = never_reads
    with gateway(tmp_path, provider(upstream.port)) as real:
        before = real.descriptors()
        clients = []
        for number in range(10):
            client = await connect(real)
            await client.send_all(STREAM)
            await upstream.link(number)
            clients.append(client)
        for client in clients:
            await leave(client, "rst")
        with trio.fail_after(1):
            while real.descriptors() > before:
                await trio.sleep(0.005)
        real.signal(signal.SIGTERM)
        assert await real.exit_code(3) == 0
    nursery.cancel_scope.cancel()


async def test_audit_3_a_failure_in_mid_stream_is_told_once_and_goes_no_further(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """U15."""

    async def breaks(link: Link) -> None:
        await in_mid_answer(link)
        link.rst()

    upstream = await listen(nursery, breaks)
    with gateway(tmp_path, provider(upstream.port)) as real:
        answer = await say(real)
        assert answer.count(b'"error"') == 1
        assert b"[DONE]" not in answer
        assert not answer.endswith(b"0\r\n\r\n"), "a broken answer looks whole"
        event = answer[answer.index(b'data: {"error"') + 6 :].partition(b"\n\n")[0]
        assert set(json.loads(event)["error"]) == {"message", "type", "param", "code"}
        (line,) = await real.wait_for_lines(1)
        assert (line["outcome"], line["cause"]) == ("upstream_error", "upstream_reset")
        await still_serves(real, upstream)
        assert "Traceback" not in real.log.read_text()
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("way", ["fin", "rst", "half-close"])
@pytest.mark.parametrize("begun", [True, False])
async def test_audit_4_a_disconnect_is_one_log_line_with_id_phase_and_cause(
    tmp_path: Path, nursery: trio.Nursery, way: str, begun: bool
) -> None:
    upstream = await listen(nursery, in_mid_answer if begun else silent)
    with gateway(tmp_path, provider(upstream.port)) as real:
        client = await connect(real)
        await client.send_all(STREAM.replace(b"Host:", b"X-Request-Id: audit-4\r\nHost:", 1))
        link = await upstream.link(0)
        await link.asked.wait()
        if begun:
            await client.receive_some(1000)
        await leave(client, way)
        (line,) = await real.wait_for_lines(1)
        client.socket.close()
        assert await _gone(link)
        assert line["request_id"] == "audit-4"
        assert line["phase"] == ("streaming" if begun else "waiting")
        assert line["cause"] == line["outcome"] == "client_gone"
        assert len(real.lines()) == 1
    nursery.cancel_scope.cancel()


async def test_audit_5_a_stop_with_open_calls_ends_each_with_its_line_and_exit_code_0(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G1, G14."""
    upstream = await listen(nursery, in_mid_answer)
    config = "[server]\ndrain_timeout = 0.1\n" + provider(upstream.port)
    with gateway(tmp_path, config) as real:
        answers: list[bytes] = []

        async def ask() -> None:
            answers.append(await say(real))

        async with trio.open_nursery() as clients:
            for _ in range(30):
                clients.start_soon(ask)
            await upstream.link(29)
            await upstream.links[29].asked.wait()
            await trio.sleep(0.05)
            real.signal(signal.SIGTERM)
        assert await real.exit_code(5) == 0
        assert all(b'"code":"gateway_shutdown"' in answer for answer in answers)
        assert not any(b"[DONE]" in answer for answer in answers)
        lines = real.lines()
        assert len(lines) == 30
        assert {line["outcome"] for line in lines} == {"stopped"}
    nursery.cancel_scope.cancel()


async def test_audit_silent_crash_every_accepted_request_has_a_line_even_at_a_sudden_stop(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G2, G14. The second signal ends at once, and still every request is accounted for."""
    upstream = await listen(nursery, silent)
    with gateway(tmp_path, provider(upstream.port)) as real:
        clients = [await connect(real) for _ in range(10)]
        for number, client in enumerate(clients):
            await client.send_all(STREAM)
            await (await upstream.link(number)).asked.wait()
        real.signal(signal.SIGTERM)
        await trio.sleep(0.05)
        assert real.process.poll() is None
        real.signal(signal.SIGTERM)
        assert await real.exit_code(2) == 0
        lines = real.lines()
        assert len(lines) == 10
        assert {(line["outcome"], line["cause"]) for line in lines} == {("stopped", "drain")}
        for client in clients:
            client.socket.close()
    nursery.cancel_scope.cancel()


async def test_audit_silent_crash_a_blocked_log_stops_nothing(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G12. Nobody reads the log's pipe: requests are answered all the same, losses are counted."""
    upstream = await listen(nursery, whole_stream)
    config = provider(upstream.port) + '[telemetry]\nlog_format = "json"\n'
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with ours, gateway(tmp_path, config, stderr=theirs.fileno()) as real:
        theirs.close()
        for _ in range(60):
            answer = await say(real)
            assert answer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        real.signal(signal.SIGTERM)
        assert await real.exit_code(8) == 0
    nursery.cancel_scope.cancel()


def test_a_reset_is_a_reset() -> None:
    """The tests' own way of resetting, checked: the other side sees ECONNRESET."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        with server:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            with pytest.raises(ConnectionResetError):
                server.recv(1)
