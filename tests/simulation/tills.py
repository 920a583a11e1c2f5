"""Who may spend what in a world: virtual keys, their limits and budgets, and what targets take.

It is drawn by lots of its own, so that a world with a till is otherwise the world that it would be
without one. Every third seed has one: in some nobody has limits, in some there is next to no money.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from random import Random

import msgspec

from gateway.policy.keys import KeyRecord, Keyring, Team, digest_of
from gateway.policy.prices import Price
from gateway.words.budget import Budget, Per
from gateway.words.caller import Limits, Unpriced
from gateway.words.target import Conduct
from tests.simulation.routing import Routing
from tests.simulation.wishes import Takes, Wish
from tests.stage import TODAY

PEPPER = b"a pepper of the simulation"
TEAM = "t"
WRONG_KEY = "ngw-nobody-has-this-key"

TOKEN = 1_000
"""Nano-dollars: what a token costs at the price of a micro-dollar, by which budgets are drawn."""

AMOUNTS = (30, 100, 120, 150, 200, 300, 500, 1_000, 3_000)
"""Tokens that a budget is for, at that price. A short call takes some twenty and a slice of 64."""

LENGTHS: Mapping[Per, int] = {"hour": 3_600, "day": 86_400}
"""The windows that are drawn, in seconds."""

PRICES = (
    Price(1_000_000, 1_000_000),
    Price(1_000_000, 1_000_000),
    Price(250_000, 2_000_000),
    Price(500_000, 1_500_000, per_request=3_000),
    Price(0, 1_234_567),
)

NO_LIMITS = Limits()

CRASH = "the ledger has a bug, as planned"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a virtual key."""

    name: str
    team: str | None = None
    user: str | None = None
    limits: Limits = NO_LIMITS
    budgets: tuple[Budget, ...] = ()

    @property
    def secret(self) -> str:
        return f"ngw-{self.name}-0123456789abcdef0123456789"


@dataclass(frozen=True, slots=True)
class Till:
    """All of it. At `turns_at` seconds an hour ends.

    `prices` are those of targets, by their names; what is not there nobody knows. With `running`
    targets are asked to tell with each event what there was so far. In a `rush` all come at once,
    with one key and little money. At the calls of `crashes` the ledger has a bug, and raises.
    """

    holders: tuple[Holder, ...]
    team_limits: Limits = NO_LIMITS
    team_budgets: tuple[Budget, ...] = ()
    unpriced: Unpriced = "refuse"
    model_limits: Limits = NO_LIMITS
    prices: Mapping[str, Price] = field(default_factory=dict)
    turns_at: float = 0.0
    running: bool = False
    rush: bool = False
    crashes: frozenset[str] = frozenset()

    def today(self, now: float) -> float:
        """Return the Unix time at a moment of the world."""
        return TODAY - self.turns_at + now

    def holder(self, name: str) -> Holder | None:
        """Return the holder of this name; None for who has no key."""
        return next((each for each in self.holders if each.name == name), None)

    def budgets_of(self, holder: Holder) -> Iterator[tuple[str, str, Budget]]:
        """Yield of which kind each budget is that a key's calls are paid from, and whose."""
        for budget in holder.budgets:
            yield "key", holder.name, budget
        for budget in self.team_budgets if holder.team else ():
            if budget.each == "user":
                yield "user", holder.user or f"key:{holder.name}", budget
            else:
                yield "team", TEAM, budget

    def window_of(self, per: Per, now: float) -> int:
        """Return when the window began that a moment of the world lies in, in Unix time."""
        second = int(self.today(now))
        return second - second % LENGTHS[per]

    def records(self) -> list[KeyRecord]:
        """Return the keys as the house knows them."""
        return [
            KeyRecord(
                name=each.name,
                digest=digest_of(each.secret.encode(), PEPPER),
                team=each.team,
                user=each.user,
                limits=each.limits,
                budgets=each.budgets,
            )
            for each in self.holders
        ]

    def keyring(self) -> Keyring:
        """Return all that the house knows of who may call."""
        team = Team(limits=self.team_limits, budgets=self.team_budgets, unpriced=self.unpriced)
        return Keyring(self.records(), {TEAM: team}, {}, PEPPER)


def more_of(seed: int, call: str) -> dict[str, int]:
    """Return what a request says of the most that may be answered."""
    most = Random(f"{seed} most {call}").choice((None, None, 4, 4, 40, 400))
    return {} if most is None else {"max_tokens": most}


