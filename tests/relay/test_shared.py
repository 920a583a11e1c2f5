"""One answer, many readers: what each is told, who reads, who closes. Virtual time."""

import gc
import weakref

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.policy.cache import PIECE_BYTES
from gateway.relay.shared import JOINABLE_SILENCE
from gateway.words.errors import (
    Busy,
    ClientTimeout,
    ConnectFailed,
    Internal,
    UpstreamRefused,
    UpstreamReset,
)
from tests.relay.readers import KEY, Caller, Room, Source, Stopped, piece, small, stream, text_of


async def test_two_who_ask_the_same_are_told_one_answer(autojump_clock: MockClock) -> None:
    source = stream(1, 2, 3)
    room = Room(source)
    first, second = room.caller("one"), room.caller("two", at=0.5)
    await room.play()
    for caller in (first, second):
        assert caller.batches == ["0;", "1;", "2;"]
        assert (caller.times, caller.whole) == ([1, 2, 3], True)
        assert caller.seat is not None
        assert caller.seat.owner is room.callers[0].receipt
        assert (caller.seat.status, caller.seat.headers) == (200, source.headers)
    assert [caller.seat and caller.seat.shared_with for caller in room.callers] == [None, "one"]
    assert (room.begins, source.reads, source.closed) == ([0], 3, [(3, None)])
    assert (first.begun, second.begun) == (1, 0)


async def test_whoever_comes_late_is_told_all_from_the_start(autojump_clock: MockClock) -> None:
    room = Room(stream(1, 2, 5, 8))
    room.caller("one")
    late = room.caller("late", at=3)
    await room.play()
    assert (late.batches, late.times) == (["0;1;", "2;", "3;"], [3, 5, 8])


async def test_two_who_ask_different_things_share_nothing(autojump_clock: MockClock) -> None:
    room = Room(stream(1), stream(2))
    caller = room.caller("one")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(caller.run)
        await trio.sleep(0.5)
        other = Caller(room, "other")
        seat = await room.sharing.join_or_begin(b"else", other.receipt, other.clock, room.begin)
        assert len(room.sharing) == 2
        async with seat:
            assert text_of(await seat.next()) == "0;"
    assert len(room.begins) == 2


@pytest.mark.parametrize("leaves", [0.5, 1.0, 1.5, 2.0])
async def test_another_reads_on_at_once_when_the_one_who_reads_has_left(
    autojump_clock: MockClock, leaves: float
) -> None:
    source = stream(1, 2, 3)
    room = Room(source)
    gone = room.caller("one", leaves=leaves)
    left = [room.caller(name) for name in ("two", "three")]
    await room.play()
    assert not gone.whole
    for caller in left:
        assert (caller.batches, caller.times) == (["0;", "1;", "2;"], [1, 2, 3])
    assert source.closed == [(3, None)]


async def test_all_leave_and_the_last_one_closes(autojump_clock: MockClock) -> None:
    source = stream(1, 20)
    room = Room(source)
    for number in range(5):
        room.caller(str(number), leaves=7 - number)
    await room.play()
    assert source.closed == [(7, trio.Cancelled)]


async def test_all_leave_at_one_moment_and_it_is_closed_once(autojump_clock: MockClock) -> None:
    source = stream(1, 20)
    room = Room(source)
    for number in range(5):
        room.caller(str(number), leaves=7)
    await room.play()
    assert source.closed == [(7, trio.Cancelled)]


async def test_the_next_begins_anew_when_the_one_who_begins_has_left(
    autojump_clock: MockClock,
) -> None:
    room = Room(stream(1, 2), takes=10)
    gone = room.caller("one", leaves=4)
    left = [room.caller("two", at=1), room.caller("three", at=2)]
    await room.play()
    assert (gone.begun, room.begins) == (1, [14])
    (begun,) = (caller for caller in left if caller.begun)
    for caller in left:
        assert caller.times == [15, 16]
        assert caller.seat is not None
        assert caller.seat.owner is begun.receipt


async def test_nobody_is_left_to_begin(autojump_clock: MockClock) -> None:
    room = Room(takes=10)
    for number in range(3):
        room.caller(str(number), at=number, leaves=4 + number)
    await room.play()
    assert sum(caller.begun for caller in room.callers) >= 2
    assert room.begins == []


async def test_whoever_waited_closes_what_has_begun_if_all_leave_at_that_moment(
    autojump_clock: MockClock,
) -> None:
    source = stream(20)
    room = Room(source, takes=5)
    for number in range(3):
        room.caller(str(number), leaves=5)
    await room.play()
    assert len(source.closed) == len(room.begins)


