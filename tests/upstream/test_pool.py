"""Kept connections: the one last used first, each slot to who came first, none ever lost."""

import random

import pytest
import trio

from gateway.upstream.exchange import State
from gateway.upstream.pool import IDLE_TIMEOUT, MAX_IDLE, MAX_LOOKS, PARK_TIMEOUT, Lease, Pool, Site
from gateway.words.target import Origin

HERE = Origin("http", "127.0.0.1", 80)
THERE = Origin("http", "127.0.0.2", 80)


class Fake:
    """A connection whose state the test sets."""

    def __init__(self) -> None:
        self.state = State.READY
        self.closed = 0
        self.looks = 0

    @property
    def reusable(self) -> bool:
        return self.state is State.READY

    def look(self) -> State:
        self.looks += 1
        return self.state

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def pool() -> Pool[Fake]:
    return Pool()


async def take(pool: Pool[Fake], limit: int = 10, origin: Origin = HERE) -> Lease[Fake]:
    lease = await pool.acquire(origin, limit)
    if lease.connection is None:
        lease.connection = Fake()
    return lease


async def take_new(pool: Pool[Fake], count: int, limit: int = 10) -> list[Fake]:
    """Open some connections and put them back, in their order."""
    leases = [await take(pool, limit) for _ in range(count)]
    fakes = [lease.connection for lease in leases if lease.connection is not None]
    for lease in leases:
        lease.put_back()
    return fakes


def counters(pool: Pool[Fake]) -> tuple[int, int, int, int, int]:
    return pool.open, pool.busy, pool.idle, pool.parked, pool.waiting


def site_of(pool: Pool[Fake]) -> Site[Fake]:
    (site,) = pool.sites.values()
    return site


async def test_the_connection_last_used_is_used_first(pool: Pool[Fake]) -> None:
    first, second = await take_new(pool, 2)
    assert counters(pool) == (2, 0, 2, 0, 0)
    lease = await take(pool)
    assert lease.connection is second
    assert (await take(pool)).connection is first
    assert counters(pool) == (2, 2, 0, 0, 0)


async def test_each_origin_and_limit_has_its_own(pool: Pool[Fake]) -> None:
    (here,) = await take_new(pool, 1)
    assert (await take(pool, origin=THERE)).connection is not here
    assert (await take(pool, limit=9)).connection is not here
    assert (await take(pool)).connection is here


async def test_a_connection_that_has_died_is_passed_over(pool: Pool[Fake]) -> None:
    alive, dead = await take_new(pool, 2)
    dead.state = State.DEAD
    assert (await take(pool)).connection is alive
    assert dead.closed
    assert counters(pool) == (1, 1, 0, 0, 0)


async def test_what_has_been_idle_too_long_is_closed(
    pool: Pool[Fake], autojump_clock: trio.testing.MockClock
) -> None:
    (old,) = await take_new(pool, 1)
    await trio.sleep(IDLE_TIMEOUT)
    assert (await take(pool)).connection is not old
    assert old.closed


async def test_no_more_than_a_number_are_kept(pool: Pool[Fake]) -> None:
    oldest, *others = await take_new(pool, MAX_IDLE + 1, limit=2 * MAX_IDLE)
    assert oldest.closed
    assert not any(fake.closed for fake in others)
    assert counters(pool) == (MAX_IDLE, 0, MAX_IDLE, 0, 0)


async def test_a_dropped_connection_is_closed_and_its_slot_is_free(pool: Pool[Fake]) -> None:
    lease = await take(pool)
    fake = lease.connection
    lease.drop()
    lease.drop()
    lease.put_back()
    assert fake is not None
    assert fake.closed == 1
    assert pool.sites == {}
    assert counters(pool) == (0, 0, 0, 0, 0)


async def test_what_is_put_back_dead_is_closed(pool: Pool[Fake]) -> None:
    lease = await take(pool)
    fake = lease.connection
    assert fake is not None
    fake.state = State.DEAD
    lease.put_back()
    assert fake.closed
    assert pool.sites == {}


async def test_a_lease_without_a_connection_cannot_be_put_back(pool: Pool[Fake]) -> None:
    lease = await pool.acquire(HERE, 1)
    lease.put_back()
    assert counters(pool) == (1, 1, 0, 0, 0)
    lease.drop()
    assert counters(pool) == (0, 0, 0, 0, 0)


