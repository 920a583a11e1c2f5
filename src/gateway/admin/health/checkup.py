"""How the gateway is, out of what its workers answer: figures of each, the store, what is wrong."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from math import isfinite
from typing import Any, Final

import msgspec

from gateway.admin.health.settings import Places
from gateway.admin.workers import Answer
from gateway.telemetry.lines import printable

LATE: Final = 0.25
"""Seconds by which an event loop is late that people notice."""

Figures = Mapping[str, float]


class WorkerTold(msgspec.Struct, frozen=True):
    """A worker as it is now. Times are in seconds; what it does not tell is null.

    Workers whose `configuration` is the same go by the same.
    """

    worker: int
    pid: int
    version: str
    uptime: float
    draining: bool
    open_calls: int
    open_connections: int | None
    open_upstream_streams: int
    live_tasks: int
    open_descriptors: int
    memory_bytes: int | None
    loop_lag: float
    lost_log_lines: int
    configuration: str


class StoreTold(msgspec.Struct, frozen=True):
    """The database and what counts in common, over all workers. Empty places are not configured.

    `away` says that a worker cannot reach the database now, so that rows go into its journal, and
    `receipts_away` the same of the sink of receipts. The others count ends of calls since the
    workers began.
    """

    database: str
    away: bool
    queued: int
    written: int
    journaled: int
    replayed: int
    dropped: int
    lost: int
    shared: str
    shared_up: bool | None
    shared_losses: int
    receipts: str
    receipts_away: bool
    receipts_lost: int


class HealthTold(msgspec.Struct, frozen=True):
    """How the gateway is. `problems` are sentences; none: nothing is known to be wrong.

    `about` has the versions of what it is made of, `missing` are the numbers of workers that should
    be there and do not answer, `resting` counts homes that some worker does not ask like others,
    `absent` are the providers that do not answer their probe.
    """

    about: dict[str, str]
    workers: list[WorkerTold]
    missing: list[int]
    store: StoreTold
    resting: int
    absent: list[str]
    problems: list[str]


class _Told(msgspec.Struct, frozen=True):
    """What a worker answers about itself; what another version adds is passed over."""

    worker: int
    pid: int = 0
    version: str = ""
    uptime: float = 0.0
    draining: bool = False
    configuration: str = ""
    gauges: dict[str, Any] = {}
    homes: list[dict[str, object]] = []
    absent: list[str] = []


def look(
    answers: Iterable[Answer],
    numbers: Collection[int],
    places: Places,
    about: dict[str, str],
) -> HealthTold:
    """Return how the gateway is. `numbers` are those of the workers that there should be."""
    told = []
    for answer in answers:
        with suppress(msgspec.ValidationError):
            told.append(msgspec.convert(answer, _Told))
    figures = [_figures(each.gauges) for each in told]
    workers = list(map(_worker, told, figures))
    missing = sorted(set(numbers) - {each.worker for each in told})
    store = _store(figures, places)
    resting = {
        str(home.get("name"))
        for each in told
        for home in each.homes
        if home.get("state") != "closed" or home.get("resting_keys")
    }
    absent = sorted({printable(name) for each in told for name in each.absent})
    found = HealthTold(about, workers, missing, store, len(resting), absent, [])
    return msgspec.structs.replace(found, problems=list(_problems(found)))


def _figures(gauges: Mapping[str, object]) -> Figures:
    """Return the gauges that are finite numbers; what is or is not so counts as 1 or 0."""
    return {
        name: float(value)
        for name, value in gauges.items()
        if isinstance(value, int | float) and isfinite(value)
    }


def _worker(told: _Told, figures: Figures) -> WorkerTold:
    connections, memory = figures.get("open_connections"), figures.get("resident_memory_bytes")
    return WorkerTold(
        worker=told.worker,
        pid=told.pid,
        version=told.version,
        uptime=told.uptime,
        draining=told.draining,
        open_calls=_whole(figures, "open_calls"),
        open_connections=None if connections is None else int(connections),
        open_upstream_streams=_whole(figures, "open_upstream_streams"),
        live_tasks=_whole(figures, "live_tasks"),
        open_descriptors=_whole(figures, "open_descriptors"),
        memory_bytes=None if memory is None else int(memory),
        loop_lag=round(figures.get("loop_lag_seconds", 0.0), 6),
        lost_log_lines=_whole(figures, "lost_log_lines"),
        configuration=told.configuration,
    )


def _store(told: list[Figures], places: Places) -> StoreTold:
    def total(name: str) -> int:
        return sum(_whole(figures, name) for figures in told)

    up = [figures["shared_store_up"] for figures in told if "shared_store_up" in figures]
    return StoreTold(
        database=places.database,
        away=total("ledger_away") > 0,
        queued=total("ledger_queued"),
        written=total("ledger_written_total"),
        journaled=total("ledger_journaled_total"),
        replayed=total("ledger_replayed_total"),
        dropped=total("ledger_dropped_total"),
        lost=total("ledger_lost_total"),
        shared=places.shared,
        shared_up=min(up) > 0 if up else None,
        shared_losses=total("shared_store_losses_total"),
        receipts=places.receipts,
        receipts_away=total("receipts_away") > 0,
        receipts_lost=total("receipts_lost_total") + total("receipts_dropped_total"),
    )


def _whole(figures: Figures, name: str) -> int:
    return int(figures.get(name, 0))


def _problems(found: HealthTold) -> Iterator[str]:
    """Yield what an operator should know of, the worst first."""
    for number in found.missing:
        yield f"Worker {number} does not answer."
    if len({worker.configuration for worker in found.workers}) > 1:
        yield "The workers go by different configurations; the log says why."
    yield from _of_store(found.store)
    for worker in found.workers:
        yield from _of_worker(worker)
    if found.absent:
        yield f"Providers that do not answer their probe: {', '.join(found.absent)}."
    if found.resting:
        yield f"Homes that rest, or whose keys do: {found.resting}. The page of models shows them."
    if len({worker.version for worker in found.workers}) > 1:
        yield "Workers of different versions run."


def _of_store(store: StoreTold) -> Iterator[str]:
    if store.away:
        yield "The database is away: what calls come to waits in the journals."
    if gone := store.dropped + store.lost:
        yield f"Ends of calls that the ledger has lost: {gone}."
    if store.shared_up is False:
        yield "The shared store is away: each worker goes by what it last knew."
    if store.receipts_away:
        yield "The sink of receipts takes nothing."
    if store.receipts_lost:
        yield f"Receipts that never reached their sink: {store.receipts_lost}."


def _of_worker(worker: WorkerTold) -> Iterator[str]:
    if worker.loop_lag >= LATE:
        yield f"The event loop of worker {worker.worker} was {worker.loop_lag:.2f} s late."
    if worker.lost_log_lines:
        yield f"Lines of worker {worker.worker} that the log lost: {worker.lost_log_lines}."
    if worker.draining:
        yield f"Worker {worker.worker} drains: it takes nothing new."
