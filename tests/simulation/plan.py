"""What a seed says: the whole plan of a world, drawn before it begins.

Nothing depends on what the gateway does, so a plan can be read, and a change of the house changes
no lots. Only what one of several providers says is drawn when it is asked, by lots of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf
from random import Random

from gateway.config.compose import Config
from gateway.downstream.options import CallOptions, HttpOptions
from gateway.relay.options import AnswerOptions, ClockOptions
from gateway.words.target import Timeouts
from tests.simulation.fates import SPREAD, Fate, clogged, draw_fate, draw_weather
from tests.simulation.moods import draw_continued, draw_told, text_for
from tests.simulation.network import CALM, Weather
from tests.simulation.personalities import draw_script
from tests.simulation.routing import Routing, draw_routing
from tests.simulation.scripts import MOMENTS, Script
from tests.simulation.spoken import SPOKEN, in_other_words, world_of
from tests.simulation.tills import Till, draw_conduct, draw_till, more_of, with_key
from tests.simulation.wishes import Wish, draw_wish

CALLS = 6
"""Requests of a schedule; about five of them arrive."""

CROWD = 20
"""Requests of one schedule in forty."""

LINKS = 12
"""Connections to the only provider whose fate is drawn; those behind them are calm."""

ALONE = 3
"""Every third seed is a world with one provider that is asked once: the old laws are sharp there.

It is the world of the seed divided by this, and its lots depend on nothing about routing.
"""

PAID = 2
"""The rest that the division leaves in worlds with keys, limits and money: every third seed, too.

But for that they are the worlds that they would be without.
"""

LARGE = 33_554_432


@dataclass(frozen=True, slots=True)
class Pace:
    """How a client sends: so many bytes at a time with pauses between; behind `stuck_at` nothing.

    Only the first `patient` pauses are kept, so that a long body does not take for ever.
    """

    size: int = 1 << 30
    pause: float = 0.0
    patient: int = 40
    stuck_at: float = inf


@dataclass(frozen=True, slots=True)
class Appetite:
    """How a client reads: so much at once with pauses; for `stalls_for` nothing, after so much."""

    size: int = 65_536
    pause: float = 0.0
    patient: int = 60
    stalls_at: float = inf
    stalls_for: float = 0.0


@dataclass(frozen=True, slots=True)
class Leaving:
    """How a client goes: after so many seconds or bytes, or after its last answer.

    `after_words` stands for the instant at which its provider says so many things. `way` is "fin",
    "rst", "half" (it still reads) or "stay": until the gateway closes.
    """

    way: str
    after_seconds: float = inf
    after_bytes: float = inf
    after_words: int = 0

    @property
    def early(self) -> bool:
        """True where it may go before it is answered."""
        return min(self.after_seconds, self.after_bytes) < inf or self.after_words > 0


@dataclass(frozen=True, slots=True)
class Visit:
    """One client connection and its requests."""

    name: str
    starts_at: float
    wishes: tuple[Wish, ...]
    sealed: bool = False
    pipelines: bool = False
    pace: Pace = Pace()
    appetite: Appetite = Appetite()
    leaving: Leaving = Leaving("fin")
    there: Weather = CALM
    back: Weather = CALM

    @property
    def all_at_once(self) -> bool:
        """True where all requests leave in one write."""
        return self.pipelines and not any(wish.expects for wish in self.wishes)

    @property
    def calm(self) -> bool:
        """True where the client does nothing out of the ordinary."""
        prompt = self.pace == Pace() and self.appetite == Appetite() and not self.leaving.early
        return prompt and self.there == CALM and self.back == CALM and not self.pipelines


@dataclass(frozen=True, slots=True)
class Orders:
    """What an operator does: when it is told to drain, to stop at once, to cancel one call.

    From `cancel_at` on `cancels` calls are cancelled, one each second.
    """

    drain_at: float = inf
    stop_at: float = inf
    cancel_at: float = inf
    cancels: int = 1

    @property
    def calm(self) -> bool:
        return min(self.drain_at, self.stop_at, self.cancel_at) == inf


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a seed says."""

    seed: int
    config: Config
    answers: AnswerOptions
    timeouts: Timeouts
    max_calls: int
    max_connections: int
    most: int
    visits: tuple[Visit, ...]
    scripts: dict[str, Script]
    """What the only provider says to each call; empty where there are several."""
    routing: Routing
    orders: Orders
    scheduler: int
    till: Till | None = None
    """Who may spend what; None where anyone may call."""

    @property
    def roomy(self) -> bool:
        """True where no limit of calls or connections is in anybody's way."""
        return min(self.max_calls, self.max_connections, self.most) >= 50

    @property
    def routed(self) -> bool:
        """True where there are several providers."""
        return not self.scripts

    @property
    def chats(self) -> Iterator[Wish]:
        """All requests for which a provider is to be asked."""
        return (wish for visit in self.visits for wish in visit.wishes if wish.chats)

    def wish(self, call: str) -> Wish:
        """Return the request of this id."""
        return next(wish for visit in self.visits for wish in visit.wishes if wish.id == call)

    def script(self, call: str, at: str, number: int, turn: int, beginning: str = "") -> Script:
        """Return what a place says that is asked for a call once more, after `number` times.

        `turn` is how often it was asked at all; `beginning` is the text it is to go on from.
        """
        if not self.routed:
            return self.scripts[call]
        lots = Random(f"{self.seed} {call} {at} {number}")
        place = self.routing.place(at)
        wish = replace(self.wish(call), mark=f"{call}.{at}.{number}")

        def told(wish: Wish) -> Script:
            return draw_told(lots, wish, place, number, turn)

        return draw_continued(lots, wish, place, beginning, told) if beginning else told(wish)


