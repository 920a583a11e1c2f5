"""More than can be served: it is said at once and costs little, and honest clients do not notice.

What is measured is a ratio within one run, so that the machine's speed does not matter.
"""

import itertools
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import trio

from gateway.downstream.accept import KEPT
from tests.burden import (
    KIB,
    UNMEASURED,
    Begun,
    all_hear,
    crowd,
    many_descriptors,
    resident,
    worked,
)
from tests.figures import Measured
from tests.process import Gateway, gateway, provider
from tests.scripted import Link, listen
from tests.stage import COMPLETION, answer
from tests.test_audit import FINISH, STREAM, say
from tests.test_client_leaves import CHUNK, STREAM_HEAD, Shape, connect
from tests.test_drain import HEALTHZ, get
from tests.test_workers import read_to

PLAIN = Shape(stream=False, dress="plain").wire()
ANSWER = answer(200, COMPLETION)
ASKED = 300
HOSTILE = 2000
HONEST = 150
MOST_EACH = 16 * KIB
FEW, MANY = 500, 2000
ONE = CHUNK % b"one"
EVENT_END = b"}\n\n\r\n"
END = b"\r\n0\r\n\r\n"
DONE = b"data: [DONE]\n\n" + END
FEW_DESCRIPTORS = ("sh", "-c", 'ulimit -n 256; exec "$@"', "sh")


async def answers(link: Link) -> None:
    """Answer at once, again and again; a stream is begun and goes no further."""
    while True:
        asked = await link.request()
        if b'"stream":true' in asked.body.replace(b" ", b""):
            await link.send(STREAM_HEAD)
            await link.chunk(ONE)
        else:
            await link.send(ANSWER)


async def ask(client: trio.SocketStream, wire: bytes = PLAIN, mark: bytes = END) -> bytes:
    """Ask, and read the answer up to this mark, or to the end of an error."""
    await client.send_all(wire)
    got = b""
    with trio.fail_after(5):
        while not got.endswith((mark, b"}")):
            data = await client.receive_some(65_536)
            if not data:
                break
            got += data
    return got


async def cost(real: Gateway, client: trio.SocketStream, status: bytes) -> float:
    """Return the processor time of a call that is answered with this status, in seconds."""
    before = worked(real.process.pid)
    for _ in range(ASKED):
        assert (await ask(client)).startswith(b"HTTP/1.1 " + status)
    return (worked(real.process.pid) - before) / ASKED


async def test_g9_above_max_calls_a_call_is_refused_at_once_and_costs_little(
    tmp_path: Path, nursery: trio.Nursery, measured: Measured
) -> None:
    """G9 in part: admission by count."""
    upstream = await listen(nursery, answers)
    config = "[server]\nmax_calls = 2\n" + provider(upstream.port)
    with gateway(tmp_path, config, under=UNMEASURED) as real:
        client = await connect(real)
        await cost(real, client, b"200")
        served = await cost(real, client, b"200")
        streams = [await connect(real) for _ in range(2)]
        for stream in streams:
            await ask(stream, STREAM, EVENT_END)
        began = time.perf_counter()
        refusal = await ask(client)
        waited = time.perf_counter() - began
        assert b"\r\nretry-after: 1\r\n" in refusal
        assert b"\r\nconnection: keep-alive\r\n" in refusal
        refused = await cost(real, client, b"503")
        assert refused < 0.75 * served
        assert waited < 0.05
        measured("G9", "cost of a refused call, of a served plain one", refused / served, "times")
        measured("G9", "cost of a refused call", refused * 1e6, "microseconds")
        for stream in (client, *streams):
            stream.socket.close()
    nursery.cancel_scope.cancel()


Act = Callable[[list[socket.socket]], Iterator[None]]


def silent(crowd: list[socket.socket]) -> Iterator[None]:
    """Send nothing."""
    yield from itertools.repeat(None)


def trickle(crowd: list[socket.socket]) -> Iterator[None]:
    """Send a byte a second: with each step some of them send theirs."""
    wire = PLAIN
    for at in itertools.count():
        for sock in crowd:
            with suppress(OSError):
                sock.send(wire[at : at + 1])
            yield


