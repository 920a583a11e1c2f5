"""What a client can do, row by row, on the real process: slow, broken, gone, asking for odd things.

How it leaves in each phase is in `test_client_leaves.py`, behind a proxy in `test_nginx.py`.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trio

from tests.named import line_of, named
from tests.process import Gateway, gateway, provider
from tests.rows_client import PATIENCE, Told, ask, request
from tests.scripted import Link, Received, Scripted, listen
from tests.test_audit import DONE, FINISH, whole_stream
from tests.test_client_leaves import (
    CHUNK,
    STREAM_HEAD,
    WAYS,
    Shape,
    connect,
    in_mid_answer,
    leave,
    settle,
)

SLOW = 0.2
IDLE = 0.3
TOTAL = 0.6
MAX_BODY = 100_000
SERVER = f"""
[server]
head_timeout = {SLOW}
body_timeout = {SLOW}
max_body_bytes = {MAX_BODY}
head_after = 0.1
keepalive_interval = 0.05
"""
KEEPALIVE = b": keepalive\n\n"
STREAM = Shape(stream=True, dress="plain").wire()
HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = HEALTHZ.removesuffix(b"\r\n").replace(b"GET /healthz", b"POST /v1/chat/completions")
POST += b"Content-Type: application/json\r\n"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    config = SERVER + provider(upstream_port, timeouts=f"{{ idle = {IDLE} }}")
    config += f'[models]\nbrief = {{ targets = ["m"], timeouts = {{ total = {TOTAL} }} }}\n'
    with gateway(tmp_path_factory.mktemp("clients"), config) as running:
        yield running


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    server = await listen(nursery, whole_stream, port=upstream_port)
    yield server
    nursery.cancel_scope.cancel()


async def rest_of(client: trio.SocketStream) -> bytes:
    """Read until the gateway has closed the connection, then close it too."""
    said = b""
    async with client:
        with trio.fail_after(PATIENCE):
            while data := await client.receive_some(65_536):
                said += data
    return said


async def reads_slowly(client: trio.SocketStream, seconds: float) -> int:
    """Take a little now and then, for so long; return how much that was."""
    read = 0
    began = trio.current_time()
    with suppress(trio.BrokenResourceError):
        while trio.current_time() < began + seconds:
            read += len(await client.receive_some(2048))
            await trio.sleep(0.02)
    return read


@pytest.mark.parametrize(("model", "outcome"), [("m", "completed"), ("brief", "timeout")])
async def test_a_slow_reader_sets_the_pace_and_is_cut_by_the_total_time_alone(
    real: Gateway, upstream: Scripted, model: str, outcome: str
) -> None:
    """C10: longer than the idle time, which is the provider's and not the reader's."""
    enough = trio.Event()

    async def floods(link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        while not enough.is_set():
            await link.chunk(CHUNK % (b"word " * 200))
        await link.chunk(FINISH, DONE, b"")

    upstream.script = floods
    wire, request_id = named(request(model=model))
    client = await connect(real, small=True)
    asked_at = trio.current_time()
    await client.send_all(wire)
    link = await upstream.link(0)
    await settle(link, "while a write is stalled")
    held = link.sent
    read = await reads_slowly(client, 1.5 * IDLE)
    assert link.sent - held < read + 1_000_000
    if outcome == "completed":
        assert link.saw is None
        enough.set()
        assert (await rest_of(client)).endswith(DONE + b"\r\n0\r\n\r\n")
    else:
        await reads_slowly(client, 1.5 * TOTAL - 1.5 * IDLE)
        assert TOTAL <= link.saw_at - asked_at < 1.5 * TOTAL
        client.socket.close()
    line = await line_of(real, request_id)
    cause = None if outcome == "completed" else "total_timeout"
    assert (line["outcome"], line["cause"]) == (outcome, cause)


async def test_a_head_that_does_not_come_is_not_waited_for(real: Gateway) -> None:
    """C11: without a byte there is no word either."""
    silent_one, slow_one = await connect(real), await connect(real)
    began = trio.current_time()
    await slow_one.send_all(HEALTHZ[:-2])
    assert (await rest_of(slow_one)).startswith(b"HTTP/1.1 408 ")
    assert trio.current_time() - began < 3 * SLOW
    assert await rest_of(silent_one) == b""


async def test_a_body_that_does_not_come_is_not_waited_for(
    real: Gateway, upstream: Scripted
) -> None:
    """C12: one that stops, and one that drips."""
    stopped, dripping = await connect(real), await connect(real)
    await stopped.send_all(POST + b"Content-Length: 1000\r\n\r\n{")
    await dripping.send_all(POST + b"Content-Length: 1000\r\n\r\n")
    drops = b""
    with trio.fail_after(PATIENCE):
        while not drops:
            await dripping.send_all(b" ")
            with trio.move_on_after(0.02):
                drops = await dripping.receive_some()
    assert drops.startswith(b"HTTP/1.1 408 ")
    told = await rest_of(stopped)
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_body_timeout"' in told
    lines = await real.wait_for_lines(2, lambda line: line["cause"] == "request_body_timeout")
    assert {line["status"] for line in lines} == {408}
    assert upstream.links == []
    dripping.socket.close()


@pytest.mark.parametrize(
    "body",
    [
        b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1),
        b"Transfer-Encoding: chunked\r\n\r\n" + 2 * (b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n"),
    ],
    ids=["declared", "in chunks"],
)
async def test_a_body_that_is_too_long_is_refused_before_it_has_come(
    real: Gateway, upstream: Scripted, body: bytes
) -> None:
    """C13."""
    client = await connect(real)
    await client.send_all(POST + body)
    told = await rest_of(client)
    assert told.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nconnection: close\r\n" in told
    assert upstream.links == []


@pytest.mark.parametrize("reads", [True, False], ids=["having read it", "with the leave unread"])
@pytest.mark.parametrize("way", WAYS)
async def test_one_that_asks_for_leave_and_goes_leaves_nothing(
    real: Gateway, upstream: Scripted, way: str, reads: bool
) -> None:
    """C16."""
    before = real.descriptors()
    wire, request_id = named(POST + b"Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n")
    client = await connect(real)
    await client.send_all(wire)
    with trio.fail_after(PATIENCE):
        if reads:
            assert await client.receive_some() == b"HTTP/1.1 100 Continue\r\n\r\n"
        else:
            await trio.lowlevel.wait_readable(client.socket.fileno())
    await leave(client, way)
    line = await line_of(real, request_id)
    client.socket.close()
    assert (line["outcome"], line["phase"]) == ("client_gone", "body")
    assert upstream.links == []
    with trio.fail_after(PATIENCE):
        while real.descriptors() > before:
            await trio.sleep(0.002)


KEEPALIVE_TIMER = "02"
TICKS = 100
"""In a second; the kernel tells its timers so, whatever its own clock."""


async def test_the_kernel_looks_after_a_peer_that_says_nothing(real: Gateway) -> None:
    """C20 in part: an accepted connection has a timer that asks whether its peer is still there."""
    client = await connect(real)
    await client.send_all(HEALTHZ)
    await client.receive_some()
    port = client.socket.getsockname()[1]
    with trio.fail_after(PATIENCE):
        while (timer := timer_of(real.port, port))[0] != KEEPALIVE_TIMER:
            await trio.sleep(0.005)  # until what was sent is acknowledged, it has another one
    assert 0 < timer[1] <= 30
    client.socket.close()


def timer_of(local: int, remote: int) -> tuple[str, float]:
    """Return which timer the kernel runs for a connection, and the seconds until it fires."""
    ports = (f":{local:04X}", f":{remote:04X}")
    for row in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:]):
        if row[1].endswith(ports[0]) and row[2].endswith(ports[1]):
            kind, _, ticks = row[5].partition(":")
            return kind, int(ticks, 16) / TICKS
    raise AssertionError("there is no such connection")


GARBAGE = {
    "no http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "two framings": POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a bad chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "a bomb of fields": b"GET /healthz HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n",
}


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_one_that_speaks_no_http_harms_nobody_else(
    real: Gateway, upstream: Scripted, garbage: str
) -> None:
    """C21."""
    upstream.script = in_mid_answer
    other = await connect(real)
    await other.send_all(STREAM)
    link = await upstream.link(0)
    await settle(link, "in mid-answer")
    client = await connect(real)
    await client.send_all(GARBAGE[garbage])
    status = (await rest_of(client))[9:12]
    assert status == (b"431" if garbage.startswith("a bomb") else b"400")
    assert (link.saw, len(upstream.links)) == (None, 1)
    await link.chunk(FINISH, DONE, b"")
    said = b""
    with trio.fail_after(PATIENCE):
        while not said.endswith(b"\r\n0\r\n\r\n"):
            said += await other.receive_some()
    other.socket.close()


RACES = 30
PRECEDENCE = {"client_gone": ("client_gone", 499), "upstream_error": ("upstream_reset", 200)}


@pytest.mark.parametrize("first", ["the client", "the provider", "neither"])
async def test_of_a_leaving_and_an_error_the_first_to_arrive_is_the_outcome(
    real: Gateway, upstream: Scripted, first: str
) -> None:
    """C22: thirty races of two resets; whoever wins, there is one line, and it says one thing."""
    upstream.script = in_mid_answer
    runners: list[tuple[trio.SocketStream, Link, str]] = []
    for number in range(RACES):
        wire, request_id = named(STREAM)
        client = await connect(real)
        await client.send_all(wire)
        runners.append((client, await upstream.link(number), request_id))
    for client, link, _ in runners:
        await settle_quickly(client, link)
    for number, (client, link, _) in enumerate(runners):
        if first == "the provider" or (first == "neither" and number % 2):
            link.rst()
            if first == "the provider":
                await broken_off(client)
            await leave(client, "rst")
        else:
            await leave(client, "rst")
            if first == "the client":
                await link.gone.wait()
            else:
                link.rst()
    outcomes = set()
    for _, _, request_id in runners:
        line = await line_of(real, request_id)
        assert (line["cause"], line["status"]) == PRECEDENCE[line["outcome"]]
        outcomes.add(line["outcome"])
    assert sum(line["request_id"] in {each[2] for each in runners} for line in real.lines()) == 30
    if first != "neither":
        assert outcomes == {"client_gone" if first == "the client" else "upstream_error"}


async def settle_quickly(client: trio.SocketStream, link: Link) -> None:
    """Wait until a stream has come to its silence."""
    said = b""
    with trio.fail_after(PATIENCE):
        await link.asked.wait()
        while b"two" not in said:
            said += await client.receive_some()


async def broken_off(client: trio.SocketStream) -> None:
    """Read until the client has been told of the error."""
    said = b""
    with trio.fail_after(PATIENCE):
        while b'"error"' not in said:
            said += await client.receive_some()


async def test_the_same_key_again_is_a_new_call(real: Gateway, upstream: Scripted) -> None:
    """C23: nothing is resumed, nothing is replayed, and no such key reaches the provider."""
    asked: list[Received] = []

    async def keeps(link: Link) -> None:
        asked.append(await link.request())
        await link.send(STREAM_HEAD)
        await link.chunk(CHUNK % b"one")
        if len(asked) > 1:
            await link.chunk(FINISH, DONE, b"")

    upstream.script = keeps
    key = "Idempotency-Key: 4711"
    client = await connect(real)
    await client.send_all(request(key))
    await settle(await upstream.link(0), "in mid-answer")
    await leave(client, "rst")
    with trio.fail_after(PATIENCE):
        await upstream.links[0].gone.wait()
    again = await ask(real, request(key))
    assert again.body == CHUNK % b"one" + FINISH + DONE
    assert again.line["outcome"] == "completed"
    assert [each.values(b"idempotency-key") for each in asked] == [[], []]
    assert asked[0].body == asked[1].body


async def test_a_stream_asks_proxies_to_keep_nothing_and_is_never_compressed(
    real: Gateway, upstream: Scripted
) -> None:
    """C24, C27: the provider does not even hear of the wish."""
    heard: list[list[bytes]] = []

    async def streams(link: Link) -> None:
        heard.append((await link.request()).values(b"accept-encoding"))
        await link.send(STREAM_HEAD)
        await link.chunk(CHUNK % b"hello", FINISH, DONE, b"")

    upstream.script = streams
    told = await ask(real, request("Accept-Encoding: gzip, br, zstd"))
    assert told.body == CHUNK % b"hello" + FINISH + DONE
    assert told.fields[b"x-accel-buffering"] == b"no"
    wishes = {wish.strip() for wish in told.fields[b"cache-control"].split(b",")}
    assert wishes >= {b"no-cache", b"no-transform"}
    assert b"content-encoding" not in told.fields
    assert heard == [[b"identity"]]


@pytest.mark.parametrize("ends_well", [True, False])
async def test_a_long_wait_has_its_head_and_comments(
    real: Gateway, upstream: Scripted, ends_well: bool
) -> None:
    """C26: whatever comes then is told behind the same head."""

    async def thinks(link: Link) -> None:
        await link.request()
        await trio.sleep(0.25)
        if ends_well:
            await link.send(STREAM_HEAD)
            await link.chunk(CHUNK % b"one", FINISH + DONE, b"")
        else:
            await link.send(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")

    upstream.script = thinks
    told = await ask(real)
    assert told.status == 200
    assert told.body.startswith(2 * KEEPALIVE)
    assert told.whole is ends_well
    if ends_well:
        assert told.body.replace(KEEPALIVE, b"") == CHUNK % b"one" + FINISH + DONE
    else:
        assert told.error["type"] == "upstream_error"


@pytest.mark.parametrize(
    ("start", "status"),
    [
        ("HEAD /healthz", 200),
        ("HEAD /v1/models", 200),
        ("HEAD /v1/chat/completions", 405),
        ("OPTIONS /v1/chat/completions", 405),
        ("OPTIONS *", 400),
        ("GET /v1/chat/completions", 405),
        ("DELETE /v1/models", 405),
        ("GET /v1/unheard-of", 404),
        ("BREW /v1/models", 400),
    ],
)
async def test_what_is_no_call_is_answered_plainly(
    real: Gateway, upstream: Scripted, start: str, status: int
) -> None:
    """C28."""
    client = await connect(real)
    line = HEALTHZ.replace(b"GET /healthz", start.encode())
    await client.send_all(line.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n")
    told = Told(await rest_of(client), {}, 0)
    assert told.status == status
    if status == 405:
        assert told.fields[b"allow"]
    if start.startswith("HEAD"):
        assert told.body == b""
    elif status != 200:
        assert told.error["type"] == "invalid_request_error"
    assert upstream.links == []
