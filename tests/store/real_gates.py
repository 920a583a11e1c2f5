"""Gates of several processes on one real server, all within one loop."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count

import trio

from gateway.policy.budgets import Funds, Purse, Purses, Want
from gateway.policy.limits import Subject
from gateway.store.address import parse_store_url
from gateway.store.gate import SharedGate
from gateway.store.link import Link
from gateway.store.options import Loss
from gateway.store.scripts import read_scripts
from gateway.store.valkey import open_line
from gateway.words.budget import Account, Budget
from gateway.words.caller import Limits
from tests.store.fakes import FakeJournal
from tests.store.plain_client import PlainClient
from tests.store.real_store import RealStore, real_store, until

SCRIPTS = read_scripts()
NOON = 1_800_000_000.0
"""A day that has not come yet, so that the store does not forget it."""

_NUMBERS = count()


def of_key(limits: Limits, name: str = "key:a") -> tuple[Subject, ...]:
    return (Subject(name, "key", limits),)


@dataclass
class Process:
    """One process with its gate and its purses."""

    gate: SharedGate
    purses: Purses
    link: Link
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)

    async def run(self) -> None:
        with self.scope:
            await self.link.run()

    def purse(self, nanos: int, name: str = "key a day") -> Purse:
        return self.purses.of(Account(name, "key", Budget(nanos, "day")), NOON)

    async def pay(self, purse: Purse, need: int, wish: int = 0) -> Funds | None:
        """Hold money as a call does; None where it is refused."""
        funds = Funds([purse])
        if wants := funds.wants(need, wish or need):
            await self.gate.fund(wants)
        return funds if funds.take(need) is None else None


def process(store: RealStore, loss: Loss = "local", ttl: float = 15.0) -> Process:
    number = next(_NUMBERS)
    purses = Purses(common=True)
    gate = SharedGate(b"process %d" % number, purses, loss, scripts=SCRIPTS, ttl=ttl)
    dial = partial(open_line, parse_store_url(store.url), b"gateway:test:%d" % number)
    return Process(gate, purses, Link(dial, (gate.serve,), FakeJournal(), lambda: 0.0))


async def start(nursery: trio.Nursery, *processes: Process) -> None:
    for each in processes:
        nursery.start_soon(each.run)
    await until(lambda: not any(each.gate.away for each in processes))


@contextmanager
def store_and_client() -> Iterator[tuple[RealStore, PlainClient]]:
    """Lend a server that runs, and a client of it."""
    with real_store() as store:
        store.start_now()
        with PlainClient(store.path) as client:
            yield store, client


def taken(client: PlainClient) -> int:
    """Return what is taken of the one account there is."""
    (key,) = client.say(b"KEYS", b"gateway:purse:*")
    base, since = client.say(b"HMGET", key, b"base", b"since")
    return int(base) + int(since)


def open_leases(client: PlainClient) -> int:
    return sum(client.say(b"ZCARD", key) for key in client.say(b"KEYS", b"gateway:open:*"))


def wants(purse: Purse, need: int, wish: int = 0) -> Sequence[Want]:
    return [Want(purse, need, wish or need)]
