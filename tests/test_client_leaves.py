"""The promise: when the client goes away, the upstream is closed at once. In every phase.

Each cell of the matrix runs the real process and watches the provider's own socket: phase by way
of leaving, streaming or not, plain, with pipelined bytes behind, or with an Upgrade header.
"""

import json
import os
import socket
import statistics
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from tests.figures import Measured
from tests.process import Gateway, gateway, provider
from tests.scripted import Link, Scripted, listen

WITHIN = 0.050
"""Seconds in which the provider must see it, at most."""

MEDIAN = 0.005
"""Seconds, in the median of each phase."""

CHUNK = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}\n\n'
)
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)


CHAT = "/v1/chat/completions"


@dataclass(frozen=True)
class Shape:
    """How a request looks on the wire."""

    stream: bool
    dress: str
    path: str = CHAT

    def __str__(self) -> str:
        asked = "" if self.path == CHAT else f"-{self.path}"
        return f"{'stream' if self.stream else 'whole'}-{self.dress}{asked}"

    def wire(self, *, body_whole: bool = True) -> bytes:
        body = json.dumps(
            {
                "model": "m",
                "stream": self.stream,
                "messages": [{"role": "user", "content": "hello " * 20}],
                "max_tokens": 100,
            }
        ).encode()
        fields = [
            f"POST {self.path} HTTP/1.1",
            "Host: localhost",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        ]
        if self.dress == "upgrade":
            fields += ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA"]
        wire = "\r\n".join([*fields, "", ""]).encode() + (body if body_whole else body[:50])
        if self.dress == "pipelined" and body_whole:
            wire += b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n\r\n"
        return wire


async def silent(link: Link) -> None:
    """A provider that takes the request and says nothing."""
    await link.request()


async def headed(link: Link) -> None:
    """A provider that sends its head and no event."""
    await link.request()
    await link.send(STREAM_HEAD)


async def in_mid_answer(link: Link) -> None:
    """A provider that begins to answer and falls silent."""
    request = await link.request()
    if json.loads(request.body).get("stream"):
        await link.send(STREAM_HEAD)
        await link.chunk(CHUNK % b"one", CHUNK % b"two")
    else:
        await link.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
        await link.send(b"content-length: 1000\r\n\r\n", b'{"choices":')


async def in_a_flood(link: Link) -> None:
    """A provider that talks without end, so that the client's socket fills."""
    await link.request()
    await link.send(STREAM_HEAD)
    while True:
        await link.chunk(CHUNK % (b"word " * 200))


PHASES: dict[str, Callable[[Link], Awaitable[None]]] = {
    "before the first byte": silent,
    "after the head": headed,
    "in mid-answer": in_mid_answer,
    "while a write is stalled": in_a_flood,
}
WAYS = ("fin", "rst", "half-close")
DRESSES = ("plain", "pipelined", "upgrade")
SHAPES = [Shape(stream, dress) for stream in (True, False) for dress in DRESSES]
SHAPES += [Shape(stream, "plain", "/v1/messages") for stream in (True, False)]
ONLY_STREAMS = {"after the head", "while a write is stalled"}
MATRIX = [
    pytest.param(phase, way, shape, id=f"{phase}-{way}-{shape}")
    for phase in PHASES
    for way in WAYS
    for shape in SHAPES
    if shape.stream or phase not in ONLY_STREAMS
]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    """One gateway process for the whole matrix: what a cell leaves behind, the next one sees."""
    with gateway(tmp_path_factory.mktemp("leaves"), provider(upstream_port)) as running:
        yield running


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    server = await listen(nursery, silent, port=upstream_port)
    yield server
    nursery.cancel_scope.cancel()


async def connect(real: Gateway, *, small: bool = False) -> trio.SocketStream:
    sock = trio.socket.socket()
    if small:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try:
        await sock.connect(("127.0.0.1", real.port))
    except OSError:
        sock.close()
        raise
    return trio.SocketStream(sock)


async def leave(client: trio.SocketStream, way: str) -> float:
    """Leave in one of the three ways; return when."""
    if way == "rst":
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    at = trio.current_time()
    if way == "half-close":
        await client.send_eof()
    else:
        client.socket.close()
    return at


async def settle(link: Link, phase: str) -> None:
    """Wait until the call is in its phase."""
    await link.asked.wait()
    sent = -1
    while sent != link.sent:
        # In a flood the provider is stuck once every buffer up to the client is full.
        sent = link.sent
        await trio.sleep(0.03 if phase == "while a write is stalled" else 0.008)


@dataclass(frozen=True)
class Seen:
    """After how many seconds a provider saw that a client had left; `way` is how it did."""

    phase: str
    way: str
    stream: bool
    seconds: float


