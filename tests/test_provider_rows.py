"""What a provider can do, row by row: one real gateway, a scripted provider for each case.

A case is named for its row. Each test's docstring names the rows of its table, and a test sees to
it that it names all of them and no other.
"""

import gzip
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import trio
import trustme

from tests.house.rows import marks_of
from tests.process import Gateway, gateway
from tests.rows_client import Told, ask, request
from tests.scripted import Link, Scripted, listen
from tests.test_audit import DONE, FINISH
from tests.test_client_leaves import CHUNK, STREAM_HEAD

SECRET = "sk-canary-0123456789-of-the-provider"
MAX_EVENT = 70_000
MAX_ANSWER = 200_000
ONE = CHUNK % b"one"

CONFIG = """
[server]
upstream_ca = "{ca}"
max_event_bytes = {max_event}
max_answer_bytes = {max_answer}
[defaults.timeouts]
first_token = 2.0
idle = 2.0
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{up}/v1"
api_key = "{secret}"
models = ["m"]
[models]
hasty = {{ targets = ["m"], timeouts = {{ first_token = 0.15 }} }}
restless = {{ targets = ["m"], timeouts = {{ idle = 0.15 }} }}
brief = {{ targets = ["m"], timeouts = {{ total = 0.2 }} }}
[providers.secure]
kind = "openai"
base_url = "https://localhost:{secure}/v1"
models = ["secure"]
timeouts = {{ connect = 0.4 }}
[providers.refusing]
kind = "openai"
base_url = "http://127.0.0.1:{refusing}/v1"
models = ["refusing"]
[providers.blackhole]
kind = "openai"
base_url = "http://127.0.0.1:{blackhole}/v1"
models = ["blackhole"]
timeouts = {{ connect = 0.2 }}
[providers.nowhere]
kind = "openai"
base_url = "http://nowhere.invalid/v1"
models = ["nowhere"]
"""

Script = Callable[[Link], Awaitable[None]]


