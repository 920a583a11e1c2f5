"""One client connection, from accept to close, in virtual time."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from gateway.downstream.connection import LINGER_BYTES, LINGER_TIMEOUT, Connection
from gateway.downstream.options import HttpOptions
from tests.caller import Caller, Line
from tests.stage import (
    COMPLETION,
    PEER,
    STREAM_HEAD,
    WHOLE_STREAM,
    Stage,
    answer,
    chat,
    chunk,
    event,
    get,
    post,
)

pytest_plugins = ("tests.onstage",)

MODELS = get("/v1/models")
CRLF = b"\r\n"


async def test_a_connection_carries_one_request_after_another(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(*WHOLE_STREAM)
    caller = stage.connect()
    for wire, media in ((MODELS, "application/json"), (chat(), "text/event-stream; charset=utf-8")):
        caller.send(wire)
        reply = await caller.reply()
        assert (reply.status, reply.whole, reply.get("content-type")) == (200, True, media)
        assert reply.get("connection") == "keep-alive"
        await trio.sleep(60)
    assert not caller.line.closed
    assert [receipt.outcome for receipt in stage.book.receipts] == ["completed", "completed"]


async def test_c14_pipelined_requests_are_answered_in_order(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C14."""
    stage.provider(*WHOLE_STREAM).then(answer(200, COMPLETION))
    caller = stage.ask(chat() + get("/healthz") + chat(stream=False) + get("/v1/models/m"))
    assert (await caller.reply()).text == "hello"
    assert (await caller.reply()).body == b'{"status":"ok"}'
    assert (await caller.reply()).body == COMPLETION
    assert json.loads((await caller.reply()).body)["id"] == "m"
    await stage.calls.ended()
    assert [receipt.path for receipt in stage.book.receipts] == [
        "/v1/chat/completions", "/healthz", "/v1/chat/completions", "/v1/models/m",
    ]  # fmt: skip


async def test_bytes_that_come_one_by_one_are_the_same_requests(
    stage: Stage, autojump_clock: MockClock
) -> None:
    provider = stage.provider(*WHOLE_STREAM)
    wire = chat() + MODELS
    caller = stage.ask(*(wire[index : index + 1] for index in range(len(wire))))
    assert (await caller.reply()).text == "hello"
    assert (await caller.reply()).status == 200
    assert provider.sent_json()["messages"] == [{"role": "user", "content": "hello"}]


@pytest.mark.parametrize(
    "parts", [[CRLF + MODELS], [b"\r", b"\n", MODELS], [b"\r", b"\n" + MODELS]]
)
async def test_c14_an_empty_line_may_stand_between_requests(
    stage: Stage, parts: list[bytes], autojump_clock: MockClock
) -> None:
    """C14."""
    caller = stage.ask(*parts)
    assert (await caller.reply()).status == 200
    caller.send(*parts)
    assert (await caller.reply()).status == 200


@pytest.mark.parametrize(
    "parts", [[CRLF + CRLF + MODELS], [CRLF, CRLF, MODELS], [b"\r\n\r", b"\n"]]
)
async def test_c21_two_empty_lines_are_no_request(
    stage: Stage, parts: list[bytes], autojump_clock: MockClock
) -> None:
    """C21."""
    assert (await stage.ask(*parts).reply()).status == 400


