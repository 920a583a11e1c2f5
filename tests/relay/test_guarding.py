"""Guards in whole calls: what a provider is asked, and what a client is told. Virtual time."""

import json
from collections.abc import Callable
from math import inf
from typing import Any, cast

import httpx2
import pytest
import trio
from trio.testing import MockClock

from gateway.forms.chat import read_request
from gateway.policy.areas import Ways
from gateway.policy.guards.credentials import Credentials
from gateway.policy.guards.guard import Check, Guard, Guards, Rule, Sizes
from gateway.policy.guards.personal import KINDS
from gateway.policy.guards.words import Words
from gateway.policy.wishes import NOTHING
from gateway.relay.errand import Errand
from gateway.relay.guarding import MOST_HELD_BYTES, look_into
from gateway.relay.guards import Guarding
from gateway.words.call import Call
from gateway.words.errors import ContentBlocked
from gateway.words.receipt import Receipt
from gateway.words.secret import Secret
from gateway.words.target import Conduct, Origin
from tests.stage import (
    COMPLETION,
    DONE,
    END,
    STOP,
    STREAM_HEAD,
    WHOLE_STREAM,
    Stage,
    answer,
    chat,
    chunk,
    event,
    fault,
    get,
    post,
)

pytest_plugins = ("tests.onstage",)

EMAIL = (Rule(KINDS["email"], "[EMAIL]"), Rule(Credentials(), "[SECRET]"))
DARN = (Rule(Words(["darn"]), "[X]"),)
PII = Guard("pii", "redact", rules=EMAIL)
WORDS = Guard("w", "block", rules=DARN)
REFUSED = "content_blocked"


