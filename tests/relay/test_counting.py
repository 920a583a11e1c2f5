"""How many tokens a prompt has: asked of whoever can count, else estimated and told as such."""

import json
from dataclasses import replace
from math import inf
from typing import Any, cast

import pytest
from trio.testing import MockClock

from gateway.forms.messages import read_request
from gateway.policy.prices import Price, Prices
from gateway.policy.wishes import NOTHING
from gateway.relay.costs import Costs
from gateway.relay.counting import ESTIMATED, count
from gateway.relay.errand import Errand
from gateway.words.receipt import Receipt
from gateway.words.target import Plan
from tests.stage import Stage, answer, post

pytest_plugins = ("tests.onstage",)

PATH = "/v1/messages/count_tokens"


class SilentClock:
    silent = False


def counting(words: int = 4, model: str = "m") -> bytes:
    said = [{"role": "user", "content": "word " * words}]
    return post(json.dumps({"model": model, "messages": said}).encode(), path=PATH)


@pytest.fixture
def able(stage: Stage) -> Stage:
    """Let providers speak Messages beside chat."""
    stage.also = ("messages",)
    return stage


async def test_who_can_count_is_asked(able: Stage, autojump_clock: MockClock) -> None:
    provider = able.provider(answer(200, b'{"input_tokens": 2095}'))
    reply = await able.ask(counting()).reply()
    assert (reply.status, reply.body) == (200, b'{"input_tokens": 2095}')
    assert reply.get("x-gateway-estimated") is None
    assert provider.sent[0].startswith(b"POST /v1/messages/count_tokens HTTP/1.1")
    receipt = await able.receipt()
    assert (receipt.outcome, receipt.endpoint) == ("completed", "count_tokens")
    assert receipt.usage is not None
    assert (receipt.usage.input_tokens, receipt.usage.output_tokens) == (0, 0)


async def test_an_estimate_is_told_as_one_and_nobody_is_asked(
    stage: Stage, autojump_clock: MockClock
) -> None:
    reply = await stage.ask(counting(800)).reply()
    assert reply.get("x-gateway-estimated") == "input_tokens"
    assert 800 <= json.loads(reply.body)["input_tokens"] <= 1200
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.attempts, receipt.usage) == ("completed", [], None)


async def test_who_fails_to_count_fails(able: Stage, autojump_clock: MockClock) -> None:
    body = {"type": "error", "error": {"type": "api_error", "message": "Ouch."}}
    able.provider(answer(500, json.dumps(body).encode()))
    reply = await able.ask(counting()).reply()
    assert reply.status == 500
    assert json.loads(reply.body)["error"] == {"type": "api_error", "message": "Ouch."}


async def test_an_unknown_model_has_no_tokens(stage: Stage, autojump_clock: MockClock) -> None:
    reply = await stage.ask(counting(model="nobody")).reply()
    assert json.loads(reply.body)["error"]["type"] == "not_found_error"


async def test_who_speaks_the_form_and_cannot_count_leaves_it_to_an_estimate(
    stage: Stage, autojump_clock: MockClock
) -> None:
    deaf = replace(stage.target(), also=("messages",), dialect="bedrock")
    asked = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    call = read_request("count_tokens", json.dumps(asked).encode(), {})
    receipt = Receipt("req_1", "POST", "/", "127.0.0.1", 0.0)
    clock = cast("Any", SilentClock())
    errand = Errand(call, NOTHING, receipt, clock, stage.house(), inf, inf)
    answer = await count(Plan((deaf,)), errand, clock)
    (piece,) = await answer.next()
    assert json.loads(piece.raw)["input_tokens"] > 0
    assert answer.headers == (ESTIMATED,)


async def test_who_leaves_while_it_is_counted_pays_nothing(
    able: Stage, autojump_clock: MockClock
) -> None:
    able.costs = Costs(Prices({"up/m-1": Price(1_000_000, 2_000_000)}))
    provider = able.provider()
    caller = able.ask(counting(4000))
    await provider.asked.wait()
    caller.leave()
    receipt = await able.receipt()
    assert (receipt.outcome, receipt.cost_nanos, receipt.usage) == ("client_gone", None, None)