async def test_an_answer_that_does_not_begin_is_an_error_for_all_who_wait(
    autojump_clock: MockClock,
) -> None:
    refusal = UpstreamRefused(
        "no", status=429, type="t", code="c", param="p", headers=((b"retry-after", b"1"),)
    )
    room = Room(refusal, stream(1), takes=2)
    callers = [room.caller("one"), room.caller("two", at=1), room.caller("three", at=1)]
    later = room.caller("later", at=2.5)
    await room.play()
    errors = [caller.error for caller in callers]
    assert errors[0] is refusal
    assert len({id(error) for error in errors}) == 3, "each that is raised has its own history"
    for error in errors:
        assert isinstance(error, UpstreamRefused)
        assert (error.status, error.type, error.code, error.param) == (429, "t", "c", "p")
        assert (error.message, str(error), error.headers) == ("no", "no", refusal.headers)
    assert (later.text, later.begun) == ("0;", 1)


async def test_the_patience_of_one_client_is_not_that_of_the_others(
    autojump_clock: MockClock,
) -> None:
    room = Room(ClientTimeout("too late"), stream(1), takes=2)
    hasty, patient = room.caller("one"), room.caller("two", at=1)
    await room.play()
    assert isinstance(hasty.error, ClientTimeout)
    assert (patient.text, patient.begun, patient.whole) == ("0;", 1, True)


@pytest.mark.parametrize(
    ("bug", "told"),
    [(ValueError("a bug"), ValueError), (ConnectFailed("no"), ConnectFailed)],
)
@pytest.mark.parametrize("begins", [True, False])
async def test_a_bug_is_told_to_the_others_as_one_of_ours(
    autojump_clock: MockClock, bug: Exception, told: type[Exception], begins: bool
) -> None:
    room = Room(Source((1, [piece(0)]), (9, bug)) if begins else bug, takes=1)
    first, second = room.caller("one"), room.caller("two", at=3 if begins else 0.5)
    await room.play()
    assert first.error is bug
    assert type(second.error) is (Internal if told is ValueError else told)


async def test_an_error_in_mid_stream_comes_after_what_came_before_it(
    autojump_clock: MockClock,
) -> None:
    source = Source((1, [piece(0)]), (2, [piece(1)]), (3, UpstreamReset("reset")))
    room = Room(source)
    quick, slow = room.caller("quick"), room.caller("slow", at=0.1, pause=10)
    await room.play()
    for caller in (quick, slow):
        assert caller.text == "0;1;"
        assert isinstance(caller.error, UpstreamReset)
    assert slow.times == [1, 11]
    assert source.closed == [(3, UpstreamReset)], "when the one who began it had heard of it"


async def test_a_failed_answer_is_joined_by_nobody(autojump_clock: MockClock) -> None:
    room = Room(Source((1, [piece(0)]), (2, UpstreamReset("reset"))), stream(1))
    room.caller("quick")
    room.caller("slow", pause=10)
    late = room.caller("late", at=5)
    await room.play()
    assert (late.batches, late.times, late.begun) == (["0;"], [6], 1)


async def test_a_cancellation_that_a_nursery_tells_is_one_too(autojump_clock: MockClock) -> None:
    source = Stopped((1, [piece(0)]), (5, [piece(1)]))
    room = Room(source)
    gone, left = room.caller("one", leaves=3), room.caller("two", at=2)
    await room.play()
    assert (gone.text, left.text, left.error) == ("0;", "0;1;", None)


async def test_a_bug_beside_a_cancellation_is_a_bug(autojump_clock: MockClock) -> None:
    room = Room(Stopped((1, [piece(0)]), (5, [piece(1)]), bug=ValueError("a bug")))
    gone, left = room.caller("one", leaves=3), room.caller("two", at=2)
    await room.play()
    assert isinstance(gone.error, ExceptionGroup)
    assert (left.text, type(left.error)) == ("0;", Internal)


async def test_an_answer_that_has_ended_is_no_cache(autojump_clock: MockClock) -> None:
    first, second = stream(1, 2), stream(0)
    room = Room(first, second)
    slow = room.caller("slow", pause=10)
    room.caller("quick", at=0.1)
    late = room.caller("late", at=3)
    await room.play()
    assert (late.begun, late.text) == (1, "0;")
    assert slow.text == "0;1;"
    assert (first.closed, second.closed) == ([(11, None)], [(3, None)])


async def test_how_the_last_reader_left_does_not_matter_to_an_answer_that_has_ended(
    autojump_clock: MockClock,
) -> None:
    source = stream(1, 2)
    room = Room(source)
    room.caller("quick")
    room.caller("slow", at=0.1, pause=10, leaves=8)
    await room.play()
    assert (source.closed, source.handed) == ([(2, None)], [])


