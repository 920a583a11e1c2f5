"""Budgets, seen by who holds the key: money is held before it is spent. In memory, virtual time.

The prices of this file are a micro-dollar for each token, asked or answered, so that a prompt of
forty tokens and an answer of a hundred cost 140 micro-dollars.
"""

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock

from gateway.policy.budgets import DAY
from gateway.policy.keys import KeyRecord, Keyring, Team, digest_of
from gateway.policy.prices import Price, Prices
from gateway.relay.costs import Costs
from gateway.words.budget import Budget
from gateway.words.caller import Unpriced
from gateway.words.receipt import Outcome
from gateway.words.target import Conduct
from tests.caller import Caller, Reply
from tests.stage import COMPLETION, DONE, END, STOP, STREAM_HEAD, Stage, answer, chat, chunk, event

pytest_plugins = ("tests.onstage",)

PEPPER = b"a pepper of a test"
SECRET, OTHER = "ngw-" + "a" * 43, "ngw-" + "b" * 43
MICRO = 1_000
"""Nano-dollars."""

PRICE = Price(1_000_000, 1_000_000)
PROMPT = 12
"""Tokens that a call of this file asks, as they are estimated."""

USAGE = {"prompt_tokens": PROMPT, "completion_tokens": 30, "total_tokens": PROMPT + 30}


def budget(micros: float, **more: object) -> Budget:
    return Budget(int(micros * MICRO), "day", **more)  # type: ignore[arg-type]


def grant(
    stage: Stage,
    *own: Budget,
    team: Sequence[Budget] = (),
    prices: dict[str, Price] | None = None,
    unpriced: Unpriced = "refuse",
    models: tuple[str, ...] = (),
) -> None:
    """Have two keys, the first with budgets of its own, both with those of their team."""
    records = [
        KeyRecord("one", digest_of(SECRET.encode(), PEPPER), team="t", user="ada", budgets=own),
        KeyRecord("two", digest_of(OTHER.encode(), PEPPER), team="t", user="bob"),
    ]
    teams = {"t": Team(models=models, budgets=tuple(team), unpriced=unpriced)}
    stage.keyring = Keyring(records, teams, {}, PEPPER)
    stage.costs = Costs(Prices({"up/m-1": PRICE} if prices is None else prices))


def ask(stage: Stage, secret: str = SECRET, **more: object) -> Caller:
    return stage.ask(chat(f"x-api-key: {secret}", **more))  # type: ignore[arg-type]


