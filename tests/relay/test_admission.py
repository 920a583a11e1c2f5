"""Letting a call in, and what it held when it ends. Whole calls are in `test_caller_limits.py`."""

import json

import pytest
import trio

from gateway.forms.chat import read_request
from gateway.policy.keys import accounts_of
from gateway.policy.prices import Price, Prices
from gateway.policy.wishes import NOTHING, Wishes
from gateway.relay.admission import Admission, let_in
from gateway.relay.costs import Costs
from gateway.relay.house import House
from gateway.words.answer import Usage
from gateway.words.budget import Budget
from gateway.words.caller import ANYONE, Caller, Limits, Unpriced
from gateway.words.errors import BadRequest, BudgetExceeded, RateLimited, UnknownModel
from gateway.words.errors import Unpriced as UnpricedModel
from gateway.words.receipt import Attempt, Receipt
from tests.stage import Stage

pytest_plugins = ("tests.onstage",)

BODY = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 100}
CALL = read_request("chat", json.dumps(BODY).encode())
PRICE = Price(1_000_000, 1_000_000)


def receipt(
    limits: Limits = Limits(),  # noqa: B008 (it is frozen)
    team: Limits = Limits(),  # noqa: B008 (it is frozen)
    budgets: tuple[Budget, ...] = (),
    unpriced: Unpriced = "refuse",
) -> Receipt:
    caller = Caller(
        *("k", "k-id", "t"),
        limits=limits,
        team_limits=team,
        accounts=accounts_of("k", None, budgets, "t", ()),
        unpriced=unpriced,
    )
    return Receipt("r", "POST", "/", "p", trio.current_time(), model="m", caller=caller)


async def let(call: Receipt, house: House, wishes: Wishes = NOTHING) -> Admission:
    return await let_in(CALL, wishes, call, house)


async def test_whoever_calls_a_gateway_without_keys_is_let_in(stage: Stage) -> None:
    call = Receipt("r", "POST", "/", "p", 0.0, caller=ANYONE)
    passed = ((b"x-ratelimit-limit-requests", b"9"),)
    with await let(call, stage.house()) as admission:
        assert admission.headers(passed) == passed
        assert not admission.pays
        await admission.go_on()


async def test_who_has_no_limits_and_no_budget_is_let_in_for_free(stage: Stage) -> None:
    passed = ((b"x-ratelimit-limit-requests", b"9"),)
    with await let(receipt(), stage.house()) as admission:
        assert (admission.headers(passed), admission.pays) == (passed, False)
    assert len(stage.limiter) == len(stage.purses) == 0


async def test_s13_who_may_ask_for_some_models_names_no_further_ones(stage: Stage) -> None:
    """S13."""
    asked = read_request("chat", json.dumps({**BODY, "models": ["large"]}).encode())
    for models in ((), ("m",)):
        caller = Caller("k", "k-id", models=models)
        call = Receipt("r", "POST", "/", "p", trio.current_time(), model="m", caller=caller)
        if models:
            with pytest.raises(BadRequest, match="further models"):
                await let_in(asked, NOTHING, call, stage.house())
        else:
            with await let_in(asked, NOTHING, call, stage.house()):
                pass


async def test_the_callers_own_limits_are_told_in_place_of_the_providers(stage: Stage) -> None:
    passed = ((b"x-ratelimit-limit-requests", b"9"), (b"openai-version", b"1"))
    with await let(receipt(Limits(requests_per_minute=5)), stage.house()) as admission:
        told = dict(admission.headers(passed))
    assert told[b"x-ratelimit-limit-requests"] == b"5"
    assert told[b"openai-version"] == b"1"


async def test_a_model_has_limits_for_all_who_ask_for_it_together(stage: Stage) -> None:
    stage.limits_of_models = {"m": Limits(concurrency=1)}
    house = stage.house()
    anyone = Receipt("r", "POST", "/", "p", trio.current_time(), caller=ANYONE)
    with await let(anyone, house), pytest.raises(RateLimited, match="model"):
        await let(receipt(), house)
    with await let(receipt(), house):
        pass


