"""What must never pass: secrets, other people's words, addresses and headers that nobody allowed.

The real process stands between a client and two providers on real sockets; the numbers are those of
docs/security.md.
"""

import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest
import trio

from tests.process import Gateway, gateway
from tests.scripted import Link, Received, listen

SECRET = "sk-canary-0123456789-kept-for-one-provider"
OTHER_SECRET = "sk-canary-9876543210-kept-for-the-other"
CLIENTS_SECRET = "sk-canary-5555555555-shown-by-the-client"
PROMPT = "the canary sings at midnight"
NOT_ASCII = b"caf\xe9"

ANSWER = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "yes", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
    }
).encode()

CONFIG = """
[providers.one]
kind = "openai"
base_url = "http://127.0.0.1:{one}/v1"
api_key = "{secret}"
models = ["m"]
headers = {{ "X-Own" = "café" }}

[providers.other]
kind = "openai"
base_url = "http://127.0.0.1:{other}/v1"
api_key = "{other_secret}"
prefix = "other/"
"""


@dataclass(frozen=True)
class Place:
    """The gateway, and where its two providers are to listen."""

    real: Gateway
    one: int
    other: int


@dataclass(frozen=True)
class Answered:
    """An answer as a client got it."""

    wire: bytes

    @property
    def status(self) -> int:
        return int(self.wire[9:12])

    @property
    def fields(self) -> dict[bytes, bytes]:
        head = self.wire.partition(b"\r\n\r\n")[0]
        lines = (line.partition(b": ") for line in head.split(b"\r\n")[1:])
        return {name: value for name, _, value in lines}

    @property
    def code(self) -> str:
        code: str = json.loads(self.wire.partition(b"\r\n\r\n")[2])["error"]["code"]
        return code


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        one, other = first.getsockname()[1], second.getsockname()[1]
    config = CONFIG.format(one=one, other=other, secret=SECRET, other_secret=OTHER_SECRET)
    with gateway(tmp_path_factory.mktemp("security"), config, "--log-level", "debug") as real:
        yield Place(real, one, other)


def chat(model: str = "m", **more: object) -> bytes:
    return json.dumps(
        {"model": model, "messages": [{"role": "user", "content": PROMPT}], **more}
    ).encode()


async def ask(
    real: Gateway, body: bytes = b"", *lines: bytes, start: bytes = b"POST /v1/chat/completions"
) -> Answered:
    """Ask with header lines of one's own, and read to the end of the connection."""
    fields = [b"Connection: close", b"Content-Length: %d" % len(body), *lines]
    if not any(line.lower().startswith(b"host:") for line in lines):
        fields.append(b"Host: localhost")
    if not any(line.lower().startswith(b"content-type:") for line in lines):
        fields.append(b"Content-Type: application/json")
    return await say(real, b"\r\n".join([start + b" HTTP/1.1", *fields, b"", body]))


async def say(real: Gateway, wire: bytes) -> Answered:
    answer = bytearray()
    client = await trio.open_tcp_stream("127.0.0.1", real.port)
    with trio.fail_after(5):
        async with client:
            await client.send_all(wire)
            while data := await client.receive_some(65_536):
                answer += data
    return Answered(bytes(answer))


def answers(
    body: bytes = ANSWER, status: bytes = b"200 OK", *lines: bytes, asked: list[Received]
) -> Callable[[Link], Awaitable[None]]:
    """Return the script of a provider that keeps what it was asked and answers the same to all."""
    media = b"text/event-stream" if body.startswith(b"data:") else b"application/json"
    fields = [b"content-type: " + media, b"content-length: %d" % len(body), *lines]

    async def script(link: Link) -> None:
        while True:
            asked.append(await link.request())
            await link.send(b"\r\n".join([b"HTTP/1.1 " + status, *fields, b"", body]))

    return script


def names(head: bytes) -> list[bytes]:
    return sorted(line.partition(b":")[0] for line in head.split(b"\r\n")[1:])


CLIENTS_FIELDS = [
    b"Authorization: Bearer " + CLIENTS_SECRET.encode(),
    b"Cookie: session=1",
    b"Forwarded: for=9.9.9.9;host=evil.example",
    b"X-Forwarded-For: 9.9.9.9",
    b"X-Forwarded-Host: evil.example",
    b"X-Real-Ip: 9.9.9.9",
    b"X-Listed: one",
    b"TE: trailers",
    b"Keep-Alive: timeout=5",
    b"Proxy-Authorization: Basic eA==",
    b"OpenAI-Organization: somebody",
    b"User-Agent: curl",
    b"Accept-Encoding: gzip",
]


