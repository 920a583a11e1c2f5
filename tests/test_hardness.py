"""HTTP that was made to be misread: refused by name, never forwarded, and nobody else is hurt.

One real process stands between clients and a provider that keeps every byte it was sent. A stream
of another client is open all the while, and goes on at the end of each test as if nothing had been.
"""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from tests.config.texts import mistakes
from tests.fuzz.honest import BODY, CHUNKS, GET, SHORT, STOLEN, chunked, post, request
from tests.process import Gateway, gateway
from tests.scripted import Link, Received, Scripted, listen
from tests.stage import DONE, END, STOP, STREAM_HEAD, chunk, event

KEY = "sk-hardness-0123456789"
PATIENCE = 5
MOST_FRAMING = 65_536

CONFIG = f"""
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{{port}}/v1"
api_key = "{KEY}"
models = "*"
headers = {{{{ "X-Own" = "one" }}}}
"""


@dataclass
class Place:
    """The gateway, its provider, what that was asked, and a client whose stream is open."""

    real: Gateway
    other: trio.SocketStream
    provider: Scripted
    stream: Link
    asked: list[Received]
    reply: bytes = STREAM_HEAD + chunk(event("yes"), STOP, DONE) + END
    """What the provider answers."""

    async def say(self, wire: bytes) -> bytes:
        """Say bytes on a connection of their own; return all that is answered until it closes."""
        said = bytearray()
        client = await trio.open_tcp_stream("127.0.0.1", self.real.port)
        with trio.fail_after(PATIENCE):
            async with client:
                await client.send_all(wire)
                while data := await client.receive_some(65_536):
                    said += data
        return bytes(said)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    config = CONFIG.format(port=upstream_port)
    with gateway(tmp_path_factory.mktemp("hardness"), config) as running:
        yield running


@pytest.fixture
async def place(real: Gateway, upstream_port: int, nursery: trio.Nursery) -> AsyncIterator[Place]:
    """Open the other client's stream first; see at the end that it was not touched."""
    asked: list[Received] = []

    async def answer(link: Link) -> None:
        if link.number == 0:
            await link.request()
            await link.send(STREAM_HEAD + chunk(event("one")))
            return
        while True:
            asked.append(await link.request())
            await link.send(here.reply)

    provider = await listen(nursery, answer, port=upstream_port)
    async with await trio.open_tcp_stream("127.0.0.1", real.port) as other:
        await other.send_all(post())
        await read_to(other, b"one")
        here = Place(real, other, provider, await provider.link(0), asked)
        yield here
        await here.stream.send(chunk(event("two"), STOP, DONE) + END)
        assert b"two" in await read_to(other, b"0\r\n\r\n")
    assert "Traceback" not in real.log.read_text()
    nursery.cancel_scope.cancel()


async def read_to(stream: trio.SocketStream, mark: bytes) -> bytes:
    got = b""
    with trio.fail_after(PATIENCE):
        while mark not in got and (data := await stream.receive_some(65_536)):
            got += data
    return got


def statuses(said: bytes) -> list[int]:
    """Return the statuses of the answers, interim ones too."""
    return [int(part[:3]) for part in said.split(b"HTTP/1.1 ")[1:]]


def bare(wire: bytes) -> bytes:
    return wire.replace(b"\r\n", b"\n")


def lines(*fields: str, body: bytes = BODY) -> bytes:
    """Return a call with fields of its own, and the stolen request behind it."""
    return post(*fields, body=body) + STOLEN