@pytest.mark.parametrize("of", ["key", "team"])
async def test_a_call_that_asked_nobody_gives_all_its_tokens_back(stage: Stage, of: str) -> None:
    limits, house = Limits(tokens_per_minute=150), stage.house()
    for _ in range(5):
        call = receipt(limits) if of == "key" else receipt(team=limits)
        with await let(call, house), pytest.raises(RateLimited):
            await let(call, house)


async def test_what_was_used_is_what_counts(stage: Stage) -> None:
    call, house = receipt(Limits(tokens_per_minute=150)), stage.house()
    with await let(call, house):
        call.attempts = [Attempt("up/m", 0.0)]
        call.usage = Usage(30, 110)
    with pytest.raises(RateLimited):
        await let(call, house)


async def test_where_nobody_says_what_was_used_the_estimate_stands(stage: Stage) -> None:
    call, house = receipt(Limits(tokens_per_minute=150)), stage.house()
    with await let(call, house):
        call.attempts = [Attempt("up/m", 0.0)]
    with pytest.raises(RateLimited):
        await let(call, house)


async def test_a_call_that_cannot_pay_gives_its_place_back(stage: Stage) -> None:
    stage.costs = Costs(Prices({"up/m-1": PRICE}))
    house = stage.house()
    poor = receipt(Limits(concurrency=1), budgets=(Budget(1, "day"),))
    for _ in range(3):
        with pytest.raises(BudgetExceeded):
            await let(poor, house)
    with await let(receipt(Limits(concurrency=1)), house):
        pass


async def test_models_that_take_each_others_place_end(stage: Stage) -> None:
    stage.costs = Costs(Prices({"up/m-1": PRICE, "spare/n-1": PRICE}))
    stage.spares = ["spare"]
    there, back = Budget(1, "day", ("m",), then="n"), Budget(1, "day", ("n",), then="m")
    call = receipt(budgets=(there, back))
    with pytest.raises(BudgetExceeded):
        await let(call, stage.house())
    assert call.asked == "m"


async def test_a_model_that_takes_anothers_place_and_is_no_more_is_unknown(stage: Stage) -> None:
    stage.costs = Costs(Prices({"up/m-1": PRICE}))
    call = receipt(Limits(concurrency=1), budgets=(Budget(1, "day", ("m",), then="gone"),))
    house = stage.house()
    for _ in range(2):
        with pytest.raises(UnknownModel):
            await let(call, house)


async def test_targets_without_a_price_are_passed_over_where_a_budget_holds(stage: Stage) -> None:
    stage.homes, stage.spares = ["up", "other"], ["spare"]
    stage.costs = Costs(Prices({"other/m-1": PRICE, "spare/n-1": PRICE}))
    with await let(receipt(budgets=(Budget(10**9, "day"),)), stage.house()) as admission:
        assert [target.name for target in admission.plan.targets] == ["other/m-1", "spare/n-1"]
        assert admission.plan.own == 1
    with await let(receipt(), stage.house()) as admission:
        assert len(admission.plan.targets) == 3


async def test_a_model_that_nobody_knows_the_price_of_is_refused_unless_such_calls_are_free(
    stage: Stage,
) -> None:
    stage.costs = Costs(Prices({}))
    budgets = (Budget(10**9, "day"),)
    with pytest.raises(UnpricedModel):
        await let(receipt(budgets=budgets), stage.house())
    with await let(receipt(budgets=budgets, unpriced="free"), stage.house()) as admission:
        assert admission.pays
    assert all(purse.reserved == 0 for purse in stage.purses)


async def test_a_call_costs_what_its_receipt_says_whatever_it_held(stage: Stage) -> None:
    stage.costs = Costs(Prices({"up/m-1": PRICE}))
    call = receipt(budgets=(Budget(10**9, "day"),))
    with await let(call, stage.house()):
        (purse,) = stage.purses
        assert purse.reserved > 0
        call.cost_nanos = 7
    assert (purse.spent, purse.reserved) == (7, 0)