async def test_r3_r9_a_request_to_a_provider_is_built_and_not_copied(
    place: Place, nursery: trio.Nursery
) -> None:
    """C27 in part, R3, R9: no field of the client's crosses; the key is the provider's."""
    asked: list[Received] = []
    await listen(nursery, answers(asked=asked), port=place.one)
    answer = await ask(place.real, chat(), *CLIENTS_FIELDS)
    assert answer.status == 200
    (request,) = asked
    assert request.line == b"POST /v1/chat/completions HTTP/1.1"
    assert names(request.head) == [
        b"accept",
        b"accept-encoding",
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"user-agent",
        b"x-own",
    ]
    assert request.values(b"authorization") == [b"Bearer " + SECRET.encode()]
    assert request.values(b"accept-encoding") == [b"identity"]
    assert request.values(b"host") == [b"127.0.0.1:%d" % place.one]
    nursery.cancel_scope.cancel()


async def test_r6_header_values_stay_bytes(place: Place, nursery: trio.Nursery) -> None:
    """R6: what is no ASCII breaks nothing, on the way there or back."""
    asked: list[Received] = []
    note = b"x-ratelimit-note: " + NOT_ASCII
    await listen(nursery, answers(ANSWER, b"200 OK", note, asked=asked), port=place.one)
    answer = await ask(place.real, chat(), b"X-Name: " + NOT_ASCII, b"User-Agent: " + NOT_ASCII)
    assert answer.status == 200
    assert answer.fields[b"x-ratelimit-note"] == NOT_ASCII
    assert asked[0].values(b"x-own") == ["café".encode()]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("status", [b"200 OK", b"429 Too Many Requests"])
async def test_r7_only_named_fields_of_a_provider_pass(
    place: Place, nursery: trio.Nursery, status: bytes
) -> None:
    """U34, R7."""
    asked: list[Received] = []
    theirs = [
        b"Set-Cookie: a=b",
        b"Date: Thu, 01 Jan 1970 00:00:00 GMT",
        b"Server: theirs",
        b"Connection: keep-alive, x-listed",
        b"X-Listed: one",
        b"X-Request-Id: theirs",
        b"Alt-Svc: h3",
        b"Access-Control-Allow-Origin: *",
        b"X-RateLimit-Remaining-Requests: 7",
        b"OpenAI-Processing-Ms: 12",
    ]
    await listen(nursery, answers(ANSWER, status, *theirs, asked=asked), port=place.one)
    answer = await ask(place.real, chat())
    passed = {b"x-ratelimit-remaining-requests"}
    if status.startswith(b"200"):
        passed |= {b"openai-processing-ms"}
    framing = {b"transfer-encoding"} if b"transfer-encoding" in answer.fields else set()
    ours = {b"connection", b"content-type", b"date", b"x-request-id", b"x-gateway-attempts"}
    assert set(answer.fields) - {b"content-length"} - framing == ours | passed
    assert answer.fields[b"connection"] == b"close"
    assert answer.fields[b"x-request-id"] != b"theirs"
    assert not answer.fields[b"date"].endswith(b"1970 00:00:00 GMT")
    nursery.cancel_scope.cancel()


SAID = f"Wrong key {SECRET} for the question {PROMPT}."
TOLD = json.dumps(
    {"error": {"message": SAID, "type": SECRET, "code": f"not-{SECRET}", "param": SECRET}}
).encode()
FIRST = b'data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
TELLING: dict[str, tuple[bytes, bytes, int]] = {
    "an error of the request": (TOLD, b"400 Bad Request", 400),
    "a refusal of the key": (TOLD, b"401 Unauthorized", 502),
    "a failure in plain text": (SAID.encode(), b"500 Oh", 500),
    "an error as the first event": (b"data: %b\n\n" % TOLD, b"200 OK", 502),
    "an error in mid-stream": (b"%bdata: %b\n\n" % (FIRST, TOLD), b"200 OK", 200),
    "an event that is no JSON": (b"data: [%b\n\n" % SAID.encode(), b"200 OK", 502),
    "an answer": (ANSWER, b"200 OK", 200),
}
"""What a provider answers, with its status and the one that the client is to be given."""


@pytest.mark.parametrize("told", TELLING)
async def test_r11_r21_no_secret_and_no_prompt_gets_where_it_does_not_belong(
    place: Place, nursery: trio.Nursery, told: str
) -> None:
    """R11, R21, S5: the log never holds them; a client never sees the provider's key."""
    body, status, given = TELLING[told]
    asked: list[Received] = []
    limits = b"X-RateLimit-Key: " + SECRET.encode()
    await listen(nursery, answers(body, status, limits, asked=asked), port=place.one)
    lines = len(place.real.lines())
    stream = body.startswith(b"data:")
    shown = b"Authorization: Bearer " + CLIENTS_SECRET.encode()
    answer = await ask(
        place.real,
        chat(stream=stream, x=PROMPT),
        shown,
        b"X-Api-Key: " + CLIENTS_SECRET.encode(),
        start=f"POST /v1/chat/completions?key={CLIENTS_SECRET}".encode(),
    )
    assert len(asked) == 1
    assert answer.status == given
    assert SECRET.encode() not in answer.wire
    assert PROMPT.encode() not in answer.wire.partition(b"\r\n\r\n")[0]
    await place.real.wait_for_lines(lines + 1)
    assert_log_is_clean(place.real)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"m","messages":[{"role":"user","content":"%b"}' % PROMPT.encode(),
        b'{"model":"m","messages":"%b"}' % PROMPT.encode(),
        b'{"model":"m","messages":[{}],"stream":"%b"}' % PROMPT.encode(),
        b"%b \xff" % PROMPT.encode(),
        b"",
    ],
)
async def test_r21_a_refused_request_is_not_repeated(place: Place, body: bytes) -> None:
    lines = len(place.real.lines())
    answer = await ask(place.real, body)
    assert answer.status == 400
    assert PROMPT.encode() not in answer.wire
    await place.real.wait_for_lines(lines + 1)
    assert_log_is_clean(place.real)


