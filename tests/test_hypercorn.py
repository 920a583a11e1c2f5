"""The gateway under stock Hypercorn: what it keeps of the promise, and what it cannot.

The official client's tests run against it too (`test_openai_client.py`). Why it cannot what stands
under "what it cannot" is told in docs/hypercorn.md.
"""

import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import trio

from tests.named import line_of, named
from tests.nginx import nginx
from tests.process import STOP_TIMEOUT, Gateway, provider
from tests.scripted import Link, Scripted, listen
from tests.stock import SETTINGS, start, stock
from tests.test_client_leaves import (
    CHUNK,
    ONLY_STREAMS,
    PHASES,
    STREAM_HEAD,
    WAYS,
    WITHIN,
    Shape,
    connect,
    in_a_flood,
    in_mid_answer,
    leave,
    settle,
    silent,
)

STALLED = "while a write is stalled"
MATRIX = [
    pytest.param(phase, way, stream, id=f"{phase}-{way}-{'stream' if stream else 'whole'}")
    for phase in PHASES
    for way in WAYS
    for stream in (True, False)
    if (stream or phase not in ONLY_STREAMS) and (phase, way) != (STALLED, "half-close")
]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    """One process for the whole matrix."""
    config = provider(upstream_port)
    with stock(tmp_path_factory.mktemp("stock"), config) as running:
        yield running


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    server = await listen(nursery, silent, port=upstream_port)
    yield server
    nursery.cancel_scope.cancel()


async def ask(real: Gateway, wire: bytes) -> bytes:
    """Send raw bytes and return all that comes back until the server closes."""
    async with await connect(real) as client:
        await client.send_all(wire)
        return b"".join([part async for part in client])


@pytest.mark.parametrize(("phase", "way", "stream"), MATRIX)
async def test_the_upstream_is_closed_at_once(
    real: Gateway, upstream: Scripted, phase: str, way: str, stream: bool
) -> None:
    """C1, C2, C3, C4, C6."""
    upstream.script = PHASES[phase]
    wire, request_id = named(Shape(stream, "plain").wire())
    client = await connect(real, small=phase == STALLED)
    await client.send_all(wire)
    link = await upstream.link(0)
    await settle(link, phase)
    assert link.saw is None, "the gateway closed the upstream before the client left"
    left_at = await leave(client, way)
    with trio.fail_after(1):
        await link.gone.wait()
    assert link.saw_at - left_at < WITHIN
    client.socket.close()
    line = await line_of(real, request_id)
    assert (line["outcome"], line["status"]) == ("client_gone", 499)


@pytest.mark.parametrize("way", WAYS)
async def test_c7_a_client_that_leaves_in_its_body_costs_no_upstream(
    real: Gateway, upstream: Scripted, way: str
) -> None:
    """C7."""
    wire, request_id = named(Shape(True, "plain").wire(body_whole=False))
    client = await connect(real)
    await client.send_all(wire)
    await trio.sleep(0.02)
    await leave(client, way)
    line = await line_of(real, request_id)
    assert (line["outcome"], line["phase"]) == ("client_gone", "body")
    assert upstream.links == []
    client.socket.close()


async def test_an_answer_that_breaks_off_has_no_end(real: Gateway, upstream: Scripted) -> None:
    """U13: the error event is there, `[DONE]` and the terminating chunk are not."""

    async def script(link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        await link.chunk(CHUNK % b"one")
        link.fin()

    upstream.script = script
    answer = await ask(real, Shape(True, "plain").wire())
    assert b'"code":"upstream_truncated"' in answer
    assert b"[DONE]" not in answer
    assert not answer.endswith(b"0\r\n\r\n")


async def test_what_the_server_itself_adds_is_little(real: Gateway) -> None:
    answer = await ask(
        real, b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    head, _, body = answer.partition(b"\r\n\r\n")
    names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]}
    assert names == {b"content-type", b"content-length", b"x-request-id", b"date", b"connection"}
    assert json.loads(body)["object"] == "list"


