"""Money in common: never more than there is, nearly all of it, and what is idle goes back."""

import re
from collections.abc import Iterator
from random import Random

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.budgets import Purse, Purses, Want
from gateway.store.line import Refused
from gateway.store.options import Loss
from gateway.store.treasury import PART, Draw, Treasury, portion
from gateway.words.budget import Account, Budget
from tests.store.plain_client import PlainClient
from tests.store.real_gates import (
    NOON,
    SCRIPTS,
    process,
    start,
    store_and_client,
    taken,
    wants,
)
from tests.store.real_store import RealStore, until

Place = tuple[RealStore, PlainClient]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with store_and_client() as place:
        yield place


@pytest.fixture
def client(place: Place) -> PlainClient:
    place[1].say(b"FLUSHALL")
    return place[1]


class One:
    """The treasury of one process, and a store that is asked when a test says so."""

    def __init__(self, loss: Loss = "local", nanos: int = 1000) -> None:
        self.nanos = nanos
        self.purses = Purses(common=True)
        self.treasury = Treasury(self.purses, SCRIPTS, loss)

    def purse(self) -> Purse:
        return self.purses.of(Account("key a day", "key", Budget(self.nanos, "day")), NOON)

    def draw(self, purse: Purse, need: int, wish: int = 0) -> Draw:
        (draw,) = self.treasury.draws([Want(purse, need, wish or need)])
        return draw

    def ask(self, client: PlainClient, draw: Draw) -> None:
        self.treasury.take(draw, client.say(*self.treasury.command(draw)))

    def fund(self, client: PlainClient, need: int, wish: int = 0) -> None:
        self.ask(client, self.draw(self.purse(), need, wish))

    def tell(self, client: PlainClient, *, closing: bool = False) -> int:
        """Tell the store what there is; return how much that was."""
        told = list(self.treasury.words(closing=closing))
        for parcel in told:
            parcel.take(client.say(*parcel.command))
        return len(told)


@pytest.mark.parametrize(
    "name", ["' .. redis.call('FLUSHALL') --", "{a}", "x\r\nFLUSHALL\r\n", "é"]
)
def test_s6_no_name_of_an_account_stands_in_a_command(name: str) -> None:
    """S6: the key of a purse is a hash, and all that is said to its program are numbers."""
    one = One()
    purse = one.purses.of(Account(name, "user", Budget(1000, "day")), NOON)
    command = one.treasury.command(one.draw(purse, 5))
    texts = [part for part in command if not isinstance(part, int)]
    assert texts[:2] == [b"EVALSHA", SCRIPTS.purse.digest]
    (key,) = texts[2:]
    assert re.fullmatch(rb"gateway:purse:1:[0-9a-f]{32}:[0-9]+", key)


@given(st.integers(-50, 10**6), st.integers(1, 500), st.integers(0, 5000))
def test_the_store_grants_what_python_would(place: Place, left: int, need: int, wish: int) -> None:
    _, client = place
    client.say(b"FLUSHALL")
    reply = client.run(SCRIPTS.purse, [b"p"], left + 50, need, wish, 50, 0, 0, 0, 2 * 10**9, 1)
    assert reply == [portion(left, need, wish), 50 + portion(left, need, wish), 1, 1]


def test_where_much_is_left_the_wish_is_granted_and_at_the_end_the_need() -> None:
    assert portion(PART * 160, 10, 160) == 160
    assert portion(PART * 50, 10, 160) == 50
    assert portion(PART, 10, 160) == 10
    assert portion(10, 10, 160) == 10
    assert portion(9, 10, 160) == 0
    assert portion(0, 0, 0) == 0


def test_only_what_is_missing_is_asked_for(client: PlainClient) -> None:
    """And what one call counts on is not counted on by another."""
    one = One()
    purse = one.purse()
    purse.ceiling = 8
    first, second = one.draw(purse, 10, 100), one.draw(purse, 10, 100)
    assert (first.need, first.wish, second.need, second.wish) == (2, 100, 10, 10)
    first.leave()
    first.leave()
    assert one.draw(purse, 10).need == 2
    purse.reserved = 12
    second.leave()
    assert one.draw(purse, 10).need == 14, "what others owe is part of it"


def test_what_a_purse_has_is_not_asked_for() -> None:
    one = One()
    purse = one.purse()
    purse.ceiling = 10
    assert one.treasury.draws(wants(purse, 10)) == []