def assert_log_is_clean(real: Gateway) -> None:
    log = real.log.read_text()
    for canary in (SECRET, OTHER_SECRET, CLIENTS_SECRET, PROMPT):
        assert canary not in log
    assert "Traceback" not in log


async def test_s13_a_key_is_shown_to_its_own_provider_alone(
    place: Place, nursery: trio.Nursery
) -> None:
    """S13: alias to route to key, from the plan; a name that is no route is one 404."""
    one: list[Received] = []
    other: list[Received] = []
    await listen(nursery, answers(asked=one), port=place.one)
    await listen(nursery, answers(asked=other), port=place.other)
    for model in ("m", "other/m", "other/one/m", "other/other/m"):
        assert (await ask(place.real, chat(model))).status == 200
    for model in ("one/m", "other/", "other", "M", " m", "m\u0301"):
        answer = await ask(place.real, chat(model))
        assert (answer.status, answer.code) == (404, "model_not_found")
    assert {request.values(b"authorization")[0] for request in one} == {
        b"Bearer " + SECRET.encode()
    }
    assert {request.values(b"authorization")[0] for request in other} == {
        b"Bearer " + OTHER_SECRET.encode()
    }
    assert [json.loads(request.body)["model"] for request in other] == ["m", "one/m", "other/m"]
    nursery.cancel_scope.cancel()


async def test_s14_nothing_in_a_request_chooses_an_address(
    place: Place, nursery: trio.Nursery
) -> None:
    """R1, S14: fields that name an address are data; a model's name never becomes a path."""
    asked: list[Received] = []
    strange: list[Received] = []
    await listen(nursery, answers(asked=asked), port=place.other)
    decoy = await listen(nursery, answers(asked=strange))
    url = f"http://127.0.0.1:{decoy.port}/v1"
    said = {"base_url": url, "api_base": url, "custom_host": url, "endpoint": url}
    fields = [b"X-Base-Url: ", b"X-Custom-Host: ", b"X-Forwarded-Host: ", b"X-Upstream: "]
    models = ["../../x", url, f"//127.0.0.1:{decoy.port}/", "a?b#c", "a\\..\\b"]
    for model in models:
        body = chat("other/" + model, **said)
        answer = await ask(place.real, body, *[field + url.encode() for field in fields])
        assert answer.status == 200
    absolute = b"POST " + url.encode() + b"/chat/completions"
    assert (await ask(place.real, chat(), start=absolute)).status == 400
    assert (await ask(place.real, chat(), b"Host: 127.0.0.1:%d" % decoy.port)).status in {200, 502}
    assert {request.line for request in asked} == {b"POST /v1/chat/completions HTTP/1.1"}
    assert [json.loads(request.body)["model"] for request in asked] == models
    assert all(json.loads(request.body)["base_url"] == url for request in asked)
    assert decoy.links == []
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"Host: evil.example", 403),
        (b"Host: 127.0.0.1.evil.example", 403),
        (b"Sec-Fetch-Site: cross-site", 403),
        (b"Sec-Fetch-Site: same-site", 403),
        (b"Content-Type: text/plain", 415),
        (b"Content-Type: application/x-www-form-urlencoded", 415),
        (b"Content-Encoding: gzip", 415),
    ],
)
async def test_r16_r27_a_web_page_cannot_use_a_keyless_gateway(
    place: Place, line: bytes, status: int
) -> None:
    """R27, and R16 for compressed bodies."""
    answer = await ask(place.real, chat(), line)
    assert answer.status == status


async def test_r23_no_page_is_ever_given_leave(place: Place) -> None:
    """C28 in part, R23: no CORS header on any answer, and a preflight is a wrong method."""
    origin = b"Origin: https://evil.example"
    preflight = await ask(
        place.real,
        b"",
        origin,
        b"Access-Control-Request-Method: POST",
        start=b"OPTIONS /v1/chat/completions",
    )
    models = await ask(place.real, b"", origin, start=b"GET /v1/models")
    assert (preflight.status, models.status) == (405, 200)
    for answer in (preflight, models):
        assert not [name for name in answer.fields if name.startswith(b"access-control")]


async def test_r19_http_2_is_not_spoken(place: Place) -> None:
    answer = await say(place.real, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
    assert answer.status == 400
    assert b"connection: close" in answer.wire
