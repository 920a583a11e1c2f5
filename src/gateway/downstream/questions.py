"""What can be asked of a worker at its control socket.

Its status, its gauges, its metrics, its live tree, how the homes are that it knows, which models
providers list, the last lines of its log, and a cancel.

Only `cancel` changes anything, and it goes the way of every other ending: the call's own life.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import trio

from gateway.downstream.calls import Calls
from gateway.downstream.control import Answer, Fields
from gateway.downstream.crowd import crowd
from gateway.downstream.footprint import Footprint
from gateway.downstream.lag import Lag
from gateway.downstream.listen import Listening
from gateway.downstream.live import (
    MOST_CONNECTIONS,
    MOST_RESTING,
    SeenProcess,
    look,
    look_at_homes,
    look_at_rests,
)
from gateway.downstream.tallies import Tallies
from gateway.policy.balances import balances
from gateway.policy.budgets import Purses
from gateway.policy.health import MOST_HOMES, Health
from gateway.telemetry.endings import Endings
from gateway.telemetry.log import Log
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.naming import Naming
from gateway.upstream.transport import Transport

CONNECTIONS: Final = 200
"""Connections that a tree shows, unless it is told."""

HOMES: Final = 200
"""Homes that are told of, unless it is said how many."""

MOST_BUDGETS: Final = 200
"""Budgets that are told beside what is counted, the fullest first."""

MOST_MODELS: Final = 5_000
"""Names of models that one answer tells."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which worker this is; `began` on Trio's clock. One that is alone is its own supervisor."""

    pid: int
    supervisor: int
    worker: int
    version: str
    began: float


