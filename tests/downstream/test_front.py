"""The front: what each request is answered, and the one receipt that it leaves, in virtual time."""

import json
from dataclasses import replace
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.downstream.front import first_of, is_cancellation
from gateway.policy.offers import Alias
from gateway.policy.routes import Routes
from gateway.words.errors import GatewayError, TotalTimeout, UpstreamTruncated
from tests.stage import COMPLETION, WHOLE_STREAM, Stage, answer, chat, get, post, words

pytest_plugins = ("tests.onstage",)

SANE = "0123-aZ._" + "x" * 119


async def test_the_models_are_listed_and_shown(stage: Stage, autojump_clock: MockClock) -> None:
    stage.aliases = {"fast": Alias(("m",))}
    caller = stage.ask(*(get(path) for path in ("/v1/models", "/models", "/v1/models/fast")))
    listed = json.loads((await caller.reply()).body)
    assert [model["id"] for model in listed["data"]] == ["fast", "m", "org/big"]
    assert json.loads((await caller.reply()).body) == listed
    assert json.loads((await caller.reply()).body) == listed["data"][0]


@pytest.mark.parametrize(
    "path", ["/v1/models/org/big", "/v1/models/org%2Fbig", "/models/org%2fbig"]
)
async def test_an_id_may_hold_a_slash(stage: Stage, path: str, autojump_clock: MockClock) -> None:
    reply = await stage.ask(get(path)).reply()
    assert (reply.status, json.loads(reply.body)["id"]) == (200, "org/big")


async def test_an_unknown_model_is_told_the_nearest_names(
    stage: Stage, autojump_clock: MockClock
) -> None:
    caller = stage.ask(get("/v1/models/org/bag"), chat(model="org/bog"))
    for _ in range(2):
        reply = await caller.reply()
        assert (reply.status, reply.error["code"]) == (404, "model_not_found")
        assert "org/big" in reply.error["message"]
        assert reply.error["param"] == "model"
        assert reply.get("connection") == "keep-alive"
    await stage.calls.ended()
    assert [receipt.outcome for receipt in stage.book.receipts] == ["refused", "refused"]
    assert [receipt.endpoint for receipt in stage.book.receipts] == ["show_model", "chat"]