async def test_who_began_an_answer_hands_it_on_where_others_stay(
    autojump_clock: MockClock,
) -> None:
    source = stream(1, 2, 5)
    room = Room(source)
    room.caller("first", leaves=3)
    heir = room.caller("heir", at=0.5)
    await room.play()
    assert heir.text == "0;1;2;"
    assert source.handed == [heir.receipt]


async def test_an_answer_in_one_piece_is_shared_by_all_who_wait(autojump_clock: MockClock) -> None:
    room = Room(stream(0), takes=5)
    callers = [room.caller(str(number), at=number) for number in range(4)]
    await room.play()
    assert [caller.batches for caller in callers] == [["0;"]] * 4
    assert [caller.times for caller in callers] == [[5]] * 4


@pytest.mark.parametrize(
    ("at", "joins"), [(JOINABLE_SILENCE, True), (JOINABLE_SILENCE + 0.5, False)]
)
async def test_nobody_joins_a_provider_that_has_fallen_silent(
    autojump_clock: MockClock, at: float, joins: bool
) -> None:
    """Or clients that ask again and again would all wait for one that never speaks again."""
    room = Room(stream(0, 20), stream(0, 1))
    old = room.caller("old")
    new, newer = room.caller("new", at=at), room.caller("newer", at=at + 0.25)
    await room.play()
    assert (new.begun == 0) is joins
    assert new.times[-1] == (20 if joins else at + 1)
    assert newer.text == new.text == old.text == "0;1;"


async def test_readers_that_do_not_read_do_not_make_a_provider_silent(
    autojump_clock: MockClock,
) -> None:
    room = Room(stream(0, 1, 60))
    room.caller("slow", pause=40)
    late = room.caller("late", at=30)
    await room.play()
    assert (late.begun, late.times) == (0, [30, 30, 60])


async def test_every_clock_hears_the_provider_whoever_reads(autojump_clock: MockClock) -> None:
    room = Room(stream(4, 6, 9), takes=3)
    gone = room.caller("gone", leaves=8)
    waits = room.caller("waits", at=1)
    writes = room.caller("writes", at=1, pause=3)
    late = room.caller("late", at=8)
    await room.play()
    assert gone.clock.heard_at == [3, 7]
    assert waits.clock.heard_at == waits.clock.received_at == [3, 7, 9, 12]
    assert writes.clock.heard_at == [3, 7, 9, 12]
    assert (late.clock.received_at, late.clock.heard_at) == ([8, 9, 12], [9, 12])


async def test_a_slow_reader_does_not_slow_the_others(autojump_clock: MockClock) -> None:
    room = Room(stream(*range(1, 11)))
    slow, quick = room.caller("slow", pause=3.75), room.caller("quick")
    await room.play()
    assert quick.times == list(range(1, 11))
    assert (slow.batches, slow.whole) == (["0;", "1;2;3;", "4;5;6;7;", "8;9;"], True)


