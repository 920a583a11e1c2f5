"""Clients of Anthropic's Messages, and what the gateway does for them: it waits, fails over, joins.

In virtual time. What the official client makes of it is in `test_messages_client.py`.
"""

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from gateway.forms.sse import Splitter
from gateway.relay.options import ClockOptions
from gateway.words.target import Conduct, Timeouts
from tests.caller import Reply
from tests.forms.test_messages_answer import golden
from tests.stage import (
    DONE,
    END,
    STOP,
    STREAM_HEAD,
    WHOLE_STREAM,
    Stage,
    answer,
    chunk,
    event,
    fault,
    get,
    post,
)

pytest_plugins = ("tests.onstage",)

PING = b'event: ping\ndata: {"type":"ping"}\n\n'


def asking(*fields: str, stream: bool = True, **more: Any) -> bytes:
    said = [{"role": "user", "content": "hello"}]
    body = {"model": "m", "max_tokens": 9, "messages": said, "stream": stream} | more
    return post(json.dumps(body).encode(), *fields, path="/v1/messages")


def kinds(reply: Reply) -> list[str]:
    return [found.name.decode() for found in Splitter(1 << 20).feed(reply.body)]


def text(reply: Reply) -> str:
    events = [json.loads(found.data or b"") for found in Splitter(1 << 20).feed(reply.body)]
    return "".join(fields.get("delta", {}).get("text", "") for fields in events)


def error_of(reply: Reply) -> Any:
    return json.loads(Splitter(1 << 20).feed(reply.body)[-1].data or b"")


@pytest.fixture
def native(stage: Stage) -> Stage:
    """Let providers speak Messages beside chat."""
    stage.also = ("messages",)
    return stage


@pytest.fixture
def joining(stage: Stage) -> Stage:
    """Let what breaks off be asked again, of one home and a fallback."""
    stage.spares = ["spare"]
    stage.conduct = Conduct(retries=2, resume=True)
    stage.timeouts = Timeouts(first_token=10.0, idle=5.0)
    return stage


async def test_a_client_that_waits_is_pinged(stage: Stage, autojump_clock: MockClock) -> None:
    stage.clocks = ClockOptions(head_after=2.0, keepalive_interval=3.0)
    provider = stage.provider()
    caller = stage.ask(asking())
    await provider.asked.wait()
    await trio.sleep(6.0)
    provider.say(*WHOLE_STREAM)
    reply = await caller.reply()
    assert reply.body.startswith(PING + PING + b"event: message_start")
    assert (text(reply), kinds(reply)[-1], reply.whole) == ("hello", "message_stop", True)
    assert reply.get("request-id") == reply.get("x-request-id")


async def test_an_error_has_its_request_id_too(stage: Stage, autojump_clock: MockClock) -> None:
    reply = await stage.ask(asking(model="nobody")).reply()
    assert (reply.status, json.loads(reply.body)["type"]) == (404, "error")
    assert reply.get("request-id") == reply.get("x-request-id")


async def test_clients_of_other_forms_have_one_request_id(
    stage: Stage, autojump_clock: MockClock
) -> None:
    reply = await stage.ask(get("/v1/models")).reply()
    assert reply.get("request-id") is None
    assert reply.get("x-request-id")


async def test_the_door_is_open_to_whoever_looks(stage: Stage, autojump_clock: MockClock) -> None:
    assert (await stage.ask(get("/")).reply()).status == 200


async def test_a_stream_that_breaks_off_is_told_an_error_and_no_end(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(STREAM_HEAD, chunk(event("hel")), b"")
    reply = await stage.ask(asking()).reply()
    assert kinds(reply)[-1] == "error"
    assert "message_stop" not in kinds(reply)
    assert error_of(reply)["error"]["type"] == "api_error"
    assert not reply.whole


async def test_an_answer_that_does_not_say_how_it_ended_is_told_as_cut_off(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(STREAM_HEAD, chunk(event("hel")), chunk(DONE) + END)
    reply = await stage.ask(asking()).reply()
    assert kinds(reply)[-1] == "error"
    assert not reply.whole
    assert (await stage.receipt()).outcome == "upstream_truncated"


async def test_an_error_in_the_stream_keeps_its_word(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.provider(STREAM_HEAD, chunk(event("hel"), fault("Full.", "overloaded")), b"")
    reply = await stage.ask(asking()).reply()
    assert error_of(reply) == {
        "type": "error", "error": {"type": "overloaded_error", "message": "Full."},
    }  # fmt: skip


async def test_what_breaks_off_is_joined_in_the_clients_form(
    joining: Stage, autojump_clock: MockClock
) -> None:
    joining.provider(STREAM_HEAD, chunk(event("The quick ")), b"")
    joining.provider(STREAM_HEAD, chunk(event("The quick brown fox"), STOP, DONE) + END)
    reply = await joining.ask(asking()).reply()
    assert (text(reply), reply.whole) == ("The quick brown fox", True)
    assert kinds(reply).count("message_start") == 1
    assert (await joining.receipt()).resumed == 1


async def test_what_passes_untranslated_is_never_joined(
    joining: Stage, autojump_clock: MockClock
) -> None:
    joining.also = ("messages",)
    cut = golden("cut_off")[0]
    joining.provider(STREAM_HEAD, chunk(cut), b"")
    reply = await joining.ask(asking()).reply()
    assert reply.body.startswith(cut)
    assert kinds(reply)[-1] == "error"
    assert (await joining.receipt()).resumed == 0


async def test_a_home_that_refuses_leaves_it_to_another(
    native: Stage, autojump_clock: MockClock
) -> None:
    native.homes = ["up", "other"]
    refused = {"type": "error", "error": {"type": "overloaded_error", "message": "Full."}}
    native.provider(answer(529, json.dumps(refused).encode()))
    wire = golden("text")[0]
    native.provider(STREAM_HEAD, chunk(wire) + END, at="other")
    reply = await native.ask(asking()).reply()
    assert (reply.status, reply.body) == (200, wire)


async def test_the_last_event_ends_the_answer_and_nothing_is_waited_for(
    native: Stage, autojump_clock: MockClock
) -> None:
    native.provider(STREAM_HEAD, chunk(golden("text")[0]))
    reply = await native.ask(asking()).reply()
    assert reply.whole
    receipt = await native.receipt()
    assert (receipt.outcome, receipt.ended) == ("completed", receipt.began)
    assert receipt.usage is not None
    assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == (25, 15)


async def test_a_kept_answer_is_given_again_to_whoever_asks_in_the_same_version(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.conduct = Conduct(retries=0, cache_ttl=60.0)
    stage.provider(*WHOLE_STREAM).then(*WHOLE_STREAM)
    first = await stage.ask(asking("anthropic-version: 2026-10-21")).reply()
    again = await stage.ask(asking("anthropic-version: 2026-10-21")).reply()
    assert (first.get("x-gateway-cache"), again.get("x-gateway-cache")) == ("miss", "hit")
    assert first.body == again.body
    other = await stage.ask(asking("anthropic-version: 2023-06-01")).reply()
    assert other.get("x-gateway-cache") == "miss"
