"""What remains of a world when it has come to rest: facts alone, for the invariants to judge."""

from dataclasses import dataclass, field
from math import inf
from typing import Any

from gateway.policy.health import State
from gateway.words.budget import Budget
from gateway.words.receipt import Receipt
from tests.simulation.answers import Reply
from tests.simulation.fates import Fate
from tests.simulation.plan import Plan, Visit
from tests.simulation.scripts import Part, Script


@dataclass(slots=True)
class Asked:
    """One request that reached a provider, and what was said to it.

    `began` is when the gateway wrote its first byte, `call` the client's own id in it. `said` are
    the parts that the provider has begun to say, `said_at` when, `said_in` by which bytes of the
    connection each was completed; `over` that it had its whole say.
    `taken_before` is how much the gateway had read of the connection by then, `key` what it showed.
    """

    link: "Link"
    call: str
    began: float
    script: Script
    fresh: bool
    key: str = ""
    said: list[Part] = field(default_factory=list)
    said_at: list[float] = field(default_factory=list)
    said_in: list[tuple[int, int]] = field(default_factory=list)
    said_bytes: int = 0
    taken_before: int = 0
    over: bool = False

    @property
    def ended(self) -> bool:
        """True where the provider has said its last word, in one way or another."""
        if any(part.closes for part in self.said):
            return True
        return self.over and any(part.finishes for part in self.said)


@dataclass(slots=True)
class Link:
    """One connection to a place. `closed_at` is when the gateway closed its end.

    `taken` is how much the gateway read of it, `reads` when it had taken how much.
    """

    number: int
    fate: Fate
    dialled_at: float
    connected_at: float = inf
    closed_at: float = inf
    taken: int = 0
    reads: list[tuple[float, int]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    place: str = "up"


@dataclass(slots=True)
class Guest:
    """One client connection, seen from both ends.

    `gone_at` is when its FIN or reset arrived at the gateway, `closed_at` when the gateway closed.
    `heard_at` is when the last of its bytes arrived there, `longest_write` for how long a write to
    it has waited at most. `sent` counts the requests that were sent whole; `replies` is what it
    read, `written` what the gateway wrote, `wrote` how many bytes that were, `informed` how many
    answers of them were but informational; `complaint` says what cannot be read of either.
    """

    visit: Visit
    opened_at: float = inf
    gone_at: float = inf
    closed_at: float = inf
    left_at: float = inf
    heard_at: float = 0.0
    longest_write: float = 0.0
    refused: bool = False
    sent: int = 0
    received: int = 0
    informed: int = 0
    wrote: int = 0
    replies: list[Reply] = field(default_factory=list)
    written: list[Reply] = field(default_factory=list)
    complaint: str = ""


@dataclass(slots=True)
class Rest:
    """What is counted when all is quiet; nothing is left if each is 0."""

    calls: int = 0
    busy: int = 0
    waiting: int = 0
    pooled: int = 0
    streams: int = 0
    body_bytes: int = 0
    watched: int = 0
    idle: int = 0
    connections: int = 0
    tasks: int = 0
    open_links: int = 0
    open_lines: int = 0
    attempts: int = 0
    leases: int = 0
    """Open calls of keys, teams and models, as they are counted for their limits."""
    reserved: int = 0
    """Nano-dollars that are held, in all purses that there ever were."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What the gateway says that an account had spent in the window that began at `start`.

    `of` and `whose` name the holder, `told` are the parts of the budget that its log was told of.
    """

    of: str
    whose: str
    budget: Budget
    start: int
    spent: int
    told: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """What a ledger was told of a call, and when: "started" or "settled".

    `attempts` is how many had been begun by then, `outcome` how the call had ended.
    """

    what: str
    call: str
    at: float
    attempts: int
    outcome: str | None


@dataclass(slots=True)
class Record:
    """A world that has ended."""

    plan: Plan
    accepted: list[str] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    bugs: list[str] = field(default_factory=list)
    guests: list[Guest] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    rest: Rest = field(default_factory=Rest)
    homes: list[State] = field(default_factory=list)
    """What the gateway knows of the homes in the end."""
    spent: list[Spent] = field(default_factory=list)
    ledger: list[Entry] = field(default_factory=list)
    overdrawn: list[str] = field(default_factory=list)
    """What was seen of money and leases between two moments, and must never be."""
    most_calls: int = 0
    most_links: int = 0
    waited_in_vain: int = 0
    drained_in: float = 0.0
    quiet: bool = True
    ended_at: float = 0.0

    def guest_of(self, call: str) -> Guest | None:
        """Return the client that sent a request of this id."""
        for guest in self.guests:
            if any(wish.id == call for wish in guest.visit.wishes):
                return guest
        return None
