"""How the targets are, over all workers: open calls, rests, resting keys, as Prometheus reads them.

Behind a provider's prefix a client chooses what a target is called. So `MOST_TARGETS` stand by
name, all others together as one, and names are written as a terminal can bear them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import msgspec
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from gateway.admin.models.standing import MAX_NAME, STATES, Home
from gateway.telemetry.lines import printable

MOST_TARGETS: Final = 200
"""Targets that have series of their own."""

MOST_KNOWN: Final = 20_000
"""Targets that are looked at in one scrape; a worker knows some thousands at most."""

OTHER: Final = "other"
"""All targets that do not stand by name. It is nobody's name: those have a slash."""

CALLS: Final = "gateway_target_open_calls"
RESTS: Final = "gateway_target_rests_seconds"
CIRCUITS: Final = "gateway_target_circuits"
KEYS: Final = "gateway_keys_resting"

HELP: Final = {
    CALLS: "Attempts that are open at the target.",
    RESTS: (
        "Seconds for which the target is left alone after failures, in the worker that does so for"
        " longest; 0 where it is asked."
    ),
    CIRCUITS: (
        "Workers in which the circuit of the target is in this state: closed, open (it rests) or"
        " half_open (one call may see how it is)."
    ),
    KEYS: "Keys of the target that are left alone by a worker or several.",
}
"""What each family counts."""


@dataclass(slots=True)
class Figures:
    """What all workers say of a target together. Keys are told by their numbers."""

    open_calls: float = 0.0
    rests_for: float = 0.0
    keys: set[int] = field(default_factory=set)
    circuits: Counter[str] = field(default_factory=Counter)

    @property
    def is_sound(self) -> bool:
        return not self.rests_for and not self.keys


class Names:
    """Which targets stand by name, from one scrape to the next.

    Those that rest do. Of the others whoever stood by name before does so again: whatever names
    clients think of, series come and go only with what is wrong.
    """

    def __init__(self) -> None:
        self._chosen: frozenset[str] = frozenset()

    def choose(self, targets: Mapping[str, Figures]) -> frozenset[str]:
        """Choose anew."""

        def place(name: str) -> tuple[bool, bool, bool, str]:
            figures = targets[name]
            return figures.is_sound, name not in self._chosen, not figures.open_calls, name

        self._chosen = frozenset(sorted(targets, key=place)[:MOST_TARGETS])
        return self._chosen


class Targets:
    """The targets of one scrape."""

    def __init__(self) -> None:
        self._known: dict[str, Figures] = {}

    def take(self, homes: Iterable[object]) -> None:
        """Take what one worker tells; what is no target is left out."""
        for told in homes:
            with suppress(msgspec.ValidationError):
                self._note(msgspec.convert(told, Home))

    def _note(self, home: Home) -> None:
        name = printable(home.name)[:MAX_NAME]
        if name not in self._known and len(self._known) >= MOST_KNOWN:
            return
        figures = self._known.setdefault(name, Figures())
        figures.open_calls += home.open_calls
        figures.rests_for = max(figures.rests_for, home.rests_for)
        if home.state in STATES:
            figures.circuits[home.state] += 1
        figures.keys.update(key.number for key in home.resting_keys)

    def families(self, names: Names) -> Iterator[Metric]:
        """Yield a family for each figure. Of the others the longest rest stands for all."""
        chosen = names.choose(self._known)
        told = [(name, [self._known[name]]) for name in sorted(chosen)]
        others = [figures for name, figures in self._known.items() if name not in chosen]
        told += [(OTHER, others)] if others else []
        calls, rests, keys = (_family(name, "target") for name in (CALLS, RESTS, KEYS))
        circuits = _family(CIRCUITS, "target", "state")
        for name, all_of_it in told:
            calls.add_metric([name], sum(each.open_calls for each in all_of_it))
            rests.add_metric([name], max(each.rests_for for each in all_of_it))
            keys.add_metric([name], sum(len(each.keys) for each in all_of_it))
            for state in STATES:
                circuits.add_metric([name, state], sum(each.circuits[state] for each in all_of_it))
        yield from (calls, rests, circuits, keys)


def _family(name: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, HELP[name], labels=labels)
