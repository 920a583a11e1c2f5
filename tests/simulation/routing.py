"""Who may answer in a world, and how calls are routed among them; drawn before it begins.

A place is a provider with one model. The model `m` has its homes, and what it falls back on where
they fail, or where a prompt is too long for them.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import chain
from random import Random

from gateway.policy.offers import Alias, Offer, Rules, Strategy
from gateway.policy.routes import Routes
from gateway.words.secret import Secret
from gateway.words.target import Conduct, Cooldown, Origin, Target, Timeouts
from tests.simulation.fates import Fate, draw_fate
from tests.stage import KEY

KEYS = (KEY, "sk-second-fedcba9876543210")
"""What providers are shown; which of a place's keys it was can be seen by it."""

PUBLIC = {"own": "m", "spare": "n", "longer": "o"}
"""The names of models by the role of who has them."""

FEW_LINKS = 8
"""Connections to one of several providers whose fate is drawn."""

MOODS = (
    "any", "any", "any", "stumbles", "stumbles", "breaks", "breaks", "late", "late", "down",
    "flaps", "filters", "sound", "sound",
)  # fmt: skip
PREFILLS = ("", "", "goes on", "begins anew", "refuses")


@dataclass(frozen=True, slots=True)
class Place:
    """One provider. `role` says for what it is asked: "own", "spare" or "longer".

    `mood` says what it is like throughout. `prefill` is what it does with the beginning of an
    answer: empty where it is given none.
    """

    name: str
    role: str = "own"
    mood: str = "any"
    keys: int = 1
    prefill: str = ""
    fates: tuple[Fate, ...] = ()

    @property
    def model(self) -> str:
        return f"{self.role[0]}-1" if self.role != "own" else "m-1"

    @property
    def public(self) -> str:
        """The name that clients know its model by."""
        return PUBLIC[self.role]


@dataclass(frozen=True, slots=True)
class Routing:
    """All places, in the order in which they are asked, and how a call goes about them."""

    places: tuple[Place, ...] = (Place("up"),)
    strategy: Strategy = "order"
    affinity: bool = True
    conduct: Conduct = field(default=Conduct(retries=0))
    for_all: bool = False
    """Whether the rules hold for the other names as well, where those may be asked for."""

    def place(self, name: str) -> Place:
        """Return the place of this name."""
        return next(place for place in self.places if place.name == name)

    def having(self, role: str) -> list[Place]:
        return [place for place in self.places if place.role == role]

    @property
    def fates(self) -> Iterator[Fate]:
        """All fates that were drawn."""
        return chain.from_iterable(place.fates for place in self.places)


def draw_routing(lots: Random, rough: float) -> Routing:
    """Draw one to three homes, up to two fallbacks, perhaps one for long prompts, and the rules."""
    places = [_place(lots, name, "own", rough) for name in "abc"[: lots.choice((1, 2, 2, 3))]]
    places += [_place(lots, name, "spare", rough) for name in "st"[: lots.choice((0, 0, 1, 2))]]
    if lots.random() < 0.3:
        places.append(_place(lots, "l", "longer", rough))
    # Now and then all homes are such that they race, or that their answers are joined.
    theme = lots.choices(("", "late", "breaks"), (8, 1, 1))[0]
    if theme:
        places = [replace(place, mood=theme) if place.role == "own" else place for place in places]
    return Routing(
        places=tuple(places),
        strategy=lots.choice(("order", "order", "spread", "fastest")),
        affinity=lots.random() < 0.5,
        conduct=Conduct(
            retries=lots.choice((0, 0, 1, 2, 3)),
            hedge_after=0.5 if theme == "late" else lots.choice((0.0, 0.5, 2.0)),
            resume=theme == "breaks" or lots.random() < 0.6,
            resume_attempts=lots.choice((1, 2)),
            cooldown=Cooldown(lots.choice((0, 1, 2, 3)), 30.0, lots.choice((1.0, 5.0, 20.0))),
            honour_client_timeout=lots.random() < 0.8,
        ),
    )


def _place(lots: Random, name: str, role: str, rough: float) -> Place:
    return Place(
        name,
        role,
        mood="short" if role == "own" and lots.random() < 0.12 else lots.choice(MOODS),
        keys=lots.choice((1, 1, 2)),
        prefill=lots.choice(PREFILLS),
        fates=tuple(draw_fate(lots, rough / 2) for _ in range(FEW_LINKS)),
    )


def routes_of(
    routing: Routing, timeouts: Timeouts, max_connections: int, *, running: bool = False
) -> Routes:
    """Return what the house decides with, as its configuration would.

    With `running` targets are asked to tell with each event what there was so far.
    """
    offers = [_offer(place, max_connections, running=running) for place in routing.places]
    seconds = {name: getattr(timeouts, name) for name in asdict(timeouts)}
    conduct = {name: getattr(routing.conduct, name) for name in Conduct.__dataclass_fields__}
    alias = Alias(
        strategy=routing.strategy, affinity=routing.affinity, conduct=conduct, seconds=seconds
    )
    rules = Rules(
        fallbacks={"m": ("n",)} if routing.having("spare") else {},
        context_fallbacks={"m": ("o",)} if routing.having("longer") else {},
    )
    names = PUBLIC.values() if routing.for_all else (PUBLIC["own"],)
    return Routes(offers, dict.fromkeys(names, alias), {}, rules)


def _offer(place: Place, max_connections: int, *, running: bool) -> Offer:
    target = Target(
        provider=place.name,
        kind="openai",
        form="chat",
        origin=Origin("http", f"{place.name}.test", 80),
        path="/v1",
        model="",
        max_connections=max_connections,
        prefill=bool(place.prefill),
        running_usage=running,
    )
    keys = tuple(map(Secret, KEYS[: place.keys]))
    return Offer(place.name, {place.public: place.model}, "", False, False, target, keys)
