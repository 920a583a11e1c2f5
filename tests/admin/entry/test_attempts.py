"""Wrong credentials wait, and who shows many is refused for a while."""

import pytest
import trio
from trio.testing import MockClock

from gateway.admin.entry.attempts import (
    ALL,
    DELAY,
    EACH,
    MINUTE,
    MOST_KNOWN,
    MOST_WAITING,
    Attempts,
)
from gateway.admin.routes import Refusal


async def wrong(attempts: Attempts, address: str, times: int) -> int:
    """Show so many wrong ones, one after the other; return how many were refused for it."""
    refused = 0
    for _ in range(times):
        try:
            await attempts.note(address)
        except Refusal as refusal:
            refused += (refusal.status, refusal.retry_after) == (429, 60)
    return refused


async def test_a_wrong_one_waits_and_the_next_is_let_try(autojump_clock: MockClock) -> None:
    attempts = Attempts()
    before = trio.current_time()
    await attempts.note("a")
    assert trio.current_time() - before == DELAY
    attempts.check("a")


async def test_who_shows_many_is_refused_until_they_have_run_off(
    autojump_clock: MockClock,
) -> None:
    attempts = Attempts()
    assert await wrong(attempts, "a", 3 * EACH) > EACH
    with pytest.raises(Refusal, match="Too many wrong"):
        attempts.check("a")
    attempts.check("b")
    await trio.sleep(3 * MINUTE)
    attempts.check("a")


async def test_nobody_is_kept_out_for_longer_than_a_minute(autojump_clock: MockClock) -> None:
    """Those who share an address with somebody who never stops come in all the same."""
    attempts = Attempts()
    await wrong(attempts, "a", 100 * EACH)
    await trio.sleep(MINUTE / EACH)
    attempts.check("a")


async def test_many_addresses_are_refused_together(autojump_clock: MockClock) -> None:
    attempts = Attempts()
    refused: list[int] = []
    async with trio.open_nursery() as nursery:
        for number in range(4 * ALL):

            async def show(address: str = str(number)) -> None:
                refused.append(await wrong(attempts, address, 1))

            nursery.start_soon(show)
    assert sum(refused) == 4 * ALL - MOST_WAITING


async def test_who_comes_from_another_address_each_time_is_refused_too(
    autojump_clock: MockClock,
) -> None:
    """One after the other, so that few wait at a time."""
    attempts = Attempts()
    assert sum([await wrong(attempts, str(number), 1) for number in range(4 * ALL)]) > ALL


async def test_addresses_are_remembered_in_bounds(autojump_clock: MockClock) -> None:
    attempts = Attempts(now=lambda: 0.0)  # nothing runs off
    await wrong(attempts, "a", 2 * EACH)
    with pytest.raises(Refusal):
        attempts.check("a")
    for number in range(MOST_KNOWN):
        await wrong(attempts, str(number), 1)
    attempts.check("a")
