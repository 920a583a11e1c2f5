"""The workers' gauges as Prometheus reads them: all workers in one scrape, each with its number.

A gauge that is not named here is shown all the same, so that workers and admin need not agree.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from gateway.admin import targets
from gateway.admin.targets import Names, Targets
from gateway.admin.workers import Answer

PREFIX = "gateway_"

HELP: Final = {
    "open_connections": "Connections of clients, idle ones too.",
    "open_calls": "Calls that have begun and not ended.",
    "open_upstream_streams": "Answers of providers that are being read.",
    "held_leases": "Slots towards providers that a call holds.",
    "waiting_for_a_lease": "Calls that wait for a slot towards a provider.",
    "pooled_connections_idle": "Connections to providers that are kept for the next call.",
    "pooled_connections_parked": "Connections to providers whose last answer is still to be read.",
    "live_tasks": "Tasks of Trio, services too.",
    "open_descriptors": "Open file descriptors.",
    "resident_memory_bytes": "Memory that is resident.",
    "lost_log_lines": "Lines that never reached the log, since the worker began.",
    "loop_lag_seconds": "How late the event loop is.",
    "request_body_bytes": "Bytes of bodies, and of talks on WebSockets, held in memory.",
    "uptime_seconds": "Seconds since the worker began.",
    "draining": "1 where the worker takes nothing new.",
    "ledger_queued": "Entries that wait for the ledger's thread; of a call there may be two.",
    "ledger_away": "1 where the ledger's database is away, so that rows go into the journal.",
    "ledger_written_total": "Ends of calls that the database has taken from this worker.",
    "ledger_journaled_total": "Ends of calls that went into the journal.",
    "ledger_replayed_total": "Ends of calls that came from a journal into the database.",
    "ledger_dropped_total": "Ends of calls for which there was no room in the queue.",
    "ledger_lost_total": "Ends of calls that neither the database nor the journal took.",
    "receipts_queued": "Receipts that wait for their sink.",
    "receipts_away": "1 where the sink of receipts took nothing the last time.",
    "receipts_written_total": "Receipts that the sink has taken.",
    "receipts_dropped_total": "Receipts for which there was no room in the queue.",
    "receipts_lost_total": "Receipts that the sink did not take, however often it was tried.",
    "shared_store_up": "1 where the shared store can be asked.",
    "shared_store_losses_total": "How often the shared store was lost.",
    "shared_store_dropped_total": "What was never told or kept in common.",
    "shared_store_stranded_nanos_total": "Money that nobody can spend until its window ends.",
    "refused_by_limit_total": "Requests that a limit refused.",
    "refused_by_budget_total": "Requests that a budget refused, or a missing price.",
    "stopped_by_budget_total": "Calls that a budget has stopped while their answer passed.",
}
"""What each gauge counts; a name that ends in `_total` is a counter since the worker began."""

COUNTER: Final = "_total"

UNNAMED = "A gauge of the worker's own."

LARGEST: Final = frozenset(
    {
        *("loop_lag_seconds", "uptime_seconds", "draining"),
        *("ledger_away", "receipts_away", "shared_store_up"),
    }
)
"""Where two processes share a number (one drains, the next has begun), these are not added up."""

MOST_GAUGES = 200
"""Different gauges: what a worker invents has an end."""

_OUR_OWN = frozenset({"info", "worker_up", *(name.removeprefix(PREFIX) for name in targets.HELP)})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,80}", re.ASCII)


def exposition(
    answers: Iterable[Answer], numbers: Collection[int], version: str, names: Names
) -> bytes:
    """Write one scrape. `numbers` are those of the workers that there should be.

    `names` remembers which targets stood by name in the last one.
    """
    registry = CollectorRegistry()
    registry.register(Scrape(answers, numbers, version, names))
    return generate_latest(registry)


class Scrape(Collector):
    """What all workers have answered to one question."""

    def __init__(
        self, answers: Iterable[Answer], numbers: Collection[int], version: str, names: Names
    ) -> None:
        self._targets = Targets()
        self._names = names
        self._gauges: dict[str, dict[int, float]] = {}
        self._up = dict.fromkeys(sorted(numbers), 0.0)
        self._version = version
        for answer in answers:
            self._take(answer)

    def collect(self) -> Iterator[Metric]:
        """Yield all families: who answers, the gauges by their names, how the targets are."""
        yield InfoMetricFamily(PREFIX.strip("_"), "What runs here.", {"version": self._version})
        text = "1 where the worker answers."
        yield _family("worker_up", text, self._up)
        for name, values in sorted(self._gauges.items()):
            yield _family(name, HELP.get(name, UNNAMED), values)
        yield from self._targets.families(self._names)

    def describe(self) -> list[Metric]:
        """Name nothing beforehand: there is one scrape and no other collector."""
        return []

    def _take(self, answer: Answer) -> None:
        number, gauges = answer.get("worker"), answer.get("gauges")
        if not isinstance(number, int) or not isinstance(gauges, dict):
            return
        self._up[number] = 1.0
        own = {"uptime_seconds": answer.get("uptime"), "draining": answer.get("draining")}
        for name, value in {**gauges, **own}.items():
            if isinstance(value, int | float) and _NAME.fullmatch(name):
                self._note(name, number, float(value))
        homes = answer.get("homes")
        if isinstance(homes, list):
            self._targets.take(homes)

    def _note(self, name: str, number: int, value: float) -> None:
        if name in _OUR_OWN or (name not in self._gauges and len(self._gauges) >= MOST_GAUGES):
            return
        values = self._gauges.setdefault(name, {})
        before = values.get(number, 0.0)
        values[number] = max(before, value) if name in LARGEST else before + value


def _family(name: str, text: str, values: dict[int, float]) -> Metric:
    family: CounterMetricFamily | GaugeMetricFamily
    if name.endswith(COUNTER):
        family = CounterMetricFamily(PREFIX + name, text, labels=["worker"])
    else:
        family = GaugeMetricFamily(PREFIX + name, text, labels=["worker"])
    for number, value in values.items():
        family.add_metric([str(number)], value)
    return family
