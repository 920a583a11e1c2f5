"""The admin's part in a reload: what it orders, and when it has followed."""

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gateway.admin.renewing import PATIENCE, Renewing


async def test_a_reload_that_was_ordered_is_waited_for(autojump_clock: MockClock) -> None:
    ordered: list[float] = []
    renewing = Renewing(lambda: ordered.append(trio.current_time()), "before")
    found: list[bool] = []

    async def order() -> None:
        found.append(await renewing.order())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(order)
        nursery.start_soon(order)
        await wait_all_tasks_blocked()
        assert (len(ordered), found, renewing.fingerprint) == (2, [], "before")
        renewing.follow("after")
    assert (found, renewing.fingerprint) == ([True, True], "after")


async def test_one_that_does_not_come_is_given_up(autojump_clock: MockClock) -> None:
    renewing = Renewing(lambda: None, "before")
    renewing.follow("long ago")
    began = trio.current_time()
    assert not await renewing.order()
    assert trio.current_time() - began == PATIENCE
