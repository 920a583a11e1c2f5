"""Two processes with one store: what one finds out the other knows, and its loss stalls neither."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import trio

from gateway.policy.budgets import Purse, Purses, Want, Window
from gateway.policy.cache import Kept
from gateway.policy.limits import Subject
from gateway.store.options import MISSING, Loss, StoreOptions, fault
from gateway.store.rests import INDEX
from gateway.store.shared import LOSSES, Member, SharedStore, open_shared
from gateway.words.answer import Piece
from gateway.words.budget import Account, Budget
from gateway.words.caller import Limits
from gateway.words.errors import RateLimited
from gateway.words.secret import Secret
from tests.store.fakes import FakeJournal
from tests.store.real_store import RealStore, real_store, until

KEY = b"k" * 32
NOBODY = Member(b"one", lambda *_: None, Purses())
KEPT = Kept((Piece(b"data: 1\n\n", True),), 200, (), "openai/gpt")

SOON = 0.5
"""Seconds that nothing here may take, on a busy machine."""


@dataclass
class Process:
    """What one process knows, has learned and has said."""

    shared: SharedStore
    learned: list[tuple[str, int | None, float]]
    journal: FakeJournal = field(default_factory=FakeJournal)

    @property
    def ready(self) -> bool:
        """Say whether it is connected, and its jobs have begun."""
        return self.shared.up and self.shared.kept._line is not None


def process(store: RealStore, who: bytes, loss: Loss = "local") -> Process:
    learned: list[tuple[str, int | None, float]] = []
    journal = FakeJournal()
    options = StoreOptions(shared=Secret(store.url), on_shared_loss=loss)
    member = Member(who, lambda *said: learned.append(said), Purses(common=True))
    shared = open_shared(options, member, journal, lambda: 0.0)
    assert shared is not None
    return Process(shared, learned, journal)


class AtOnce:
    """Fails where something takes so long that a call would notice."""

    def __enter__(self) -> None:
        self._began = trio.current_time()

    def __exit__(self, *exc: object) -> None:
        assert trio.current_time() - self._began < SOON


@pytest.fixture
def store() -> Iterator[RealStore]:
    with real_store() as store:
        yield store


async def two(store: RealStore, nursery: trio.Nursery) -> tuple[Process, Process]:
    await store.start()
    pair = process(store, b"one"), process(store, b"two")
    for each in pair:
        nursery.start_soon(each.shared.run)
    await until(lambda: all(each.ready for each in pair))
    return pair


async def test_what_one_lets_rest_the_other_lets_rest(
    store: RealStore, nursery: trio.Nursery
) -> None:
    one, other = await two(store, nursery)
    one.shared.rests.tell("openai/gpt", None, 15.0)
    one.shared.rests.tell("openai/gpt", 1, 300.0)
    one.shared.rests.tell("openai/gpt", None, 0.0)
    await until(lambda: len(other.learned) == 2)
    (key, number, rest), up = other.learned
    assert (key, number) == ("openai/gpt", 1)
    assert 299 < rest <= 300
    assert up == ("openai/gpt", None, 0.0)
    assert one.learned == []
    nursery.cancel_scope.cancel()


async def test_who_comes_later_learns_what_is_left_of_a_rest(
    store: RealStore, nursery: trio.Nursery
) -> None:
    one, _ = await two(store, nursery)
    one.shared.rests.tell("openai/gpt", None, 15.0)
    one.shared.rests.tell("azure/gpt", 2, 0.02)
    await until(lambda: store.say(b"SCARD", INDEX) == b":2\r\n")
    await until(lambda: store.say(b"DBSIZE") == b":2\r\n")
    late = process(store, b"three")
    nursery.start_soon(late.shared.run)
    await until(lambda: late.learned)
    ((name, number, rest),) = late.learned
    assert (name, number) == ("openai/gpt", None)
    assert 10 < rest < 15
    await until(lambda: store.say(b"SCARD", INDEX) == b":1\r\n")
    nursery.cancel_scope.cancel()


async def test_no_name_stands_in_a_key(store: RealStore, nursery: trio.Nursery) -> None:
    one, other = await two(store, nursery)
    one.shared.rests.tell("openai/a b\r\n*", None, 15.0)
    one.shared.kept.put(KEY, KEPT, 60.0)
    await until(lambda: other.learned and store.say(b"DBSIZE") == b":3\r\n")
    names = store.say(b"KEYS", b"*")
    assert names.count(b"\r\ngateway:") == 3
    assert b"openai" not in names
    assert other.learned[0][0] == "openai/a b\r\n*"
    nursery.cancel_scope.cancel()


async def test_an_answer_that_one_keeps_the_other_finds(
    store: RealStore, nursery: trio.Nursery
) -> None:
    one, other = await two(store, nursery)
    assert await other.shared.kept.get(KEY) is None
    one.shared.kept.put(KEY, KEPT, 60.0)
    await until(lambda: store.say(b"DBSIZE") == b":1\r\n")
    assert await other.shared.kept.get(KEY) == KEPT
    nursery.cancel_scope.cancel()


async def test_a_kept_answer_expires_by_the_stores_own_clock(
    store: RealStore, nursery: trio.Nursery
) -> None:
    one, other = await two(store, nursery)
    one.shared.kept.put(KEY, KEPT, 0.2)
    await until(lambda: store.say(b"DBSIZE") == b":1\r\n")
    await until(lambda: store.say(b"DBSIZE") == b":0\r\n")
    assert await other.shared.kept.get(KEY) is None
    nursery.cancel_scope.cancel()


async def test_a_huge_foreign_value_is_not_read_whole(
    store: RealStore, nursery: trio.Nursery
) -> None:
    one, other = await two(store, nursery)
    one.shared.kept.put(KEY, KEPT, 60.0)
    await until(lambda: store.say(b"DBSIZE") == b":1\r\n")
    (name,) = store.say(b"KEYS", b"*").split()[2:]
    store.say(b"SETRANGE", name, b"100000000", b"x")
    with trio.fail_after(SOON):
        assert await other.shared.kept.get(KEY) is None
    nursery.cancel_scope.cancel()


async def test_a_stalled_store_stalls_nobody(store: RealStore, nursery: trio.Nursery) -> None:
    one, other = await two(store, nursery)
    one.shared.kept.put(KEY, KEPT, 60.0)
    await until(lambda: store.say(b"DBSIZE") == b":1\r\n")
    store.signal(signal.SIGSTOP)
    with AtOnce():
        assert await other.shared.kept.get(KEY) is None
        for number in range(200):
            assert await other.shared.kept.get(KEY) is None
            other.shared.kept.put(b"%d" % number, KEPT, 60.0)
            other.shared.rests.tell(f"home {number}", None, 15.0)
    await until(lambda: not one.shared.up and not other.shared.up)
    with AtOnce():
        assert await other.shared.kept.get(KEY) is None
    store.signal(signal.SIGCONT)
    await until(lambda: one.ready and other.ready)
    await until(lambda: len({name for name, _, _ in one.learned}) == 200)
    assert one.shared.losses == other.shared.losses == 1
    assert await other.shared.kept.get(KEY) == KEPT
    nursery.cancel_scope.cancel()


async def test_a_killed_store_is_lost_at_once_and_found_again(
    store: RealStore, nursery: trio.Nursery
) -> None:
    one, other = await two(store, nursery)
    store.kill()
    with trio.fail_after(SOON):
        await until(lambda: not one.shared.up and not other.shared.up)
    with AtOnce():
        assert await one.shared.kept.get(KEY) is None
        one.shared.kept.put(KEY, KEPT, 60.0)
        one.shared.rests.tell("openai/gpt", None, 60.0)
    assert one.shared.dropped == 1
    await store.start()
    await until(lambda: other.learned)
    assert other.learned[0][:2] == ("openai/gpt", None)
    lost = "shared store away, going on locally: the connection ended"
    assert one.journal.lines == ["shared store reached", lost, "shared store reached"]
    nursery.cancel_scope.cancel()


async def test_a_gateway_that_starts_without_the_store_waits_for_it(
    store: RealStore, nursery: trio.Nursery
) -> None:
    one = process(store, b"one")
    nursery.start_soon(one.shared.run)
    await until(lambda: one.journal.lines)
    assert one.shared.losses == 0
    await store.start()
    await until(lambda: one.shared.up)
    nursery.cancel_scope.cancel()


async def test_limits_and_money_are_in_common_too(store: RealStore, nursery: trio.Nursery) -> None:
    one, other = await two(store, nursery)
    await until(lambda: not (one.shared.gate.away or other.shared.gate.away))
    subjects = (Subject("team:t", "team", Limits(concurrency=1)),)
    lease = await one.shared.gate.admit(subjects, 0, ())
    with lease, pytest.raises(RateLimited):
        await other.shared.gate.admit(subjects, 0, ())
    purses = [
        Purse(Account("t day", "team", Budget(100, "day")), Window(0, 2**31), 0) for _ in "12"
    ]
    await one.shared.gate.fund([Want(purses[0], 80, 80)])
    await other.shared.gate.fund([Want(purses[1], 80, 80)])
    await one.shared.close()
    await other.shared.gate.fund([Want(purses[1], 80, 80)])
    assert [purse.ceiling for purse in purses] == [0, 80]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("loss", "said"), LOSSES.items())
async def test_the_log_is_told_what_becomes_of_calls_meanwhile(
    store: RealStore, nursery: trio.Nursery, loss: Loss, said: str
) -> None:
    one = process(store, b"one", loss)
    nursery.start_soon(one.shared.run)
    await until(lambda: one.journal.lines)
    assert one.journal.lines[0].startswith(f"shared store away, {said}: ")
    assert (one.shared.gate.mode, one.shared.gate.away) == (loss, True)
    nursery.cancel_scope.cancel()


async def test_leaving_closes_the_connection(store: RealStore, nursery: trio.Nursery) -> None:
    await two(store, nursery)
    assert store.clients() == 2
    nursery.cancel_scope.cancel()
    with trio.CancelScope(shield=True):
        await until(lambda: store.clients() == 0)


def test_without_an_address_there_is_no_store() -> None:
    journal = FakeJournal()
    options = StoreOptions()
    assert open_shared(options, NOBODY, journal, lambda: 0.0) is None
    assert fault(options) is None


def test_a_malformed_address_is_a_fault_that_shows_no_secret() -> None:
    options = StoreOptions(shared=Secret("redis://ada:long-secret@host:0/"))
    assert fault(options) == "has a port that is not within 1 to 65535"
    with pytest.raises(ValueError, match="^has a port") as caught:
        open_shared(options, NOBODY, FakeJournal(), lambda: 0.0)
    assert "long" not in repr(options) + str(caught.value)


def test_a_missing_extra_is_a_fault_that_says_how_to_get_it() -> None:
    options = StoreOptions(shared=Secret("redis://localhost"))
    assert fault(options, package="no_such_package") == MISSING
    assert "pip install 'nursery-gateway[shared]'" in MISSING
    assert fault(options) is None


def test_nothing_of_it_is_imported_where_it_is_not_wanted() -> None:
    program = "import sys, gateway.store.shared; print({'anyio', 'coredis'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert said.stdout.strip() == b"set()"