def test_a_reply_that_is_none_changes_nothing() -> None:
    one = One()
    purse = one.purse()
    for reply in (None, Refused("OOM"), [1, 2, 3], [-1, 0, 0, 0], ["1", 1, 1, 1], b"x"):
        draw = one.draw(purse, 10)
        one.treasury.take(draw, reply)
        assert not draw.was_answered
    assert (purse.ceiling, purse.known) == (0, 0)


def test_an_older_reply_does_not_hide_a_newer_one() -> None:
    one = One()
    purse = one.purse()
    late, soon = one.draw(purse, 10), one.draw(purse, 10)
    one.treasury.take(soon, [10, 20, 7, 2])
    one.treasury.take(late, [10, 10, 7, 1])
    assert (purse.ceiling, purse.known) == (20, 20)


def test_money_is_idle_once_nobody_has_used_it_for_a_while(client: PlainClient) -> None:
    one = One(nanos=10**6)
    purse = one.purse()
    one.fund(client, 10, 500)
    purse.reserved = 10
    assert one.tell(client) == 0, "it was used since the last look"
    assert one.tell(client) == 1
    assert (purse.room, purse.known, purse.ceiling) == (0, 10, 10)
    purse.reserved, purse.spent = 0, 4
    assert one.tell(client) == 1, "no call is open any more"
    assert (purse.room, purse.known) == (0, 4)
    assert one.tell(client) == 0


def test_where_little_is_left_it_goes_back_at_once(client: PlainClient) -> None:
    one = One()
    purse = one.purse()
    one.fund(client, 10, 500)
    purse.reserved = 5
    assert one.treasury.is_scarce
    assert one.tell(client) == 1
    assert (purse.room, purse.known) == (0, 5)


def test_what_a_call_is_about_to_use_is_not_idle(client: PlainClient) -> None:
    one = One(nanos=10**6)
    purse = one.purse()
    one.fund(client, 10)
    draw = one.draw(purse, 20)
    for closing in (False, True):
        assert one.tell(client, closing=closing) == 0
    draw.leave()
    assert one.tell(client, closing=True) == 1


def test_what_calls_cost_beyond_what_they_held_is_told(client: PlainClient) -> None:
    one, two = One(), One()
    one.fund(client, 900)
    one.purse().spent = 950
    assert one.tell(client) == 1
    assert (one.purse().room, one.purse().known) == (0, 950)
    two.fund(client, 51)
    assert (two.purse().ceiling, two.purse().known) == (0, 950)
    two.fund(client, 50)
    assert two.purse().ceiling == 50


def test_overspending_that_nobody_asked_for_is_found(client: PlainClient) -> None:
    one = One()
    one.purse().spent = 7
    assert one.tell(client) == 0
    one.treasury.look_through()
    assert one.tell(client) == 1
    assert one.purse().known == 7


def test_money_that_may_have_been_given_back_is_never_given_back_twice(
    client: PlainClient,
) -> None:
    one = One()
    purse = one.purse()
    one.fund(client, 100)
    for parcel in list(one.treasury.words()):
        client.say(*parcel.command)
        parcel.take(None)
    assert (purse.ceiling, one.treasury.stranded, one.tell(client)) == (0, 100, 0)
    one.fund(client, 1000)
    for parcel in list(one.treasury.words()):
        parcel.take(Refused("READONLY"))
    assert (purse.ceiling, one.treasury.stranded) == (1000, 100), "refused, and so not given back"


@pytest.mark.parametrize(("loss", "granted"), [("local", [600, 0]), ("open", [600, 500])])
def test_what_is_granted_without_the_store_is_told_when_it_is_back(
    client: PlainClient, loss: Loss, granted: list[int]
) -> None:
    one = One(loss)
    purse = one.purse()
    one.fund(client, 300)
    purse.reserved = 300
    for need, amount in zip((600, 500), granted, strict=True):
        one.treasury.alone(wants(purse, need))
        assert purse.room == amount
        purse.reserved += amount
    (parcel,) = one.treasury.words()
    one.treasury.alone(wants(purse, 100))
    parcel.take(None)
    (parcel,) = one.treasury.words()
    parcel.take(client.say(*parcel.command))
    assert (purse.known, one.tell(client)) == (sum(granted) + 300 + purse.room, bool(purse.room))


