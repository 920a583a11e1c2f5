"""The live tree: what is open, how old it is, and what it waits for; in virtual time."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gateway.downstream.calls import Calls, OpenCall
from gateway.downstream.live import MAX_NAME, SeenCall, SeenConnection, look
from gateway.policy.keys import KeyRecord, Keyring, Team, digest_of
from gateway.words.receipt import Attempt, Receipt
from tests.caller import Caller
from tests.stage import STREAM_HEAD, Stage, chat, chunk, event, get

pytest_plugins = ("tests.onstage",)

PEPPER = b"a pepper of a test"
SECRET = "ngw-" + "a" * 43


def seen(stage: Stage, limit: int = 100) -> tuple[list[SeenConnection], int]:
    return look(stage.calls, stage.connections, limit, trio.current_time())


async def only_call(stage: Stage) -> SeenCall:
    await wait_all_tasks_blocked()
    (connection,), left_out = seen(stage)
    assert left_out == 0
    assert connection.call is not None
    return connection.call


async def test_a_stream_is_shown_from_its_connection_to_its_upstream(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(STREAM_HEAD, chunk(event("hel")), chunk(event("lo")))
    caller = stage.connect()
    await trio.sleep(5)
    caller.send(chat("X-Request-Id: mine"))
    await trio.sleep(2)
    (connection,), _ = seen(stage)
    assert (connection.peer, connection.age) == ("127.0.0.1", 7.0)
    call = connection.call
    assert call is not None
    assert (call.id, call.method, call.path) == ("mine", "POST", "/v1/chat/completions")
    assert (call.model, call.stream, call.age) == ("m", True, 2.0)
    assert (call.phase, call.waits_for, call.cause) == ("streaming", "the provider", None)
    assert (call.pieces, call.bytes_out > 0, call.bytes_in > 0) == (2, True, True)
    assert (call.tokens, call.tokens_per_second, call.ttft) == (2, 0.5, 0.0)
    assert (call.key, call.team) == ("", None)
    (attempt,) = call.attempts
    assert (attempt.target, attempt.outcome, attempt.age) == ("up/m-1", "open", 2.0)
    assert attempt.waits_for == ""
    upstream = attempt.upstream
    assert upstream is not None
    assert (upstream.peer, upstream.age, upstream.requests) == ("up.test", 2.0, 1)


async def test_a_call_tells_how_fast_it_is_answered_and_by_whom_it_was_asked(
    stage: Stage, autojump_clock: MockClock
) -> None:
    key = KeyRecord("ann", digest_of(SECRET.encode(), PEPPER), team="red")
    stage.keyring = Keyring([key], {"red": Team()}, {}, PEPPER)
    provider = stage.provider()
    stage.ask(chat(f"Authorization: Bearer {SECRET}"))
    await trio.sleep(1.5)
    call = await only_call(stage)
    assert (call.key, call.team) == ("ann", "red")
    assert (call.tokens, call.tokens_per_second, call.ttft) == (0, None, None)
    assert call.attempts[0].waits_for == HEAD
    provider.say(STREAM_HEAD, chunk(event("a")), chunk(event("b")))
    call = await only_call(stage)
    assert (call.tokens, call.tokens_per_second, call.ttft) == (2, None, 1.5)
    await trio.sleep(0.5)
    provider.say(*[chunk(event("c"))] * 3)
    call = await only_call(stage)
    assert (call.tokens, call.tokens_per_second) == (5, 8.0)
    told = {"prompt_tokens": 3, "completion_tokens": 41, "total_tokens": 44}
    provider.say(chunk(event("d", usage=told)), chunk(event("e")))
    call = await only_call(stage)
    assert call.tokens == 42


class Quiet:
    """A client that has said nothing."""

    torn = False
    bytes_in = bytes_out = 0


async def test_r20_what_a_client_chose_is_safe_to_show_and_bounded() -> None:
    """R20."""
    receipt = Receipt("req_1", "POST", "/" + "y" * 1000, "127.0.0.1", 0.0)
    receipt.model, receipt.attempts = "m\u202e\x1b[2J", [Attempt("up/m\u202e", 0.0)]
    call = OpenCall(receipt)
    call.client = Quiet()
    calls = Calls(1)
    calls.add(call)
    ((connection,), _) = look(calls, None, 1, 1.0)
    shown = connection.call
    assert shown is not None
    assert shown.path == "/" + "y" * (MAX_NAME - 2) + "…"
    assert (shown.model, shown.attempts[0].target) == ("m\\u202e\\x1b[2J", "up/m\\u202e")


async def test_a_connection_that_carries_its_second_request_says_so(
    stage: Stage, autojump_clock: MockClock
) -> None:
    provider = stage.provider(
        STREAM_HEAD, chunk(event("a", finish="stop")), chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    )
    provider.then(STREAM_HEAD, chunk(event("b")))
    await stage.ask(chat()).reply()
    stage.connections.clear()
    stage.ask(chat())
    call = await only_call(stage)
    upstream = call.attempts[0].upstream
    assert upstream is not None
    assert upstream.requests == 2


BODY, CONNECTION, HEAD, CONTENT = (
    "the client's body", "a connection", "the answer's head", "first content",
)  # fmt: skip


@pytest.mark.parametrize(
    ("script", "sent", "waits_for", "phase"),
    [
        ((), chat()[:-5], BODY, "body"),
        (None, chat(), CONNECTION, "waiting"),
        ((), chat(), HEAD, "waiting"),
        ((STREAM_HEAD,), chat(), CONTENT, "waiting"),
        ((STREAM_HEAD, chunk(event("a"))), chat(), "the provider", "streaming"),
    ],
)
async def test_a_call_says_what_it_waits_for(
    stage: Stage,
    script: tuple[bytes, ...] | None,
    sent: bytes,
    waits_for: str,
    phase: str,
    autojump_clock: MockClock,
) -> None:
    if script is not None:
        stage.provider(*script)
    stage.ask(sent)
    call = await only_call(stage)
    assert (call.waits_for, call.phase) == (waits_for, phase)


async def test_a_call_at_the_limit_waits_for_a_slot(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.max_connections = 1
    stage.provider()
    stage.ask(chat())
    await wait_all_tasks_blocked()
    stage.ask(chat())
    await wait_all_tasks_blocked()
    found, _ = seen(stage)
    assert {each.call.waits_for for each in found if each.call} == {HEAD, "a slot"}


async def test_a_call_whose_client_does_not_read_waits_for_it(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(STREAM_HEAD, chunk(event("a" * 5000)))
    caller = stage.connect(window=100)
    caller.send(chat())
    call = await only_call(stage)
    assert (call.waits_for, call.phase) == ("the client", "streaming")


async def test_a_call_that_was_stopped_says_why_until_it_has_ended(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider()
    stage.ask(chat("X-Request-Id: mine"))
    await wait_all_tasks_blocked()
    assert stage.calls.stop("mine") == 1
    (connection,), _ = seen(stage)
    assert connection.call is not None
    assert (connection.call.waits_for, connection.call.cause) == ("its end", "operator")
    await wait_all_tasks_blocked()
    assert [each.call for each in seen(stage)[0]] == [None]


async def test_calls_come_first_and_the_oldest_of_them(
    stage: Stage, autojump_clock: MockClock
) -> None:
    idle = [stage.connect() for _ in range(3)]
    for _ in range(3):
        await trio.sleep(1)
        stage.ask(chat()[:-1])
    await wait_all_tasks_blocked()
    found, left_out = seen(stage, 4)
    assert [(each.age, each.call is not None) for each in found] == [
        (2.0, True), (1.0, True), (0.0, True), (3.0, False),
    ]  # fmt: skip
    assert left_out == len(idle) - 1
    assert seen(stage, 0) == ([], 6)


async def test_where_another_server_has_the_connections_each_call_stands_for_its_own(
    stage: Stage, autojump_clock: MockClock
) -> None:
    for _ in range(3):
        stage.ask(chat()[:-1])
    stage.ask(get("/healthz"))
    await wait_all_tasks_blocked()
    found, left_out = look(stage.calls, None, 2, trio.current_time())
    assert [(each.peer, each.age, each.call is not None) for each in found] == [
        ("127.0.0.1", None, True)
    ] * 2
    assert left_out == 1


async def test_what_has_ended_holds_no_connection_of_a_provider(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(STREAM_HEAD, chunk(event("a")), b"")
    caller: Caller = stage.ask(chat())
    await caller.reply()
    receipt = await stage.receipt()
    assert [attempt.upstream for attempt in receipt.attempts] == [None]
    assert stage.transport.streams == 0