def spent(stage: Stage) -> dict[str, tuple[int, int]]:
    """Return what is spent and reserved, in whole micro-dollars, by account."""
    return {
        purse.account.name: (purse.spent // MICRO, purse.reserved // MICRO)
        for purse in stage.purses
    }


def is_quota(reply: Reply) -> bool:
    """Say whether a client was told that its money is spent, and not to ask again."""
    told = (reply.error["type"], reply.error["code"], reply.get("x-should-retry"))
    return reply.status == 429 and told == ("insufficient_quota", "insufficient_quota", "false")


def told(reply: Reply) -> dict[str, str]:
    """Return the error that a stream ends with."""
    error: dict[str, str] = reply.events[-1]["error"]
    return error


def words_of(count: int, *, usage: bool = True) -> tuple[bytes, ...]:
    """Return a stream of so many tokens, each an event and a read of its own."""
    told = {**USAGE, "completion_tokens": count}
    end = chunk(STOP, event(choices=[], usage=told), DONE) if usage else chunk(STOP, DONE)
    return (STREAM_HEAD, *(chunk(event("x")) for _ in range(count)), end + END)


async def test_a_call_is_paid_as_its_provider_says_it_was(
    stage: Stage, autojump_clock: MockClock
) -> None:
    grant(stage, budget(1000))
    stage.provider(*words_of(30))
    assert (await ask(stage).reply()).status == 200
    await stage.receipt()
    assert spent(stage) == {"key one day": (PROMPT + 30, 0)}


async def test_an_answer_stops_in_mid_sentence_where_the_money_ends(
    stage: Stage, autojump_clock: MockClock
) -> None:
    grant(stage, budget(PROMPT + 100))
    provider = stage.provider(*words_of(1_000, usage=False))
    reply = await ask(stage).reply()
    receipt = await stage.receipt()
    assert reply.status == 200
    assert told(reply)["code"] == "insufficient_quota"
    assert "begins anew" in told(reply)["message"]
    assert (receipt.outcome, receipt.cause) == (Outcome.STOPPED, "insufficient_quota")
    assert provider.closed_at == receipt.ended, "in the same unwinding"
    ((paid, reserved),) = spent(stage).values()
    assert reserved == 0
    assert PROMPT + 98 <= paid <= PROMPT + 100, "no read too many, and all but a token or two"
    assert reply.text.count("x") >= 98


async def test_a_read_of_many_tokens_passes_a_budget_by_no_more_than_itself(
    stage: Stage, autojump_clock: MockClock
) -> None:
    grant(stage, budget(PROMPT + 100))
    gulp = chunk(*(event("x") for _ in range(40)))
    stage.provider(STREAM_HEAD, *([gulp] * 50))
    reply = await ask(stage).reply()
    assert told(reply)["code"] == "insufficient_quota"
    ((paid, _),) = spent(stage).values()
    assert paid <= PROMPT + 100 + 40


async def test_nobody_begins_who_cannot_pay_for_the_prompt_and_a_slice(
    stage: Stage, autojump_clock: MockClock
) -> None:
    grant(stage, budget(PROMPT + 10))
    reply = await ask(stage).reply()
    assert is_quota(reply)
    assert "per day" in reply.error["message"]
    assert stage.dialled == [], "no provider was asked"
    assert (await stage.receipt()).outcome is Outcome.REFUSED


async def test_a_great_most_that_nobody_uses_holds_nothing(
    stage: Stage, autojump_clock: MockClock
) -> None:
    grant(stage, budget(200))
    stage.provider(*words_of(30)).then(*words_of(30))
    for _ in range(2):
        assert (await ask(stage, max_tokens=100_000).reply()).status == 200
    assert spent(stage) == {"key one day": (2 * (PROMPT + 30), 0)}


async def test_the_worst_is_held_where_a_budget_says_so(
    stage: Stage, autojump_clock: MockClock
) -> None:
    grant(stage, budget(500, reserve="worst"))
    assert is_quota(await ask(stage, max_tokens=1_000).reply())
    stage.provider(*words_of(30))
    assert (await ask(stage, max_tokens=100).reply()).status == 200


async def test_an_answer_in_one_piece_holds_what_such_answers_are(
    stage: Stage, autojump_clock: MockClock
) -> None:
    grant(stage, budget(500))
    assert is_quota(await ask(stage, stream=False).reply()), "512 tokens, as long as none is known"
    provider = stage.provider(answer(200, COMPLETION))
    for _ in range(30):
        provider.then(answer(200, COMPLETION))
    for _ in range(25):
        assert (await ask(stage, stream=False, max_tokens=10).reply()).status == 200
    assert (await ask(stage, stream=False).reply()).status == 200, "answers here have two tokens"


async def test_a_team_pays_for_all_its_keys_and_each_user_for_its_own(
    stage: Stage, autojump_clock: MockClock
) -> None:
    grant(stage, team=[budget(1_000), budget(300, each="user")])
    stage.provider(*words_of(100)).then(*words_of(100))
    for secret in (SECRET, OTHER):
        assert (await ask(stage, secret).reply()).status == 200
    cost = PROMPT + 100
    assert spent(stage) == {
        "team t day": (2 * cost, 0),
        "user t ada day": (cost, 0),
        "user t bob day": (cost, 0),
    }


async def test_another_model_takes_the_place_of_one_that_nothing_is_left_for(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.spares = ["spare"]
    prices = {"up/m-1": PRICE, "spare/n-1": Price(0, 0)}
    grant(stage, budget(10, models=("m",), then="n"), prices=prices)
    stage.provider(*words_of(5), at="spare")
    assert (await ask(stage).reply()).status == 200
    receipt = await stage.receipt()
    assert (receipt.asked, receipt.model, receipt.target) == ("m", "n", "spare/n-1")


async def test_who_takes_its_place_is_asked_by_its_own_name_and_kept_under_it(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.homes, stage.offered = ["up", "spare"], {"spare": {"n": "n"}}
    stage.conduct = Conduct(retries=0, cache_ttl=1_000.0)
    prices = {"up/m-1": PRICE, "spare/n": Price(0, 0)}
    grant(stage, budget(PROMPT + 64, models=("m",), then="n"), prices=prices)
    stage.provider(*words_of(60))
    assert (await ask(stage).reply()).status == 200
    other = stage.provider(*words_of(5), at="spare")
    assert (await ask(stage).reply()).text == "xxxxx"
    assert other.sent_json()["model"] == "n"
    await stage.calls.ended()
    assert [receipt.cache for receipt in stage.book.receipts] == ["miss", "miss"]


async def test_s13_who_takes_its_place_and_is_no_more_tells_of_no_names_that_are_not_the_callers(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.homes, stage.offered = ["up", "other"], {"other": {"secret-2": "s"}}
    grant(stage, budget(10, models=("m",), then="secret-1"), models=("m",))
    reply = await ask(stage).reply()
    assert (reply.status, "secret-2" in reply.error["message"]) == (404, False)


@pytest.mark.parametrize("unpriced", ["refuse", "free"])
async def test_a_model_without_a_price_is_refused_or_free_as_the_team_says(
    stage: Stage, unpriced: Unpriced, autojump_clock: MockClock
) -> None:
    grant(stage, budget(1_000), prices={}, unpriced=unpriced)
    stage.provider(*words_of(5))
    reply = await ask(stage).reply()
    if unpriced == "free":
        assert reply.status == 200
    else:
        assert (reply.status, reply.error["code"]) == (429, "unpriced_model")
    assert spent(stage) in ({}, {"key one day": (0, 0)})


async def test_a_window_that_is_over_is_over(stage: Stage, autojump_clock: MockClock) -> None:
    grant(stage, budget(PROMPT + 70))
    stage.provider(*words_of(60))
    assert (await ask(stage).reply()).status == 200
    assert is_quota(await ask(stage).reply())
    await trio.sleep(DAY)
    stage.provider(*words_of(60))
    assert (await ask(stage).reply()).status == 200


async def test_the_log_is_told_once_of_each_part_that_is_spent(
    stage: Stage, autojump_clock: MockClock
) -> None:
    grant(stage, budget(200, alert=(0.2, 0.5, 1.0)))
    stage.provider(*words_of(45)).then(*words_of(45))
    for _ in range(2):
        await ask(stage).reply()
        await stage.calls.ended()
    assert stage.alerts == [("key one day", 0.2), ("key one day", 0.5)]


@pytest.mark.parametrize("way", ["fin", "rst"])
async def test_who_leaves_pays_for_what_has_passed_and_holds_nothing(
    stage: Stage, way: str, autojump_clock: MockClock
) -> None:
    """C1 in part: what was reserved goes back as soon as its client has left."""
    grant(stage, budget(1_000))
    stage.provider(STREAM_HEAD, chunk(event("a")), chunk(event("b")))
    caller = ask(stage)
    await caller.read_to(b'"b"')
    caller.leave(way)
    receipt = await stage.receipt()
    assert receipt.usage_quality == "estimated"
    assert spent(stage) == {"key one day": (PROMPT + 2, 0)}


async def test_five_hundred_at_once_spend_no_more_than_there_is(
    stage: Stage, autojump_clock: MockClock
) -> None:
    cost = PROMPT + 100
    grant(stage, budget(100 * cost))
    stage.max_calls = 1_000
    for _ in range(500):
        stage.provider(*words_of(100))
    refused = whole = cut = 0

    async def one() -> None:
        nonlocal refused, whole, cut
        reply = await ask(stage).reply()
        if reply.status == 429:
            refused += 1
        elif reply.events and "error" in str(reply.events[-1]):
            cut += 1
        else:
            whole += 1

    async with trio.open_nursery() as nursery:
        for _ in range(500):
            nursery.start_soon(one)
    await stage.calls.ended()
    ((paid, reserved),) = spent(stage).values()
    assert reserved == 0
    assert 0.98 * 100 * cost <= paid <= 100 * cost
    assert refused + cut + whole == 500


async def test_a_race_is_paid_for_both_who_run(stage: Stage, autojump_clock: MockClock) -> None:
    stage.homes = ["up", "other"]
    stage.conduct = Conduct(retries=0, hedge_after=1.0)
    grant(stage, budget(1_000), prices={"up/m-1": PRICE, "other/m-1": PRICE})
    stage.provider(STREAM_HEAD)
    stage.provider(*words_of(30), at="other")
    assert (await ask(stage).reply()).status == 200
    assert spent(stage) == {"key one day": (2 * PROMPT + 30, 0)}


async def test_what_costs_nothing_goes_on_where_more_was_spent_than_there_was(
    stage: Stage, autojump_clock: MockClock
) -> None:
    stage.spares = ["spare"]
    grant(stage, budget(PROMPT + 64), prices={"up/m-1": PRICE, "spare/n-1": Price(0, 0)})
    thoughts = event(choices=[], usage={**USAGE, "completion_tokens": 5_000})
    stage.provider(STREAM_HEAD, chunk(event("x")), chunk(STOP, thoughts, DONE) + END)
    stage.provider(*words_of(3), at="spare")
    assert (await ask(stage).reply()).status == 200
    assert is_quota(await ask(stage).reply())
    assert (await ask(stage, model="n").reply()).status == 200
