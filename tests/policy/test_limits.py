"""Who is let in: all subjects at once, beside a naive model; leases; what is kept of whom."""

from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.gcra import UNIT
from gateway.policy.limits import (
    CONCURRENCY_PAUSE,
    FREE_LEASE,
    LOOKS,
    MOST_TOKENS,
    Lease,
    Limiter,
    Refusal,
    Standing,
    Subject,
    standing_of,
    subjects_of,
)
from gateway.words.caller import ANYONE, Caller, Limits
from gateway.words.errors import Busy
from tests.policy.naive import Event, NaiveMeter

SECOND = 1_000_000
UNLIMITED = Limits()
BY_REQUESTS = Limits(requests_per_minute=2)
BY_TOKENS = Limits(tokens_per_minute=60)
BY_CONCURRENCY = Limits(concurrency=2)


def caller(limits: Limits = UNLIMITED, team_limits: Limits | None = None, key: str = "a") -> Caller:
    """Return a caller, of a team where the team has limits."""
    if team_limits is None:
        return Caller(key, key, limits=limits)
    return Caller(key, key, team="t", limits=limits, team_limits=team_limits)


def subjects(who: Caller, model: Limits | None = None) -> tuple[Subject, ...]:
    return subjects_of(who, "m", {} if model is None else {"m": model})


def let_in(limiter: Limiter, who: Caller, tokens: int = 0, now: float = 0.0) -> Lease:
    lease = limiter.acquire(subjects(who), tokens, now)
    assert isinstance(lease, Lease)
    return lease


def turned_away(limiter: Limiter, who: Caller, tokens: int = 0, now: float = 0.0) -> Refusal:
    refusal = limiter.acquire(subjects(who), tokens, now)
    assert isinstance(refusal, Refusal)
    return refusal


def standing(
    limiter: Limiter, who: Caller, now: float = 0.0
) -> tuple[Standing | None, Standing | None]:
    return standing_of(subjects(who), limiter.levels(subjects(who), now))


def left(limiter: Limiter, who: Caller, now: float = 0.0) -> tuple[int | None, int | None]:
    """Return how many requests and tokens remain."""
    requests, tokens = standing(limiter, who, now)
    return (
        None if requests is None else requests.remaining,
        None if tokens is None else tokens.remaining,
    )


@dataclass(slots=True)
class Held:
    """An open lease, and what the model knows of it."""

    lease: Lease
    who: int
    reserved: int
    counted: int
    events: list[Event | None]


@dataclass(slots=True)
class NaiveQuota:
    requests: NaiveMeter = field(default_factory=NaiveMeter)
    tokens: NaiveMeter = field(default_factory=NaiveMeter)
    open: int = 0

    def has_room(self, limits: Limits, tokens: int, now: int) -> bool:
        of_requests, of_tokens = limits.requests_per_minute, limits.tokens_per_minute
        return (
            (limits.concurrency is None or self.open < limits.concurrency)
            and (of_requests is None or self.requests.has_room(UNIT, of_requests, now))
            and (of_tokens is None or self.tokens.has_room(tokens * UNIT, of_tokens, now))
        )

    def note(self, limits: Limits, tokens: int | None, now: int) -> Event | None:
        """Take note of a call that is let in, or with None of one that is not."""
        self.open += tokens is not None
        if limits.requests_per_minute is not None:
            self.requests.note(now, 0 if tokens is None else UNIT, limits.requests_per_minute)
        if limits.tokens_per_minute is None:
            return None
        return self.tokens.note(now, (tokens or 0) * UNIT, limits.tokens_per_minute)


