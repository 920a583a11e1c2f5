"""Behind nginx, with the configuration that we ship: no word is held back, every leaving passes."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import httpx2
import openai
import pytest
import trio

from tests.figures import Measured
from tests.http2_client import Http2, OverHttp2
from tests.named import line_of, named
from tests.nginx import Nginx, nginx
from tests.openai_clients import HELLO, SyncSpeaker
from tests.process import Gateway, gateway, provider
from tests.scripted import Link, Scripted, listen
from tests.test_client_leaves import (
    CHUNK,
    PHASES,
    STREAM_HEAD,
    WAYS,
    WITHIN,
    Shape,
    in_a_flood,
    in_mid_answer,
    leave,
    settle,
    silent,
)

MAX_BODY_BYTES = 33_554_432
"""nginx's limit and the gateway's own."""

STALLED = "while a write is stalled"
WISH: dict[str, object] = {
    "model": "m",
    "stream": True,
    "messages": [{"role": "user", "content": "hello"}],
}

BUFFERING = {"proxy_buffering off;": "proxy_buffering on;"}
DEAF = {"proxy_cache off;": "proxy_cache off; proxy_ignore_headers X-Accel-Buffering;"}

Require = Callable[[str], str]
Script = Callable[[Link], Awaitable[None]]


@pytest.fixture(scope="module")
def real(
    require: Require, tmp_path_factory: pytest.TempPathFactory, upstream_port: int
) -> Iterator[Gateway]:
    require("nginx")
    config = provider(upstream_port, models='["m", "openai/o3"]')
    with gateway(tmp_path_factory.mktemp("behind-nginx"), config) as running:
        yield running


@pytest.fixture(scope="module")
def front(
    require: Require, real: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Nginx]:
    with nginx(require("nginx"), tmp_path_factory.mktemp("nginx"), real.port) as running:
        yield running


@pytest.fixture
async def upstream(upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    server = await listen(nursery, silent, port=upstream_port)
    yield server
    nursery.cancel_scope.cancel()


@pytest.fixture
def speaker(front: Nginx) -> SyncSpeaker:
    """The official client, over HTTP/2."""
    return OverHttp2(front.api, front.trust("h2"))


async def begin(
    front: Nginx, phase: str, *, stream: bool = True
) -> tuple[trio.SSLStream[trio.SocketStream], str]:
    """Ask over HTTP/1.1; return the connection and the request's id."""
    client = await front.connect(receive_buffer=4096 if phase == STALLED else 0)
    wire, request_id = named(Shape(stream, "plain").wire())
    await client.send_all(wire)
    return client, request_id


async def arrivals(front: Nginx) -> list[float]:
    """Have echo say ten words in 200 ms; return when each of them came."""
    wish = {"model": "echo", "stream": True, "words_per_second": 50}
    body = json.dumps({**wish, "messages": [{"role": "user", "content": "word " * 10}]}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
    head += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    client = await front.connect()
    await client.send_all(head + body)
    came: list[float] = []
    answer = b""
    with trio.fail_after(5):
        while b"[DONE]" not in answer:
            answer += await client.receive_some()
            new = answer.count(b'"content":"word') - len(came)
            came += [trio.current_time()] * new
    client.transport_stream.socket.close()
    return came


@pytest.mark.parametrize(
    ("changes", "held_back"),
    [({}, False), (BUFFERING, False), (DEAF, False), ({**BUFFERING, **DEAF}, True)],
    ids=["as shipped", "by our header alone", "by the file alone", "by neither"],
)
async def test_no_word_is_held_back(
    require: Require, real: Gateway, tmp_path: Path, changes: dict[str, str], held_back: bool
) -> None:
    """C24. The last row shows what nginx does by itself, and that this can be measured."""
    with nginx(require("nginx"), tmp_path, real.port, changes) as front:
        came = await arrivals(front)
    assert len(came) == 10
    spread = came[-1] - came[0]
    assert (spread < 0.02) if held_back else (spread > 0.1 and len(set(came)) > 5)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("phase", "stream"), [(phase, True) for phase in PHASES] + [("before the first byte", False)]
)
async def test_the_clients_leaving_passes_through(
    real: Gateway, front: Nginx, upstream: Scripted, way: str, phase: str, stream: bool
) -> None:
    """C1, C2, C3, C4, C6, C9."""
    upstream.script = PHASES[phase]
    client, request_id = await begin(front, phase, stream=stream)
    link = await upstream.link(0)
    await settle(link, phase)
    assert link.saw is None
    left_at = await leave(client.transport_stream, way)
    with trio.fail_after(1):
        await link.gone.wait()
    assert link.saw_at - left_at < WITHIN
    client.transport_stream.socket.close()
    assert (await line_of(real, request_id))["outcome"] == "client_gone"


