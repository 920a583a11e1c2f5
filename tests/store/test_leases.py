"""What this process tells the store of its leases: once and for all, or again, or not at all."""

import re

import pytest
import trio
from trio.testing import MockClock

from gateway.policy.gcra import UNIT
from gateway.policy.limits import Levels, Limiter, Subject
from gateway.store.leases import AT_ONCE, OUTBOX, RENEWED_AT_ONCE, Leases, SharedLease, keys_of
from gateway.words.caller import Limits
from tests.store.real_gates import SCRIPTS, of_key

ONE = of_key(Limits(requests_per_minute=60, tokens_per_minute=600, concurrency=5))
TWO = (*ONE, Subject("model:m", "model", Limits(concurrency=1)))


@pytest.fixture
def leases() -> Leases:
    return Leases(b"one", SCRIPTS)


def said(leases: Leases) -> list[tuple[object, ...]]:
    """Take what waits, and return of each word what follows the keys: lease, less, more, end."""
    return [parcel.command[3 + int(parcel.command[2]) :][:4] for parcel in leases.words()]


async def test_an_admission_names_all_limits_of_all_subjects(leases: Leases) -> None:
    lease = leases.draft(TWO, 70)
    command = leases.admission(lease, 70)
    assert command[:2] == (b"EVALSHA", SCRIPTS.admit.digest)
    assert command[2:9] == (6, *keys_of("key:a"), *keys_of("model:m"))
    assert command[9:] == (0, lease.id, 15_000_000, 70, 60, 600, 5, -1, -1, 1)


async def test_no_name_stands_in_a_key() -> None:
    assert b"key:a" not in b"".join(keys_of("key:a"))
    assert len({*keys_of("key:a"), *keys_of("team:a")}) == 6


@pytest.mark.parametrize(
    "name", ["' .. redis.call('FLUSHALL') --", "{a}", "x\r\nFLUSHALL\r\n", "é"]
)
async def test_s6_no_name_stands_in_a_command_and_no_program_is_made_of_one(
    leases: Leases, name: str
) -> None:
    """S6: programs are those of the files, their keys are hashes, all else is a number or a lot."""
    subject = Subject(f"key:{name}", "key", Limits(requests_per_minute=60))
    lease = leases.draft((subject,), 70)
    leases.live(lease)
    commands = [leases.admission(lease, 70), *(each.command for each in leases.renewals())]
    lease.release()
    commands += [each.command for each in leases.words()]
    assert len(commands) == 3
    texts = {part for command in commands for part in command if isinstance(part, bytes)}
    programs = {SCRIPTS.admit.digest, SCRIPTS.renew.digest, SCRIPTS.settle.digest}
    rest = texts - programs - {b"EVALSHA", lease.id}
    assert len(rest) == 3
    assert all(re.fullmatch(rb"gateway:(levels|open|parts):1:[0-9a-f]{32}", key) for key in rest)


async def test_what_was_used_and_the_end_are_told_in_one_word(leases: Leases) -> None:
    lease = leases.draft(ONE, 100)
    leases.live(lease)
    lease.settle(40)
    lease.settle(130)
    lease.settle(20)
    assert leases.news.is_set()
    with lease:
        pass
    lease.release()
    lease.settle(500)
    assert (len(leases), leases.waiting) == (0, 1)
    # 60 and 20 of the reservation were not needed; once 90 more than what was left were told.
    assert said(leases) == [(lease.id, 80, 90, 1)]
    assert leases.waiting == 0


async def test_a_word_of_which_nobody_knows_is_told_again(leases: Leases) -> None:
    lease = leases.draft(ONE, 100)
    lease.settle(10)
    for reply, waiting in ((None, 1), (b"OK", 0)):
        (parcel,) = leases.words()
        parcel.take(reply)
        assert leases.waiting == waiting


async def test_the_end_of_a_lease_is_not_told_once_it_is_over_anyway(
    leases: Leases, autojump_clock: MockClock
) -> None:
    lease, other = leases.draft(ONE, 100), leases.draft(ONE, 100)
    lease.release()
    other.settle(1)
    await trio.sleep(15.1)
    assert said(leases) == [(other.id, 99, 0, 0)]
    assert leases.dropped == 1


async def test_of_too_many_words_the_rest_are_left_to_their_time(leases: Leases) -> None:
    every = [leases.draft(ONE, 10) for _ in range(OUTBOX + 2)]
    for lease in every:
        leases.live(lease)
        lease.release()
    every[0].settle(3)
    assert (leases.waiting, leases.dropped, len(leases)) == (OUTBOX, 2, 0)
    assert len(said(leases)) == AT_ONCE


async def test_all_living_leases_are_renewed_together(
    leases: Leases, autojump_clock: MockClock
) -> None:
    every = [leases.draft(TWO if number % 2 else ONE, 0) for number in range(2 * RENEWED_AT_ONCE)]
    assert leases.renewals() == []
    for lease in every:
        leases.live(lease)
    parcels = leases.renewals()
    assert leases.renewal == trio.current_time() + 5
    counts = {parcel.command[3:6]: 0 for parcel in parcels}
    for parcel in parcels:
        parcel.take(None)
        counts[parcel.command[3:6]] += len(parcel.command) - 8
        assert parcel.command[6:8] == (0, 15_000_000)
    assert counts == {keys_of("key:a"): 2 * RENEWED_AT_ONCE, keys_of("model:m"): RENEWED_AT_ONCE}
    assert len(parcels) == 3


async def test_what_was_in_use_runs_off_here_too(leases: Leases) -> None:
    lease = leases.draft(TWO, 100)
    assert lease.levels(0.0) == []
    lease.opened([Levels(2 * UNIT, 100 * UNIT, 3), Levels(0, 0, 1)], 50.0)
    assert lease.levels(50.5) == [Levels(3 * UNIT // 2, 95 * UNIT, 3), Levels(0, 0, 1)]
    assert lease.levels(500.0)[0] == Levels(0, 0, 3)


async def test_a_lease_beside_is_settled_and_released_with_it(leases: Leases) -> None:
    limiter = Limiter()
    beside = limiter.acquire(ONE, 100, 0.0)
    assert not isinstance(beside, SharedLease)
    lease = leases.draft(ONE, 100, beside)  # type: ignore[arg-type]
    assert (lease.is_local, leases.draft(ONE, 100).is_local) == (True, False)
    lease.settle(30)
    lease.release()
    assert limiter.levels(ONE, 0.0) == [Levels(UNIT, 30 * UNIT, 0)]
