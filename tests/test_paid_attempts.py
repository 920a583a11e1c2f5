"""What a call pays for that was asked more than once: in turn, in a race, again, with others.

In memory and in virtual time; prices and words are those of `test_budgets.py`.
"""

from dataclasses import replace
from math import inf

import httpx2
import pytest
import trio
from trio.testing import MockClock

from gateway.policy.offers import Offer, Rules
from gateway.policy.routes import Routes
from gateway.upstream.entra import Entra
from gateway.upstream.probe import client_on
from gateway.upstream.tokens import Grant, Tokens
from gateway.words.answer import Usage
from gateway.words.grants import EntraGrant
from gateway.words.receipt import Outcome, Receipt
from gateway.words.secret import Secret
from gateway.words.target import Conduct, Timeouts
from tests.caller import Caller
from tests.stage import STREAM_HEAD, Provider, Stage, chat, chunk, event
from tests.test_budgets import OTHER, PRICE, PROMPT, SECRET, ask, budget, grant, spent, words_of
from tests.token_place import Lines, TokenPlace

pytest_plugins = ("tests.onstage",)

BOTH = {"up/m-1": PRICE, "other/m-1": PRICE}
KEY = "key one day"


@pytest.fixture
def two(stage: Stage) -> Stage:
    """Have two homes, and money."""
    stage.homes = ["up", "other"]
    stage.timeouts = Timeouts(first_token=5.0)
    grant(stage, budget(1_000), prices=BOTH)
    return stage


def tokens(count: int) -> tuple[bytes, ...]:
    """Return a stream that has told so many tokens and goes on."""
    return (STREAM_HEAD, *(chunk(event("x")) for _ in range(count)))


async def broken_off(stage: Stage, told: int) -> Receipt:
    """Have the first home break off after so many tokens; return what the call came to."""
    stage.conduct = Conduct(retries=0, resume=True)
    provider = stage.provider(*tokens(told))
    caller = ask(stage)
    await trio.sleep(1)
    provider.cut()
    await caller.reply()
    return await stage.receipt()


@pytest.mark.parametrize("conduct", [Conduct(retries=0), Conduct(retries=0, hedge_after=1.0)])
async def test_who_said_nothing_says_nothing_of_what_another_answered(
    two: Stage, conduct: Conduct, autojump_clock: MockClock
) -> None:
    """The answer has no usage: what was asked of the first is not taken for it."""
    two.conduct = conduct
    two.provider(STREAM_HEAD)
    two.provider(*words_of(30, usage=False), at="other")
    assert (await ask(two).reply()).status == 200
    receipt = await two.receipt()
    assert (receipt.usage, receipt.usage_quality) == (Usage(PROMPT, 31), "estimated")
    assert spent(two) == {KEY: (2 * PROMPT + 31, 0)}


async def test_who_leaves_the_second_is_told_by_what_that_has_said(
    two: Stage, autojump_clock: MockClock
) -> None:
    two.provider(STREAM_HEAD)
    two.provider(STREAM_HEAD, chunk(event("a")), chunk(event("b")), at="other")
    caller = ask(two)
    await caller.read_to(b'"b"')
    caller.leave()
    assert (await two.receipt()).usage == Usage(PROMPT, 2)
    assert spent(two) == {KEY: (2 * PROMPT + 2, 0)}


async def test_who_cannot_be_reached_to_go_on_takes_nothing(
    two: Stage, autojump_clock: MockClock
) -> None:
    two.refuse(httpx2.ConnectError("refused"), at="other")
    assert (await broken_off(two, 10)).usage == Usage(PROMPT, 10)
    assert spent(two) == {KEY: (PROMPT + 10, 0)}


async def test_who_is_asked_to_go_on_and_never_speaks_has_read_the_prompt(
    two: Stage, autojump_clock: MockClock
) -> None:
    two.provider(STREAM_HEAD, at="other")
    assert (await broken_off(two, 10)).usage == Usage(PROMPT, 10)
    assert spent(two) == {KEY: (2 * PROMPT + 10, 0)}