def test_closed_is_closed() -> None:
    one = One("closed")
    one.treasury.alone(wants(one.purse(), 10))
    assert one.purse().room == 0


def test_a_store_that_has_lost_it_all_is_told_by_whoever_knows_most(client: PlainClient) -> None:
    one, two = One(), One()
    one.fund(client, 100)
    two.fund(client, 500)
    client.say(b"FLUSHALL")
    one.fund(client, 200)
    assert one.purse().known == 200, "the second has not asked yet"
    two.fund(client, 801)
    assert (two.purse().known, two.purse().ceiling) == (700, 500)
    two.fund(client, 800)
    assert (two.purse().known, two.purse().ceiling) == (1000, 800)


def test_a_store_that_went_back_in_time_is_found_out(client: PlainClient) -> None:
    """As after a crash, when an older copy of its data is loaded."""
    one, two = One(), One()
    one.fund(client, 100)
    (key,) = client.say(b"KEYS", b"*")
    copy = client.say(b"DUMP", key)
    one.fund(client, 400)
    two.fund(client, 100)
    client.say(b"RESTORE", key, 0, copy, b"REPLACE")
    one.fund(client, 450)
    assert one.purse().known == 450
    two.fund(client, 200)
    assert (two.purse().known, two.purse().ceiling) == (650, 200)


def test_a_process_that_is_new_goes_by_its_ledger_and_counts_nothing_twice(
    client: PlainClient,
) -> None:
    one, two = One(), One()
    for each in (one, two):
        each.purses.before = lambda *_: 300
        each.fund(client, 100)
    assert two.purse().known == 500


def test_the_amount_of_a_budget_may_change(client: PlainClient) -> None:
    one = One()
    one.fund(client, 1000)
    one.nanos = 1500
    one.fund(client, 1500)
    assert one.purse().ceiling == 1500


def test_an_account_is_kept_till_a_day_after_its_window(client: PlainClient) -> None:
    one = One()
    one.fund(client, 10)
    (key,) = client.say(b"KEYS", b"*")
    seconds, _ = client.say(b"TIME")
    assert client.say(b"TTL", key) + int(seconds) == pytest.approx(
        one.purse().window.end + 86_400, abs=2
    )
    assert b"key a" not in key
    assert key.endswith(b":%d" % one.purse().window.start)


def test_a_window_that_is_over_is_forgotten_once_nothing_of_it_is_held(
    client: PlainClient,
) -> None:
    one = One()
    purse = one.purse()
    one.fund(client, 10)
    purse.reserved = 10
    one.purses.of(purse.account, NOON + 86_400)
    one.treasury.look_through()
    assert len(one.treasury) == 1
    purse.reserved, purse.spent = 0, 4
    assert one.tell(client) == 1
    one.treasury.look_through()
    assert (len(one.treasury), purse.known) == (0, 4)


@pytest.mark.parametrize(("least", "most_idle"), [(10, 20), (4, 39)])
@pytest.mark.parametrize("skew", [(1, 1, 1, 1), (97, 1, 1, 1)])
async def test_four_processes_spend_a_budget_before_anybody_is_refused(
    place: Place, nursery: trio.Nursery, skew: tuple[int, ...], least: int, most_idle: int
) -> None:
    """500 callers, and money for 100 calls, or some more where some cost less than they held.

    When the first is refused 98 % are in use, or on their way to or from those who use them. Where
    costs vary, each process may have something idle that is too little for a call.
    """
    store, client = place
    client.say(b"FLUSHALL")
    lots = Random(98)
    processes = [process(store) for _ in range(4)]
    await start(nursery, *processes)
    purses = [each.purse(1000) for each in processes]
    idle: list[int] = []

    async def call(which: int) -> None:
        await trio.sleep(lots.random())
        funds = await processes[which].pay(purses[which], 10, 160)
        if funds is None:
            idle.append(1000 - taken(client) + sum(purse.room for purse in purses))
            return
        await trio.sleep(lots.random() * 0.02)
        funds.close(lots.randint(least, 10))

    async with trio.open_nursery() as callers:
        for _ in range(500):
            callers.start_soon(call, lots.choices(range(4), skew)[0])
    assert idle[0] <= most_idle
    assert sum(purse.spent for purse in purses) <= 1000
    await until(lambda: taken(client) == sum(purse.spent for purse in purses))
    nursery.cancel_scope.cancel()
