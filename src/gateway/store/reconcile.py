"""Compares the ledger with what a provider says was used, day by day (UTC) and model by model."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, Self

Measure = Literal["requests", "tokens_in", "tokens_out", "cost_nanos"]

MEASURES: Final[tuple[Measure, ...]] = ("requests", "tokens_in", "tokens_out", "cost_nanos")
"""What both sides count. Money is whole nano-dollars; cached tokens are among those in."""

Key = tuple[int, str | None]
"""A day since 1970, and a model; None where the provider does not tell models apart."""

_SNAPSHOT: Final = re.compile(r"[-@](?:20\d\d-\d\d-\d\d|20\d{6})$")
_TITLE: Final = re.compile(r"claude [a-z0-9. ]+")


@dataclass(slots=True)
class Amounts:
    """What was used; None is what nobody has told."""

    requests: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_nanos: int | None = None

    def __iadd__(self, other: "Amounts") -> Self:
        for measure in MEASURES:
            if (more := getattr(other, measure)) is not None:
                setattr(self, measure, (getattr(self, measure) or 0) + more)
        return self

    def of(self, measure: Measure) -> int | None:
        """Return one of them."""
        amount: int | None = getattr(self, measure)
        return amount


def nothing() -> Amounts:
    """Return what nobody has used."""
    return Amounts(0, 0, 0, 0)


@dataclass(slots=True)
class Ours:
    """What the ledger has of a day and a model, and apart from it what may explain a difference.

    `aborted` calls have not completed although a provider worked for them; of `estimated` ones
    nobody has reported the usage. A call may be both. What `lost` calls have used is not known, nor
    is it what `open` ones will have. Of `unpriced` ones the cost is not.
    """

    used: Amounts = field(default_factory=nothing)
    aborted: Amounts = field(default_factory=nothing)
    estimated: Amounts = field(default_factory=nothing)
    lost: int = 0
    open: int = 0
    unpriced: int = 0

    def __iadd__(self, other: "Ours") -> Self:
        self.used += other.used
        self.aborted += other.aborted
        self.estimated += other.estimated
        self.lost += other.lost
        self.open += other.open
        self.unpriced += other.unpriced
        return self


@dataclass(frozen=True, slots=True)
class Pair:
    """One measure on both sides. `difference` is what the provider says beyond the ledger."""

    ours: int
    theirs: int

    @property
    def difference(self) -> int:
        return self.theirs - self.ours

    @property
    def percent(self) -> float | None:
        """The difference in per cent of what the provider says; None where that is nothing."""
        if not self.theirs:
            return None if self.ours else 0.0
        return self.difference * 100 / self.theirs


@dataclass(frozen=True, slots=True)
class Line:
    """A day and a model, as both sides have it; `ours` or `theirs` is None where one has nothing.

    `pairs` holds those measures that the provider has told.
    """

    day: int
    model: str | None
    ours: Ours | None
    theirs: Amounts | None
    pairs: Mapping[Measure, Pair]

    @property
    def size(self) -> tuple[int, int, int]:
        """How much it differs: in money, in tokens, in requests."""
        off = {measure: abs(pair.difference) for measure, pair in self.pairs.items()}
        tokens = off.get("tokens_in", 0) + off.get("tokens_out", 0)
        return off.get("cost_nanos", 0), tokens, off.get("requests", 0)


def plain_model(name: str) -> str:
    """Return a model's name without what one side says and the other does not.

    A snapshot's date is cut off; `Claude Haiku 4.5`, as Anthropic's costs have it, is the name
    that is asked for.
    """
    plain = name.strip().lower()
    if _TITLE.fullmatch(plain):
        plain = plain.replace(" ", "-").replace(".", "-")
    return _SNAPSHOT.sub("", plain)


def compare(ours: Mapping[Key, Ours], theirs: Mapping[Key, Amounts]) -> list[Line]:
    """Return a line for each day and model that either side has, the largest difference first.

    What the provider tells of a whole day alone is compared with all models of that day.
    """
    told = _told(amounts for (_, model), amounts in theirs.items() if model is not None)
    lines = []
    if told:
        keys = {*ours, *(key for key in theirs if key[1] is not None)}
        lines += [_line(key, ours.get(key), theirs.get(key), told) for key in keys]
    days = [key for key in theirs if key[1] is None]
    sums = _by_day(ours) if days else {}
    for day, _ in days:
        amounts = theirs[day, None]
        lines.append(_line((day, None), sums.get(day), amounts, _told([amounts])))
    if not told:
        alone = _by_day({key: each for key, each in ours.items() if (key[0], None) not in theirs})
        measures = _told(theirs.values())
        lines += [_line((day, None), each, None, measures) for day, each in alone.items()]
    return sorted(
        lines, key=lambda line: (*(-part for part in line.size), line.day, line.model or "")
    )


def totals(lines: Iterable[Line]) -> dict[Measure, Pair]:
    """Add up both sides, each measure by itself."""
    sums: dict[Measure, Pair] = {}
    for line in lines:
        for measure, pair in line.pairs.items():
            before = sums.get(measure, Pair(0, 0))
            sums[measure] = Pair(before.ours + pair.ours, before.theirs + pair.theirs)
    return {measure: sums[measure] for measure in MEASURES if measure in sums}


def _told(amounts: Iterable[Amounts]) -> tuple[Measure, ...]:
    """Return which measures are told at all."""
    known = list(amounts)
    return tuple(
        measure for measure in MEASURES if any(each.of(measure) is not None for each in known)
    )


def _line(key: Key, ours: Ours | None, theirs: Amounts | None, measures: Iterable[Measure]) -> Line:
    pairs: dict[Measure, Pair] = {}
    for measure in measures:
        have = 0 if ours is None else ours.used.of(measure)
        say = 0 if theirs is None else theirs.of(measure)
        pairs[measure] = Pair(have or 0, say or 0)
    return Line(*key, ours, theirs, pairs)


def _by_day(ours: Mapping[Key, Ours]) -> dict[int, Ours]:
    sums: dict[int, Ours] = {}
    for (day, _), each in ours.items():
        total = sums.setdefault(day, Ours())
        total += each
    return sums