class World:
    """Three keys, two of one team, one model, in a limiter and in a naive model of it."""

    def __init__(self, limits: Limits, team_limits: Limits, of_model: Limits = UNLIMITED) -> None:
        self.limiter = Limiter()
        self.of_model = of_model
        self.callers = [
            caller(limits, team_limits, "a"), caller(limits, team_limits, "b"), caller(limits)
        ]  # fmt: skip
        self.callers[2] = replace(self.callers[2], key="c", key_id="c")
        self.keys = [NaiveQuota(), NaiveQuota(), NaiveQuota()]
        self.team, self.model = NaiveQuota(), NaiveQuota()
        self.held: list[Held] = []
        self.now = 0

    def quotas(self, who: int) -> list[tuple[NaiveQuota, Limits]]:
        one = self.callers[who]
        all_three = [
            (self.keys[who], one.limits),
            (self.team, one.team_limits),
            (self.model, self.of_model),
        ]
        return [(quota, limits) for quota, limits in all_three if limits != UNLIMITED]

    def ask(self, who: int, tokens: int, pause: int) -> None:
        self.now += pause
        quotas = self.quotas(who)
        fits = all(quota.has_room(limits, tokens, self.now) for quota, limits in quotas)
        asked = subjects(self.callers[who], self.of_model)
        got = self.limiter.acquire(asked, tokens, self.now / SECOND)
        assert isinstance(got, Lease) == fits
        events = [
            quota.note(limits, tokens if fits else None, self.now) for quota, limits in quotas
        ]
        if isinstance(got, Lease):
            self.held.append(Held(got, who, tokens, tokens, events))

    def settle(self, chosen: int, tokens: int) -> None:
        if not self.held:
            return
        held = self.held[chosen % len(self.held)]
        held.lease.settle(tokens)
        more, less = max(0, tokens - held.counted), max(0, held.reserved - tokens)
        for (quota, _), event in zip(self.quotas(held.who), held.events, strict=True):
            if event is not None and less:
                event.cost -= less * UNIT
            elif event is not None and more:
                quota.tokens.add(more * UNIT)
        held.reserved -= less
        held.counted += more - less

    def release(self, chosen: int) -> None:
        if not self.held:
            return
        held = self.held.pop(chosen % len(self.held))
        for _ in range(2):
            held.lease.release()
        for quota, _ in self.quotas(held.who):
            quota.open -= 1

    def agree(self) -> None:
        named = {
            "key:a": self.keys[0], "key:b": self.keys[1], "key:c": self.keys[2],
            "team:t": self.team, "model:m": self.model,
        }  # fmt: skip
        for name, quota in self.limiter._quotas.items():
            model = named[name]
            assert quota.open == model.open
            assert quota.requests.level_at(self.now) == model.requests.level(self.now)
            assert quota.tokens.level_at(self.now) == model.tokens.level(self.now)


