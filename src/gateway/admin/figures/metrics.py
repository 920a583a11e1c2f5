"""What the workers tell as Prometheus reads it: all workers in one scrape, each with its number.

A gauge that is not named here is shown all the same, so that workers and admin need not agree.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from gateway.admin.figures import families, targets
from gateway.admin.figures.families import COUNTER, WORKER, Families
from gateway.admin.figures.targets import Names, Targets
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
    "request_body_bytes": "Bytes of open calls' bodies, held in memory.",
    "talk_bytes": "Bytes of talks on WebSockets, held in memory from one call to the next.",
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
    "traces_queued": "Ended calls whose spans wait for the collector.",
    "traces_away": "1 where the collector of traces takes nothing now.",
    "traces_exported_total": "Spans that the collector has taken.",
    "traces_dropped_total": (
        "Spans for which there was no room, or that the collector did not take."
    ),
    "refused_by_limit_total": "Requests that a limit refused.",
    "refused_by_budget_total": "Requests that a budget refused, or a missing price.",
    "stopped_by_budget_total": "Calls that a budget has stopped while their answer passed.",
}
"""What each gauge counts; a name that ends in `_total` is a counter since the worker began."""

UNNAMED = "A gauge of the worker's own."

MOST_GAUGES = 200
"""Different gauges: what a worker invents has an end."""

_OUR_OWN = frozenset(
    {
        *("info", "worker_up"),
        *(name.removeprefix(PREFIX) for name in (*targets.HELP, *families.HELP)),
        *(name.removeprefix(PREFIX) for name in families.OF_BUDGETS),
    }
)
_NAME = re.compile(r"[a-z][a-z0-9_]{0,80}", re.ASCII)


def exposition(
    answers: Iterable[Answer],
    numbers: Collection[int],
    version: str,
    names: Names,
    metrics: Iterable[Answer] = (),
) -> bytes:
    """Write one scrape of what workers say of their gauges, and of their metrics.

    `numbers` are those of the workers that there should be. `names` remembers which targets stood
    by name in the last one.
    """
    registry = CollectorRegistry()
    scrape = Scrape(list(answers), numbers, version, names, list(metrics))
    registry.register(scrape)
    return generate_latest(registry) + scrape.families.text().encode()


class Scrape(Collector):
    """What all workers have answered to the two questions."""

    def __init__(
        self,
        answers: Sequence[Answer],
        numbers: Collection[int],
        version: str,
        names: Names,
        metrics: Sequence[Answer] = (),
    ) -> None:
        self._targets = Targets()
        self.families = Families()
        self._names = names
        self._gauges: dict[str, dict[str, float]] = {}
        self._up = dict.fromkeys(map(str, sorted(numbers)), 0.0)
        self._version = version
        workers = labels_of([*answers, *metrics])
        for answer in answers:
            if (worker := workers.get(_process(answer))) is not None:
                self._take(answer, worker)
        for answer in metrics:
            if (worker := workers.get(_process(answer))) is not None:
                has_successor = worker != _number(worker) in workers.values()
                self.families.take(answer, worker, has_successor=has_successor)

    def collect(self) -> Iterator[Metric]:
        """Yield what has few series: who answers, the gauges, how the targets are."""
        yield InfoMetricFamily(PREFIX.strip("_"), "What runs here.", {"version": self._version})
        text = "1 where the worker answers, or while it drains the one before it."
        yield _family("worker_up", text, self._up)
        for name, values in sorted(self._gauges.items()):
            yield _family(name, HELP.get(name, UNNAMED), values)
        yield from self._targets.families(self._names)

    def describe(self) -> list[Metric]:
        """Name nothing beforehand: there is one scrape and no other collector."""
        return []

    def _take(self, answer: Answer, worker: str) -> None:
        gauges = answer.get("gauges")
        if not isinstance(gauges, dict):
            return
        self._up[worker] = self._up[_number(worker)] = 1.0
        own = {"uptime_seconds": answer.get("uptime"), "draining": answer.get("draining")}
        for name, value in {**gauges, **own}.items():
            if isinstance(value, int | float) and _NAME.fullmatch(name):
                self._note(name, worker, float(value))
        homes = answer.get("homes")
        if isinstance(homes, list):
            self._targets.take(homes)

    def _note(self, name: str, worker: str, value: float) -> None:
        if name in _OUR_OWN or (name not in self._gauges and len(self._gauges) >= MOST_GAUGES):
            return
        self._gauges.setdefault(name, {})[worker] = value


_Process = tuple[int, int]


def _process(answer: Answer) -> _Process | None:
    """Return number and pid of the worker that has answered; None where it does not say."""
    number, pid = answer.get("worker"), answer.get("pid", 0)
    if not isinstance(number, int) or not isinstance(pid, int):
        return None
    return number, pid


def labels_of(answers: Iterable[Answer]) -> dict[_Process | None, str]:
    """Return the label of each worker: its number.

    One that drains is told by its pid too, whether or not its successor has the number already:
    else a successor that once does not answer would seem to have counted all that it has. So it is
    with one that has the number of a younger one. No counter falls when one of them ends, and none
    begins with what another has counted.
    """
    youngest: dict[int, tuple[float, _Process]] = {}
    found: dict[_Process | None, str] = {}
    for answer in answers:
        process, uptime = _process(answer), answer.get("uptime")
        if process is None:
            continue
        number, pid = process
        found[process] = f"{number}-draining-{pid}"
        if answer.get("draining") is True:
            continue
        age = float(uptime) if isinstance(uptime, int | float) else 0.0
        youngest[number] = min(youngest.get(number, (age, process)), (age, process))
    for number, (_, process) in youngest.items():
        found[process] = str(number)
    return found


def _number(worker: str) -> str:
    """Return the number in a worker's label."""
    return worker.partition("-")[0]


def _family(name: str, text: str, values: dict[str, float]) -> Metric:
    family: CounterMetricFamily | GaugeMetricFamily
    if name.endswith(COUNTER):
        family = CounterMetricFamily(PREFIX + name, text, labels=[WORKER])
    else:
        family = GaugeMetricFamily(PREFIX + name, text, labels=[WORKER])
    for worker, value in values.items():
        family.add_metric([worker], value)
    return family