async def park(pool: Pool[Fake], limit: int = 10) -> Fake:
    lease = await pool.acquire(HERE, limit)
    fake = lease.connection = Fake()
    fake.state = State.UNFINISHED
    lease.put_back()
    return fake


async def test_an_unfinished_answer_may_finish_meanwhile(pool: Pool[Fake]) -> None:
    parked = await park(pool)
    assert counters(pool) == (1, 0, 0, 1, 0)
    other = await take(pool)
    assert other.connection is not parked
    parked.state = State.READY
    assert (await take(pool)).connection is parked
    assert counters(pool) == (2, 2, 0, 0, 0)


async def test_an_answer_that_does_not_end_hides_no_other(pool: Pool[Fake]) -> None:
    stuck, ended = [await park(pool) for _ in range(2)]
    ended.state = State.READY
    assert (await take(pool)).connection is ended
    assert not stuck.closed
    assert counters(pool) == (2, 1, 0, 1, 0)


async def test_one_call_looks_at_a_few_parked_connections_only(pool: Pool[Fake]) -> None:
    parked = [await park(pool) for _ in range(2 * MAX_LOOKS)]
    looked = sum(fake.looks for fake in parked)
    await take(pool)
    assert sum(fake.looks for fake in parked) - looked == MAX_LOOKS


async def test_an_answer_that_does_not_finish_is_cut(
    pool: Pool[Fake], autojump_clock: trio.testing.MockClock
) -> None:
    parked = await park(pool)
    await trio.sleep(PARK_TIMEOUT)
    assert (await take(pool)).connection is not parked
    assert parked.closed
    assert counters(pool) == (1, 1, 0, 0, 0)


async def test_at_the_limit_an_unfinished_answer_makes_room(pool: Pool[Fake]) -> None:
    parked = await park(pool, limit=1)
    lease = await pool.acquire(HERE, 1)
    assert lease.connection is None
    assert parked.closed
    assert counters(pool) == (1, 1, 0, 0, 0)


async def test_sweeping_readies_what_has_ended_and_closes_what_is_old(
    pool: Pool[Fake], autojump_clock: trio.testing.MockClock
) -> None:
    ended, unfinished, cut = [await park(pool) for _ in range(3)]
    idle, dead = await take_new(pool, 2)
    ended.state, cut.state, dead.state = State.READY, State.DEAD, State.DEAD
    pool.sweep()
    assert [fake.closed for fake in (ended, unfinished, cut, idle, dead)] == [0, 0, 1, 0, 1]
    assert counters(pool) == (3, 0, 2, 1, 0)
    assert (await take(pool)).connection is ended
    await trio.sleep(PARK_TIMEOUT)
    pool.sweep()
    assert counters(pool) == (2, 1, 1, 0, 0)
    await trio.sleep(IDLE_TIMEOUT)
    pool.sweep()
    assert counters(pool) == (1, 1, 0, 0, 0)
    assert unfinished.closed
    assert idle.closed


async def test_sweeping_everything_forgets_the_site(
    pool: Pool[Fake], autojump_clock: trio.testing.MockClock
) -> None:
    await take_new(pool, 2)
    await trio.sleep(IDLE_TIMEOUT)
    pool.sweep()
    assert pool.sites == {}


async def test_closing_the_unused_leaves_the_used(pool: Pool[Fake]) -> None:
    parked = await park(pool)
    used = await take(pool)
    (idle,) = await take_new(pool, 1)
    pool.close_unused()
    assert parked.closed
    assert idle.closed
    assert counters(pool) == (1, 1, 0, 0, 0)
    used.drop()
    assert pool.sites == {}


async def waiters(
    pool: Pool[Fake], nursery: trio.Nursery, count: int, limit: int
) -> list[tuple[int, Lease[Fake]]]:
    """Let some wait in line; the list fills with those who get a slot, in the order in which."""
    got: list[tuple[int, Lease[Fake]]] = []

    async def wait(number: int) -> None:
        got.append((number, await pool.acquire(HERE, limit)))

    for number in range(count):
        nursery.start_soon(wait, number)
        await trio.testing.wait_all_tasks_blocked()
    return got


