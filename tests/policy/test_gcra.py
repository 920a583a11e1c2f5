"""The rate algorithm: exact to the microsecond, beside a naive model that forgets nothing."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.gcra import UNIT, Meter, Part, Reserves, wait_of
from tests.policy.naive import Event, NaiveMeter

SECOND = 1_000_000

LIMITS = st.integers(1, 20) | st.sampled_from([7, 60, 1_000_003])
COSTS = st.integers(0, 20)
PAUSES = (
    st.just(0)
    | st.integers(0, 2 * UNIT)
    | st.integers(0, UNIT // 10)
    | st.sampled_from([1, SECOND, UNIT - 1, UNIT, UNIT + 1])
)


def wait(meter: Meter, cost: int) -> int | None:
    return wait_of(meter.level, cost, meter.limit)


@dataclass(slots=True)
class Open:
    """A reservation, as the meter and as the model know it."""

    part: Part
    event: Event


class Both:
    """A meter and its naive model, which are told the same."""

    def __init__(self) -> None:
        self.meter = Reserves(0, 0)
        self.model = NaiveMeter()
        self.open: list[Open] = []
        self.now = 0

    def ask(self, pause: int, cost: int, limit: int) -> None:
        self.now += pause
        self.meter.at(limit, self.now)
        fits = wait(self.meter, cost) == 0
        assert fits == self.model.has_room(cost, limit, self.now)
        event = self.model.note(self.now, cost if fits else 0, limit)
        if fits:
            self.open.append(Open(self.meter.reserve(cost), event))
        self.agree()

    def lessen(self, chosen: int, amount: int) -> None:
        if self.open:
            reservation = self.open[chosen % len(self.open)]
            amount = min(amount, reservation.event.cost)
            reservation.event.cost -= amount
            self.meter.give_back(reservation.part, amount)
            self.agree()

    def end(self, chosen: int) -> None:
        if self.open:
            self.meter.close(self.open.pop(chosen % len(self.open)).part)
            self.agree()

    def use(self, cost: int) -> None:
        if self.model.events:
            self.meter.use(cost)
            self.model.add(cost)
            self.agree()

    def agree(self) -> None:
        assert self.meter.level_at(self.now) == self.model.level(self.now)
        parts = parts_of(self.meter)
        assert sum(part.left for part in parts) == self.meter.level
        assert sum(part.holders for part in parts) == len(self.open)
        assert len(parts) <= len(self.open) + 1


def parts_of(meter: Reserves) -> list[Part]:
    """Return all parts from the top down; each knows its neighbours."""
    parts = [meter._top]
    assert meter._top.above is None
    while (below := parts[-1].below) is not None:
        assert below.above is parts[-1]
        parts.append(below)
    assert all(part.into is None for part in parts)
    return parts


STEPS = st.lists(
    st.tuples(st.just("ask"), PAUSES, COSTS)
    | st.tuples(st.just("lessen"), st.integers(0, 50), st.integers(0, 20 * UNIT) | st.just(UNIT))
    | st.tuples(st.just("end"), st.integers(0, 50), st.just(0)),
    max_size=40,
)


def play(both: Both, steps: list[tuple[str, int, int]], limit: int) -> None:
    for what, one, other in steps:
        match what:
            case "ask":
                both.ask(one, other * UNIT, limit)
            case "lessen":
                both.lessen(one, other)
            case _:
                both.end(one)


@given(LIMITS, STEPS)
def test_a_meter_knows_what_one_knows_that_forgets_nothing(
    limit: int, steps: list[tuple[str, int, int]]
) -> None:
    both = Both()
    play(both, steps, limit)


@given(LIMITS, STEPS)
def test_no_span_of_time_holds_more_than_a_limit_and_what_runs_off(
    limit: int, steps: list[tuple[str, int, int]]
) -> None:
    """What is used is what reservations have come to in the end, not what they were made for."""
    both = Both()
    play(both, steps, limit)
    assert both.model.excess() == 0


@given(LIMITS, LIMITS, STEPS, STEPS, st.integers(0, 100 * UNIT))
def test_a_new_limit_and_what_is_owed_keep_the_level(
    first: int, then: int, before: list[tuple[str, int, int]], after: list[tuple[str, int, int]],
    owed: int,
) -> None:  # fmt: skip
    both = Both()
    play(both, before, first)
    both.use(owed)
    play(both, after, then)


@given(LIMITS | st.integers(1, 10**7), st.integers(1, 40))
def test_all_of_a_limit_can_be_used_and_no_microsecond_is_lost(limit: int, uses: int) -> None:
    """After the burst each use comes exactly when its share of the minute has run off."""
    meter, now = Meter(limit, 0), 0
    meter.use(limit * UNIT)
    for number in range(1, uses + 1):
        pause = wait(meter, UNIT)
        assert pause is not None
        meter.at(limit, now + pause - 1)
        assert wait(meter, UNIT) == min(pause, 1)
        now += pause
        meter.at(limit, now)
        assert wait(meter, UNIT) == 0
        meter.use(UNIT)
        assert now == -(-number * UNIT // limit)


def test_a_minute_of_rest_gives_the_whole_limit_back() -> None:
    meter = Meter(7, 0)
    meter.use(7 * UNIT)
    meter.at(7, UNIT - 1)
    assert wait(meter, 7 * UNIT) == 1
    meter.at(7, UNIT)
    assert wait(meter, 7 * UNIT) == 0


def test_rest_beyond_that_saves_nothing_up() -> None:
    meter = Meter(7, 0)
    meter.at(7, 100 * UNIT)
    meter.use(7 * UNIT)
    assert wait(meter, UNIT) == -(-UNIT // 7)


def test_a_clock_that_goes_back_gives_nothing_back() -> None:
    meter = Meter(60, 0)
    meter.at(60, 10 * SECOND)
    meter.use(60 * UNIT)
    meter.at(60, 5 * SECOND)
    assert wait(meter, UNIT) == SECOND
    assert meter.level_at(5 * SECOND) == 60 * UNIT
    meter.at(60, 11 * SECOND)
    assert wait(meter, UNIT) == 0


@pytest.mark.parametrize(("limit", "used", "cost"), [(10, 0, 11), (0, 0, 1), (0, 1, 0)])
def test_what_can_never_be_is_told_so(limit: int, used: int, cost: int) -> None:
    meter = Meter(limit, 0)
    meter.use(used * UNIT)
    assert wait(meter, cost * UNIT) is None


def test_tokens_of_a_minute_that_is_over_are_not_given_back() -> None:
    """Else whoever holds calls open could save up one burst after another."""
    meter = Reserves(10, 0)
    old = meter.reserve(10 * UNIT)
    meter.at(10, UNIT)
    meter.reserve(10 * UNIT)
    meter.give_back(old, 10 * UNIT)
    assert meter.level == 10 * UNIT


def test_tokens_are_given_back_as_though_they_had_never_been_reserved() -> None:
    """What ran off meanwhile would have been of the other call's."""
    meter = Reserves(60, 0)
    first, second = meter.reserve(30 * UNIT), meter.reserve(30 * UNIT)
    meter.at(60, 20 * SECOND)
    meter.give_back(second, 25 * UNIT)
    meter.give_back(first, 25 * UNIT)
    assert meter.level == 0


def test_a_reservation_that_is_given_back_whole_parts_none_of_the_others() -> None:
    meter = Reserves(60, 0)
    first, second, third = (meter.reserve(10 * UNIT) for _ in range(3))
    meter.give_back(second, 10 * UNIT)
    assert parts_of(meter) == [third, first]
    meter.close(second)
    meter.close(first)
    assert (parts_of(meter), meter.level) == ([third], 20 * UNIT)


def test_what_has_sunk_is_found_by_a_short_way() -> None:
    meter = Reserves(60, 0)
    reserved = [meter.reserve(UNIT) for _ in range(50)]
    for second in range(1, 50):
        meter.at(60, second * SECOND)
    assert len(parts_of(meter)) == 1
    meter.give_back(reserved[-1], UNIT)
    lowest = parts_of(meter)[0]
    assert all(part.into in {lowest, None} for part in reserved)
    for part in reserved:
        meter.close(part)
    assert parts_of(meter)[0].holders == meter.level == 0