async def test_who_tells_an_answer_once_more_is_paid_for_all_of_it(
    two: Stage, autojump_clock: MockClock
) -> None:
    two.provider(*words_of(30, usage=False), at="other")
    receipt = await broken_off(two, 10)
    assert (receipt.resumed, receipt.usage_quality) == (1, "estimated")
    assert spent(two) == {KEY: (PROMPT + 10 + PROMPT + 31, 0)}


async def test_an_answer_is_not_asked_for_again_without_the_money_for_all_of_it(
    two: Stage, autojump_clock: MockClock
) -> None:
    grant(two, budget(PROMPT + 100), prices=BOTH)
    two.provider(*words_of(300, usage=False), at="other")
    receipt = await broken_off(two, 80)
    assert (receipt.outcome, receipt.resumed) == ("upstream_truncated", 0)
    assert spent(two) == {KEY: (PROMPT + 80, 0)}
    assert len(two.dialled) == 1


async def test_nobody_else_is_asked_without_the_money_for_the_prompt(
    two: Stage, autojump_clock: MockClock
) -> None:
    grant(two, budget(1_200), prices=BOTH)
    two.provider(STREAM_HEAD)
    reply = await ask(two, messages=[{"role": "user", "content": "y" * 4_000}]).reply()
    assert (reply.status, reply.error["code"]) == (504, "first_token_timeout")
    assert len(two.dialled) == 1
    ((paid, reserved),) = spent(two).values()
    assert 1_000 < paid <= 1_200
    assert reserved == 0


async def shared(stage: Stage, window: float = inf) -> tuple[Provider, Caller, Caller]:
    """Have two keys of one team read one answer; the first has a window of so many bytes."""
    stage.conduct = Conduct(retries=0, coalesce=True)
    grant(stage, team=[budget(10_000)])
    provider = stage.provider(STREAM_HEAD)
    first = stage.connect(window)
    first.send(chat(f"x-api-key: {SECRET}"))
    await provider.asked.wait()
    second = ask(stage, OTHER)
    await trio.sleep(1)
    return provider, first, second


async def test_whoever_is_handed_an_answer_pays_for_all_of_it(
    stage: Stage, autojump_clock: MockClock
) -> None:
    provider, first, second = await shared(stage)
    provider.say(*tokens(49)[1:], chunk(event("z")))
    await first.read_to(b'"z"')
    first.leave()
    await trio.sleep(1)
    provider.say(chunk(event("v")))
    await second.read_to(b'"v"')
    second.leave()
    await stage.calls.ended()
    assert spent(stage) == {"team t day": (PROMPT + 51, 0)}


async def test_what_was_told_of_its_end_counts_although_its_owner_left_before_he_read_it(
    stage: Stage, autojump_clock: MockClock
) -> None:
    provider, first, second = await shared(stage, window=700)
    provider.say(*words_of(50)[1:])
    assert (await second.reply()).status == 200
    first.leave()
    await stage.calls.ended()
    assert spent(stage) == {"team t day": (PROMPT + 50, 0)}
    assert {receipt.usage for receipt in stage.book.receipts} == {Usage(PROMPT, 50)}


async def test_who_leaves_while_there_are_no_credentials_has_asked_nobody(
    stage: Stage, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    grant(stage, budget(1_000))
    entra = Entra(EntraGrant("t", "id", Secret("s"), "https://login.test"))
    source = Grant("up", entra, Lines(), lambda: 0.5)
    nursery.start_soon(source.serve, client_on(TokenPlace(None)))
    caller, current = stage.connect(), stage.current
    offer = Offer("up", {"m": "m-1"}, "", False, False, replace(stage.target(), grant="up"), ())
    current.house = replace(
        current.house, routes=Routes([offer], {}, {}, Rules()), tokens=Tokens({"up": source})
    )
    caller.send(chat(f"x-api-key: {SECRET}"))
    await trio.sleep(1)
    caller.leave()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.usage) == (Outcome.CLIENT_GONE, None)
    assert spent(stage) == {KEY: (0, 0)}
    nursery.cancel_scope.cancel()
