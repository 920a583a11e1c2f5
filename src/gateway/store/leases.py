"""Leases that hold in the shared store: counted there, renewed and given back from here.

    draft ──▶ admitted ──▶ renewed, all together ──▶ released
      └──────── left in the middle of it ────────────────┴──▶ outbox ──▶ the store

A lease that nobody renews is over after `LEASE_TTL`: so those of a process that died give way, and
so does one whose release could not be told. Each word may be told twice, it changes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import count
from typing import Final

import trio

from gateway.policy.limits import FREE_LEASE, MOST_TRACKED, Lease, Levels, Subject
from gateway.store.line import PREFIX, Command
from gateway.store.scripts import SERVERS_TIME, Scripts

LEVELS: Final = PREFIX + b"levels:1:"
OPEN: Final = PREFIX + b"open:1:"
PARTS: Final = PREFIX + b"parts:1:"

LEASE_TTL: Final = 15.0
"""Seconds after which a lease is over that nobody renews; it is renewed three times in it."""

OUTBOX: Final = 65_536
"""Leases of which something waits to be told. Of more, the rest are left to their time."""

AT_ONCE: Final = 64
"""Commands that are sent in one go."""

RENEWED_AT_ONCE: Final = 512
"""Leases in one of them."""

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Parcel:
    """A command for the store, and who takes its reply; None where nobody knows if it arrived."""

    command: Command
    take: Callable[[object], None]


class SharedLease(Lease):
    """A lease in the shared store. `beside` is one that this process has counted by itself."""

    __slots__ = (
        "_beside", "_leases", "_levels", "_since", "ended", "id", "keys", "less", "more",
        "subjects", "until",
    )  # fmt: skip

    def __init__(
        self, leases: "Leases", name: bytes, subjects: Sequence[Subject], tokens: int, beside: Lease
    ) -> None:
        super().__init__(tokens, ())
        self._open = True
        self._leases = leases
        self._beside = beside
        self._levels: Sequence[Levels] = ()
        self._since = 0.0
        self.id = name
        self.subjects = subjects
        self.keys = [keys_of(subject.name) for subject in subjects]
        self.less = self.more = 0
        """Tokens that were given back of the reservation, and that were used beyond it."""
        self.ended = False
        self.until = 0.0
        """When the store forgets it by itself, once it is released."""

    @property
    def is_local(self) -> bool:
        """Say whether this process has counted it by itself."""
        return self._beside is not FREE_LEASE

    def settle(self, tokens: int) -> None:
        self._beside.settle(tokens)
        super().settle(tokens)

    def release(self) -> None:
        self._beside.release()
        super().release()

    def opened(self, levels: Sequence[Levels], now: float) -> None:
        """Take note of what its subjects had in use when it was let in."""
        self._levels, self._since = levels, now

    def levels(self, now: float) -> list[Levels]:
        """Tell what its subjects may have in use by now; nothing where nobody has said."""
        passed = int((now - self._since) * _MICROSECONDS)
        return [
            Levels(
                max(0, levels.requests - passed * (limits.requests_per_minute or 0)),
                max(0, levels.tokens - passed * (limits.tokens_per_minute or 0)),
                levels.open,
            )
            for (_, _, limits), levels in zip(self.subjects, self._levels, strict=False)
        ]

    def _lessen(self, tokens: int) -> None:
        self.less += tokens
        self._leases.tell(self)

    def _add(self, tokens: int) -> None:
        self.more += tokens
        self._leases.tell(self)

    def _close(self) -> None:
        self.ended = True
        self._leases.forget(self)


class Leases:
    """All leases of this process. `who` is the process, by lot; times are Trio's."""

    def __init__(self, who: bytes, scripts: Scripts, ttl: float = LEASE_TTL) -> None:
        self._who = who
        self._scripts = scripts
        self._ttl = ttl
        self._numbers = count()
        self._living: dict[bytes, SharedLease] = {}
        self._outbox: dict[bytes, SharedLease] = {}
        self._renewal = 0.0
        self.news = trio.Event()
        """Set when there is something to tell."""
        self.dropped = 0
        """Words that were never told: the outbox was full, or the lease is over anyway."""

    def __len__(self) -> int:
        return len(self._living)

    @property
    def waiting(self) -> int:
        """How many leases wait for something of them to be told."""
        return len(self._outbox)

    @property
    def renewal(self) -> float:
        """When they are to be renewed."""
        return self._renewal

    def draft(
        self, subjects: Sequence[Subject], tokens: int, beside: Lease = FREE_LEASE
    ) -> SharedLease:
        """Return a lease that nobody has admitted yet. Release it where nobody does."""
        name = self._who + next(self._numbers).to_bytes(6, "big")
        return SharedLease(self, name, subjects, max(tokens, 0), beside)

    def admission(self, lease: SharedLease, tokens: int) -> Command:
        """Return the command by which the store lets it in, or says what is in use."""
        limits = [
            -1 if limit is None else limit
            for _, _, of in lease.subjects
            for limit in (of.requests_per_minute, of.tokens_per_minute, of.concurrency)
        ]
        given: list[bytes | int] = [SERVERS_TIME, lease.id, self._ttl_microseconds, max(tokens, 0)]
        return self._scripts.admit.call(_flat(lease), *given, *limits)

    def live(self, lease: SharedLease) -> None:
        """Renew it from now on, until it is released."""
        self._living[lease.id] = lease

    def tell(self, lease: SharedLease) -> None:
        """Have the store told what has become of a lease, soon."""
        if lease.id not in self._outbox and len(self._outbox) >= OUTBOX:
            self.dropped += 1
            return
        self._outbox[lease.id] = lease
        self.news.set()

    def forget(self, lease: SharedLease) -> None:
        """Renew it no more, and have the store told so."""
        self._living.pop(lease.id, None)
        lease.until = trio.current_time() + self._ttl
        self.tell(lease)

    def renewals(self) -> list[Parcel]:
        """Return what says of all living leases that they are. They are due again in a while."""
        self._renewal = trio.current_time() + self._ttl / 3
        of_keys: dict[tuple[bytes, ...], list[bytes]] = {}
        for lease in self._living.values():
            for keys in lease.keys:
                of_keys.setdefault(keys, []).append(lease.id)
        return [
            Parcel(self._renewed(keys, ids[begin : begin + RENEWED_AT_ONCE]), _ignore)
            for keys, ids in of_keys.items()
            for begin in range(0, len(ids), RENEWED_AT_ONCE)
        ]

    def words(self) -> Iterator[Parcel]:
        """Take some out of the outbox; what is not known to have arrived goes back into it."""
        now = trio.current_time()
        for name in list(self._outbox)[:AT_ONCE]:
            lease = self._outbox.pop(name)
            if lease.ended and now > lease.until:
                self.dropped += 1
                continue
            yield Parcel(self._settled(lease), self._again(lease))

    def _again(self, lease: SharedLease) -> Callable[[object], None]:
        def take(reply: object) -> None:
            if reply is None:
                self.tell(lease)

        return take

    def _renewed(self, keys: tuple[bytes, ...], ids: Sequence[bytes]) -> Command:
        return self._scripts.renew.call(keys, SERVERS_TIME, self._ttl_microseconds, *ids)

    def _settled(self, lease: SharedLease) -> Command:
        used = lease.less, lease.more, int(lease.ended)
        return self._scripts.settle.call(_flat(lease), lease.id, *used, self._ttl_microseconds)

    @property
    def _ttl_microseconds(self) -> int:
        return int(self._ttl * _MICROSECONDS)


@lru_cache(maxsize=MOST_TRACKED)
def keys_of(subject: str) -> tuple[bytes, bytes, bytes]:
    """Return the keys of a subject: no name stands in one."""
    number = sha256(subject.encode()).hexdigest()[:32].encode()
    return LEVELS + number, OPEN + number, PARTS + number


def _flat(lease: SharedLease) -> list[bytes]:
    return [key for keys in lease.keys for key in keys]


def _ignore(_: object) -> None:
    """Do nothing: what was not renewed now is renewed next time."""