@dataclass(frozen=True, slots=True)
class Questions:
    """Who answers for one worker. Without `listening` another server has the connections."""

    place: Place
    calls: Calls
    transport: Transport
    listening: Listening | None
    lag: Lag
    log: Log
    footprint: Footprint = field(default_factory=Footprint)
    health: Health = field(kw_only=True)
    tallies: Tallies = field(default=Tallies(), kw_only=True)
    listed: Mapping[str, Sequence[str]] = field(default_factory=dict, kw_only=True)
    """The models of providers that were asked for their lists; it is kept up to date."""
    endings: Endings = field(default_factory=Endings, kw_only=True)
    metrics: Metrics = field(default_factory=lambda: Metrics(Naming({}, ())), kw_only=True)
    purses: Purses = field(default_factory=Purses, kw_only=True)
    today: Callable[[], float] = field(default=lambda: 0.0, kw_only=True)
    """Seconds since 1970, for the windows of budgets."""
    configuration: Callable[[], str] = field(default=lambda: "", kw_only=True)
    """What tells the configuration that holds from any other (see `config.diff.fingerprint`)."""

    def table(self) -> Mapping[str, Answer]:
        """Return what can be asked, and who answers."""
        return {
            "status": self._status,
            "gauges": self._gauges,
            "tree": lambda asked: self.tree(_limit(asked, CONNECTIONS, MOST_CONNECTIONS)),
            "metrics": self._metrics,
            "health": lambda asked: self._health(_limit(asked, HOMES, MOST_HOMES)),
            "models": self._models,
            "log": self._lines,
            "budgets": self._budgets,
            "cancel": self._cancel,
        }

    def gauges(self) -> dict[str, float]:
        """Return the public counters; at rest those of calls that are open are zero."""
        pool = self.transport.pool
        own: dict[str, float] = {}
        if self.listening is not None:
            own["open_connections"] = len(self.listening)
        if (memory := self.footprint.memory_bytes()) is not None:
            own["resident_memory_bytes"] = memory
        return {
            **own,
            "open_calls": len(self.calls),
            "open_upstream_streams": self.transport.streams,
            "held_leases": pool.busy,
            "waiting_for_a_lease": pool.waiting,
            "pooled_connections_idle": pool.idle,
            "pooled_connections_parked": pool.parked,
            "request_body_bytes": self.calls.body_bytes - self.calls.kept_bytes,
            "talk_bytes": self.calls.kept_bytes,
            "live_tasks": trio.lowlevel.current_statistics().tasks_living,
            "open_descriptors": self.footprint.descriptors(trio.current_time()),
            "lost_log_lines": self.log.lost,
            "loop_lag_seconds": round(self.lag.worst, 6),
            **self.tallies.gauges(),
        }

    def tree(self, limit: int = CONNECTIONS) -> SeenProcess:
        """Return the live tree, with so many connections at most."""
        now = trio.current_time()
        connections, left_out = look(self.calls, self.listening, limit, now)
        resting, resting_left_out = look_at_rests(self.health, MOST_RESTING, now)
        return SeenProcess(
            pid=self.place.pid,
            supervisor=self.place.supervisor,
            worker=self.place.worker,
            version=self.place.version,
            uptime=round(now - self.place.began, 3),
            draining=self.calls.draining,
            gauges=self.gauges(),
            connections=connections,
            left_out=left_out,
            resting=resting,
            resting_left_out=resting_left_out,
            ended=self.endings.last(now),
        )

    def _who(self) -> dict[str, object]:
        place = self.place
        return {
            "pid": place.pid,
            "supervisor": place.supervisor,
            "worker": place.worker,
            "version": place.version,
            "uptime": round(trio.current_time() - place.began, 3),
            "draining": self.calls.draining,
            "configuration": self.configuration(),
        }

    def _gauges(self, _asked: Fields) -> Fields:
        """Tell all that is counted, so that one answer is enough for a scrape."""
        now = trio.current_time()
        homes, _ = look_at_homes(self.health, MOST_HOMES, now)
        absent = list(self.health.absent(now))
        return {**self._who(), "gauges": self.gauges(), "homes": homes, "absent": absent}

    def _metrics(self, _asked: Fields) -> Fields:
        """Tell what is counted with labels, and budgets but for those of single users."""
        counted = [*self.metrics.told(), *crowd(self.calls, trio.current_time())]
        common = [purse for purse in self.purses if purse.account.of != "user"]
        told, _ = balances(common, self.today(), MOST_BUDGETS)
        return {**self._who(), "families": counted, "budgets": told}

    def _health(self, limit: int) -> Fields:
        now = trio.current_time()
        homes, left_out = look_at_homes(self.health, limit, now)
        absent = {name: round(rest, 3) for name, rest in self.health.absent(now).items()}
        return {**self._who(), "homes": homes, "left_out": left_out, "absent": absent}

    def _models(self, _: Fields) -> Fields:
        """Tell what providers were seen to list: whole lists, the short ones first, as they fit.

        `counts` has the lengths of all: part of a list would say that there are no other names.
        """
        listed: dict[str, list[str]] = {}
        room = MOST_MODELS
        for provider, names in sorted(self.listed.items(), key=lambda each: len(each[1])):
            if len(names) <= room:
                listed[provider] = list(names)
                room -= len(names)
        counts = {provider: len(names) for provider, names in self.listed.items()}
        return {**self._who(), "listed": listed, "counts": counts}

    def _budgets(self, _: Fields) -> Fields:
        """Tell how full budgets are, those of single users too."""
        budgets, left_out = balances(self.purses, self.today())
        return {**self._who(), "budgets": budgets, "left_out": left_out}

    def _lines(self, _: Fields) -> Fields:
        return {**self._who(), "lines": self.log.last()}

    def _status(self, _: Fields) -> Fields:
        pool = self.transport.pool
        return {
            **self._who(),
            "calls": len(self.calls),
            "connections": None if self.listening is None else len(self.listening),
            "upstream": {
                "open": pool.open,
                "idle": pool.idle,
                "parked": pool.parked,
                "waiting": pool.waiting,
            },
            "tasks": trio.lowlevel.current_statistics().tasks_living,
            "lost_log_lines": self.log.lost,
        }

    def _cancel(self, asked: Fields) -> Fields:
        call = asked.get("id")
        if not isinstance(call, str):
            return {"error": 'which one? {"ask": "cancel", "id": "req_..."}'}
        cancelled = self.calls.stop(call)
        if cancelled:
            self.log.info("cancelled by the operator", request_id=call, calls=cancelled)
        return {**self._who(), "cancelled": cancelled}


def _limit(asked: Fields, usual: int, most: int) -> int:
    limit = asked.get("limit", usual)
    return min(most, max(0, limit)) if isinstance(limit, int) else usual