NUMBERS = st.none() | st.integers(1, 8)
SOME_LIMITS = st.builds(Limits, NUMBERS, st.none() | st.integers(1, 20), NUMBERS)
PAUSES = (
    st.just(0) | st.integers(0, UNIT // 5) | st.integers(0, 2 * UNIT) | st.sampled_from([1, UNIT])
)
STEPS = st.lists(
    st.tuples(st.just("ask"), st.integers(0, 2), st.integers(0, 20), PAUSES)
    | st.tuples(st.just("settle"), st.integers(0, 50), st.integers(0, 30), st.just(0))
    | st.tuples(st.just("release"), st.integers(0, 50), st.just(0), st.just(0)),
    max_size=40,
)


@given(SOME_LIMITS, SOME_LIMITS, SOME_LIMITS, STEPS)
def test_the_limiter_lets_in_whom_a_naive_one_lets_in(
    limits: Limits, team_limits: Limits, of_model: Limits, steps: list[tuple[str, int, int, int]]
) -> None:
    """And no subject has ever more calls open than it may; in the end none has any."""
    world = World(limits, team_limits, of_model)
    for what, one, two, pause in steps:
        match what:
            case "ask":
                world.ask(one, two, pause)
            case "settle":
                world.settle(one, two)
            case _:
                world.release(one)
        world.agree()
    while world.held:
        world.release(0)
    world.agree()
    assert [quota.open for quota in world.limiter._quotas.values() if quota.open] == []


@given(SOME_LIMITS, SOME_LIMITS, STEPS)
def test_a_refusal_names_the_moment_at_which_it_would_be_none(
    limits: Limits, team_limits: Limits, steps: list[tuple[str, int, int, int]]
) -> None:
    """Unless it is about open calls: nobody knows when they end."""
    world, who, now = World(limits, team_limits), caller(limits, team_limits), 1000.0
    for what, _, tokens, pause in steps:
        now += pause / SECOND
        got = world.limiter.acquire(subjects(who), tokens, now)
        if isinstance(got, Lease):
            got.settle(tokens + 5 if what == "settle" else tokens)
            got.release()
        elif got.retry_after is None:
            assert turned_away(world.limiter, who, tokens, now + 1e6).retry_after is None
            now += 1e6
        else:
            turned_away(world.limiter, who, tokens, now + got.retry_after - 2e-6)
            now += got.retry_after
            let_in(world.limiter, who, tokens, now).release()


def test_a_caller_without_limits_is_let_in_for_nothing() -> None:
    limiter = Limiter()
    # Limits of no team are nobody's.
    for who in (ANYONE, Caller("a", "a", team_limits=BY_REQUESTS)):
        assert subjects(who, UNLIMITED) == subjects(who) == ()
        assert limiter.acquire(subjects(who), 10**9, 0.0) is FREE_LEASE
    with FREE_LEASE as lease:
        lease.settle(5)
    lease.release()
    assert len(limiter) == 0
    assert standing(limiter, ANYONE) == (None, None)


@pytest.mark.parametrize(
    ("limits", "which", "retry_after"),
    [
        (BY_REQUESTS, "requests", 30.000001),
        (BY_TOKENS, "tokens", 20.000001),
        (BY_CONCURRENCY, "concurrency", CONCURRENCY_PAUSE),
    ],
)
@pytest.mark.parametrize("of", ["key", "team"])
def test_each_limit_of_each_holder_turns_away(
    limits: Limits, which: str, retry_after: float, of: str
) -> None:
    limiter = Limiter()
    who = caller(limits) if of == "key" else caller(team_limits=limits)
    leases = [let_in(limiter, who, 20) for _ in range(2)]
    refusal = turned_away(limiter, who, 40)
    assert (refusal.which, refusal.of, refusal.retry_after) == (which, of, retry_after)
    for lease in leases:
        lease.release()


def test_the_limit_that_is_in_the_way_for_longest_is_named() -> None:
    limiter = Limiter()
    who = caller(Limits(60, 60, 1), Limits(requests_per_minute=1))
    let_in(limiter, who, 50)
    assert turned_away(limiter, who, 0) == Refusal("requests", "team", 1, 60.000001)
    assert turned_away(limiter, who, 61) == Refusal("tokens", "key", 60, None)
    assert turned_away(limiter, who, 0, 59.5) == Refusal("concurrency", "key", 1, 1.0)


def test_what_the_team_refuses_costs_the_key_nothing() -> None:
    limiter = Limiter()
    who = caller(Limits(10, 10, 10), Limits(10, 5, 10))
    assert turned_away(limiter, who, 6).of == "team"
    assert left(limiter, who) == (10, 5)
    assert left(limiter, caller(Limits(10, 10, 10))) == (10, 10)


def test_what_the_key_refuses_costs_the_team_nothing() -> None:
    limiter = Limiter()
    who = caller(Limits(10, 5, 10), Limits(10, 10, 10))
    assert turned_away(limiter, who, 6).of == "key"
    assert left(limiter, caller(team_limits=Limits(10, 10, 10), key="b")) == (10, 10)


def test_keys_of_one_team_share_its_limits() -> None:
    limiter = Limiter()
    let_in(limiter, caller(BY_REQUESTS, BY_REQUESTS, "a"))
    let_in(limiter, caller(BY_REQUESTS, BY_REQUESTS, "b"))
    assert turned_away(limiter, caller(BY_REQUESTS, BY_REQUESTS, "c")).of == "team"


def test_a_key_is_not_taken_for_a_team_of_that_name() -> None:
    limiter = Limiter()
    let_in(limiter, caller(BY_CONCURRENCY, key="t"))
    assert left(limiter, caller(team_limits=BY_REQUESTS)) == (2, None)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
def test_a_lease_is_released_however_it_is_left(error: type[BaseException]) -> None:
    limiter, who = Limiter(), caller(Limits(concurrency=1), Limits(concurrency=1))
    with suppress(error), let_in(limiter, who):
        turned_away(limiter, who)
        raise error
    let_in(limiter, who)


def test_a_lease_that_is_released_twice_is_released_once() -> None:
    limiter, who = Limiter(), caller(BY_CONCURRENCY)
    other = let_in(limiter, who)
    with let_in(limiter, who) as lease:
        lease.release()
    lease.release()
    let_in(limiter, who)
    turned_away(limiter, who)
    other.release()


def test_what_was_reserved_too_much_is_given_back_at_once() -> None:
    limiter, who = Limiter(), caller(BY_TOKENS, BY_TOKENS)
    with let_in(limiter, who, 60) as lease:
        lease.settle(20)
        assert left(limiter, who) == (None, 40)
    assert left(limiter, who) == (None, 40)


def test_a_call_that_used_more_than_there_was_makes_later_ones_wait() -> None:
    limiter, who = Limiter(), caller(BY_TOKENS)
    with let_in(limiter, who, 10) as lease:
        lease.settle(180)
    assert standing(limiter, who)[1] == Standing(60, 0, 180 * SECOND)
    assert turned_away(limiter, who, 0, 60.0).retry_after == 60.000001
    let_in(limiter, who, 60, 180.0)


def test_usage_may_be_told_again_as_more_becomes_known() -> None:
    limiter, who = Limiter(), caller(BY_TOKENS)
    with let_in(limiter, who, 20) as lease:
        for tokens, remaining in ((5, 55), (5, 55), (3, 57), (8, 52), (30, 30), (2, 31), (29, 31)):
            lease.settle(tokens)
            assert left(limiter, who) == (None, remaining)


def test_usage_that_cannot_be_is_bounded() -> None:
    """A provider that reports nonsense neither fills a key's minute nor shuts it out for good."""
    limiter, who = Limiter(), caller(Limits(tokens_per_minute=MOST_TOKENS))
    with let_in(limiter, who, 20) as lease:
        lease.settle(-(10**30))
        assert left(limiter, who) == (None, MOST_TOKENS)
        lease.settle(10**30)
        assert standing(limiter, who)[1] == Standing(MOST_TOKENS, 0, UNIT)
    assert left(limiter, who, 60.0) == (None, MOST_TOKENS)
    for tokens in (50, -50):
        let_in(limiter, who, tokens, 60.0).release()
    assert left(limiter, who, 60.0) == (None, MOST_TOKENS - 50)


def test_a_reservation_above_that_bound_stands() -> None:
    limiter, who = Limiter(), caller(Limits(tokens_per_minute=10 * MOST_TOKENS))
    with let_in(limiter, who, 2 * MOST_TOKENS) as lease:
        lease.settle(3 * MOST_TOKENS)
        assert left(limiter, who) == (None, 8 * MOST_TOKENS)


def test_after_its_release_a_lease_changes_nothing() -> None:
    limiter, who = Limiter(), caller(BY_TOKENS)
    lease = let_in(limiter, who, 20)
    lease.release()
    for tokens in (0, 100):
        lease.settle(tokens)
        assert left(limiter, who) == (None, 40)


def test_a_lease_without_a_limit_of_tokens_is_settled_all_the_same() -> None:
    limiter, who = Limiter(), caller(BY_REQUESTS, BY_TOKENS)
    with let_in(limiter, who, 20) as lease:
        lease.settle(10)
        lease.settle(30)
    assert left(limiter, who) == (1, 30)


@pytest.mark.parametrize("limits", [Limits(requests_per_minute=0), Limits(concurrency=0)])
def test_a_limit_of_nothing_is_never_over(limits: Limits) -> None:
    limiter, who = Limiter(), caller(limits)
    assert turned_away(limiter, who).retry_after is None
    assert standing(limiter, who)[0] in {None, Standing(0, 0, 0)}


def test_changed_limits_hold_from_the_next_call_on_and_nothing_used_is_lost() -> None:
    limiter = Limiter()
    with let_in(limiter, caller(Limits(60, 60, 9)), 30):
        # Ten seconds run off as the limits were.
        smaller = caller(Limits(60, 30, 1))
        assert turned_away(limiter, smaller, 0, 10.0) == Refusal("concurrency", "key", 1, 1.0)
        assert turned_away(limiter, smaller, 20, 10.0) == Refusal("tokens", "key", 30, 20.000001)
        larger = caller(Limits(60, 600, 2))
        assert left(limiter, larger, 10.0) == (60, 580)
        let_in(limiter, larger, 580, 10.0)
        assert left(limiter, larger, 11.0) == (60, 10)


def test_a_limit_that_was_lifted_for_a_while_is_remembered() -> None:
    limiter = Limiter()
    let_in(limiter, caller(Limits(tokens_per_minute=60)), 60)
    let_in(limiter, caller(BY_REQUESTS), 1000, 10.0)
    assert left(limiter, caller(BY_TOKENS), 10.0) == (None, 10)


def test_the_tighter_of_key_and_team_is_told() -> None:
    limiter = Limiter()
    who = caller(Limits(10, 100), Limits(20, 50))
    assert standing(limiter, who) == (Standing(10, 10, 0), Standing(50, 50, 0))
    for _ in range(5):
        let_in(limiter, replace(who, key_id="b"), 0)
    for _ in range(4):
        let_in(limiter, replace(who, key_id="c"), 5)
    assert left(limiter, who) == (10, 30)
    let_in(limiter, replace(who, key_id="d"), 15)
    assert standing(limiter, who)[0] == Standing(10, 10, 0)
    let_in(limiter, replace(who, key_id="d"), 15)
    assert standing(limiter, who) == (Standing(20, 9, 33 * SECOND), Standing(50, 0, UNIT))


def test_whose_limit_is_not_the_same_is_told_what_there_is() -> None:
    limiter = Limiter()
    assert left(limiter, caller(BY_REQUESTS, BY_TOKENS)) == (2, 60)
    assert left(limiter, caller(BY_TOKENS, BY_REQUESTS)) == (2, 60)
    assert len(limiter) == 0


def test_a_begun_token_does_not_remain() -> None:
    limiter, who = Limiter(), caller(BY_TOKENS)
    let_in(limiter, who, 60)
    assert left(limiter, who, 0.5) == (None, 0)
    assert left(limiter, who, 1.5) == (None, 1)


def test_a_moment_is_taken_to_the_nearest_nanosecond() -> None:
    """What a float is short of it would cost whoever comes back at the very moment."""
    limiter, who = Limiter(), caller(Limits(tokens_per_minute=60_000))
    let_in(limiter, who, 60_000)
    assert [left(limiter, who, now)[1] for now in (1.001, 1.003, 1.009)] == [1001, 1003, 1009]


def test_an_idle_key_makes_room_for_another() -> None:
    limiter = Limiter(most=2)
    let_in(limiter, caller(BY_TOKENS, key="a"), 60).release()
    let_in(limiter, caller(BY_TOKENS, key="b"), 30).release()
    let_in(limiter, caller(BY_TOKENS, key="c"), 1, 30.0)
    assert len(limiter) == 2
    assert left(limiter, caller(BY_TOKENS, key="a"), 30.0) == (None, 30)


def test_no_key_is_forgotten_whose_window_is_not_over() -> None:
    limiter = Limiter(most=2)
    for key, limits in (("a", BY_TOKENS), ("b", BY_REQUESTS)):
        let_in(limiter, caller(limits, key=key), 60).release()
    newcomer = caller(BY_TOKENS, key="c")
    with pytest.raises(Busy, match="Too many keys"):
        limiter.acquire(subjects(newcomer), 1, 29.9)
    let_in(limiter, newcomer, 1, 30.0)
    assert left(limiter, caller(BY_TOKENS, key="a"), 30.0) == (None, 30)


def test_no_key_is_forgotten_while_a_call_is_open() -> None:
    limiter = Limiter(most=1)
    lease = let_in(limiter, caller(BY_CONCURRENCY))
    with pytest.raises(Busy):
        limiter.acquire(subjects(caller(BY_CONCURRENCY, key="b")), 1, 1e6)
    lease.release()
    let_in(limiter, caller(BY_CONCURRENCY, key="b"), 1, 1e6)


def test_a_key_is_not_forgotten_for_its_own_team() -> None:
    limiter = Limiter(most=1)
    who = caller(BY_REQUESTS, BY_REQUESTS)
    with pytest.raises(Busy):
        limiter.acquire(subjects(who), 1, 0.0)
    limiter = Limiter(most=2)
    let_in(limiter, caller(BY_REQUESTS, key="z")).release()
    let_in(limiter, who, 1, 1000.0)
    assert left(limiter, who, 1000.0) == (1, None)
    assert len(limiter) == 2


def test_only_so_many_are_looked_at_for_room() -> None:
    """The next in turn are looked at next time, so an idle one is found in the end."""
    limiter = Limiter(most=LOOKS + 1)
    for number in range(LOOKS):
        let_in(limiter, caller(BY_CONCURRENCY, key=f"open {number}"))
    let_in(limiter, caller(BY_CONCURRENCY, key="idle")).release()
    with pytest.raises(Busy):
        limiter.acquire(subjects(caller(BY_CONCURRENCY)), 1, 0.0)
    let_in(limiter, caller(BY_CONCURRENCY))


def test_a_models_limit_is_for_all_who_ask_for_it() -> None:
    limiter, limit = Limiter(), Limits(concurrency=1)
    one, two = subjects(caller(key="a"), limit), subjects(caller(BY_TOKENS, key="b"), limit)
    assert [subject.name for subject in two] == ["key:b", "model:m"]
    lease = limiter.acquire(one, 0, 0.0)
    assert isinstance(lease, Lease)
    assert limiter.acquire(two, 30, 0.0) == Refusal("concurrency", "model", 1, 1.0)
    lease.release()
    assert isinstance(limiter.acquire(two, 60, 0.0), Lease)
    assert subjects_of(caller(key="a"), "other", {"m": limit}) == ()