SEEN: list[Seen] = []
"""What was measured so far, for the figures."""

ROWS: dict[str, Callable[[Seen], bool]] = {
    "C1": lambda seen: (seen.phase, seen.way, seen.stream) == ("in mid-answer", "rst", True),
    "C2": lambda seen: (seen.phase, seen.way, seen.stream) == ("in mid-answer", "fin", True),
    "C3": lambda seen: seen.way == "half-close" and seen.phase in PHASES,
    "C4": lambda seen: seen.phase in {"before the first byte", "after the head"} and seen.stream,
    "C5": lambda seen: seen.phase == "in the TLS handshake",
    "C6": lambda seen: seen.phase in PHASES and not seen.stream,
    "C9": lambda seen: seen.phase == "while a write is stalled",
}
"""Whose figure a latency is."""


def report(phase: str, way: str, stream: bool, seconds: float) -> None:
    """Note a latency; with GATEWAY_LATENCIES set the file gets them all, for the record."""
    SEEN.append(Seen(phase, way, stream, seconds))
    if path := os.environ.get("GATEWAY_LATENCIES"):
        with Path(path).open("a") as file:
            file.write(f"{phase}\t{seconds * 1000:.3f}\n")


@pytest.mark.parametrize(("phase", "way", "shape"), MATRIX)
async def test_the_upstream_is_closed_at_once(
    real: Gateway, upstream: Scripted, phase: str, way: str, shape: Shape
) -> None:
    """C1, C2, C3, C4, C6, C9, C14, C15."""
    upstream.script = PHASES[phase]
    lines = len(real.lines())
    client = await connect(real, small=phase == "while a write is stalled")
    await client.send_all(shape.wire())
    link = await upstream.link(0)
    await settle(link, phase)
    assert link.saw is None, "the gateway closed the upstream before the client left"
    left_at = await leave(client, way)
    with trio.fail_after(1):
        await link.gone.wait()
    report(phase, way, shape.stream, link.saw_at - left_at)
    assert link.saw_at - left_at < WITHIN
    client.socket.close()
    await real.wait_for_lines(lines + 1)
    (line,) = real.lines()[lines:]
    assert (line["outcome"], line["cause"], line["status"]) == ("client_gone", "client_gone", 499)
    begun = shape.stream and phase in {"in mid-answer", "while a write is stalled"}
    assert line["phase"] == ("streaming" if begun else "waiting")


@pytest.mark.parametrize("way", WAYS)
async def test_c7_a_client_that_leaves_in_its_body_costs_no_upstream(
    real: Gateway, upstream: Scripted, way: str
) -> None:
    """C7."""
    lines = len(real.lines())
    client = await connect(real)
    await client.send_all(Shape(True, "plain").wire(body_whole=False))
    await trio.sleep(0.02)
    await leave(client, way)
    await real.wait_for_lines(lines + 1)
    (line,) = real.lines()[lines:]
    assert (line["outcome"], line["phase"]) == ("client_gone", "body")
    assert upstream.links == []
    client.socket.close()


async def test_nothing_is_left_when_all_have_gone(real: Gateway) -> None:
    """In small (G16): descriptors are back where they were before any client came."""
    before = real.descriptors()
    clients = [await connect(real) for _ in range(20)]
    for client in clients:
        await client.send_all(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await client.receive_some(10_000)
    assert real.descriptors() == before + 20
    for client in clients:
        client.socket.close()
    with trio.fail_after(2):
        while real.descriptors() != before:
            await trio.sleep(0.005)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", [True, False])
async def test_c5_a_client_that_leaves_while_connecting_leaves_no_socket(
    tmp_path: Path, way: str, stream: bool
) -> None:
    """C5. The provider's queue is full, so the connection hangs half open."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.create_connection(("127.0.0.1", port))]
        with gateway(tmp_path, provider(port, timeouts="{ connect = 30.0 }")) as real:
            before = real.descriptors()
            client = await connect(real)
            await client.send_all(Shape(stream, "plain").wire())
            with trio.fail_after(2):
                while not is_connecting(port):
                    await trio.sleep(0.002)
            left_at = await leave(client, way)
            with trio.fail_after(1):
                while real.descriptors() > before:
                    await trio.sleep(0.001)
            report("while connecting", way, stream, trio.current_time() - left_at)
            assert trio.current_time() - left_at < WITHIN
            # The kernel's own list is long where other tests have left connections behind.
            assert not is_connecting(port)
            client.socket.close()
            (line,) = await real.wait_for_lines(1)
            assert (line["outcome"], line["phase"]) == ("client_gone", "waiting")
        for filler in fillers:
            filler.close()


SYN_SENT = "02"


def is_connecting(port: int) -> bool:
    """Say whether the kernel has a connection to this port half open."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[2].endswith(f":{port:04X}") and row[3] == SYN_SENT for row in rows)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", [True, False])