def headers_for_ever(crowd: list[socket.socket]) -> Iterator[None]:
    """Send one header field after another."""
    for sock in crowd:
        sock.send(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n")
    for at in itertools.count():
        for sock in crowd:
            with suppress(OSError):
                sock.send(b"x-%d: y\r\n" % at)
            yield


HOSTILITIES: dict[str, Act] = {
    "nothing": silent,
    "a byte a second": trickle,
    "headers for ever": headers_for_ever,
}


async def latency(client: trio.SocketStream, act: Iterator[None], crowd: int) -> float:
    """Return the median of an honest client's waits while each of a crowd acts once a second."""
    waits: list[float] = []
    began, acted = time.perf_counter(), 0
    while len(waits) < HONEST or acted < crowd:
        while acted < (time.perf_counter() - began) * crowd:
            next(act)
            acted += 1
        asked = time.perf_counter()
        got = await ask(client)
        waits.append(time.perf_counter() - asked)
        assert got.startswith(b"HTTP/1.1 200")
        await trio.sleep(0.001)
    return statistics.median(waits)


async def test_g8_two_thousand_hostile_connections_do_not_slow_an_honest_client(
    tmp_path: Path, nursery: trio.Nursery, measured: Measured
) -> None:
    """C11, G8 in part: nor do they take much memory."""
    upstream = await listen(nursery, answers)
    with gateway(tmp_path, provider(upstream.port), under=UNMEASURED) as real:
        client = await connect(real)
        await latency(client, silent([]), 0)
        before = real.descriptors()
        for name, way in HOSTILITIES.items():
            alone = await latency(client, silent([]), 0)
            memory = resident(real.process.pid)
            with crowd(real.port, HOSTILE) as hostile:
                await descriptors(real, lambda count: count > HOSTILE)
                beside = await latency(client, way(hostile), 0 if way is silent else HOSTILE)
                each = (resident(real.process.pid) - memory) / HOSTILE
                assert real.descriptors() > HOSTILE, "they were sent away before it was measured"
            assert beside < 2 * alone
            assert each < MOST_EACH
            ratio = beside / alone
            measured("G8", f"a wait beside 2,000 that send {name}, of one without", ratio, "times")
            if way is silent:  # what these leave behind, the next ones use
                measured("G8", f"memory of one that sends {name}", each / KIB, "KiB")
            await descriptors(real, lambda count: count <= before)
        client.socket.close()
    nursery.cancel_scope.cancel()


async def descriptors(real: Gateway, enough: Callable[[int], bool]) -> None:
    """Wait until the gateway has opened or closed enough."""
    with trio.fail_after(10):
        while not enough(real.descriptors()):
            await trio.sleep(0.01)


async def test_g8_without_descriptors_streams_go_on_and_probes_are_answered(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G8: the limits are set too high for the descriptors that there are."""
    go_on = trio.Event()

    async def two_parts(link: Link) -> None:
        while True:
            await link.request()
            await link.send(STREAM_HEAD)
            await link.chunk(ONE)
            await go_on.wait()
            await link.chunk(FINISH, b"data: [DONE]\n\n", b"")

    upstream = await listen(nursery, two_parts)
    limits = "[server]\nmax_calls = 1000\nmax_connections = 1000\n"
    with gateway(tmp_path, limits + provider(upstream.port), under=FEW_DESCRIPTORS) as real:
        early = [await connect(real) for _ in range(4)]
        for client in early:
            assert (await get(client, HEALTHZ)).startswith(b"HTTP/1.1 200 OK\r\n")
        streams: list[trio.SocketStream] = []
        full, refused = False, b""
        while b"could not be connected to" not in refused:
            # Once nobody can be taken any more, those who are here ask for what is left.
            client = early.pop() if full else await connect(real)
            begun = await ask(client, STREAM, EVENT_END)
            if begun.startswith(b"HTTP/1.1 200 OK\r\n"):
                streams.append(client)
            else:
                client.socket.close()
                full, refused = True, begun
        assert len(streams) > 80
        assert refused.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
        assert b"\r\nretry-after: 1\r\n" in refused
        # Nor can a connection be taken, but for those that are kept for this.
        rest = [await connect(real) for _ in range(8)]
        for number, client in enumerate(rest):
            wire, expected = ((HEALTHZ, b"200"), (STREAM, b"503"))[number % 2]
            assert (await ask(client, wire)).startswith(b"HTTP/1.1 " + expected)
            client.socket.close()
        told = await real.status(real.process.pid)
        assert told is not None
        assert told["calls"] == len(streams)
        waiting = [await connect(real) for _ in range(2 * KEPT)]
        await trio.sleep(0.05)
        go_on.set()
        for client in streams:
            assert (await read_to(client, DONE)).endswith(DONE)
        for client in (*early, *waiting, *streams):
            client.socket.close()
        with trio.fail_after(10):
            while not real.lines("descriptors again"):
                await trio.sleep(0.01)
        assert (await say(real)).endswith(DONE)
        (short,), (again,) = real.lines("short of descriptors"), real.lines("descriptors again")
        assert short["reason"] == "Too many open files"
        assert 0 < again["short_for_seconds"] < 10
        assert "Traceback" not in real.log.read_text()
        assert len(real.log.read_text().splitlines()) < len(streams) + 40
    nursery.cancel_scope.cancel()


async def test_g16_the_work_for_many_who_leave_at_once_grows_as_their_number(
    tmp_path: Path, measured: Measured
) -> None:
    """G16: four times as many, four times the work; and nothing of them is left."""
    begin = STREAM_HEAD + b"%x\r\n%b\r\n" % (len(ONE), ONE)
    with Begun(begin) as upstream, many_descriptors():
        config = provider(upstream.port, max_connections="5000")
        with gateway(tmp_path, config, under=UNMEASURED) as real:
            few = await leave_together(real, upstream, FEW)
            many = await leave_together(real, upstream, MANY)
            lines = await real.wait_for_lines(FEW + MANY)
    assert {line["outcome"] for line in lines} == {"client_gone"}
    ratio = many[0] / few[0]
    assert ratio < 2.5 * MANY / FEW
    measured("G16", f"work for {MANY:,} that leave at once, of that for {FEW}", ratio, "times")
    measured("G16", f"until {MANY:,} that left at once are gone everywhere", many[1], "s")


async def leave_together(real: Gateway, upstream: Begun, count: int) -> tuple[float, float]:
    """Open so many streams and leave them all; return the work for that and how long it took."""
    pid, before = real.process.pid, real.descriptors()
    with crowd(real.port, count, STREAM) as clients:
        assert all_hear(clients, EVENT_END)
        assert upstream.open == count
        work, began = worked(pid), time.perf_counter()
    with trio.fail_after(10):
        while upstream.open or real.descriptors() > before + 1:
            await trio.sleep(0.01)
    took = time.perf_counter() - began
    work = worked(pid) - work
    told = await real.status(pid)
    assert told is not None
    assert (told["calls"], told["connections"]) == (0, 0)
    assert told["upstream"] == {"open": 0, "idle": 0, "parked": 0, "waiting": 0}
    return work, took