SMUGGLED = {
    "both framings": (lines("Content-Length: 4", "Transfer-Encoding: chunked", body=CHUNKS), 400),
    "both framings, turned": (
        lines("Transfer-Encoding: chunked", "Content-Length: 4", body=CHUNKS), 400,
    ),
    "two lengths": (lines("Content-Length: 4"), 400),
    "one length twice": (lines(f"Content-Length: {len(BODY)}"), 400),
    "lengths in a list": (request("POST /v1/x", "Content-Length: 4, 4") + SHORT, 400),
    "a length with a sign": (request("POST /v1/x", "Content-Length: +7") + SHORT, 400),
    "a length in hex": (request("POST /v1/x", "Content-Length: 0x7") + SHORT, 400),
    "an endless length": (request("POST /v1/x", "Content-Length: 99999999999999999999"), 400),
    "another coding": (lines("Transfer-Encoding: gzip, chunked", body=CHUNKS), 400),
    "a coding twice": (
        lines("Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=CHUNKS), 400,
    ),
    "a coding with a parameter": (lines("Transfer-Encoding: chunked;q=1", body=CHUNKS), 400),
    "chunks in HTTP/1.0": (
        request("POST /v1/x", "Transfer-Encoding: chunked", body=CHUNKS, version="1.0"), 400,
    ),
    "a folded line": (lines("X-A: b", " Content-Length: 4"), 400),
    "a folded coding": (lines("Transfer-Encoding:\r\n chunked", body=CHUNKS), 400),
    "bare line feeds": (bare(GET), 400),
    "one bare line feed": (GET.replace(b"\r\n", b"\n", 1), 400),
    "a bare carriage return": (lines("X-A: b\rX-B: c"), 400),
    "a space before a colon": (lines("Transfer-Encoding : chunked", body=CHUNKS), 400),
    "a tab before a colon": (lines("Content-Length\t: 4"), 400),
    "a field without a name": (lines(": b"), 400),
    "a line without a colon": (lines("Content-Length"), 400),
    "a NUL in a field": (lines("X-A: \x00"), 400),
    "a control in a field": (lines("X-A: \x0b"), 400),
    "a NUL in the target": (GET.replace(b"/v1", b"/v1\x00"), 400),
    "no ASCII in the target": (GET.replace(b"/v1", b"/v\xe9"), 400),
    "a fragment in the target": (GET.replace(b"models", b"models#a"), 400),
    "an absolute target": (GET.replace(b"/v1", b"http://elsewhere/v1"), 400),
    "an authority": (GET.replace(b"GET /v1/models", b"CONNECT elsewhere:443"), 400),
    "dot segments": (GET.replace(b"/v1", b"/v1/%2e%2e"), 400),
    "no host": (request("GET /v1/models", host=""), 400),
    "two hosts": (lines("Host: elsewhere"), 400),
    "a host with a path": (request("GET /v1/models", host="localhost/?"), 400),
    "a host with a user": (request("GET /v1/models", host="a@localhost"), 400),
    "two spaces": (GET.replace(b"GET /", b"GET  /"), 400),
    "another version": (request("GET /v1/models", version="1.2"), 400),
    "an older version": (b"GET /v1/models\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "two empty lines": (b"\r\n\r\n" + GET, 400),
    "too many fields": (request("GET /v1/models", *["A: b"] * 100), 431),
    "a field that is too long": (request("GET /v1/models", "A: " + "b" * 8192), 431),
    "a target that is too long": (request("GET /" + "a" * 8192), 431),
    "a head that is too long": (request("GET /", *["A: " + "b" * 4000] * 9), 431),
    "a head without end": (b"GET /" + b"a" * 40_000, 431),
    "no chunk": (chunked(b"xyz\r\n" + SHORT) + STOLEN, 400),
    "a chunk's size with a sign": (chunked(b"+7\r\n" + SHORT + b"\r\n0\r\n\r\n"), 400),
    "a chunk's size in C": (chunked(b"0x7\r\n" + SHORT + b"\r\n0\r\n\r\n"), 400),
    "a negative size": (chunked(b"-7\r\n" + SHORT), 400),
    "an endless size": (chunked(b"fffffffffffffffff\r\n" + SHORT), 400),
    "a space behind a size": (chunked(b"7 \r\n" + SHORT + b"\r\n0\r\n\r\n"), 400),
    "a chunk that is too long": (chunked(b"3\r\n" + SHORT + b"\r\n0\r\n\r\n") + STOLEN, 400),
    "a chunk with a bare end": (chunked(b"7\n" + SHORT + b"\n0\n\n") + STOLEN, 400),
    "a chunk that ends in LF": (chunked(b"7\r\n" + SHORT + b"\n0\r\n\r\n") + STOLEN, 400),
    "an extension with a bare end": (chunked(b"7;a\n" + SHORT + b"\r\n0\r\n\r\n") + STOLEN, 400),
    "trailers": (chunked(CHUNKS[:-2] + b"X-A: b\r\n\r\n") + STOLEN, 400),
    "a length for a trailer": (chunked(CHUNKS[:-2] + b"Content-Length: 4\r\n\r\n") + STOLEN, 400),
    "endless extensions": (chunked(b"7;" + b"x" * (MOST_FRAMING + 1)), 400),
}  # fmt: skip


@pytest.mark.parametrize("name", SMUGGLED)
async def test_r2_what_could_smuggle_is_refused_and_the_connection_closed(
    place: Place, name: str
) -> None:
    """R2, R8, R18, C21: one answer, the end of the connection, and not a byte to the provider."""
    wire, status = SMUGGLED[name]
    said = await place.say(wire)
    assert statuses(said) == [status]
    assert b"connection: close\r\n" in said
    assert b"x-request-id: req_" in said
    assert len(place.provider.links) == 1


@pytest.mark.parametrize("name", ["both framings", "a folded line", "no chunk", "trailers"])
async def test_c14_a_good_request_before_it_is_answered_and_nothing_behind_it(
    place: Place, name: str
) -> None:
    """R2, C14: what follows the end of the first request is refused by itself."""
    wire, status = SMUGGLED[name]
    assert statuses(await place.say(GET + post() + wire)) == [200, 200, status]
    assert [request.body for request in place.asked] == [place.asked[0].body]
    assert json.loads(place.asked[0].body)["messages"] == json.loads(BODY)["messages"]


EXTENDED = {
    "a name": b";name",
    "a value": b";name=value",
    "a text": b';name="\t\x80 Content-Length: 4 ;"',
    "some": b";a;b=c;d",
    "a long one": b";" + b"x" * 20_000,
}


@pytest.mark.parametrize("name", EXTENDED)
async def test_r3_chunk_extensions_are_ignored_and_never_forwarded(place: Place, name: str) -> None:
    """R3: the provider is sent the data alone, with a length of our own."""
    half = len(BODY) // 2
    parts = (BODY[:half], BODY[half:])
    wire = b"".join(b"%x%b\r\n%b\r\n" % (len(part), EXTENDED[name], part) for part in parts)
    wire += b"0" + EXTENDED[name] + b"\r\n\r\n"
    said = await place.say(chunked(wire, "Connection: close"))
    assert statuses(said) == [200]
    (asked,) = place.asked
    assert asked.values(b"transfer-encoding") == []
    assert asked.values(b"content-length") == [b"%d" % len(asked.body)]
    assert EXTENDED[name] not in asked.head + asked.body
    assert json.loads(asked.body)["messages"] == json.loads(BODY)["messages"]


UPGRADE = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ")


async def test_c15_a_request_in_the_body_of_an_upgrade_is_a_body(place: Place) -> None:
    """C15, R19: one call with that body, of which the house thinks no more than of any other."""
    last = request("GET /healthz", "Connection: close")
    assert statuses(await place.say(post(*UPGRADE, body=STOLEN) + last)) == [400, 200]
    length = len(STOLEN)
    (line,) = await place.real.wait_for_lines(1, lambda line: line["bytes_in"] == length)
    assert (line["path"], line["status"]) == ("/v1/chat/completions", 400)
    assert [line for line in place.real.lines() if "stolen" in line["path"]] == []
    assert place.asked == []


async def test_c15_a_call_that_offers_an_upgrade_is_a_call(place: Place) -> None:
    """C15."""
    for wire in (post(*UPGRADE, "Connection: close"), post("Connection: close", *UPGRADE)):
        assert statuses(await place.say(wire)) == [200]
    assert len(place.asked) == 2
    assert all(asked.values(b"upgrade") == [] for asked in place.asked)


@pytest.mark.parametrize(
    "sent", ["Connection: x-secret", "Connection: Authorization, Host, Content-Length"]
)
async def test_r7_what_belongs_to_one_connection_never_crosses(place: Place, sent: str) -> None:
    """R7, R3: whatever the client lists, none of its fields reaches the provider."""
    more = ("X-Secret: 1", "Proxy-Authorization: Basic eA==", "TE: trailers", "Trailer: X-A")
    credentials = ("Authorization: Bearer sk-of-the-client", "Cookie: a=b", "X-Api-Key: sk-other")
    await place.say(post(sent, *more, *credentials, "Connection: close"))
    (asked,) = place.asked
    assert asked.values(b"authorization") == [b"Bearer " + KEY.encode()]
    assert asked.values(b"host") == [b"127.0.0.1:%d" % place.provider.port]
    for name in (b"x-secret", b"proxy-authorization", b"te", b"trailer", b"cookie", b"x-api-key"):
        assert asked.values(name) == []
    assert b"sk-of-the-client" not in asked.head


THEIRS = (
    b"Connection: keep-alive, X-RateLimit-Hop",
    b"X-RateLimit-Hop: of one connection",
    b"X-RateLimit-Limit: 5",
    b"Proxy-Authenticate: Basic",
    b"WWW-Authenticate: Bearer",
    b"Upgrade: h2c",
    b"Trailer: X-A",
    b"Set-Cookie: a=b",
)


@pytest.mark.parametrize("status", [b"200 OK", b"429 Slow Down"])
async def test_r7_what_belongs_to_a_providers_connection_never_comes_back(
    place: Place, status: bytes
) -> None:
    """R7, U34 in part."""
    place.reply = place.reply.replace(b"200 OK", b"\r\n".join([status, *THEIRS]))
    said = await place.say(post("Connection: close"))
    head = said.partition(b"\r\n\r\n")[0].lower()
    assert b"x-ratelimit-limit: 5" in head
    for line in THEIRS:
        if not line.startswith(b"X-RateLimit-Limit"):
            assert line.lower() not in head


@pytest.mark.parametrize(
    "model",
    ["m\r\nX-Injected: 1", "m\nX-Injected: 1", "m\r\n\r\nGET /x HTTP/1.1", "m\x00", "m\x85"],
)
async def test_r10_no_model_brings_a_field_of_its_own(place: Place, model: str) -> None:
    """R5, R10: neither as a model nor as an id in a path does it get into a head."""
    body = json.dumps({**json.loads(BODY), "model": model}).encode()
    said = await place.say(post("Connection: close", body=body))
    assert statuses(said) == [400]
    encoded = "".join(f"%{byte:02x}" for byte in model.encode())
    shown = await place.say(request(f"GET /v1/models/{encoded}", "Connection: close"))
    assert statuses(shown) == [400]
    assert place.asked == []
    for answer in (said, shown):
        assert b"injected" not in answer.partition(b"\r\n\r\n")[0].lower()


async def test_r5_what_stands_in_a_field_of_the_body_stays_there(place: Place) -> None:
    """R5: it is data for the provider, escaped as it came."""
    evil = "x\r\nX-Injected: 1\r\n\r\n"
    body = json.dumps({**json.loads(BODY), "user": evil, evil: evil}).encode()
    assert statuses(await place.say(post("Connection: close", body=body))) == [200]
    (asked,) = place.asked
    assert b"injected" not in asked.head.lower()
    sent = json.loads(asked.body)
    assert (sent["user"], sent[evil]) == (evil, evil)


@pytest.mark.parametrize(
    "given",
    ["a b", "a\tb", "a:b", "\xe9", "a" * 129, "a;b", "<script>", "%0d%0aX-Injected:1", "", '"'],
)
async def test_r5_a_request_id_is_taken_only_if_it_is_one(place: Place, given: str) -> None:
    """R5: any other is replaced by an id of the house."""
    said = await place.say(request("GET /healthz", f"X-Request-Id: {given}", "Connection: close"))
    assert b"\r\nx-request-id: req_" in said
    kept = await place.say(request("GET /healthz", "X-Request-Id: a.b-C_9", "Connection: close"))
    assert b"\r\nx-request-id: a.b-C_9\r\n" in kept


async def test_r5_a_request_id_with_a_line_end_is_a_field_more_and_refused_where_it_is_none(
    place: Place,
) -> None:
    """R5."""
    said = await place.say(request("GET /v1/models", "X-Request-Id: a\rX-Injected: 1"))
    assert statuses(said) == [400]
    assert b"X-Injected" not in said


CONFIGURED = {
    "a value": 'headers = { "X-Own" = "a\\r\\nX-Injected: 1" }',
    "a name": 'headers = { "X-Own: 1\\r\\nX" = "a" }',
    "a key": 'api_key = "sk-0123456789\\r\\nX-Injected: 1"',
    "a host": 'base_url = "http://a\\r\\nX-Injected: 1/v1"',
    "a path": 'base_url = "http://a.example/v1\\r\\nX-Injected: 1"',
}


@pytest.mark.parametrize("name", CONFIGURED)
def test_r5_no_configured_value_can_split_a_request(name: str, tmp_path: Path) -> None:
    """R5: it is a mistake with its line, and the gateway does not start."""
    line = CONFIGURED[name]
    address = "" if line.startswith("base_url") else 'base_url = "http://a.example/v1"\n'
    text = f'[providers.up]\nkind = "openai"\nmodels = ["m"]\n{address}{line}\n'
    (said,) = mistakes(text, tmp_path)
    assert said.startswith(f"gateway.toml:{text.count(chr(10))}: providers.up.")
    assert said.isprintable()


INTERIM = b"HTTP/1.1 103 Early Hints\r\nX-RateLimit-Early: 1\r\n\r\n"


async def test_u32_interim_answers_are_for_the_gateway_alone(place: Place) -> None:
    """U32, R4: eight at most; and a switch of protocols is none."""
    final = place.reply
    place.reply = INTERIM * 8 + final
    said = await place.say(post("Connection: close"))
    assert statuses(said) == [200]
    assert b"early" not in said.lower()
    for bad in (INTERIM * 9 + final, INTERIM.replace(b"103", b"101") + final):
        place.reply = bad
        assert statuses(await place.say(post("Connection: close"))) == [502]


async def test_leave_to_send_a_body_is_given_once_and_only_where_it_can_be(place: Place) -> None:
    """C16 in part: a client that stays is served; HTTP/1.0 knows no leave, and waits for none."""
    async with await trio.open_tcp_stream("127.0.0.1", place.real.port) as client:
        await client.send_all(post("Expect: 100-continue", "Connection: close")[: -len(BODY)])
        assert await read_to(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send_all(BODY)
        assert statuses(await read_to(client, b"0\r\n\r\n")) == [200]
    old = request("POST /v1/chat/completions", "Content-Type: application/json",
                  "Expect: 100-continue", body=BODY, version="1.0")  # fmt: skip
    assert statuses(await place.say(old)) == [200]


async def test_r8_a_providers_trailers_are_dropped(place: Place) -> None:
    """R8."""
    place.reply = (
        place.reply.removesuffix(b"\r\n") + b"X-RateLimit-Late: 1\r\nSet-Cookie: a\r\n\r\n"
    )
    said = await place.say(post("Connection: close"))
    assert statuses(said) == [200]
    assert said.endswith(b"0\r\n\r\n")
    assert b"late" not in said.lower()


SPLIT = {
    "two answers at once": STREAM_HEAD + END + STREAM_HEAD + chunk(event("stolen")) + END,
    "both framings": STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n") + END,
    "a folded field": STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nX-A: b\r\n c\r\n\r\n") + END,
    "a bare carriage return": STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nX-A: b\rc\r\n\r\n") + END,
    "bare line feeds": bare(STREAM_HEAD) + END,
}


@pytest.mark.parametrize("name", SPLIT)
async def test_r4_no_answer_of_a_provider_is_read_in_two_ways(place: Place, name: str) -> None:
    """R4, U38: it fails the call that it belongs to, and the next has a connection anew."""
    good, place.reply = place.reply, SPLIT[name]
    said = await place.say(post("Connection: close"))
    assert statuses(said) == [502]
    assert b"stolen" not in said
    place.reply = good
    assert b"yes" in await place.say(post("Connection: close"))
    assert len(place.provider.links) == 3