class Judge(httpx2.AsyncBaseTransport):
    """A service that is asked; it keeps what it was asked, and says what it is told to."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.fields: httpx2.Headers = httpx2.Headers()
        self.says: Callable[[dict[str, Any]], httpx2.Response] = lambda _: judged({"match": False})
        self.seconds = 0.0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await trio.sleep(self.seconds)
        self.asked.append(json.loads(request.content))
        self.fields = request.headers
        return self.says(self.asked[-1])


def judged(value: object, status: int = 200) -> httpx2.Response:
    """Return an answer as it comes from a socket: nothing of it has been read."""
    return httpx2.Response(status, stream=httpx2.ByteStream(json.dumps(value).encode()))


def guarded(stage: Stage, *guards: Guard, judge: Judge | None = None) -> None:
    """Let these guards concern all calls."""
    client = httpx2.AsyncClient(transport=judge or Judge())
    stage.guarding = Guarding(Guards(guards, [guard.name for guard in guards]), client)


def said(text: str, **more: Any) -> bytes:
    return chat(messages=[{"role": "user", "content": text}], **more)


def chat_call(text: str) -> Call:
    fields = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return read_request("chat", json.dumps(fields).encode())


def body(text: str) -> bytes:
    return COMPLETION.replace(b'"hi"', json.dumps(text).encode())


async def test_what_is_masked_no_provider_sees(stage: Stage, autojump_clock: MockClock) -> None:
    guarded(stage, PII)
    provider = stage.provider(*WHOLE_STREAM)
    reply = await stage.ask(said("to a@b.de")).reply()
    assert provider.sent_json()["messages"] == [{"role": "user", "content": "to [EMAIL]"}]
    assert (reply.status, reply.text) == (200, "hello")
    assert (await stage.receipt()).guards == ("pii:redact",)


async def test_what_is_blocked_nobody_is_asked(stage: Stage, autojump_clock: MockClock) -> None:
    guarded(stage, WORDS)
    reply = await stage.ask(said("darn")).reply()
    assert (reply.status, reply.error["code"]) == (400, REFUSED)
    assert "darn" not in reply.body.decode()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.guards, receipt.attempts) == ("refused", ("w:block",), [])
    assert stage.dialled == []


async def test_the_guards_of_a_model_hold_where_a_cheaper_one_takes_its_place(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """A budget that is spent has had it asked: what the caller named is what was guarded."""
    guarding = Guarding(Guards([WORDS], of_models={"dear": ("w",)}), httpx2.AsyncClient())
    call = chat_call("darn")
    receipt = Receipt("req_1", "POST", "/", "127.0.0.1", 0.0)
    errand = Errand(call, NOTHING, receipt, cast("Any", None), stage.house(), inf, inf)
    assert (await look_into(errand, guarding)).errand.call is call
    receipt.asked = "dear"
    with pytest.raises(ContentBlocked):
        await look_into(errand, guarding)


async def test_an_answer_is_masked_on_its_way(stage: Stage, autojump_clock: MockClock) -> None:
    guarded(stage, PII)
    stage.provider(
        STREAM_HEAD,
        chunk(event("to a@")),
        chunk(event("b.de")),
        chunk(event(" x"), STOP, DONE) + END,
    )
    reply = await stage.ask(chat()).reply()
    assert reply.text == "to [EMAIL] x"
    assert reply.body.endswith(STOP + DONE)


async def test_events_leave_as_they_came_where_nothing_is_found(
    stage: Stage, autojump_clock: MockClock
) -> None:
    guarded(stage, PII, WORDS)
    stage.provider(*WHOLE_STREAM)
    reply = await stage.ask(chat()).reply()
    assert reply.body == event("hel") + event("lo") + STOP + DONE


async def test_a_stream_is_stopped_in_band_and_its_provider_left_at_once(
    stage: Stage, autojump_clock: MockClock
) -> None:
    guarded(stage, WORDS)
    provider = stage.provider(STREAM_HEAD, chunk(event("one ")), chunk(event("darn two ")))
    caller = stage.ask(chat())
    reply = await caller.reply()
    assert reply.body.startswith(event("one "))
    told = json.loads(reply.body.removeprefix(event("one "))[6:])
    assert told["error"]["code"] == REFUSED
    assert b"darn" not in reply.body
    assert provider.closed_at == trio.current_time()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.cause) == ("refused", REFUSED)
    assert stage.health.states(trio.current_time())[0].failures == 0


async def test_an_answer_in_one_piece_is_an_error_of_its_own(
    stage: Stage, autojump_clock: MockClock
) -> None:
    guarded(stage, WORDS)
    stage.provider(answer(200, body("darn")))
    reply = await stage.ask(chat(stream=False)).reply()
    assert (reply.status, reply.error["code"]) == (400, REFUSED)


async def test_an_error_of_the_provider_follows_what_was_held_back(
    stage: Stage, autojump_clock: MockClock
) -> None:
    guarded(stage, WORDS)
    stage.provider(STREAM_HEAD, chunk(event("a ")), chunk(event("dar")), chunk(fault()))
    reply = await stage.ask(chat()).reply()
    assert reply.body.startswith(event("a ") + event("dar"))
    assert b"overloaded_error" in reply.body


async def test_before_anything_has_left_an_error_is_an_answer(
    stage: Stage, autojump_clock: MockClock
) -> None:
    guarded(stage, WORDS)
    stage.provider(STREAM_HEAD, chunk(event("dar")), chunk(fault()))
    reply = await stage.ask(chat()).reply()
    assert reply.status == 502


async def test_a_client_that_leaves_while_an_answer_is_held_back_ends_it(
    stage: Stage, autojump_clock: MockClock
) -> None:
    guarded(stage, WORDS)
    provider = stage.provider(STREAM_HEAD, chunk(event("dar")))
    caller = stage.ask(chat())
    await trio.sleep(1)
    caller.leave()
    await stage.calls.ended()
    assert provider.closed_at == trio.current_time()


async def test_a_kept_answer_is_looked_at_again(stage: Stage, autojump_clock: MockClock) -> None:
    stage.conduct = Conduct(retries=0, cache_ttl=60.0)
    guarded(stage, PII)
    provider = stage.provider(answer(200, body("to a@b.de")))
    for cache in ("miss", "hit"):
        reply = await stage.ask(chat(stream=False)).reply()
        assert reply.get("x-gateway-cache") == cache
        assert json.loads(reply.body)["choices"][0]["message"]["content"] == "to [EMAIL]"
    assert len(provider.sent) == 1


async def test_answers_that_are_shared_are_looked_at_for_each(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.conduct = Conduct(retries=0, coalesce=True)
    guarded(stage, PII)
    provider = stage.provider(STREAM_HEAD)
    callers = [stage.ask(chat()) for _ in range(2)]
    await trio.sleep(1)
    provider.say(chunk(event("to a@b.de"), STOP, DONE) + END)
    assert [(await caller.reply()).text for caller in callers] == ["to [EMAIL]"] * 2


@pytest.mark.parametrize("path", ["/v1/audio/speech", "/v1/images/generations"])
async def test_what_no_guard_can_see_is_refused(
    path: str, stage: Stage, autojump_clock: MockClock
) -> None:
    guarded(stage, PII)
    asked = post(
        json.dumps({"model": "m", "input": "x", "prompt": "x", "voice": "v"}).encode(), path=path
    )
    reply = await stage.ask(asked).reply()
    assert (reply.status, reply.error["code"]) == (400, REFUSED)
    assert (await stage.receipt()).guards == ("pii:unseen",)


async def test_what_may_pass_unseen_does(stage: Stage, autojump_clock: MockClock) -> None:
    guarded(stage, Guard("pii", "redact", rules=EMAIL, needs_sight=False))
    head = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 2\r\n\r\nxx"
    provider = stage.provider(head)
    asked = post(b'{"model":"m","input":"to a@b.de","voice":"v"}', path="/v1/audio/speech")
    assert (await stage.ask(asked).reply()).body == b"xx"
    assert provider.sent_json()["input"] == "to [EMAIL]"


async def test_embeddings_are_asked_masked_and_answered_as_they_are(
    stage: Stage, autojump_clock: MockClock
) -> None:
    guarded(stage, PII)
    whole = b'{"object":"list","data":[{"embedding":[0.5]}],"model":"m-1"}'
    provider = stage.provider(answer(200, whole))
    asked = post(b'{"model":"m","input":"to a@b.de"}', path="/v1/embeddings")
    assert (await stage.ask(asked).reply()).body == whole
    assert provider.sent_json()["input"] == "to [EMAIL]"


async def test_what_passes_through_is_refused_where_it_must_be_seen(
    stage: Stage, autojump_clock: MockClock
) -> None:
    guarded(stage, PII)
    stage.ways = lambda: Ways({"files": stage.target()})
    reply = await stage.ask(get("/v1/files")).reply()
    assert (reply.status, reply.error["code"]) == (400, REFUSED)
    assert stage.dialled == []


async def test_a_guard_of_answers_alone_asks_as_it_is(
    stage: Stage, autojump_clock: MockClock
) -> None:
    guarded(stage, Guard("pii", "redact", rules=EMAIL, asks=False))
    provider = stage.provider(answer(200, body("x")))
    await stage.ask(said("to a@b.de", stream=False)).reply()
    assert provider.sent_json()["messages"][0]["content"] == "to a@b.de"


async def test_a_guard_of_requests_alone_tells_as_it_is(
    stage: Stage, autojump_clock: MockClock
) -> None:
    guarded(stage, Guard("pii", "redact", rules=EMAIL, answers=False))
    stage.provider(answer(200, body("a@b.de")))
    assert (await stage.ask(chat(stream=False)).reply()).body == body("a@b.de")


async def test_an_answer_that_grows_too_long_is_stopped(
    stage: Stage, autojump_clock: MockClock
) -> None:
    guarded(stage, Guard("size", "block", asks=False, sizes=Sizes(characters=4)))
    stage.provider(STREAM_HEAD, chunk(event("hel")), chunk(event("lo")))
    reply = await stage.ask(chat()).reply()
    assert reply.body.startswith(event("hel"))
    assert REFUSED.encode() in reply.body


def checked(*, then: Any = "block", opens: bool = False, **more: Any) -> Guard:
    check = Check(
        origin=Origin("http", "judge.test", 80),
        target=Secret("/check"),
        authorization=Secret("Bearer s3cret"),
        opens=opens,
    )
    return Guard("judge", then, check=check, **more)


async def test_a_service_is_asked_what_was_said_and_what_is_answered(
    stage: Stage, autojump_clock: MockClock
) -> None:
    judge = Judge()
    guarded(stage, checked(), judge=judge)
    stage.provider(*WHOLE_STREAM)
    reply = await stage.ask(chat()).reply()
    assert (reply.text, reply.body.endswith(STOP + DONE)) == ("hello", True)
    shared = {"guard": "judge", "model": "m"}
    assert judge.asked == [
        {**shared, "on": "request", "texts": ["hello"]},
        {**shared, "on": "answer", "texts": ["hello"]},
    ]
    assert judge.fields["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("on", ["request", "answer"])
async def test_what_a_service_objects_to_is_stopped(
    on: str, stage: Stage, autojump_clock: MockClock
) -> None:
    judge = Judge()
    judge.says = lambda asked: judged({"match": asked["on"] == on})
    guarded(stage, checked(), judge=judge)
    stage.provider(*WHOLE_STREAM)
    reply = await stage.ask(chat()).reply()
    assert (reply.status, reply.error["code"]) == (400, REFUSED)


async def test_an_answer_that_breaks_off_is_never_judged(
    stage: Stage, autojump_clock: MockClock
) -> None:
    judge = Judge()
    guarded(stage, checked(asks=False), judge=judge)
    stage.provider(STREAM_HEAD, chunk(event("a")), chunk(fault()))
    reply = await stage.ask(chat()).reply()
    assert (reply.status, judge.asked) == (502, [])


async def test_who_does_not_answer_in_time_blocks_or_passes(
    stage: Stage, autojump_clock: MockClock
) -> None:
    judge = Judge()
    judge.seconds = 3.0
    guarded(stage, checked(answers=False), judge=judge)
    reply = await stage.ask(chat()).reply()
    assert (reply.status, reply.error["code"]) == (503, "guard_unavailable")
    assert trio.current_time() == 2.0


@pytest.mark.parametrize("on", ["request", "answer"])
async def test_a_client_that_leaves_while_somebody_is_asked_ends_the_asking(
    on: str, stage: Stage, autojump_clock: MockClock
) -> None:
    judge = Judge()
    judge.seconds = 1.5
    guarded(stage, checked(asks=on == "request", answers=on == "answer"), judge=judge)
    stage.provider(*WHOLE_STREAM)
    caller = stage.ask(chat())
    await trio.sleep(1)
    caller.leave()
    await stage.calls.ended()
    assert trio.current_time() == 1.0
    assert judge.asked == []


async def test_where_nobody_answers_a_call_may_pass(
    stage: Stage, autojump_clock: MockClock
) -> None:
    judge = Judge()
    judge.says = lambda _: judged({}, 500)
    guarded(stage, checked(opens=True, answers=False), judge=judge)
    stage.provider(*WHOLE_STREAM)
    assert (await stage.ask(chat()).reply()).text == "hello"
    assert (await stage.receipt()).guards == ("judge:away",)


@pytest.mark.parametrize("opens", [False, True])
async def test_an_answer_too_long_to_be_judged_is_not_held_for_ever(
    opens: bool, stage: Stage, autojump_clock: MockClock
) -> None:
    judge = Judge()
    guarded(stage, checked(opens=opens, asks=False), judge=judge)
    long = chunk(b": " + b"y" * (MOST_HELD_BYTES // 2) + b"\n\n")
    stage.provider(STREAM_HEAD, chunk(event("x")), long, long, chunk(STOP, DONE) + END)
    reply = await stage.ask(chat()).reply()
    assert (reply.status, judge.asked) == (200 if opens else 503, [])
    assert (await stage.receipt()).guards == ("judge:away",)