def draw_till(seed: int, routing: Routing, calls: list[str]) -> Till:
    """Draw who may spend what."""
    lots = Random(f"{seed} till")
    limited = lots.random() < 0.4
    rush = lots.random() < 0.25
    wealth = 1 if rush else lots.choice((1, 1, 2, 4, 20))
    others = [place.public for place in routing.places if place.role != "own"]
    holders = tuple(
        Holder(
            name,
            team=lots.choice((TEAM, TEAM, None)),
            user=lots.choice(("ada", "bob", None)),
            limits=_limits(lots) if limited else NO_LIMITS,
            budgets=_budgets(lots, 0.9 if rush else 0.65, wealth, others),
        )
        for name in ("one", "two", "three")[: 1 if rush else lots.choice((1, 2, 2, 3))]
    )
    common = _budgets(lots, 0.5, wealth * 2, others)
    if lots.random() < 0.4:
        users = _budgets(lots, 1.0, wealth, others)
        common += tuple(msgspec.structs.replace(each, each="user") for each in users)
    return Till(
        holders,
        team_limits=_limits(lots) if limited else NO_LIMITS,
        team_budgets=common,
        unpriced=lots.choice(("refuse", "free")),
        model_limits=_limits(lots) if lots.random() < 0.15 else NO_LIMITS,
        prices=_prices(lots, routing),
        turns_at=lots.choice((0.0, 2.0, 5.0, lots.uniform(0.0, 20.0), 1_800.0, 1_800.0)),
        running=lots.random() < 0.5,
        rush=rush,
        crashes=frozenset(call for call in calls if lots.random() < 0.02),
    )


def _limits(lots: Random) -> Limits:
    return Limits(
        requests_per_minute=lots.choice((None, None, None, None, 1, 2, 6)),
        tokens_per_minute=lots.choice((None, None, None, None, 600, 1_500, 6_000)),
        concurrency=lots.choice((None, None, 1, 2)),
    )


def _budgets(lots: Random, likely: float, wealth: int, others: list[str]) -> tuple[Budget, ...]:
    """Draw a budget for all models, and perhaps one for the first alone."""
    return tuple(
        Budget(
            lots.choice(AMOUNTS) * wealth * TOKEN,
            lots.choice(("hour", "hour", "day")),
            models,
            reserve="worst" if lots.random() < 0.12 else "typical",
            then=lots.choice((None, *others)) if models else None,
            alert=(0.5, 1.0),
        )
        for models in ((), ("m",))
        if lots.random() < (0.3 if models else likely)
    )


def _prices(lots: Random, routing: Routing) -> dict[str, Price]:
    """Draw what each target takes; of some nobody knows it."""
    targets = [f"{place.name}/{place.model}" for place in routing.places]
    unknown = lots.random() < 0.15
    return {name: lots.choice(PRICES) for name in targets if not (unknown and lots.random() < 0.4)}


def draw_conduct(seed: int, conduct: Conduct) -> Conduct:
    """Draw whether answers are read on whose clients have left, and how far."""
    lots = Random(f"{seed} reading on")
    return replace(
        conduct,
        reads_on=lots.random() < 0.5,
        drain_max_seconds=lots.choice((0.5, 2.0, 10.0)),
        drain_max_tokens=lots.choice((1, 5, 40)),
    )


def with_key(seed: int, till: Till, client: str, wishes: Iterable[Wish]) -> tuple[Wish, ...]:
    """Let a client show its key with each request, and providers tell what each call took."""
    lots = Random(f"{seed} key {client}")
    holder = lots.choice(till.holders)
    return tuple(_shown(lots, wish, holder) if wish.clean else wish for wish in wishes)


def _shown(lots: Random, wish: Wish, holder: Holder) -> Wish:
    wrong = wish.chats and lots.random() < 0.03
    secret = WRONG_KEY if wrong else holder.secret
    shows = lots.choice((f"X-Api-Key: {secret}", f"Authorization: Bearer {secret}"))
    mark = b"\r\nX-Request-Id: "
    statuses = wish.statuses
    if wish.kind == "web page":
        statuses = (400,)  # who shows a key is no web page; the body is wrong as well
    return replace(
        wish,
        wire=wish.wire.replace(mark, f"\r\n{shows}{mark.decode()}".encode(), 1),
        holder="" if wrong else holder.name,
        statuses=(401,) if wrong else statuses,
        takes=Takes(
            asked=lots.choice((5, 20, 20, 60)),
            per_word=lots.choice((1, 1, 1, 4)),
            thoughts=lots.choice((0, 0, 0, 30, 200)),
            told=lots.random() < 0.7,
        ),
    )
