"""Connections that wait too long, in virtual time."""

import trio
from trio.testing import MockClock

from gateway.downstream.idle import SWEEP_INTERVAL, Idle


class Waiter:
    def __init__(self, idle: Idle) -> None:
        self.idle = idle
        self.sent_away_at: list[float] = []

    def hang_up(self) -> None:
        self.sent_away_at.append(trio.current_time())
        self.idle.remove(self)


async def test_each_is_sent_away_in_its_time_and_once(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    idle = Idle()
    began = trio.current_time()
    nursery.start_soon(idle.run)
    late, soon, gone = Waiter(idle), Waiter(idle), Waiter(idle)
    for waiter, patience in ((late, 75.0), (soon, 10.0), (gone, 5.0)):
        idle.add(waiter, began + patience)
    idle.remove(gone)
    await trio.sleep(200)
    assert len(idle) == 0
    assert gone.sent_away_at == []
    for waiter, patience in ((late, 75.0), (soon, 10.0)):
        (at,) = waiter.sent_away_at
        assert patience <= at - began <= patience + SWEEP_INTERVAL


async def test_who_waits_again_has_all_its_time_again(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    idle = Idle()
    nursery.start_soon(idle.run)
    waiter = Waiter(idle)
    for _ in range(10):
        idle.add(waiter, trio.current_time() + 5)
        await trio.sleep(4)
        idle.remove(waiter)
        await trio.sleep(4)
    assert waiter.sent_away_at == []