async def test_sigterm_lets_open_calls_end(
    tmp_path: Path, upstream_port: int, upstream: Scripted
) -> None:
    """As far as stock goes (G1): whoever comes meanwhile waits, and is never answered."""
    release = trio.Event()

    async def script(link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        await link.chunk(CHUNK % b"one")
        await release.wait()
        await link.chunk(CHUNK % b"two", b"data: [DONE]\n\n", b"")

    upstream.script = script
    with stock(tmp_path, provider(upstream_port)) as real:
        async with await connect(real) as client:
            await client.send_all(Shape(True, "plain").wire())
            await read_until(client, b"one")
            real.signal(signal.SIGTERM)
            async with await unanswered(real) as waiting:
                release.set()
                assert b"[DONE]" in await read_until(client, b"0\r\n\r\n")
                assert await real.exit_code() == 0
                with pytest.raises(trio.BrokenResourceError):
                    await waiting.receive_some()
        (line,) = [line for line in real.lines() if line["endpoint"] == "chat"]
        assert line["outcome"] == "completed"


async def read_until(client: trio.SocketStream, end: bytes) -> bytes:
    """Read until these bytes have come, or until the server closes."""
    data = b""
    with trio.fail_after(STOP_TIMEOUT):
        while end not in data and (part := await client.receive_some()):
            data += part
    return data


async def unanswered(real: Gateway) -> trio.SocketStream:
    """Ask until nobody answers any more; return that connection."""
    with trio.fail_after(STOP_TIMEOUT):
        while True:
            client = await connect(real)
            await client.send_all(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with trio.move_on_after(0.05) as patience:
                await client.receive_some()
            if patience.cancelled_caught:
                return client
            await client.aclose()


@pytest.mark.parametrize(("workers", "code"), [(0, 1), (1, 0)])
async def test_a_mistake_in_the_configuration_is_told_and_ends_the_server(
    tmp_path: Path, workers: int, code: int
) -> None:
    """With a worker process Hypercorn's parent exits with 0, whatever the worker said."""
    process = start(tmp_path, "[server]\nprot = 4000\n", "--workers", str(workers))
    with trio.fail_after(STOP_TIMEOUT):
        while process.poll() is None:
            await trio.sleep(0.01)
    assert process.returncode == code
    said = (tmp_path / "stderr.log").read_text().splitlines()
    assert "gateway.toml:2: server.prot: unknown key; did you mean port?" in said


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("phase", "dress"),
    [
        ("before the first byte", "pipelined"),
        ("before the first byte", "upgrade"),
        ("in mid-answer", "pipelined"),
        ("in mid-answer", "upgrade"),
        (STALLED, "plain"),
    ],
)
async def test_behind_nginx_it_is_not_blind(  # noqa: PLR0913 (two servers, one cell)
    require: Callable[[str], str],
    tmp_path: Path,
    real: Gateway,
    upstream: Scripted,
    phase: str,
    dress: str,
    way: str,
) -> None:
    """C9, C14, C15: nginx passes on one request at a time, no Upgrade, and a leaving as a close."""
    upstream.script = PHASES[phase]
    with nginx(require("nginx"), tmp_path, real.port) as front:
        client = await front.connect(receive_buffer=4096 if phase == STALLED else 0)
        await client.send_all(Shape(True, dress).wire())
        link = await upstream.link(0)
        await settle(link, phase)
        left_at = await leave(client.transport_stream, way)
        with trio.fail_after(1):
            await link.gone.wait()
        assert link.saw_at - left_at < WITHIN
        client.transport_stream.socket.close()


# What it cannot.


@pytest.mark.parametrize("phase", ["before the first byte", "in mid-answer"])
@pytest.mark.parametrize("dress", ["pipelined", "upgrade"])
async def test_stock_is_blind_once_h11_has_paused(
    real: Gateway, upstream: Scripted, phase: str, dress: str
) -> None:
    """The provider works on (C14, C15). One last write is no occasion to find out, either."""
    release = trio.Event()

    async def script(link: Link) -> None:
        await PHASES[phase](link)
        await release.wait()
        head = b"" if phase == "in mid-answer" else STREAM_HEAD
        await link.send(head + chunked(CHUNK % b"two", b"data: [DONE]\n\n", b""))

    upstream.script = script
    wire, request_id = named(Shape(True, dress).wire())
    client = await connect(real)
    await client.send_all(wire)
    link = await upstream.link(0)
    await settle(link, phase)
    await leave(client, "rst")
    with trio.move_on_after(WITHIN):
        await link.gone.wait()
    assert link.saw is None
    release.set()
    line = await line_of(real, request_id)
    assert line["outcome"] == "completed"


def chunked(*parts: bytes) -> bytes:
    """Return the parts as chunks, for one write."""
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


async def test_stock_cannot_end_a_write_that_is_stalled(
    tmp_path: Path, upstream_port: int, upstream: Scripted
) -> None:
    """Its writes are shielded, so no clock and no leaving ends them (C9, and C3 in that phase)."""
    upstream.script = in_a_flood
    config = "[server]\nwrite_timeout = 0.1\n" + provider(upstream_port)
    with stock(tmp_path, config) as real:
        client = await connect(real, small=True)
        await client.send_all(Shape(True, "plain").wire())
        link = await upstream.link(0)
        await settle(link, STALLED)
        await leave(client, "half-close")
        with trio.move_on_after(0.3):
            await link.gone.wait()
        assert link.saw is None
        client.socket.close()
        with trio.fail_after(1):
            await link.gone.wait()
        (line,) = await real.wait_for_lines(1)
        assert line["outcome"] in {"client_gone", "client_stalled"}


async def test_stock_cuts_what_outlasts_its_drain_without_a_last_word(
    tmp_path: Path, upstream_port: int, upstream: Scripted
) -> None:
    """The answer has no end, so nobody takes it for whole; but nothing says why (G1)."""
    upstream.script = in_mid_answer
    hasty = SETTINGS.read_text().replace("graceful_timeout = 30.0", "graceful_timeout = 0.1")
    (tmp_path / "hasty.toml").write_text(hasty)
    with stock(tmp_path, provider(upstream_port), "--config", "hasty.toml") as real:
        async with await connect(real) as client:
            await client.send_all(Shape(True, "plain").wire())
            await read_until(client, b"two")
            real.signal(signal.SIGTERM)
            rest = await read_until(client, b"\0")
        assert b"data:" not in rest
        assert b"0\r\n\r\n" not in rest
        assert await real.exit_code() == 0
        (line,) = real.lines()
        assert (line["outcome"], line["phase"]) == ("stopped", "streaming")


async def test_stock_speaks_http_2_without_being_asked_to(real: Gateway) -> None:
    """R19: only an address that the proxy alone can reach keeps it away."""
    async with await connect(real) as client:
        await client.send_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        with trio.fail_after(1):
            frame = await client.receive_some()
        assert frame[3:4] == b"\4", "not a SETTINGS frame"


async def test_stock_answers_bad_http_without_our_words(real: Gateway) -> None:
    answer = await ask(real, b"GET / HTTP/1.1\r\nHost: localhost\r\nbad field: 1\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert body == b""