async def play_and_weigh(room: Room, seconds: int) -> list[int]:
    """Play, and return how many pieces were held in each of these seconds."""
    held = []

    async def weigh() -> None:
        for second in range(seconds):
            await trio.sleep_until(second + 0.25)
            held.append(room.sharing.held_bytes // (PIECE_BYTES + 2))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(weigh)
        await room.play()
    return held


async def test_above_its_bound_an_answer_is_joined_by_nobody_and_is_not_held(
    autojump_clock: MockClock,
) -> None:
    room = Room(stream(*range(1, 9)), stream(0))
    small(room, 3)
    reader = room.caller("one")
    joins, too_late = room.caller("joins", at=3.5), room.caller("too late", at=4.5)
    held = await play_and_weigh(room, 8)
    assert (joins.begun, too_late.begun) == (0, 1)
    assert held == [0, 1, 2, 3, 1, 1, 1, 1]
    assert reader.text == joins.text == "0;1;2;3;4;5;6;7;"


async def test_all_answers_together_hold_so_much_and_no_more(autojump_clock: MockClock) -> None:
    room = Room(stream(*range(1, 9)), stream(0))
    small(room, 1000, in_all=3)
    room.caller("one")
    too_late = room.caller("too late", at=4.5)
    await room.play()
    assert too_late.begun == 1


async def test_a_reader_that_is_too_far_behind_is_sent_away_and_the_others_go_on(
    autojump_clock: MockClock,
) -> None:
    source = stream(*range(1, 13))
    room = Room(source)
    small(room, 3)
    bearable = room.caller("bearable", pause=2)
    quick = room.caller("quick", at=0.1)
    slow = room.caller("slow", at=0.1, pause=8)
    held = await play_and_weigh(room, 12)
    assert max(held) <= 3 + 1, "the bound, and one read"
    assert quick.text == bearable.text == "".join(f"{number};" for number in range(12))
    assert slow.batches == ["0;"]
    assert isinstance(slow.error, Busy)
    assert source.closed == [(13, None)]


async def test_one_read_may_be_longer_than_the_bound(autojump_clock: MockClock) -> None:
    long = Source((1, [piece("x" * 100_000)]), (2, [piece("y" * 100_000)]), (3, [piece("z")]))
    room = Room(long)
    small(room, 3)
    callers = [room.caller("one"), room.caller("two", pause=0.5)]
    await room.play()
    for caller in callers:
        assert len(caller.text) == 200_004
        assert caller.times == [1, 2, 3]


async def test_what_has_gathered_is_handed_on_in_parts(autojump_clock: MockClock) -> None:
    long = Source(*((at, [piece("x" * 30_000)]) for at in range(1, 8)))
    room = Room(long)
    room.caller("one")
    late = room.caller("late", at=6.5)
    await room.play()
    assert [len(batch) for batch in late.batches] == [60_002, 60_002, 60_002, 30_001]


async def test_after_its_end_an_answer_says_nothing_more(autojump_clock: MockClock) -> None:
    room = Room(stream(0))
    caller = Caller(room, "one")
    seat = await room.sharing.join_or_begin(KEY, caller.receipt, caller.clock, room.begin)
    async with seat:
        assert text_of(await seat.next()) == "0;"
        assert (await seat.next(), seat.ended) == ([], True)
    await seat.__aexit__(None, None, None)


async def test_an_answer_may_end_without_a_last_piece(autojump_clock: MockClock) -> None:
    source = Source((1, [piece(0)]), (2, []), (3, []))
    room = Room(source)
    callers = [room.caller("one"), room.caller("two")]
    await room.play()
    for caller in callers:
        assert (caller.batches, caller.times) == (["0;", ""], [1, 3])


async def test_nothing_of_an_answer_waits_for_the_collector(autojump_clock: MockClock) -> None:
    """What is left behind by the last reader is gone at once, after an error too."""
    gc.collect()
    gc.disable()
    try:
        for fails in (False, True):
            source = Source((1, [piece(0)]), (2, UpstreamReset("reset") if fails else []))
            known = weakref.ref(source)
            room = Room(source)
            room.caller("one")
            room.caller("two")
            del source
            await room.play()
            assert all(caller.seat is not None for caller in room.callers)
            for caller in room.callers:
                caller.error = caller.seat = None
            del caller
            assert known() is None
    finally:
        gc.enable()


MOMENTS = st.integers(0, 12)
ENDS = st.sampled_from(["whole", "reset", "bug"])


@given(
    gaps=st.lists(st.integers(0, 6), min_size=1, max_size=8),
    end=ENDS,
    takes=st.integers(0, 3),
    room_for=st.integers(1, 6),
    callers=st.lists(
        st.tuples(MOMENTS, st.integers(0, 5), st.integers(0, 20) | st.just(10_000)),
        min_size=1,
        max_size=6,
    ),
)
def test_each_is_told_the_whole_from_its_start_or_an_error_in_any_schedule(
    gaps: list[int], end: str, takes: int, room_for: int, callers: list[tuple[int, int, int]]
) -> None:
    """Whoever comes, leaves, is slow: never two reads at once, closed once and by the last."""
    moments = [sum(gaps[: number + 1]) for number in range(len(gaps))]
    sources = []
    for _ in range(len(callers)):
        source = stream(*moments)
        if end != "whole":
            source._script[-1] = (
                moments[-1],
                UpstreamReset("r") if end == "reset" else ValueError(),
            )
        sources.append(source)
    whole = "".join(f"{number};" for number in range(len(gaps)))
    room = Room(*sources, takes=takes)
    small(room, room_for)
    for number, (at, pause, stays) in enumerate(callers):
        room.caller(str(number), at=at, pause=pause, leaves=at + stays)
    trio.run(room.play, clock=MockClock(autojump_threshold=0))
    for caller, (_, _, stays) in zip(room.callers, callers, strict=True):
        assert whole.startswith(caller.text)
        if caller.whole:
            assert (caller.text, caller.error, end) == (whole, None, "whole")
        elif caller.error is None:
            assert stays < 10_000, "only who left has neither the whole nor an error"
        else:
            assert isinstance(caller.error, Busy | UpstreamReset | Internal | ValueError)
    for source in sources:
        assert not source.reading
        assert len(source.closed) <= 1
    assert sum(len(source.closed) for source in sources) == len(room.begins)