async def test_an_nginx_that_ignores_it_hides_it_from_us(
    require: Require, real: Gateway, upstream: Scripted, tmp_path: Path
) -> None:
    """C25."""
    upstream.script = in_mid_answer
    ignoring = {"proxy_ignore_client_abort off;": "proxy_ignore_client_abort on;"}
    with nginx(require("nginx"), tmp_path, real.port, ignoring) as front:
        client, _ = await begin(front, "in mid-answer")
        link = await upstream.link(0)
        await settle(link, "in mid-answer")
        await leave(client.transport_stream, "rst")
        with trio.move_on_after(WITHIN):
            await link.gone.wait()
        assert link.saw is None


@pytest.fixture
async def http2(front: Nginx, nursery: trio.Nursery) -> AsyncIterator[Http2]:
    client = Http2(await front.connect("h2"))
    nursery.start_soon(client.run)
    yield client
    client.close()


def until(release: trio.Event) -> Script:
    """A provider that says a word, and the rest once it is released."""

    async def script(link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        await link.chunk(CHUNK % b"one")
        await release.wait()
        await link.chunk(CHUNK % b"two", b"data: [DONE]\n\n", b"")

    return script


async def asked(http2: Http2, upstream: Scripted, number: int) -> tuple[int, Link]:
    """Ask on one more stream; return its number and the provider's connection for it."""
    stream = await http2.post(WISH)
    link = await upstream.link(number)
    await link.asked.wait()
    return stream, link


async def outcome(real: Gateway, http2: Http2, stream: int) -> object:
    """Return how the log says that a stream ended."""
    return (await line_of(real, http2.heads[stream]["x-request-id"]))["outcome"]


async def test_c17_a_reset_stream_ends_its_own_upstream_and_no_other(
    real: Gateway, upstream: Scripted, http2: Http2, measured: Measured
) -> None:
    """C17."""
    release = trio.Event()
    upstream.script = until(release)
    staying, kept = await asked(http2, upstream, 0)
    leaving, lost = await asked(http2, upstream, 1)
    for stream in (staying, leaving):
        await http2.wait_for(stream, lambda body: b"one" in body)
    left_at = trio.current_time()
    await http2.reset(leaving)
    with trio.fail_after(1):
        await lost.gone.wait()
    assert lost.saw_at - left_at < WITHIN
    measured("C17", "until its provider's socket sees it", (lost.saw_at - left_at) * 1000, "ms")
    assert kept.saw is None
    release.set()
    with trio.fail_after(1):
        await http2.wait_for(staying, lambda body: body.endswith(b"data: [DONE]\n\n"))
    outcomes = [await outcome(real, http2, stream) for stream in (staying, leaving)]
    assert outcomes == ["completed", "client_gone"]


async def test_c18_a_stream_is_reset_while_its_window_is_used_up(
    real: Gateway, front: Nginx, upstream: Scripted, nursery: trio.Nursery
) -> None:
    """C18."""
    http2 = Http2(await front.connect("h2"), window=1000)
    nursery.start_soon(http2.run)
    upstream.script = in_a_flood
    stream, link = await asked(http2, upstream, 0)
    await settle(link, STALLED)
    assert len(http2.bodies[stream]) == 1000
    assert link.saw is None
    left_at = trio.current_time()
    await http2.reset(stream)
    with trio.fail_after(1):
        await link.gone.wait()
    assert link.saw_at - left_at < WITHIN
    assert await outcome(real, http2, stream) == "client_gone"
    http2.close()


async def test_c19_a_lost_connection_ends_all_its_streams(
    real: Gateway, upstream: Scripted, http2: Http2, measured: Measured
) -> None:
    """C19."""
    upstream.script = in_mid_answer
    streams = [await asked(http2, upstream, number) for number in range(20)]
    for stream, _ in streams:
        await http2.wait_for(stream, lambda body: b"two" in body)
    left_at = await leave(http2.stream.transport_stream, "rst")
    with trio.fail_after(1):
        for _, link in streams:
            await link.gone.wait()
    took = max(link.saw_at for _, link in streams) - left_at
    assert took < WITHIN
    measured("C19", "until the providers' sockets of 20 streams have seen it", took * 1000, "ms")
    outcomes = [await outcome(real, http2, stream) for stream, _ in streams]
    assert outcomes == ["client_gone"] * 20


async def test_the_official_client_over_http_2(real: Gateway, speaker: SyncSpeaker) -> None:
    heard = await speaker.stream(stream_options={"include_usage": True})
    assert heard.text == HELLO
    assert heard.chunks[-1].usage is not None
    assert (await line_of(real, heard.request_id))["outcome"] == "completed"


async def test_an_id_with_a_slash_passes_as_it_was_sent(speaker: SyncSpeaker) -> None:
    for name in ("openai/o3", "openai%2Fo3"):
        shown = await speaker.get(f"/models/{name}")
        assert isinstance(shown, dict)
        assert shown["id"] == "openai/o3"


async def test_a_large_body_passes(upstream: Scripted, speaker: SyncSpeaker) -> None:
    text = "x" * (MAX_BODY_BYTES - 1000)
    seen: list[str] = []

    async def script(link: Link) -> None:
        seen.append(json.loads((await link.request()).body)["messages"][0]["content"])
        await link.send(STREAM_HEAD)
        await link.chunk(CHUNK % b"one", b"data: [DONE]\n\n", b"")

    upstream.script = script
    heard = await speaker.stream(model="m", messages=[{"role": "user", "content": text}])
    assert heard.text == "one"
    assert seen == [text]


async def test_c13_a_body_that_is_too_long_is_refused_in_our_words(
    front: Nginx, http2: Http2
) -> None:
    """C13. Not with nginx's page of HTML, and before the body has been sent to its end."""
    http = httpx2.Client(verify=front.trust())
    with pytest.raises(openai.APIStatusError) as caught:
        await SyncSpeaker(front.api, http_client=http, max_retries=0).whole(
            messages=[{"role": "user", "content": "x" * MAX_BODY_BYTES}]
        )
    assert (caught.value.status_code, caught.value.code) == (413, "request_too_large")
    assert caught.value.request_id
    stream = await http2.post(WISH, declared=MAX_BODY_BYTES + 1)
    with trio.fail_after(1):
        body = await http2.wait_for(stream, lambda body: b"}}" in body)
    assert http2.heads[stream][":status"] == "413"
    assert json.loads(body)["error"]["code"] == "request_too_large"


async def test_errors_keep_their_shape_and_their_headers(
    upstream: Scripted, speaker: SyncSpeaker
) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await speaker.whole(model="ecko")
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    assert missing.value.request_id

    async def script(link: Link) -> None:
        await link.request()
        await link.send(b"HTTP/1.1 429 No\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n")

    upstream.script = script
    with pytest.raises(openai.RateLimitError) as limited:
        await speaker.whole(model="m")
    assert limited.value.response.headers["retry-after"] == "7"


async def test_an_answer_that_breaks_off_never_looks_whole(
    upstream: Scripted, front: Nginx
) -> None:
    """U13: nginx breaks it off too."""

    async def script(link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        await link.chunk(CHUNK % b"one")
        link.fin()

    upstream.script = script
    client, _ = await begin(front, "in mid-answer")
    answer = b""
    with trio.fail_after(5):
        while part := await client.receive_some():
            answer += part
    assert b"upstream_truncated" in answer
    assert not answer.endswith(b"0\r\n\r\n")
    client.transport_stream.socket.close()


async def test_the_clients_own_address_is_told(real: Gateway, front: Nginx) -> None:
    """R9: what the client says about itself is not believed."""
    client = await front.connect(source="127.0.0.2")
    head = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n"
    wire, request_id = named(head + b"X-Forwarded-For: 192.0.2.1\r\n\r\n")
    await client.send_all(wire)
    await client.receive_some()
    client.transport_stream.socket.close()
    assert (await line_of(real, request_id))["peer"] == "127.0.0.2"


async def test_one_connection_to_the_gateway_carries_many_requests(
    real: Gateway, front: Nginx
) -> None:
    before = real.descriptors()
    for _ in range(5):
        await SyncSpeaker(front.api, http_client=httpx2.Client(verify=front.trust())).models()
    assert real.descriptors() <= before + 1


async def told_a_public_name(front: Nginx) -> bytes:
    """Ask by the name that the world knows; return the status line."""
    client = await front.connect()
    await client.send_all(b"GET /v1/models HTTP/1.1\r\nHost: gateway.example.com\r\n\r\n")
    answer = await client.receive_some()
    client.transport_stream.socket.close()
    return bytes(answer.partition(b"\r\n")[0])


async def test_a_public_name_needs_the_operators_word(
    require: Require, front: Nginx, tmp_path: Path
) -> None:
    """R27: without keys the gateway is asked by loopback names, unless opened in writing."""
    assert await told_a_public_name(front) == b"HTTP/1.1 403 Forbidden"
    opened = gateway(tmp_path, "[auth]\nrequired = false\n")
    with opened as real, nginx(require("nginx"), tmp_path, real.port) as other:
        assert await told_a_public_name(other) == b"HTTP/1.1 200 OK"


async def test_a_gateway_that_is_down_is_told_in_the_shape_of_the_api(
    require: Require, upstream_port: int, tmp_path: Path
) -> None:
    with nginx(require("nginx"), tmp_path, upstream_port) as front:
        http = httpx2.Client(verify=front.trust())
        with pytest.raises(openai.InternalServerError) as caught:
            await SyncSpeaker(front.api, http_client=http, max_retries=0).whole()
    assert (caught.value.status_code, caught.value.code) == (502, "gateway_unreachable")
    assert caught.value.request_id


async def test_a_flood_from_one_address_is_refused_in_the_shape_of_the_api(
    require: Require, real: Gateway, tmp_path: Path
) -> None:
    """Before anything of it reaches the gateway, whose own refusals pass as they are."""
    narrow = {"rate=100000r/s": "rate=1r/m", "burst=200 nodelay": "burst=1 nodelay"}
    before = len(real.lines())
    with nginx(require("nginx"), tmp_path, real.port, narrow) as front:

        def speaker() -> SyncSpeaker:
            http = httpx2.Client(verify=front.trust())
            return SyncSpeaker(front.api, http_client=http, max_retries=0)

        for _ in range(2):
            await speaker().models()
        with pytest.raises(openai.RateLimitError) as caught:
            await speaker().models()
    assert caught.value.code == "too_many_requests"
    assert caught.value.response.headers["retry-after"] == "1"
    assert caught.value.request_id
    await real.wait_for_lines(before + 2)
    assert len(real.lines()) == before + 2
