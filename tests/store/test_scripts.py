"""The programs that the store runs: they decide as Python does."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.gcra import UNIT
from gateway.policy.limits import Lease, Levels, Limiter, Subject
from gateway.store.line import UNKNOWN_SCRIPT, Command, Refused
from gateway.store.scripts import SERVERS_TIME, read_scripts
from gateway.words.caller import Limits
from tests.store.fakes import FakeLine
from tests.store.plain_client import PlainClient
from tests.store.real_store import real_store

SECOND = 1_000_000
FOR_GOOD = 10**12
SCRIPTS = read_scripts()


@pytest.fixture(scope="module")
def client() -> Iterator[PlainClient]:
    with real_store() as store:
        store.start_now()
        with PlainClient(store.path) as client:
            yield client


def keys_of(name: str) -> list[bytes]:
    return [f"{kind}:{name}".encode() for kind in ("levels", "open", "parts")]


@dataclass(slots=True)
class Held:
    """A lease as Python has it, and what the store was told of it."""

    lease: Lease
    number: int
    keys: list[bytes]
    reserved: int
    counted: int
    less: int = 0
    more: int = 0


@dataclass
class Both:
    """A limiter and the store, which are told the same at the same moments."""

    client: PlainClient
    limiter: Limiter = field(default_factory=Limiter)
    open: list[Held] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    now: int = SECOND
    number: int = 0

    def __post_init__(self) -> None:
        self.client.say(b"FLUSHALL")

    def ask(self, subjects: list[Subject], tokens: int, pause: int) -> None:
        self.now = max(SECOND, self.now + pause)
        self.number += 1
        keys = [key for subject in subjects for key in keys_of(subject.name)]
        limits = [
            -1 if number is None else number
            for _, _, of in subjects
            for number in (of.requests_per_minute, of.tokens_per_minute, of.concurrency)
        ]
        reply = self.client.run(
            SCRIPTS.admit, keys, self.now, b"lease %d" % self.number, FOR_GOOD, tokens, *limits
        )
        lease = self.limiter.acquire(subjects, tokens, self.now / SECOND)
        assert reply[0] == isinstance(lease, Lease)
        numbers = [int(number) for number in reply[1:]]
        told = [Levels(*numbers[at : at + 3]) for at in range(0, len(numbers), 3)]
        known = self.limiter.levels(subjects, self.now / SECOND)
        # What has no limit now is not looked at, and so has not run off yet.
        for subject, one, other in zip(subjects, told, known, strict=True):
            limits_now = subject.limits
            assert one.open == other.open
            if limits_now.requests_per_minute is not None:
                assert one.requests == other.requests
            if limits_now.tokens_per_minute is not None:
                assert one.tokens == other.tokens
        self.names |= {subject.name for subject in subjects}
        if isinstance(lease, Lease):
            self.open.append(Held(lease, self.number, keys, tokens, tokens))

    def settle(self, chosen: int, tokens: int) -> None:
        if self.open:
            held = self.open[chosen % len(self.open)]
            held.lease.settle(tokens)
            if tokens < held.reserved:
                less = held.reserved - tokens
                held.less, held.reserved = held.less + less, tokens
                held.counted -= less
            elif tokens > held.counted:
                held.more += tokens - held.counted
                held.counted = tokens
            self.tell(held, ended=False)

    def release(self, chosen: int) -> None:
        if self.open:
            held = self.open.pop(chosen % len(self.open))
            held.lease.release()
            self.tell(held, ended=True)

    def tell(self, held: Held, *, ended: bool) -> None:
        for _ in range(2):
            self.client.run(
                SCRIPTS.settle, held.keys, b"lease %d" % held.number, held.less, held.more,
                int(ended), FOR_GOOD,
            )  # fmt: skip

    def agree(self) -> None:
        for name in self.names:
            quota = self.limiter._quotas[name]
            levels, opened, parts = keys_of(name)
            level, requests = self.client.say(b"HMGET", levels, b"t", b"r")
            assert int(float(requests)) == quota.requests.level
            assert int(float(level)) == quota.tokens.level
            assert self.client.say(b"ZCARD", opened) == quota.open
            lying = [part.split() for part in self.client.say(b"ZRANGE", parts, 0, -1)]
            assert sum(int(left) for _, left, _ in lying) == quota.tokens.level
            assert len(lying) <= quota.open + 1
            assert -1 not in {self.client.say(b"PTTL", key) for key in keys_of(name)}, "all expire"


NUMBERS = st.none() | st.integers(1, 6)
SOME_LIMITS = st.builds(Limits, NUMBERS, st.none() | st.integers(1, 20) | st.just(10**8), NUMBERS)
SUBJECTS = st.lists(
    st.builds(Subject, st.sampled_from("abc"), st.just("key"), SOME_LIMITS),
    min_size=1,
    max_size=3,
    unique_by=lambda subject: subject.name,
)
PAUSES = (
    st.just(0)
    | st.just(-SECOND // 2)
    | st.integers(0, UNIT // 5)
    | st.integers(0, 2 * UNIT)
    | st.just(UNIT)
)
ASKS = st.tuples(st.just("ask"), SUBJECTS, st.integers(0, 20) | st.just(10**7), PAUSES)
STEPS = st.lists(
    ASKS
    | ASKS
    | st.tuples(st.just("settle"), st.integers(0, 50), st.integers(0, 30), st.just(0))
    | st.tuples(st.just("release"), st.integers(0, 50), st.just(0), st.just(0)),
    max_size=40,
)


@given(steps=STEPS)
def test_the_store_lets_in_whom_python_lets_in(
    client: PlainClient, steps: list[tuple[str, object, int, int]]
) -> None:
    """With limits that change, and whatever is given back, used beyond, or told twice."""
    both = Both(client)
    for what, one, two, pause in steps:
        if what == "ask":
            assert isinstance(one, list)
            both.ask(one, two, pause)
        else:
            assert isinstance(one, int)
            both.settle(one, two) if what == "settle" else both.release(one)
        both.agree()
    while both.open:
        both.release(0)
        both.agree()
    assert [client.say(b"ZCARD", keys_of(name)[1]) for name in both.names] == [0] * len(both.names)


def test_a_lease_that_nobody_renews_is_over_as_though_released(client: PlainClient) -> None:
    client.say(b"FLUSHALL")
    keys = keys_of("a")

    def ask(lease: bytes, now: int, tokens: int = 10) -> list[int]:
        return [
            int(number)
            for number in client.run(
                SCRIPTS.admit, keys, now, lease, 15 * SECOND, tokens, -1, 600, 2
            )
        ]

    assert ask(b"one", SECOND) == [1, 0, 10 * UNIT, 1]
    assert ask(b"two", SECOND) == [1, 0, 20 * UNIT, 2]
    assert ask(b"three", 11 * SECOND) == [0, 0, 0, 2]
    client.run(SCRIPTS.renew, keys, 11 * SECOND, 15 * SECOND, b"two")
    assert ask(b"three", 16 * SECOND) == [1, 0, 10 * UNIT, 2]
    assert client.say(b"ZRANGE", keys[1], 0, -1) == [b"two", b"three"]
    client.run(SCRIPTS.settle, keys, b"one", 10, 0, 1, 15 * SECOND)
    assert ask(b"four", 16 * SECOND) == [0, 0, 10 * UNIT, 2], "what is over gives nothing back"
    assert ask(b"four", 40 * SECOND) == [1, 0, 10 * UNIT, 1]


def test_without_a_time_the_stores_own_clock_counts(client: PlainClient) -> None:
    client.say(b"FLUSHALL")
    keys = keys_of("a")
    arguments = (SERVERS_TIME, b"one", 15 * SECOND, 1, 60, 60, 1)
    assert client.run(SCRIPTS.admit, keys, *arguments) == [1, b"60000000", b"60000000", b"1"]
    seconds, microseconds = map(int, client.say(b"TIME"))
    over = int(client.say(b"ZSCORE", keys[1], b"one"))
    assert 0 <= seconds * SECOND + microseconds + 15 * SECOND - over < SECOND


def test_what_nobody_asks_for_any_more_expires(client: PlainClient) -> None:
    """Half a minute after the last lease, and never before all has run off."""
    client.say(b"FLUSHALL")
    keys = keys_of("a")

    def left() -> list[int]:
        return [round(client.say(b"PTTL", key) / 1000) for key in keys]

    client.run(SCRIPTS.admit, keys, 0, b"one", 15 * SECOND, 0, -1, -1, 5)
    client.run(SCRIPTS.renew, keys, 0, 15 * SECOND, b"one")
    assert left()[:2] == [31, 31]
    client.run(SCRIPTS.admit, keys, 0, b"two", 15 * SECOND, 30, 60, 30, 5)
    assert left() == [61, 61, 61]
    client.run(SCRIPTS.settle, keys, b"two", 0, 10**7, 1, 15 * SECOND)
    assert left() == [86_401] * 3


async def test_programs_that_the_store_forgot_are_spelt_out() -> None:
    """Those alone, and the replies keep their order."""

    def reply(command: Command) -> object:
        if command[0] == b"EVALSHA" and command[1] == SCRIPTS.settle.digest:
            return Refused(f"{UNKNOWN_SCRIPT} No matching script.")
        return command[-1]

    line = FakeLine(reply)
    commands = [
        SCRIPTS.renew.call([], 1),
        SCRIPTS.settle.call([b"k"], 2),
        SCRIPTS.purse.call([], 3),
    ]
    assert await SCRIPTS.run(line, commands) == [1, 2, 3]
    assert line.asked[3:] == [(b"EVAL", SCRIPTS.settle.text, 1, b"k", 2)]
    late: list[object] = []
    await SCRIPTS.run(line, commands, late.extend)
    assert line.late is not None
    line.late([9])
    assert late == [1, 9, 3]
    await SCRIPTS.run(line, commands)
    line.late([9])


async def test_all_programs_are_told_in_one_go() -> None:
    line = FakeLine()
    await SCRIPTS.load(line)
    assert (line.trips, len(line.asked)) == (1, 4)
    assert {command[:2] for command in line.asked} == {(b"SCRIPT", b"LOAD")}