def draw_plan(seed: int) -> Plan:
    """Draw a world."""
    if seed < SPOKEN:
        return _draw(seed)
    plan = _draw(world_of(seed))
    visits = [
        replace(visit, wishes=tuple(in_other_words(seed, wish) for wish in visit.wishes))
        for visit in plan.visits
    ]
    return replace(plan, visits=tuple(visits))


def _draw(seed: int) -> Plan:
    routed = seed % ALONE != 0
    lots = Random(seed if routed else seed // ALONE)
    rough = lots.choice((0.0, 0.15, 0.5))
    visits = _visits(lots, rough, seed, routed=routed)
    routing = draw_routing(lots, rough) if routed else Routing()
    first = routing.places[0]
    fates = [*first.fates] or [draw_fate(lots, rough) for _ in range(LINKS)]
    if rough and lots.random() < 0.3:
        visits, fates = _swizzle(lots, visits, fates)
    places = (replace(first, fates=tuple(fates)), *routing.places[1:])
    alone = [wish for visit in visits for wish in visit.wishes if wish.chats and not routed]
    scripts = {wish.id: draw_script(lots, wish) for wish in alone}
    config, answers = _options(lots)
    plan = Plan(
        seed=seed,
        config=config,
        answers=answers,
        timeouts=Timeouts(
            connect=lots.choice((1.0, 5.0)),
            first_token=lots.choice((5.0, 30.0)),
            idle=lots.choice((3.0, 20.0)),
            total=lots.choice((15.0, 60.0, 120.0)),
        ),
        max_calls=lots.choice((2, 3, 100, 100, 100, 100)),
        max_connections=lots.choice((1, 2, 100, 100)),
        most=lots.choice((2, 100, 100, 100, 100, 100)),
        visits=tuple(visits),
        scripts=scripts,
        routing=replace(routing, places=places),
        orders=_orders(lots),
        scheduler=lots.getrandbits(64),
    )
    return _with_till(plan) if seed % ALONE == PAID else plan


def _with_till(plan: Plan) -> Plan:
    """Give the clients of a world keys, and its targets prices."""
    seed, routing = plan.seed, plan.routing
    till = draw_till(seed, routing, [wish.id for wish in plan.chats])
    conduct = draw_conduct(seed, routing.conduct)
    lots = Random(f"{seed} leaving")
    visits = [
        replace(
            visit,
            starts_at=0.0 if till.rush else visit.starts_at,
            wishes=with_key(seed, till, visit.name, visit.wishes),
            leaving=_leaving_early(lots, visit.leaving) if conduct.reads_on else visit.leaving,
        )
        for visit in plan.visits
    ]
    routing = replace(routing, conduct=conduct, for_all=True)
    return replace(plan, visits=tuple(visits), routing=routing, till=till)


def _options(lots: Random) -> tuple[Config, AnswerOptions]:
    config = Config(
        http=HttpOptions(
            max_body_bytes=lots.choice((5_000, LARGE, LARGE)),
            head_timeout=lots.choice((2.0, 10.0)),
            body_timeout=lots.choice((3.0, 30.0)),
            keep_alive=lots.choice((2.0, 30.0)),
        ),
        clocks=ClockOptions(
            write_timeout=lots.choice((2.0, 10.0, 60.0)),
            keepalive_interval=lots.choice((0.0, 1.0, 15.0)),
            head_after=lots.choice((0.5, 3.0, 20.0)),
        ),
        calls=CallOptions(
            drain_delay=lots.choice((0.0, 0.0, 1.0)), drain_timeout=lots.choice((0.0, 3.0, 60.0))
        ),
    )
    answers = AnswerOptions(
        max_event_bytes=lots.choice((4_096, 16_777_216, 16_777_216)),
        max_answer_bytes=lots.choice((20_000, 268_435_456, 268_435_456)),
    )
    return config, answers


def _orders(lots: Random) -> Orders:
    drawn = lots.random()
    if drawn < 0.18:
        drain_at = lots.choice((lots.choice(MOMENTS[:7]), lots.uniform(0.0, SPREAD * 2)))
        again = lots.random() < 0.4
        return Orders(drain_at, drain_at + lots.choice(MOMENTS[:7]) if again else inf)
    if drawn < 0.28:
        cancel_at = lots.choice((lots.choice(MOMENTS[:7]), lots.uniform(0.0, SPREAD)))
        return Orders(cancel_at=cancel_at, cancels=lots.choice((1, 3)))
    return Orders()


def _visits(lots: Random, rough: float, seed: int, *, routed: bool) -> list[Visit]:
    visits: list[Visit] = []
    left = CROWD if lots.random() < 0.025 else CALLS
    together = lots.random() < 0.3
    while left > 0:
        count = min(left, lots.choice((1, 1, 1, 2, 3)))
        left -= count
        name = f"c{len(visits)}"
        names = [f"{name}-{index}" for index in range(count)]
        more = more_of if seed % ALONE == PAID else _no_more
        wishes = tuple(draw_wish(lots, each, more(seed, each), routed=routed) for each in names)
        if routed:
            wishes = tuple(replace(wish, text=text_for(lots, wish.id)) for wish in wishes)
        visits.append(
            Visit(
                name,
                0.0 if together else lots.choice((*MOMENTS[:5], lots.uniform(0.0, SPREAD))),
                wishes,
                sealed=lots.random() < 0.2,
                pipelines=count > 1 and lots.random() < 0.4,
                pace=_pace(lots) if lots.random() < rough else Pace(),
                appetite=(appetite := _appetite(lots) if lots.random() < rough else Appetite()),
                leaving=_leaving(lots),
                there=draw_weather(lots, rough),
                # Who stalls is not noticed before its window is full.
                back=draw_weather(lots, rough if appetite.stalls_at == inf else 0.8),
            )
        )
    return visits


def _no_more(seed: int, call: str) -> dict[str, int]:
    return {}


def _pace(lots: Random) -> Pace:
    return Pace(
        size=lots.choice((1, 10, 200, 5_000)),
        pause=lots.choice((0.0, 0.01, 0.3, 1.5)),
        patient=lots.choice((3, 40)),
        stuck_at=lots.choice((inf, inf, lots.uniform(0.0, 400.0))),
    )


def _appetite(lots: Random) -> Appetite:
    return Appetite(
        size=lots.choice((1, 50, 500, 65_536)),
        pause=lots.choice((0.0, 0.05, 1.0)),
        patient=lots.choice((5, 60)),
        stalls_at=lots.choice((inf, lots.uniform(0.0, 1_000.0), 1.0)),
        stalls_for=lots.choice((*MOMENTS[2:], 120.0, inf)),
    )


def _leaving(lots: Random) -> Leaving:
    """Draw how a client goes: a third in order, a third at a moment, a third at a byte."""
    way = lots.choice(("fin", "fin", "rst", "half", "stay"))
    match lots.choice(("after", "after", "moment", "soon", "byte", "first byte", "word")):
        case "moment":
            return Leaving(way, after_seconds=lots.uniform(0.0, 30.0))
        case "soon":
            return Leaving(way, after_seconds=lots.choice((*MOMENTS, 0.001, 0.05)))
        case "byte":
            return Leaving(way, after_bytes=lots.uniform(1.0, 4_000.0))
        case "first byte":
            return Leaving(way, after_bytes=1.0)
        case "word":
            return Leaving(way, after_words=lots.choice((1, 2, 3, 4, 6, 10)))
    return Leaving(way)


def _leaving_early(lots: Random, leaving: Leaving) -> Leaving:
    """Have more clients leave in the middle, where their answers are read on."""
    match lots.choice(("as it is", "as it is", "soon", "word")):
        case "soon":
            return replace(leaving, after_seconds=lots.choice((0.05, 0.2, 0.6, 1.2)))
        case "word":
            return replace(leaving, after_words=lots.choice((2, 3, 5, 8)))
    return leaving


def _swizzle(
    lots: Random, visits: list[Visit], fates: list[Fate]
) -> tuple[list[Visit], list[Fate]]:
    """Clog a random part of all connections one by one, and release them in another order."""
    chosen = lots.sample(range(len(visits) + len(fates)), lots.randint(1, len(visits) + 4))
    begin = lots.uniform(0.0, SPREAD)
    began = [begin + lots.uniform(0.0, 5.0) for _ in chosen]
    ends = [max(began) + lots.uniform(0.1, 20.0) for _ in chosen]
    for index, times in zip(chosen, zip(began, ends, strict=True), strict=True):
        if index < len(visits):
            visit = visits[index]
            visits[index] = replace(
                visit, there=clogged(visit.there, times), back=clogged(visit.back, times)
            )
        else:
            fates[index - len(visits)] = fates[index - len(visits)].clogged(times)
    return visits, fates