async def test_who_came_first_is_served_first(pool: Pool[Fake], nursery: trio.Nursery) -> None:
    held = [await take(pool, limit=2) for _ in range(2)]
    got = await waiters(pool, nursery, 3, 2)
    assert counters(pool) == (2, 2, 0, 0, 3)
    kept = held[0].connection
    held[0].put_back()
    await trio.testing.wait_all_tasks_blocked()
    held[1].drop()
    await trio.testing.wait_all_tasks_blocked()
    assert [number for number, _ in got] == [0, 1]
    assert got[0][1].connection is kept
    assert got[1][1].connection is None
    assert counters(pool) == (2, 2, 0, 0, 1)
    got[0][1].drop()
    await trio.testing.wait_all_tasks_blocked()
    assert [number for number, _ in got] == [0, 1, 2]


async def test_a_newcomer_does_not_overtake(pool: Pool[Fake], nursery: trio.Nursery) -> None:
    lease = await take(pool, limit=1)
    got = await waiters(pool, nursery, 1, 1)
    lease.put_back()
    # The slot is the waiter's already, although it has not run yet.
    with trio.move_on_after(0):
        await pool.acquire(HERE, 1)
    await trio.testing.wait_all_tasks_blocked()
    assert [number for number, _ in got] == [0]
    assert counters(pool) == (1, 1, 0, 0, 0)


async def test_a_waiter_may_be_handed_a_connection_that_dies_on_the_way(
    pool: Pool[Fake], nursery: trio.Nursery
) -> None:
    lease = await take(pool, limit=1)
    fake = lease.connection
    assert fake is not None
    got = await waiters(pool, nursery, 1, 1)
    lease.put_back()
    fake.state = State.DEAD
    await trio.testing.wait_all_tasks_blocked()
    assert got[0][1].connection is None
    assert fake.closed
    assert counters(pool) == (1, 1, 0, 0, 0)


async def test_an_unfinished_answer_does_not_keep_a_waiter_waiting(
    pool: Pool[Fake], nursery: trio.Nursery
) -> None:
    lease = await take(pool, limit=1)
    fake = lease.connection
    assert fake is not None
    got = await waiters(pool, nursery, 1, 1)
    fake.state = State.UNFINISHED
    lease.put_back()
    await trio.testing.wait_all_tasks_blocked()
    assert got[0][1].connection is None
    assert fake.closed


async def test_leaving_the_line_loses_no_slot(pool: Pool[Fake], nursery: trio.Nursery) -> None:
    """C5: whether it leaves before the slot comes, or in the very step in which it comes."""
    lease = await take(pool, limit=1)
    with trio.move_on_after(0):
        await pool.acquire(HERE, 1)
    assert counters(pool) == (1, 1, 0, 0, 0)
    got: list[Lease[Fake]] = []
    scope = trio.CancelScope()

    async def wait() -> None:
        with scope:
            got.append(await pool.acquire(HERE, 1))

    nursery.start_soon(wait)
    await trio.testing.wait_all_tasks_blocked()
    lease.drop()
    scope.cancel()
    await trio.testing.wait_all_tasks_blocked()
    assert len(got) == 1, "the slot was handed over before the cancellation"
    got[0].drop()
    assert pool.sites == {}


async def test_no_slot_is_lost_in_a_storm_of_cancellations(pool: Pool[Fake]) -> None:
    """24 tasks at a pool of 4, each leaving at a random moment of each phase."""
    lots = random.Random(4)
    done = 0

    async def call() -> None:
        nonlocal done
        lease = await pool.acquire(HERE, 4)
        try:
            if lease.connection is None:
                await trio.sleep(lots.choice((0, 0.001)))
                lease.connection = Fake()
            await trio.sleep(lots.choice((0, 0, 0.001)))
            lease.connection.state = lots.choice(list(State))
            lease.put_back()
            done += 1
        finally:
            lease.drop()
            assert pool.busy <= 4

    async def caller() -> None:
        for _ in range(200):
            with trio.move_on_after(lots.choice((0, 0.0001, 0.001, 0.002, 1))):
                await call()

    async with trio.open_nursery() as nursery:
        for _ in range(24):
            nursery.start_soon(caller)
    assert done > 500
    assert pool.busy == 0
    assert pool.waiting == 0
    assert pool.open <= 4
    with trio.fail_after(1):
        leases = [await pool.acquire(HERE, 4) for _ in range(4)]
    for lease in leases:
        lease.drop()
    pool.close_unused()
    assert pool.sites == {}