async def test_stray_bytes_after_a_body_do_not_hide_the_clients_leaving(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C14."""
    provider = stage.provider()
    caller = stage.ask(chat() + CRLF)
    await provider.asked.wait()
    await trio.sleep(7)
    caller.leave()
    assert (await stage.receipt()).outcome == "client_gone"
    assert provider.closed_at == 7


MALFORMED = {
    "not http": (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    "http/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "bare line feed": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "no host": (b"GET /v1/models HTTP/1.1\r\n\r\n", 400),
    "two framings": (
        post(b"0\r\n\r\n", "Transfer-Encoding: chunked", "Content-Length: 5"),
        400,
    ),
    "absolute target": (get("http://elsewhere/v1/models"), 400),
    "dot segments": (get("/v1/../healthz"), 400),
    "too many fields": (get("/v1/models", *["A: b"] * 100), 431),
    "a long field": (get("/v1/models", "A: " + "b" * 9000), 431),
    "a head without end": (b"GET /" + b"a" * 33_000, 431),
}


@pytest.mark.parametrize(("wire", "status"), MALFORMED.values(), ids=MALFORMED)
async def test_c21_what_is_no_request_is_told_so_and_the_connection_closed(
    stage: Stage, wire: bytes, status: int, autojump_clock: MockClock
) -> None:
    """C21."""
    provider = stage.provider(*WHOLE_STREAM[:1])
    other = stage.ask(chat())
    await provider.asked.wait()
    caller = stage.ask(wire + MODELS)
    reply = await caller.reply()
    assert (reply.status, reply.error["type"]) == (status, "invalid_request_error")
    assert reply.get("x-request-id") == "req_2"
    assert reply.get("connection") == "close"
    assert await caller.read(1) == b""
    caller.leave()
    await caller.hung_up()
    assert len(caller.line.writes) == 1
    provider.say(*WHOLE_STREAM[1:])
    assert (await other.reply()).text == "hello"
    assert stage.accepted == 1


async def test_c21_a_malformed_head_after_a_good_one_closes_the_connection(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C21."""
    caller = stage.ask(MODELS + b"GET / HTTP/9.9\r\n\r\n")
    assert (await caller.reply()).status == 200
    assert (await caller.reply()).status == 400
    assert await caller.read(1) == b""


async def test_c11_a_silent_client_is_closed_without_a_word(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C11."""
    caller = stage.connect()
    assert await caller.hung_up() == stage.http.head_timeout
    assert caller.line.writes == []
    assert stage.accepted == 0


async def test_c11_a_slow_head_is_refused(stage: Stage, autojump_clock: MockClock) -> None:
    """C11."""
    caller = stage.connect()
    await trio.sleep(5)
    for byte in MODELS[:-1]:
        caller.send(bytes([byte]))
        await trio.sleep(0.3)
    reply = await caller.reply()
    assert (reply.status, reply.error["code"]) == (408, "request_head_timeout")
    assert (reply.get("x-should-retry"), reply.get("x-request-id")) == ("false", "req_1")
    ((at, _),) = caller.line.writes
    assert at == 5 + stage.http.head_timeout


async def test_an_idle_connection_is_kept_for_a_while(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.http = HttpOptions(keep_alive=75.0)
    caller = stage.ask(MODELS)
    await caller.reply()
    assert await caller.hung_up() == 75
    assert len(caller.line.writes) == 1


async def test_c11_a_second_head_has_its_clock_from_its_first_byte(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C11."""
    caller = stage.ask(MODELS)
    await caller.reply()
    await trio.sleep(60)
    caller.send(b"GET")
    assert (await caller.reply()).status == 408
    assert trio.current_time() == 60 + stage.http.head_timeout


async def test_c11_a_pipelined_head_that_is_not_whole_has_its_clock_at_once(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C11."""
    caller = stage.ask(MODELS + b"GET")
    assert (await caller.reply()).status == 200
    assert (await caller.reply()).status == 408
    assert trio.current_time() == stage.http.head_timeout


@pytest.mark.parametrize("begun", [b"", b"GET /v1/mod"])
async def test_a_client_that_ends_between_requests_is_let_go(
    stage: Stage, begun: bytes, autojump_clock: MockClock
) -> None:
    caller = stage.ask(MODELS + begun)
    await caller.reply()
    await trio.sleep(3)
    caller.leave()
    assert await caller.hung_up() == 3
    assert len(caller.line.writes) == 1
    assert stage.accepted == 1


async def test_a_client_that_resets_between_requests_is_let_go(
    stage: Stage, autojump_clock: MockClock
) -> None:
    caller = stage.ask(MODELS)
    await caller.reply()
    caller.leave("rst")
    assert await caller.hung_up() == 0


async def test_a_client_that_says_close_is_closed(stage: Stage, autojump_clock: MockClock) -> None:
    caller = stage.ask(get("/v1/models", "Connection: close") + MODELS)
    reply = await caller.reply()
    assert (reply.status, reply.get("connection")) == (200, "close")
    assert await caller.read(1) == b""


async def test_an_old_client_is_closed_unless_it_asks_otherwise(
    stage: Stage, autojump_clock: MockClock
) -> None:
    caller = stage.ask(get("/v1/models", "Connection: keep-alive", version="1.0"))
    assert (await caller.reply()).get("connection") == "keep-alive"
    caller.send(get("/v1/models", version="1.0"))
    assert (await caller.reply()).get("connection") == "close"
    assert await caller.read(1) == b""


@pytest.mark.parametrize("fields", [[], ["Connection: keep-alive"]])
async def test_an_old_clients_stream_ends_with_its_connection(
    stage: Stage, fields: list[str], autojump_clock: MockClock
) -> None:
    """HTTP/1.0 knows no chunks, so the end of the connection is the end of the body."""
    stage.provider(*WHOLE_STREAM)
    caller = stage.ask(chat(*fields, version="1.0"))
    reply = await caller.reply()
    assert reply.get("transfer-encoding") is None
    assert reply.get("connection") == "close"
    assert (reply.text, reply.events[-1]) == ("hello", "[DONE]")
    assert (await stage.receipt()).outcome == "completed"


@pytest.mark.parametrize(("version", "goodbye"), [("1.0", False), ("1.1", True)])
async def test_u14_an_old_client_does_not_take_for_whole_what_was_cut(
    stage: Stage, version: str, goodbye: bool, autojump_clock: MockClock
) -> None:
    """U14: of an answer without events an orderly end of the connection would say that it is."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ntransfer-encoding: chunked\r\n\r\n"
    stage.provider(head, chunk(b"ID3"), b"")
    body = b'{"model":"m","input":"hi","voice":"v"}'
    caller = stage.ask(post(body, path="/v1/audio/speech", version=version))
    assert (await caller.head()).status == 200
    assert (await stage.receipt()).outcome == "upstream_truncated"
    await caller.hung_up()
    assert caller.line.said_eof is goodbye


async def test_an_old_client_is_told_in_events_what_was_cut(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(STREAM_HEAD, chunk(event("hel")), b"")
    caller = stage.ask(chat(version="1.0"))
    assert b"upstream_truncated" in (await caller.reply()).body
    assert caller.line.said_eof


async def test_c28_a_head_request_has_the_head_of_its_answer_alone(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C28."""
    caller = stage.ask(MODELS)
    body = (await caller.reply()).body
    for path, status in (("/v1/models", 200), ("/nothing", 404)):
        caller.send(get(path, method="HEAD"))
        reply = await caller.reply(to_head=True)
        assert reply.status == status
    caller.send(get("/v1/models", method="HEAD"))
    assert (await caller.reply(to_head=True)).get("content-length") == str(len(body))
    assert caller.line.unread == b""


async def test_c15_the_body_behind_an_upgrade_is_a_body(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C15. An h2c request whose body is a whole request is one call, with that body."""
    caller = stage.ask(
        post(MODELS, "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA")
    )
    reply = await caller.reply()
    assert (reply.status, reply.error["code"]) == (400, "invalid_request")
    assert (await stage.receipt()).bytes_in == len(MODELS)
    assert stage.accepted == 1


async def test_c13_goodbye_is_said_and_what_still_comes_is_read_for_a_moment(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C13. A reset, which is what unread bytes cause, would eat the answer on its way."""
    caller = stage.ask(post(b"", "Content-Length: 99999999"))
    assert (await caller.reply()).status == 413
    await trio.sleep(1)
    assert caller.line.said_eof
    caller.send(b"x" * 1000)
    assert await caller.hung_up() == LINGER_TIMEOUT
    assert caller.line.arriving == []


async def test_c13_a_client_that_leaves_ends_the_goodbye(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C13."""
    caller = stage.ask(b"nonsense")
    await caller.reply()
    await trio.sleep(0.5)
    caller.leave()
    assert await caller.hung_up() == 0.5


async def test_c13_a_client_that_floods_ends_the_goodbye(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C13."""
    caller = stage.ask(b"nonsense")
    await caller.reply()
    caller.send(*[b"x" * 65_536] * (LINGER_BYTES // 65_536 + 5))
    assert await caller.hung_up() == 0
    assert len(caller.line.arriving) == 5


@pytest.mark.parametrize(
    ("sent", "status", "lasts"),
    [
        ((get("/healthz", "Connection: close"),), 200, 0),
        ((chat("Connection: close", model="none"),), 404, 0),
        ((b"nonsense", b"and more of it"), 400, LINGER_TIMEOUT),
        ((post(b"{", "Content-Length: 99999999"), b"more"), 413, LINGER_TIMEOUT),
    ],
)
async def test_c13_a_stream_without_halves_is_read_on_only_where_more_is_to_come(
    stage: Stage, sent: tuple[bytes, ...], status: int, lasts: float, autojump_clock: MockClock
) -> None:
    """C13, C21: as under TLS. What is unread as a socket closes would eat the answer."""

    class Secured(trio.abc.Stream):
        def __init__(self, line: Line) -> None:
            self.line = line

        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            return await self.line.receive_some(max_bytes)

        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            await self.line.send_all(data)

        async def wait_send_all_might_not_block(self) -> None:
            await self.line.wait_send_all_might_not_block()

        async def aclose(self) -> None:
            await self.line.aclose()

    class Unwatched:
        def watching(
            self, stream: trio.abc.Stream, on_gone: Callable[[], None]
        ) -> AbstractContextManager[None]:
            return nullcontext()

        def hang_up(self, stream: trio.abc.Stream) -> None:
            raise NotImplementedError

        def take_up(self, stream: trio.abc.Stream) -> None:
            raise NotImplementedError

    line = Line()
    Caller(line).send(*sent)
    hall = replace(stage.hall, gone=Unwatched())
    await Connection(Secured(line), PEER, hall).run()
    assert b"HTTP/1.1 %d " % status in line.writes[0][1]
    assert not line.said_eof
    assert (trio.current_time(), line.arriving) == (lasts, [])


async def test_a_refusal_that_nobody_takes_is_not_waited_for(
    stage: Stage, autojump_clock: MockClock
) -> None:
    caller = stage.connect(window=10)
    caller.send(b"nonsense")
    while not caller.line.closed:
        await caller.line.change()
    assert caller.line.closed_at == 2 * LINGER_TIMEOUT
