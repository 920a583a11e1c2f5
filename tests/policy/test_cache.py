"""The cache: what is kept, for how long, and what goes when it is full."""

import tracemalloc

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from gateway.policy.cache import ENTRY_BYTES, LARGEST_SHARE, PIECE_BYTES, Cache, Kept, weight
from gateway.words.answer import Piece, Usage

ROOM = 80 * ENTRY_BYTES


def kept(*raws: bytes) -> Kept:
    pieces = tuple(Piece(raw) for raw in raws)
    return Kept(pieces, 200, ((b"openai-version", b"1"),), "up/m-1")


def of_size(size: int) -> Kept:
    return kept(b"x" * size)


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def test_an_answer_is_given_again_until_its_time_is_over() -> None:
    cache = Cache(ROOM)
    answer = kept(b"data: 1\n\n", b"data: 2\n\n")
    assert cache.put(key(1), answer, 10.0, 5.0)
    assert cache.get(key(1), 10.0) is cache.get(key(1), 14.9) is answer
    assert cache.get(key(1), 15.0) is None
    assert (len(cache), cache.held_bytes) == (0, 0)
    assert cache.get(key(2), 10.0) is None


@pytest.mark.parametrize("ttl", [0.0, -1.0, float("nan"), 1e-9])
def test_an_answer_without_time_is_not_kept(ttl: float) -> None:
    cache = Cache(ROOM)
    assert not cache.put(key(1), kept(b"x"), 1e18, ttl)
    assert (len(cache), cache.held_bytes) == (0, 0)


def test_a_later_answer_takes_the_place_of_the_former() -> None:
    cache = Cache(ROOM)
    cache.put(key(1), of_size(1000), 0.0, 10.0)
    cache.put(key(1), of_size(10), 5.0, 10.0)
    held = cache.held_bytes
    assert held < ENTRY_BYTES + 1000
    assert cache.get(key(1), 14.0) is not None
    assert not cache.put(key(1), of_size(ROOM), 6.0, 10.0)
    assert cache.get(key(1), 6.0) is None, "what was there is older than what was not kept"


def test_what_went_unread_the_longest_goes_first() -> None:
    cache = Cache(10 * 2 * ENTRY_BYTES)
    for number in range(30):
        cache.put(key(number), of_size(300), 0.0, 100.0)
        cache.get(key(0), 0.0)
    held = [number for number in range(30) if cache.get(key(number), 0.0) is not None]
    assert held[0] == 0
    assert 1 not in held
    assert held[1:] == list(range(held[1], 30))
    assert cache.held_bytes <= 10 * 2 * ENTRY_BYTES


def test_an_answer_that_would_empty_the_cache_is_not_kept() -> None:
    cache = Cache(ROOM)
    cache.put(key(1), of_size(10), 0.0, 10.0)
    assert not cache.put(key(2), of_size(ROOM // LARGEST_SHARE), 0.0, 10.0)
    many = kept(*[b""] * (ROOM // LARGEST_SHARE // PIECE_BYTES))
    assert not cache.put(key(3), many, 0.0, 10.0)
    assert cache.get(key(1), 0.0) is not None


def test_a_cache_without_room_keeps_nothing() -> None:
    assert not Cache(0).put(key(1), kept(b"x"), 0.0, 10.0)


def test_the_old_goes_on_the_way_and_all_of_it_by_a_sweep() -> None:
    cache = Cache(ROOM)
    for number, ttl in enumerate([5.0, 5.0, 100.0, 5.0]):
        cache.put(key(number), of_size(10), 0.0, ttl)
    cache.put(key(9), of_size(10), 7.0, 100.0)
    assert len(cache) == 3
    cache.sweep(7.0)
    assert len(cache) == 2
    cache.sweep(1000.0)
    assert (len(cache), cache.held_bytes) == (0, 0)


@pytest.mark.parametrize(
    ("pieces", "size", "usages"), [(1, 10, 1), (1, 4000, 0), (30, 250, 1), (300, 20, 300)]
)
def test_memory_is_counted_honestly(pieces: int, size: int, usages: int) -> None:
    """What is counted is what it takes, and no less; it may be more, since memory is used again."""
    cache = Cache(1_000_000_000)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(200):
            said = tuple(
                Piece(b"%*d" % (size, at), usage=_usage(at) if at < usages else None)
                for at in range(pieces)
            )
            fields = tuple((b"x-ratelimit-%d" % at, b"value %d" % at) for at in range(6))
            name = f"provider/model-{number}"
            cache.put(key(number), Kept(said, 200, fields, name, _usage(number)), 0.0, 10.0)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before <= cache.held_bytes <= (after - before) * 2.5


def _usage(number: int) -> Usage:
    return Usage(*(number + 1000 * part for part in range(1, len(Usage.__struct_fields__) + 1)))


def test_a_usage_weighs_something_too() -> None:
    assert weight([Piece(b"abc")]) == PIECE_BYTES + 3
    assert weight([Piece(b"abc", usage=Usage())]) > weight([Piece(b"abc")])


class AnyUse(RuleBasedStateMachine):
    """Whatever is done in any order: bounds hold, and nothing is given that was not put in."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.cache = Cache(ROOM)
        self.put_in: dict[bytes, tuple[Kept, float]] = {}

    @rule(number=st.integers(0, 9), size=st.integers(0, ROOM // 6), ttl=st.integers(0, 20))
    def put(self, number: int, size: int, ttl: int) -> None:
        answer = of_size(size)
        self.put_in.pop(key(number), None)
        if self.cache.put(key(number), answer, self.now, ttl):
            self.put_in[key(number)] = answer, self.now + ttl
            assert self.cache.get(key(number), self.now) is answer

    @rule(number=st.integers(0, 9))
    def get(self, number: int) -> None:
        given = self.cache.get(key(number), self.now)
        if given is not None:
            answer, expires_at = self.put_in[key(number)]
            assert given is answer
            assert self.now < expires_at

    @rule(seconds=st.integers(0, 10))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule()
    def sweep(self) -> None:
        self.cache.sweep(self.now)
        assert len(self.cache) <= sum(self.now < at for _, at in self.put_in.values())

    @invariant()
    def holds_its_bounds(self) -> None:
        assert 0 <= self.cache.held_bytes <= ROOM
        assert (self.cache.held_bytes == 0) is (len(self.cache) == 0)


def test_bounds_hold_and_nothing_is_given_that_was_not_put_in() -> None:
    run_state_machine_as_test(AnyUse, settings=settings(max_examples=40, stateful_step_count=30))