async def test_c28_an_unknown_path_is_told_which_there_are(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C28."""
    caller = stage.ask(get("/v1/engines"), post(words(), path="/v2/chat/completions"))
    for _ in range(2):
        reply = await caller.reply()
        assert (reply.status, reply.error["code"]) == (404, "unknown_url")
        assert "/v1/chat/completions" in reply.error["message"]
        assert reply.get("x-should-retry") is None


@pytest.mark.parametrize(
    ("wire", "allow"),
    [
        (get("/v1/chat/completions"), "POST"),
        (get("/chat/completions", method="OPTIONS"), "POST"),
        (get("/v1/models", method="DELETE"), "GET, HEAD"),
        (post(b"{}", path="/healthz"), "GET, HEAD"),
    ],
)
async def test_c28_a_wrong_method_is_told_the_right_one(
    stage: Stage, wire: bytes, allow: str, autojump_clock: MockClock
) -> None:
    """C28."""
    reply = await stage.ask(wire).reply()
    assert (reply.status, reply.get("allow")) == (405, allow)
    assert reply.error["code"] == "method_not_allowed"
    assert (await stage.receipt()).outcome == "refused"


@pytest.mark.parametrize(
    "fields",
    [
        ["Content-Type: text/plain"],
        ["Content-Type: "],
        ["Content-Type: application/jsonp"],
        ["Content-Encoding: gzip"],
        ["Content-Encoding: identity"],
    ],
)
async def test_r16_a_body_that_is_not_plain_json_is_refused(
    stage: Stage, fields: list[str], autojump_clock: MockClock
) -> None:
    """R27: a form of a web page cannot declare JSON."""
    reply = await stage.ask(chat(*fields)).reply()
    assert (reply.status, reply.error["code"]) == (415, "unsupported_media_type")


async def test_json_may_be_declared_with_a_charset(stage: Stage, autojump_clock: MockClock) -> None:
    stage.provider(answer(200, COMPLETION))
    wire = chat("Content-Type: Application/JSON; charset=utf-8", stream=False)
    assert (await stage.ask(wire).reply()).status == 200


def from_host(host: str, *fields: str) -> bytes:
    return get("/v1/models", *fields).replace(b"localhost", host.encode())


@pytest.mark.parametrize(
    "wire",
    [
        from_host("gateway.example"),
        from_host("10.0.0.1:4000"),
        from_host("localhost.example"),
        from_host("localhost", "Sec-Fetch-Site: cross-site"),
        from_host("127.0.0.1", "Sec-Fetch-Site: same-site"),
        chat("Sec-Fetch-Site: cross-site"),
    ],
)
async def test_r27_a_web_page_cannot_use_a_keyless_gateway(
    stage: Stage, wire: bytes, autojump_clock: MockClock
) -> None:
    reply = await stage.ask(wire).reply()
    assert (reply.status, reply.error["type"]) == (403, "permission_error")
    assert (await stage.receipt()).outcome == "refused"


@pytest.mark.parametrize("host", ["localhost:4000", "127.0.0.1", "[::1]:4000", "LOCALHOST"])
async def test_r27_this_machine_may(stage: Stage, host: str, autojump_clock: MockClock) -> None:
    assert (await stage.ask(from_host(host)).reply()).status == 200


async def test_r27_open_use_lifts_the_rule_about_hosts_alone(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.open_use = True
    caller = stage.ask(from_host("gateway.example"))
    assert (await caller.reply()).status == 200
    caller.send(from_host("gateway.example", "Sec-Fetch-Site: cross-site"))
    assert (await caller.reply()).status == 403


async def test_r27_probes_come_from_anywhere(stage: Stage, autojump_clock: MockClock) -> None:
    caller = stage.ask(get("/healthz").replace(b"localhost", b"10.1.2.3"))
    assert (await caller.reply()).status == 200


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", None),
        (b"{", None),
        (b"[]", None),
        (b"\xff{}", None),
        (b'{"model": "m"}', "messages"),
        (b'{"messages": [{}]}', "model"),
        (words(stream="yes"), "stream"),  # type: ignore[arg-type]
        (words(stream_options=[]), "stream_options"),
    ],
)
async def test_a_body_of_the_wrong_shape_is_told_where(
    stage: Stage, body: bytes, param: str | None, autojump_clock: MockClock
) -> None:
    caller = stage.ask(post(body))
    reply = await caller.reply()
    assert (reply.status, reply.error["param"]) == (400, param)
    assert reply.error["type"] == "invalid_request_error"
    assert reply.get("connection") == "keep-alive"
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase, receipt.cause) == ("refused", "body", "invalid_request")


@pytest.mark.parametrize("own", [SANE, "a"])
async def test_a_clients_own_request_id_is_kept_if_it_is_sane(
    stage: Stage, own: str, autojump_clock: MockClock
) -> None:
    for path in ("/v1/models", "/nothing"):
        reply = await stage.ask(get(path, f"X-Request-Id: {own}")).reply()
        assert reply.get("x-request-id") == own
    await stage.calls.ended()
    assert {receipt.request_id for receipt in stage.book.receipts} == {own}


@pytest.mark.parametrize("own", ["", SANE + "x", "a b", "a,b", "a/b", "caf\u00e9"])
async def test_a_request_id_that_is_not_sane_is_replaced(
    stage: Stage, own: str, autojump_clock: MockClock
) -> None:
    wire = get("/v1/models").replace(
        b"\r\n\r\n", b"\r\nX-Request-Id: " + own.encode() + b"\r\n\r\n"
    )
    assert (await stage.ask(wire).reply()).get("x-request-id") == "req_1"
    assert (await stage.receipt()).request_id == "req_1"


async def test_r9_the_peer_behind_a_trusted_proxy_is_told(
    stage: Stage, autojump_clock: MockClock
) -> None:
    await stage.ask(get("/healthz", "X-Forwarded-For: 9.9.9.9, 203.0.113.7")).reply()
    assert (await stage.receipt()).peer == "203.0.113.7"


@pytest.mark.parametrize(
    ("status", "more", "hint"),
    [
        (429, [], None),
        (429, [b"x-should-retry: false"], "false"),
        (500, [], None),
        (401, [], "false"),
    ],
)
async def test_the_sdks_are_told_not_to_retry_only_where_that_is_in_vain(
    stage: Stage, status: int, more: list[bytes], hint: str | None, autojump_clock: MockClock
) -> None:
    stage.provider(answer(status, b'{"error":{"message":"no"}}', *more))
    reply = await stage.ask(chat(stream=False)).reply()
    assert reply.get("x-should-retry") == hint


async def test_too_many_calls_are_told_to_come_back(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.max_calls = 1
    provider = stage.provider(*WHOLE_STREAM[:2])
    first = stage.ask(chat())
    await provider.asked.wait()
    second = stage.ask(chat())
    reply = await second.reply()
    assert (reply.status, reply.error["code"]) == (503, "overloaded")
    assert (reply.get("retry-after"), reply.get("x-should-retry")) == ("1", None)
    for path in ("/healthz", "/v1/models"):
        second.send(get(path))
        assert (await second.reply()).status == 200
    provider.say(*WHOLE_STREAM[2:])
    assert (await first.reply()).text == "hello"
    provider.then(*WHOLE_STREAM)
    await stage.calls.ended()
    second.send(chat())
    assert (await second.reply()).text == "hello"


async def test_g5_a_call_ends_with_the_house_that_it_began_with(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G5 in part."""
    provider = stage.provider(*WHOLE_STREAM[:2])
    caller = stage.ask(chat())
    await provider.asked.wait()
    old = stage.current.house
    stage.current.house = replace(old, routes=Routes([], {}, {}), taps=())
    provider.say(*WHOLE_STREAM[2:])
    assert (await caller.reply()).text == "hello"
    assert (await stage.receipt()).outcome == "completed"
    stage.current.house = replace(stage.current.house, taps=(stage.book,))
    caller.send(get("/v1/models/m"))
    assert (await caller.reply()).status == 404


async def test_a_receipt_says_when_the_body_had_come_whole(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(answer(200, COMPLETION))
    began, caller, wire = trio.current_time(), stage.connect(), chat(stream=False)
    caller.send(wire[:-5])
    await trio.sleep(2)
    caller.send(wire[-5:])
    assert (await caller.reply()).status == 200
    receipt = await stage.receipt()
    assert (receipt.began - began, receipt.body_at) == (0.0, began + 2)
    assert receipt.attempts[0].began == receipt.body_at


@pytest.mark.parametrize(
    ("wire", "endpoint", "model", "stream"),
    [
        (get("/v1/models?limit=1"), "list_models", None, False),
        (get("/healthz"), "healthz", None, False),
        (get("/nothing"), "", None, False),
        (chat(stream=False), "chat", "m", False),
        (chat(), "chat", "m", True),
    ],
)
async def test_a_receipt_says_what_was_asked(
    stage: Stage,
    wire: bytes,
    endpoint: str,
    model: str | None,
    stream: bool,
    autojump_clock: MockClock,
) -> None:
    stage.provider(*(WHOLE_STREAM if stream else [answer(200, COMPLETION)]))
    caller = stage.ask(wire)
    reply = await caller.reply()
    receipt = await stage.receipt()
    assert (receipt.endpoint, receipt.model, receipt.stream) == (endpoint, model, stream)
    assert (receipt.status, receipt.path) == (reply.status, wire.split()[1].decode().split("?")[0])
    assert receipt.bytes_out == sum(len(data) for _, data in caller.line.writes)


async def cancelled() -> BaseException:
    """Return a real Cancelled."""
    caught: list[BaseException] = []
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as error:
            caught.append(error)
            raise
    return caught[0]


async def test_a_cancellation_is_told_from_a_bug_that_comes_with_one() -> None:
    alone, bug = await cancelled(), RuntimeError("a bug")
    assert is_cancellation(alone)
    assert is_cancellation(BaseExceptionGroup("", [alone, BaseExceptionGroup("", [alone])]))
    assert not is_cancellation(bug)
    assert not is_cancellation(BaseExceptionGroup("", [alone, bug]))


def test_the_first_error_of_a_group_is_told() -> None:
    first, other = UpstreamTruncated("first"), TotalTimeout("other")
    inner: BaseExceptionGroup[GatewayError] = ExceptionGroup("", [first, other])
    assert first_of(inner) is first
    nested: Any = BaseExceptionGroup("", [inner, other])
    assert first_of(nested) is first