async def test_c5_a_client_that_leaves_in_the_tls_handshake_closes_it(
    tmp_path: Path, nursery: trio.Nursery, way: str, stream: bool
) -> None:
    """C5. The provider accepts and never says a word of TLS."""

    async def takes_the_hello(link: Link) -> None:
        await link.wait_for(lambda data: len(data) > 100)
        link.asked.set()

    upstream = await listen(nursery, takes_the_hello)
    config = provider(upstream.port).replace("http://", "https://")
    with gateway(tmp_path, config) as real:
        client = await connect(real)
        await client.send_all(Shape(stream, "plain").wire())
        link = await upstream.link(0)
        await link.asked.wait()
        left_at = await leave(client, way)
        with trio.fail_after(1):
            await link.gone.wait()
        report("in the TLS handshake", way, stream, link.saw_at - left_at)
        assert link.saw_at - left_at < WITHIN
        client.socket.close()
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("way", WAYS)
async def test_c5_a_client_that_leaves_the_queue_makes_no_attempt(
    tmp_path: Path, nursery: trio.Nursery, way: str
) -> None:
    """C5. One connection is allowed and taken; the second call waits for its turn, and leaves."""
    upstream = await listen(nursery, silent)
    with gateway(tmp_path, provider(upstream.port, max_connections="1")) as real:
        first = await connect(real)
        await first.send_all(Shape(True, "plain").wire())
        await (await upstream.link(0)).asked.wait()
        second = await connect(real)
        await second.send_all(Shape(True, "plain").wire())
        await trio.sleep(0.03)
        await leave(second, way)
        (line,) = await real.wait_for_lines(1)
        assert (line["outcome"], line["phase"]) == ("client_gone", "waiting")
        assert len(upstream.links) == 1
        await leave(first, way)
        with trio.fail_after(1):
            await upstream.links[0].gone.wait()
        first.socket.close()
        second.socket.close()
    nursery.cancel_scope.cancel()


async def test_c8_a_client_that_closes_after_done_was_served(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """C8. As OpenAI's SDK does: it closes without reading the end of the body."""

    async def whole(link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        await link.chunk(CHUNK % b"one")
        await trio.sleep(0.01)
        await link.chunk(CHUNK % b"two", b"data: [DONE]\n\n")

    upstream = await listen(nursery, whole)
    with gateway(tmp_path, provider(upstream.port)) as real:
        for _ in range(20):
            client = await connect(real)
            await client.send_all(Shape(True, "plain").wire())
            answer = b""
            while b"[DONE]" not in answer:
                answer += await client.receive_some(65_536)
            await leave(client, "rst")
        lines = await real.wait_for_lines(20)
        assert {line["outcome"] for line in lines} == {"completed"}
    nursery.cancel_scope.cancel()


async def test_c9_a_client_that_stops_reading_is_cut_and_the_upstream_waits_meanwhile(
    tmp_path: Path, nursery: trio.Nursery, measured: Measured
) -> None:
    """C9."""
    upstream = await listen(nursery, in_a_flood)
    config = "[server]\nwrite_timeout = 0.5\n" + provider(upstream.port)
    with gateway(tmp_path, config) as real:
        client = await connect(real, small=True)
        asked_at = trio.current_time()
        await client.send_all(Shape(True, "plain").wire())
        link = await upstream.link(0)
        await settle(link, "while a write is stalled")
        held = link.sent
        with trio.fail_after(3):
            await link.gone.wait()
        # Nothing was read of the provider while the client took nothing.
        assert link.sent == held
        took = link.saw_at - asked_at
        measured("C9", "from the request to the cut, `write_timeout` being 0.5 s", took, "s")
        measured("C9", "taken of the provider until then, by all buffers", held / 1024, "KiB")
        (line,) = await real.wait_for_lines(1)
        assert (line["outcome"], line["cause"]) == ("client_stalled", "client_stalled")
        client.socket.close()
    nursery.cancel_scope.cancel()


def test_the_upstream_sees_it_within_5_ms_in_the_median(measured: Measured) -> None:
    if not {each.phase for each in SEEN} > PHASES.keys():
        pytest.skip("not all phases were run")
    for phase in PHASES:
        assert statistics.median(each.seconds for each in SEEN if each.phase == phase) < MEDIAN
    for row, is_of in ROWS.items():
        seconds = [each.seconds for each in SEEN if is_of(each)]
        median, worst = statistics.median(seconds), max(seconds)
        measured(row, "until the provider's socket sees it, median", median * 1000, "ms")
        measured(row, "worst", worst * 1000, "ms")