@dataclass(frozen=True)
class Place:
    """The gateway, where its providers are to listen, and who certifies them."""

    real: Gateway
    up: int
    secure: int
    authority: trustme.CA


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Start the gateway. One port of its providers refuses, one swallows all that comes."""
    folder = tmp_path_factory.mktemp("providers")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    with ExitStack() as held:
        up, secure, refusing, blackhole = (held.enter_context(socket.socket()) for _ in range(4))
        for sock in (up, secure, refusing, blackhole):
            sock.bind(("127.0.0.1", 0))
        ports = {
            "up": up.getsockname()[1],
            "secure": secure.getsockname()[1],
            "refusing": refusing.getsockname()[1],
            "blackhole": blackhole.getsockname()[1],
        }
        for sock in (up, secure):
            sock.close()
        # Its queue is full, so the kernel drops whatever knocks: a real black hole.
        blackhole.listen(0)
        held.enter_context(socket.create_connection(blackhole.getsockname()))
        config = CONFIG.format(
            ca=folder / "ca.pem", secret=SECRET, max_event=MAX_EVENT, max_answer=MAX_ANSWER, **ports
        )
        with gateway(folder, config) as real:
            yield Place(real, ports["up"], ports["secure"], authority)


@pytest.fixture
async def upstream(place: Place, nursery: trio.Nursery) -> AsyncIterator[Scripted]:
    server = await listen(nursery, says(), port=place.up)
    yield server
    nursery.cancel_scope.cancel()


def says(*parts: bytes, then: Callable[[Link], None] = lambda _: None) -> Script:
    """A provider that answers with these parts, each in a write of its own, and ends like this."""

    async def script(link: Link) -> None:
        await link.request()
        await link.send(*parts)
        then(link)

    return script


def answer(status: str, body: bytes, *fields: str, media: str = "application/json") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {media}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *fields, "", ""]).encode() + body


def told(message: str, code: str) -> bytes:
    error = {"message": message, "type": "their_type", "param": None, "code": code}
    return json.dumps({"error": error}).encode()


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def streams(*events: bytes, then: Callable[[Link], None] = lambda _: None) -> Script:
    """A provider that begins a stream, and ends it like this."""
    return says(STREAM_HEAD, *(chunks(event) for event in events), then=then)


async def trickles(link: Link) -> None:
    await link.request()
    await link.send(STREAM_HEAD + chunks(ONE))
    while True:
        await link.chunk(b": ")
        await trio.sleep(0.02)


async def never_ends(link: Link) -> None:
    await link.request()
    await link.send(STREAM_HEAD)
    while True:
        await link.chunk(ONE)
        await trio.sleep(0.01)


UNREACHABLE = {
    "U1 nobody listens": ("refusing", 502, "upstream_connect_error"),
    "U2 a black hole": ("blackhole", 504, "upstream_connect_timeout"),
    "U3 a name that nobody has": ("nowhere", 502, "upstream_dns_error"),
}


@pytest.mark.parametrize("case", UNREACHABLE)
async def test_a_provider_that_cannot_be_reached_is_told(place: Place, case: str) -> None:
    """U1 in part, U2, U3 in part."""
    model, status, code = UNREACHABLE[case]
    answered = await ask(place.real, request(model=model))
    assert (answered.status, answered.error["code"]) == (status, code)
    assert (answered.line["cause"], answered.line["target"]) == (code, f"{model}/{model}")
    if model == "blackhole":
        assert 0.2 <= answered.seconds < 1


YESTERDAY = datetime(2020, 1, 2, tzinfo=UTC)


def certified(authority: trustme.CA, name: str, *, expired: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    not_after = YESTERDAY if expired else None
    not_before = YESTERDAY.replace(day=1) if expired else None
    issued = authority.issue_cert(name, not_before=not_before, not_after=not_after)
    issued.configure_cert(context)
    return context


UNTRUSTED: dict[str, tuple[Callable[[trustme.CA], ssl.SSLContext], str]] = {
    "U4 a stranger signed it": (lambda _: certified(trustme.CA(), "localhost"), "issuer"),
    "U4 another name": (lambda ours: certified(ours, "other.example"), "mismatch"),
    "U4 expired": (lambda ours: certified(ours, "localhost", expired=True), "expired"),
}


@pytest.mark.parametrize("case", UNTRUSTED)
async def test_a_provider_that_cannot_be_trusted_is_asked_nothing(
    place: Place, nursery: trio.Nursery, case: str
) -> None:
    """U4."""
    make, reason = UNTRUSTED[case]
    server = await listen(nursery, says(), tls=make(place.authority), port=place.secure)
    answered = await ask(place.real, request(model="secure"))
    assert (answered.status, answered.error["code"]) == (502, "upstream_tls_error")
    assert reason in answered.error["message"]
    assert answered.fields[b"x-should-retry"] == b"false"
    with trio.fail_after(1):
        await server.links[0].gone.wait()
    assert (len(server.links), bytes(server.links[0].received)) == (1, b"")
    nursery.cancel_scope.cancel()


async def answers_in_plain_text(link: Link) -> None:
    await link.wait_for(lambda data: len(data) > 0)
    await link.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")


async def never_shakes_hands(link: Link) -> None:
    await trio.sleep_forever()


TLS_HANDSHAKE = b"\x16\x03"


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        (answers_in_plain_text, 502, "upstream_tls_error"),
        (never_shakes_hands, 504, "upstream_connect_timeout"),
    ],
)
async def test_a_handshake_that_fails_is_never_followed_by_plain_text(
    place: Place, nursery: trio.Nursery, script: Script, status: int, code: str
) -> None:
    """U4, U2."""
    server = await listen(nursery, script, port=place.secure)
    answered = await ask(place.real, request(model="secure"))
    assert (answered.status, answered.error["code"]) == (status, code)
    with trio.fail_after(1):
        await server.links[0].gone.wait()
    received = bytes(server.links[0].received)
    assert received.startswith(TLS_HANDSHAKE)
    assert b"POST" not in received
    assert len(server.links) == 1
    nursery.cancel_scope.cancel()


async def test_one_that_is_trusted_is_offered_http_1_1_alone(
    place: Place, nursery: trio.Nursery
) -> None:
    """U4, U37: one that could do both is spoken to in HTTP/1.1."""
    spoken: list[str | None] = []

    async def script(link: Link) -> None:
        assert link.secured is not None
        spoken.append(link.secured.selected_alpn_protocol())
        await streams(ONE, FINISH + DONE, b"")(link)

    context = certified(place.authority, "localhost")
    context.set_alpn_protocols(["h2", "http/1.1"])
    await listen(nursery, script, tls=context, port=place.secure)
    answered = await ask(place.real, request(model="secure"))
    assert answered.body == ONE + FINISH + DONE
    assert spoken == ["http/1.1"]
    nursery.cancel_scope.cancel()


HTML = b"<!doctype html><title>Sign in</title>"
WAIT = ("Retry-After: 7", "Retry-After-Ms: 7000", "X-RateLimit-Remaining-Requests: 0")
HTTP_2 = b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"

REFUSALS: dict[str, tuple[Script, str, int, str]] = {
    "U6 our mistake": (says(answer("400 Bad", told(f"no {SECRET}", "c"))), "m", 400, "c"),
    "U6 our key": (says(answer("401 No", told("no", "c"))), "m", 502, "upstream_auth_error"),
    "U7 their failure": (says(answer("500 Oh", told("oh", "c"))), "m", 500, "c"),
    "U8 too many": (says(answer("429 Wait", told("wait", "c"), *WAIT)), "m", 429, "c"),
    "U9 HTML": (says(answer("200 OK", HTML, media="text/html")), "m", 502, "upstream_malformed"),
    "U9 an error": (says(answer("200 OK", told("oh", "c"))), "m", 502, "c"),
    "U9 HTML as events": (
        says(answer("200 OK", HTML, media="text/event-stream")), "m", 502, "upstream_malformed",
    ),
    "U10 silence": (says(STREAM_HEAD), "hasty", 504, "first_token_timeout"),
    "U10 comments alone": (streams(b": wait\n\n"), "hasty", 504, "first_token_timeout"),
    "U12 a call that takes too long": (says(), "brief", 504, "total_timeout"),
    "U15 a reset": (says(then=Link.rst), "m", 502, "upstream_reset"),
    "U13 no answer": (says(then=Link.fin), "m", 502, "upstream_truncated"),
    "U28 an event too large": (
        streams(b"data: " + b"x" * 2 * MAX_EVENT), "m", 502, "upstream_answer_too_large",
    ),
    "U33 a redirect": (
        says(answer("302 Found", b"", "Location: /v1/elsewhere")), "m", 502, "upstream_malformed",
    ),
    "U34 a head without end": (
        says(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n" * 101, b"\r\n"), "m", 502, "upstream_malformed",
    ),
    "U37 HTTP/2 without being asked": (says(HTTP_2), "m", 502, "upstream_malformed"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSALS)
async def test_what_goes_wrong_before_any_content_is_an_answer_of_its_own(
    place: Place, upstream: Scripted, case: str
) -> None:
    """U6, U7 in part, U8 in part, U9, U10 in part, U12, U13, U15, U28, U33, U34, U37."""
    upstream.script, model, status, code = REFUSALS[case]
    answered = await ask(place.real, request(model=model))
    assert (answered.status, answered.error["code"]) == (status, code)
    assert answered.line["status"] == status
    assert answered.line["cause"] == code
    assert SECRET.encode() not in answered.wire
    assert (len(upstream.links), bytes(upstream.links[0].received)) == (1, b"")
    if case.startswith("U8"):
        for field in WAIT:
            name, _, value = field.partition(": ")
            assert answered.fields[name.lower().encode()] == value.encode()


@pytest.mark.parametrize("media", ["text/event-stream", "application/json"])
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "deflate"])
async def test_what_is_compressed_although_identity_was_asked_for_is_told_by_its_name(
    place: Place, upstream: Scripted, coding: str, media: str
) -> None:
    """U31."""
    wishes: list[list[bytes]] = []

    async def compresses(link: Link) -> None:
        wishes.append((await link.request()).values(b"accept-encoding"))
        await link.send(
            answer("200 OK", gzip.compress(ONE), f"Content-Encoding: {coding}", media=media)
        )

    upstream.script = compresses
    answered = await ask(place.real)
    assert wishes == [[b"identity"]]
    assert (answered.status, answered.error["code"]) == (502, "upstream_malformed")
    assert f"'{coding}'" in answered.error["message"]


async def test_an_answer_in_one_piece_that_is_cut_is_a_502(
    place: Place, upstream: Scripted
) -> None:
    """U14: shorter than its length, and cut within a chunk."""
    for head in (b"content-length: 1000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\nff\r\n"):
        begun = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + head + b'{"choices":'
        upstream.script = says(begun, then=Link.fin)
        answered = await ask(place.real, request(stream=False))
        assert (answered.status, answered.error["code"]) == (502, "upstream_truncated")


ERROR_EVENT = b"data: %b\n\n" % told(f"overloaded, {SECRET}", "overloaded")
HALF_A_TOOL = ONE.replace(
    b'"content":"one"', b'"tool_calls":[{"index":0,"function":{"arguments":"{\\"ci"}}]'
)

BREAKS: dict[str, tuple[Script, str, str, str, str]] = {
    "U11 silence": (streams(ONE), "restless", "idle_timeout", "timeout", "idle_silence"),
    "U12 too long": (never_ends, "brief", "total_timeout", "timeout", "total_timeout"),
    "U13 fin": (
        streams(ONE, then=Link.fin), "m", "upstream_truncated", "upstream_truncated",
        "upstream_truncated",
    ),
    "U14 a chunk cut": (
        says(STREAM_HEAD + chunks(ONE) + b"ff\r\ndata: {", then=Link.fin), "m",
        "upstream_truncated", "upstream_truncated", "upstream_truncated",
    ),
    "U15 rst": (
        streams(ONE, then=Link.rst), "m", "upstream_reset", "upstream_error", "upstream_reset",
    ),
    "U24 no last event": (
        streams(ONE, b""), "m", "upstream_truncated", "upstream_truncated", "upstream_truncated",
    ),
    "U26 an error told": (
        streams(ONE, ERROR_EVENT + ONE, DONE), "m", "overloaded", "upstream_error", "overloaded",
    ),
    "U28 an event too large": (
        streams(ONE, b"data: " + b"x" * 2 * MAX_EVENT), "m", "upstream_answer_too_large",
        "upstream_error", "upstream_answer_too_large",
    ),
    "U29 too many bytes": (
        streams(*[ONE] * (MAX_ANSWER // len(ONE) + 1)), "m", "upstream_answer_too_large",
        "upstream_error", "upstream_answer_too_large",
    ),
    "U29 too long": (never_ends, "brief", "total_timeout", "timeout", "total_timeout"),
    "U30 a trickle": (trickles, "restless", "idle_timeout", "timeout", "idle_trickle"),
    "U40 half a call of a tool": (
        streams(HALF_A_TOOL, then=Link.fin), "m", "upstream_truncated", "upstream_truncated",
        "upstream_truncated",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BREAKS)
async def test_a_stream_that_breaks_off_is_told_in_band_and_never_looks_whole(
    place: Place, upstream: Scripted, case: str
) -> None:
    """U11, U12, U13, U14, U15, U24, U26, U28, U29, U30, U40."""
    upstream.script, model, code, outcome, cause = BREAKS[case]
    answered = await ask(place.real, request(model=model))
    first = HALF_A_TOOL if case.startswith("U40") else ONE
    assert answered.status == 200
    assert answered.body.startswith(first)
    assert answered.error["code"] == code
    assert answered.body.endswith(b"}}\n\n")
    assert b"[DONE]" not in answered.wire
    assert not answered.whole
    assert SECRET.encode() not in answered.wire
    line = answered.line
    assert (line["outcome"], line["cause"], line["phase"]) == (outcome, cause, "streaming")
    (link,) = upstream.links
    # An answer that has come to its end leaves a good connection, whatever was missing in it.
    if not case.startswith("U24") and not link.closed:
        with trio.fail_after(1):
            await link.gone.wait()


CUT_ANYWHERE = CHUNK % "café".encode() + FINISH + DONE
LINES = ONE.removesuffix(b"\n\n").replace(b'"choices"', b'\ndata: "choices"') + b"\n\n"
USAGE = b'"usage":{"prompt_tokens":3,"completion_tokens":%d,"total_tokens":%d}'
COUNTED = ONE.replace(b'"choices"', USAGE % (1, 4) + b',"choices"')
LAST_COUNT = b'data: {"id":"c","choices":[],%b}\n\n' % (USAGE % (2, 5))
EARLY = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"

PASSES: dict[str, tuple[Script, bytes]] = {
    "U14 cut after its finish": (streams(ONE, FINISH, then=Link.fin), ONE + FINISH + DONE),
    "U16 not JSON": (streams(ONE, b"data: {\n\n", FINISH + DONE, b""), ONE + FINISH + DONE),
    "U16 not UTF-8": (streams(ONE, b": \xff\n\n", FINISH + DONE, b""), ONE + FINISH + DONE),
    "U17 byte by byte": (
        streams(*(CUT_ANYWHERE[at : at + 1] for at in range(len(CUT_ANYWHERE))), b""),
        CUT_ANYWHERE,
    ),
    "U18 all at once": (
        streams(ONE + LINES + ONE + FINISH + DONE, b""), ONE + LINES + ONE + FINISH + DONE,
    ),
    "U19 several data lines": (streams(LINES, FINISH + DONE, b""), LINES + FINISH + DONE),
    "U20 CRLF": (
        streams(ONE.replace(b"\n", b"\r\n"), FINISH + DONE, b""),
        ONE.replace(b"\n", b"\r\n") + FINISH + DONE,
    ),
    "U20 CR": (
        streams(ONE.replace(b"\n", b"\r"), FINISH + DONE, b""),
        ONE.replace(b"\n", b"\r") + FINISH + DONE,
    ),
    "U21 a byte order mark": (
        streams(b"\xef\xbb\xbf" + ONE, FINISH + DONE, b""), ONE + FINISH + DONE,
    ),
    "U22 comments, ids, retries": (
        streams(b": OPENROUTER PROCESSING\n\nid: 7\nretry: 1\n" + ONE, FINISH + DONE, b""),
        b": OPENROUTER PROCESSING\n\n" + ONE + FINISH + DONE,
    ),
    "U23 no [DONE]": (streams(ONE, FINISH, b""), ONE + FINISH + DONE),
    "U25 twice [DONE]": (streams(ONE, FINISH + DONE, DONE + ONE, b""), ONE + FINISH + DONE),
    "U27 usage in every chunk": (
        streams(COUNTED, FINISH, LAST_COUNT + DONE, b""), COUNTED + FINISH + DONE,
    ),
    "U32 informational answers first": (
        says(EARLY, STREAM_HEAD, chunks(ONE, FINISH + DONE, b"")), ONE + FINISH + DONE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PASSES)
async def test_what_an_sdk_would_stumble_over_arrives_as_a_whole_stream(
    place: Place, upstream: Scripted, case: str
) -> None:
    """U14, U16, U17, U18, U19, U20, U21, U22, U23, U25 in part, U27, U32."""
    upstream.script, body = PASSES[case]
    answered = await ask(place.real)
    assert (answered.status, answered.body, answered.whole) == (200, body, True)
    line = answered.line
    assert (line["outcome"], line["cause"]) == ("completed", None)
    assert line["malformed_events"] == case.startswith("U16")
    if case.startswith("U27"):
        assert (line["tokens_in"], line["tokens_out"]) == (3, 2)


async def test_a_completion_where_a_stream_was_asked_for_is_told_as_one(
    place: Place, upstream: Scripted
) -> None:
    """U9."""
    message = {"role": "assistant", "content": "hi"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    said = {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice]}
    upstream.script = says(answer("200 OK", json.dumps(said).encode()))
    answered = await ask(place.real)
    assert b'"content":"hi"' in answered.body
    assert answered.body.endswith(DONE)
    assert answered.whole


async def test_what_a_provider_puts_in_its_head_stays_outside(
    place: Place, upstream: Scripted
) -> None:
    """U34."""
    odd = b"set-cookie: a=b\r\nkeep-alive: timeout=5\r\nx-odd: \x80\r\n"
    head = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\n" + odd + b"\r\n")
    upstream.script = says(head, chunks(ONE, FINISH + DONE, b""))
    answered = await ask(place.real)
    assert answered.whole
    assert not {b"set-cookie", b"keep-alive", b"x-odd"} & answered.fields.keys()


LONG = "x" * 8_000_000


async def test_a_refusal_before_the_request_was_read_arrives(
    place: Place, nursery: trio.Nursery
) -> None:
    """U35."""

    async def refuses(link: Link) -> None:
        await link.send(answer("413 Too Large", told("too long", "too_long")))
        link.close()

    server = await listen(nursery, refuses, reads=False, receive_buffer=4096, port=place.up)
    answered = await ask(place.real, request(text=LONG))
    assert (answered.status, answered.error["code"]) == (413, "too_long")
    assert answered.seconds < 1
    assert len(server.links) == 1
    nursery.cancel_scope.cancel()


async def test_a_provider_that_does_not_take_the_request_holds_nothing_for_ever(
    place: Place, nursery: trio.Nursery
) -> None:
    """U36 in part: the clocks of the call end it too, in the middle of a write."""
    server = await listen(nursery, says(), reads=False, receive_buffer=4096, port=place.up)
    answered = await ask(place.real, request(text=LONG, model="hasty"))
    assert (answered.status, answered.error["code"]) == (504, "first_token_timeout")
    (link,) = server.links
    link.reading.set()
    with trio.fail_after(2):
        await link.gone.wait()
    assert len(link.received) < len(LONG)
    nursery.cancel_scope.cancel()


async def test_a_provider_that_reads_slowly_but_steadily_is_waited_for(
    place: Place, nursery: trio.Nursery
) -> None:
    """U36 in part."""
    script = streams(ONE, FINISH + DONE, b"")
    server = await listen(nursery, script, reads=False, receive_buffer=4096, port=place.up)

    async def read_late() -> None:
        link = await server.link(0)
        await trio.sleep(0.1)
        link.reading.set()

    nursery.start_soon(read_late)
    answered = await ask(place.real, request(text=LONG))
    assert answered.body == ONE + FINISH + DONE
    nursery.cancel_scope.cancel()


TABLES: dict[Callable[..., Awaitable[None]], Iterable[str]] = {
    test_a_provider_that_cannot_be_reached_is_told: UNREACHABLE,
    test_a_provider_that_cannot_be_trusted_is_asked_nothing: UNTRUSTED,
    test_what_goes_wrong_before_any_content_is_an_answer_of_its_own: REFUSALS,
    test_a_stream_that_breaks_off_is_told_in_band_and_never_looks_whole: BREAKS,
    test_what_an_sdk_would_stumble_over_arrives_as_a_whole_stream: PASSES,
}


@pytest.mark.parametrize("test", TABLES, ids=lambda test: test.__name__)
def test_each_test_names_the_rows_of_its_table(test: Callable[..., Awaitable[None]]) -> None:
    table = TABLES[test]
    assert marks_of(test.__doc__ or "").keys() == {case.partition(" ")[0] for case in table}


def test_the_reader_of_these_tests_knows_an_end_from_a_break() -> None:
    head = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    assert Told(head + chunks(ONE, b""), {}, 0).whole
    assert not Told(head + chunks(ONE), {}, 0).whole
    assert Told(head + chunks(ONE, ONE, b""), {}, 0).body == ONE + ONE
