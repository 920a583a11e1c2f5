"""Several processes on one real store: limits and budgets hold for all together, whoever leaves."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway.policy.budgets import Purses
from gateway.policy.limits import FREE_LEASE, Lease, Subject
from gateway.store.gate import SharedGate
from gateway.store.line import PATIENCE, Lost, Refused
from gateway.store.options import Loss
from gateway.words.caller import Limits
from gateway.words.errors import Busy, RateLimited
from tests.store.fakes import FakeLine
from tests.store.lease_holder import HELD
from tests.store.plain_client import PlainClient
from tests.store.real_gates import (
    SCRIPTS,
    Process,
    of_key,
    open_leases,
    process,
    start,
    store_and_client,
    taken,
    wants,
)
from tests.store.real_store import RealStore, until

BY_TOKENS = of_key(Limits(tokens_per_minute=1000))
Place = tuple[RealStore, PlainClient]


@pytest.fixture
def place() -> Iterator[Place]:
    with store_and_client() as place:
        yield place


async def admitted(one: Process, subjects: tuple[Subject, ...], tokens: int = 0) -> Lease | None:
    try:
        return await one.gate.admit(subjects, tokens, ())
    except RateLimited:
        return None


async def test_open_calls_of_all_processes_count_together(
    place: Place, nursery: trio.Nursery
) -> None:
    store, client = place
    one, two = process(store), process(store)
    await start(nursery, one, two)
    leases: list[Lease] = []

    async def ask(who: Process) -> None:
        if lease := await admitted(who, HELD):
            leases.append(lease)

    # Not all at once: what is not answered within a second is decided on without the store.
    for _ in range(20):
        async with trio.open_nursery() as callers:
            for number in range(25):
                callers.start_soon(ask, (one, two)[number % 2])
    assert one.gate.alone == two.gate.alone == 0
    assert len(leases) == open_leases(client) == 5
    for lease in leases:
        lease.release()
        lease.release()
    await until(lambda: open_leases(client) == 0)
    assert isinstance(await admitted(two, HELD), Lease)
    nursery.cancel_scope.cancel()


async def test_what_one_process_uses_the_other_has_less_of(
    place: Place, nursery: trio.Nursery
) -> None:
    store, _ = place
    one, two = process(store), process(store)
    await start(nursery, one, two)
    lease = await one.gate.admit(BY_TOKENS, 900, ())
    with pytest.raises(RateLimited, match="limit of this key is reached: 1000 tokens") as caught:
        await two.gate.admit(BY_TOKENS, 900, ())
    fields = dict(caught.value.headers)
    assert 100 <= int(fields[b"x-ratelimit-remaining-tokens"]) < 110
    assert 45 < float(fields[b"retry-after"]) <= 48
    lease.settle(50)
    lease.release()
    await until(lambda: one.gate.leases.waiting == 0)
    with await two.gate.admit(BY_TOKENS, 900, ()) as other:
        fields = dict(two.gate.headers(BY_TOKENS, other))
        assert 50 <= int(fields[b"x-ratelimit-remaining-tokens"]) < 60
        other.settle(2000)
    await until(lambda: two.gate.leases.waiting == 0)
    assert await admitted(one, BY_TOKENS) is None
    nursery.cancel_scope.cancel()


async def test_key_team_and_model_let_in_together_or_not_at_all(
    place: Place, nursery: trio.Nursery
) -> None:
    store, client = place
    one = process(store)
    await start(nursery, one)
    model = Subject("model:m", "model", Limits(requests_per_minute=1))
    team = Subject("team:t", "team", Limits(requests_per_minute=9))
    (await one.gate.admit((*HELD, team, model), 0, ())).release()
    for _ in range(3):
        with pytest.raises(RateLimited, match="limit of this model"):
            await one.gate.admit((*HELD, team, model), 0, ())
    await until(lambda: open_leases(client) == 0)
    with await one.gate.admit((team,), 0, ()) as lease:
        fields = dict(one.gate.headers((team,), lease))
        assert fields[b"x-ratelimit-remaining-requests"] == b"7"
    nursery.cancel_scope.cancel()


async def test_who_has_no_limit_and_wants_no_money_asks_nobody(autojump_clock: MockClock) -> None:
    gate = SharedGate(b"one", Purses(common=True), "closed", scripts=SCRIPTS)
    assert await gate.admit((), 100, ()) is FREE_LEASE
    assert gate.headers((), FREE_LEASE) == ()
    await gate.close()


async def test_the_leases_of_a_killed_process_are_over_in_time(
    place: Place, nursery: trio.Nursery
) -> None:
    store, _ = place
    one = process(store)
    await start(nursery, one)
    program = [sys.executable, "-m", "tests.store.lease_holder", str(store.path.parent), "0.6"]
    other = await trio.lowlevel.open_process(program, stdout=subprocess.PIPE)
    assert other.stdout is not None
    async with other.stdout:
        assert await other.stdout.receive_some() == b"5\n"
        await trio.sleep(0.05)
        assert await admitted(one, HELD) is None
        other.kill()
        await other.wait()
    leases: list[Lease] = []
    with trio.fail_after(3):
        while len(leases) < 5:
            lease = await admitted(one, HELD)
            if lease is not None:
                leases.append(lease)
            await trio.sleep(0.01)
    assert await admitted(one, HELD) is None
    nursery.cancel_scope.cancel()


async def test_a_lease_is_renewed_as_long_as_it_is_open(
    place: Place, nursery: trio.Nursery
) -> None:
    store, client = place
    one, two = process(store, ttl=0.15), process(store, ttl=0.15)
    await start(nursery, one, two)
    held = [await one.gate.admit(HELD, 0, ()) for _ in range(5)]
    for _ in range(12):
        await trio.sleep(0.03)
        assert await admitted(two, HELD) is None
    held[0].release()
    await until(lambda: open_leases(client) == 4)
    nursery.cancel_scope.cancel()


async def test_open_leases_are_told_again_to_a_store_that_has_lost_them(
    place: Place, nursery: trio.Nursery
) -> None:
    store, client = place
    one = process(store, ttl=0.3)
    await start(nursery, one)
    held = [await one.gate.admit(HELD, 0, ()) for _ in range(5)]
    client.say(b"FLUSHALL")
    await until(lambda: open_leases(client) == 5)
    assert await admitted(one, HELD) is None
    for lease in held:
        lease.release()
    await until(lambda: open_leases(client) == 0)
    nursery.cancel_scope.cancel()


async def test_a_store_that_has_forgotten_the_programs_is_told_them(
    place: Place, nursery: trio.Nursery
) -> None:
    store, client = place
    one = process(store)
    await start(nursery, one)
    client.say(b"SCRIPT", b"FLUSH")
    purse = one.purse(1000)
    lease = await one.gate.admit(HELD, 0, wants(purse, 10))
    assert (purse.ceiling, one.gate.alone) == (10, 0)
    lease.release()
    await until(lambda: open_leases(client) == 0)
    nursery.cancel_scope.cancel()


async def test_ten_thousand_calls_that_are_left_leave_nothing(
    place: Place, nursery: trio.Nursery
) -> None:
    """Wherever they are cut: neither a lease nor money is left, and what is spent is taken."""
    store, client = place
    lots = Random(6)
    one, two = process(store), process(store)
    await start(nursery, one, two)
    both = [(each, each.purse(10**9)) for each in (one, two)]
    subjects = of_key(Limits(10**6, 10**9, 10**5))
    spent = 0

    async def call() -> None:
        nonlocal spent
        who, purse = lots.choice(both)
        with trio.move_on_after(lots.random() * 0.04):
            asked = wants(purse, 10, 40) if purse.room < 10 else ()
            with await who.gate.admit(subjects, 100, asked) as lease:
                if purse.room >= 10:
                    purse.reserved += 10
                    try:
                        await trio.sleep(lots.random() * 0.01)
                    finally:
                        purse.reserved -= 10
                        purse.spent += 7
                        spent += 7
                lease.settle(60)

    for _ in range(400):
        async with trio.open_nursery() as callers:
            for _ in range(25):
                callers.start_soon(call)
    await until(lambda: open_leases(client) == 0)
    assert len(one.gate.leases) == len(two.gate.leases) == 0
    assert one.gate.alone == two.gate.alone == 0
    for who in (one, two):
        await who.gate.close()
    assert spent > 1000
    await until(lambda: taken(client) == spent)
    assert [(purse.reserved, purse.room) for _, purse in both] == [(0, 0), (0, 0)]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("loss", ["local", "open", "closed"])
async def test_a_store_that_dies_under_load_is_done_without(
    loss: Loss, place: Place, nursery: trio.Nursery
) -> None:
    """And when it is back, what is open counts again, and what was spent meanwhile is told."""
    store, _ = place
    one = process(store, loss)
    await start(nursery, one)
    subjects, purse = of_key(Limits(concurrency=3)), one.purse(1000)
    outcomes: list[str] = []

    async def call() -> None:
        asked = wants(purse, 10) if purse.room < 10 else ()
        try:
            with await one.gate.admit(subjects, 0, asked):
                purse.spent += 10
                outcomes.append("in")
                await trio.sleep(0.03)
        except (RateLimited, Busy) as error:
            outcomes.append(type(error).__name__)

    async def load() -> None:
        async with trio.open_nursery() as callers:
            for _ in range(20):
                callers.start_soon(call)
                await trio.sleep(0.001)

    held = await one.gate.admit(subjects, 0, ())
    await load()
    assert 0 < outcomes.count("in") < 20
    store.kill()
    await until(lambda: one.gate.away)
    outcomes.clear()
    await load()
    kinds = {"local": {"in", "RateLimited"}, "open": {"in"}, "closed": {"Busy"}}
    assert set(outcomes) == kinds[loss]
    assert (one.gate.alone >= 20, one.gate.mode) == (True, loss)
    await store.start()
    await until(lambda: not one.gate.away)
    with PlainClient(store.path) as fresh:
        assert open_leases(fresh) == 1
        held.release()
        await until(lambda: open_leases(fresh) == 0)
        await one.gate.fund(wants(purse, purse.room + 1))
        await one.gate.close()
        await until(lambda: taken(fresh) == purse.spent)
    nursery.cancel_scope.cancel()


async def test_what_was_left_when_the_store_was_last_heard_of_may_be_spent_without_it(
    place: Place, nursery: trio.Nursery
) -> None:
    store, _ = place
    one, two = process(store), process(store)
    await start(nursery, one, two)
    mine, theirs = one.purse(1000), two.purse(1000)
    assert await two.pay(theirs, 600)
    assert await one.pay(mine, 10)
    store.kill()
    await until(lambda: one.gate.away)
    funds = await one.pay(mine, 390)
    assert funds is not None
    assert await one.pay(mine, 1) is None
    funds.close(390)
    nursery.cancel_scope.cancel()


async def test_leaving_gives_idle_money_back(place: Place, nursery: trio.Nursery) -> None:
    store, client = place
    one = process(store)
    await start(nursery, one)
    purse = one.purse(1_000_000)
    funds = await one.pay(purse, 10, 500)
    assert (taken(client), purse.room, purse.known) == (500, 490, 500)
    await one.gate.close()
    assert (taken(client), purse.room, purse.ceiling) == (10, 0, 10)
    assert funds is not None
    funds.close(4)
    await one.gate.close()
    await until(lambda: taken(client) == 4)
    nursery.cancel_scope.cancel()


async def test_idle_money_comes_to_whoever_needs_it(place: Place, nursery: trio.Nursery) -> None:
    store, client = place
    one, two = process(store), process(store)
    await start(nursery, one, two)
    mine, theirs = one.purse(1000), two.purse(1000)
    funds = await one.pay(mine, 990)
    assert funds is not None
    assert await two.pay(theirs, 100) is None
    funds.close(0)
    await until(lambda: taken(client) == 0)
    assert await two.pay(theirs, 1000) is not None
    nursery.cancel_scope.cancel()


async def test_a_store_that_lost_its_data_is_told_what_was_taken(
    place: Place, nursery: trio.Nursery
) -> None:
    store, client = place
    one, two = process(store), process(store)
    await start(nursery, one, two)
    mine, theirs = one.purse(1000), two.purse(1000)
    assert await one.pay(mine, 300)
    assert await two.pay(theirs, 500)
    client.say(b"FLUSHALL")
    assert await one.pay(mine, 50)
    assert await two.pay(theirs, 151) is None, "950 are taken, whoever was asked first"
    assert await two.pay(theirs, 150)
    assert taken(client) == 1000
    nursery.cancel_scope.cancel()


def lease_reply(is_in: int, *levels: int) -> list[int | bytes]:
    return [is_in, *[b"%d" % level for level in levels]]


class Answering:
    """A line to a store that grants what is needed, and lets everybody in."""

    def __init__(self) -> None:
        self.line = FakeLine(self.reply)
        self.lease: object = lease_reply(1, 60_000_000, 0, 1)
        self.money: object = None

    def reply(self, command: tuple[bytes | int, ...]) -> object:
        if command[1] == SCRIPTS.admit.digest:
            return self.lease
        if command[1] == SCRIPTS.purse.digest:
            return self.money or [command[5], command[5], 1, 1]
        return b"OK"


@pytest.fixture
def answering() -> Answering:
    return Answering()


async def served(nursery: trio.Nursery, answering: Answering, loss: Loss = "local") -> Process:
    one = process(RealStore(Path("/nowhere")), loss)

    async def serve() -> None:
        with suppress(Lost):
            await one.gate.serve(answering.line)

    nursery.start_soon(serve)
    await trio.testing.wait_all_tasks_blocked()
    assert not one.gate.away
    answering.line.trips = 0
    return one


async def test_an_admission_is_one_round_trip(nursery: trio.Nursery, answering: Answering) -> None:
    one = await served(nursery, answering)
    asked = [*wants(one.purse(100, "a"), 10), *wants(one.purse(100, "b"), 10)]
    lease = await one.gate.admit((*HELD, *BY_TOKENS), 10, asked)
    assert answering.line.trips == 1
    assert [each.purse.room for each in asked] == [10, 10]
    lease.settle(5)
    lease.release()
    await trio.testing.wait_all_tasks_blocked()
    assert answering.line.trips == 2
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "refusal", [Refused("OOM"), None, [1], [1, b"x", b"0", b"0"], b"", [{}] * 4]
)
@pytest.mark.parametrize("loss", ["local", "closed"])
async def test_a_store_that_says_something_else_is_done_without(
    refusal: object, loss: Loss, nursery: trio.Nursery, answering: Answering
) -> None:
    one = await served(nursery, answering, loss)
    answering.lease = refusal
    if loss == "closed":
        with pytest.raises(Busy, match="is away"):
            await one.gate.admit(HELD, 0, ())
    else:
        lease = await one.gate.admit(BY_TOKENS, 100, ())
        assert (b"x-ratelimit-remaining-tokens", b"900") in one.gate.headers(BY_TOKENS, lease)
    assert (one.gate.alone, one.gate.away) == (1, isinstance(refusal, Refused))
    nursery.cancel_scope.cancel()


async def test_money_that_is_refused_is_not_spent_where_all_is_closed(
    nursery: trio.Nursery, answering: Answering
) -> None:
    one = await served(nursery, answering, "closed")
    answering.money = Refused("READONLY")
    purse = one.purse(100)
    for subjects in (HELD, ()):
        with pytest.raises(Busy):
            await one.gate.admit(subjects, 0, wants(purse, 10))
    await one.gate.fund(wants(purse, 10))
    assert (purse.ceiling, len(one.gate.leases)) == (0, 0)
    nursery.cancel_scope.cancel()


async def test_a_slow_store_is_waited_for_so_long_and_no_longer(
    nursery: trio.Nursery, answering: Answering, autojump_clock: MockClock
) -> None:
    one = await served(nursery, answering)
    answering.line.held = True
    began, purse = trio.current_time(), one.purse(100)
    with await one.gate.admit((), 0, wants(purse, 10)):
        assert trio.current_time() - began == PATIENCE
    assert purse.room == 10
    with await one.gate.admit(HELD, 0, ()) as lease:
        assert one.gate.headers(HELD, lease) == ()
    nursery.cancel_scope.cancel()


async def test_what_comes_when_the_call_is_gone_is_neither_lost_nor_kept(
    nursery: trio.Nursery, answering: Answering, autojump_clock: MockClock
) -> None:
    """The lease is released, and the money lies in the purse until it goes back."""
    one = await served(nursery, answering)
    answering.line.held = True
    purse = one.purse(1000)
    with trio.move_on_after(0.1) as scope:
        await one.gate.admit(HELD, 0, wants(purse, 10))
    assert scope.cancelled_caught
    assert answering.line.late is not None
    answering.line.late([lease_reply(1, 0, 0, 1), [10, 10, 1, 1]])
    assert purse.room == 10
    (lost,) = [each for each in answering.line.asked if each[1] == SCRIPTS.admit.digest]
    answering.line.held = False
    await until(lambda: one.gate.leases.waiting == 0 and purse.room == 0, 10.0)
    told = [each for each in answering.line.asked if each[1] == SCRIPTS.settle.digest]
    assert {each[6] for each in told} == {lost[7]}
    nursery.cancel_scope.cancel()


async def test_money_that_another_call_took_is_asked_for_again(
    nursery: trio.Nursery, answering: Answering
) -> None:
    one = await served(nursery, answering)
    purse = one.purse(1000)
    purse.ceiling = 8

    def overtake(command: tuple[bytes | int, ...]) -> object:
        if command[1] == SCRIPTS.purse.digest and not purse.reserved:
            purse.reserved = 8
        return Answering.reply(answering, command)

    answering.line.reply = overtake
    for _ in range(2):
        await one.gate.fund(wants(purse, 10))
        assert (purse.room, answering.line.trips) == (10, 2)
    nursery.cancel_scope.cancel()
