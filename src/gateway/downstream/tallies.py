"""What a worker counts beside its calls: the ledger, receipts, the shared store, refusals.

A name that ends in `_total` is a counter since the worker began; any other is as it is now. All are
numbers: a `false` is none to those who read them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from gateway.store.ledger import Ledger
from gateway.store.receipts import Sink
from gateway.telemetry.refusals import Refusals
from gateway.telemetry.traces import Traces


class Shared(Protocol):
    """The shared store, as far as it counts."""

    @property
    def up(self) -> bool:
        """Whether it can be asked now."""

    @property
    def losses(self) -> int:
        """How often it was lost."""

    @property
    def dropped(self) -> int:
        """What was never told or kept in common."""

    @property
    def stranded(self) -> int:
        """Nano-dollars that nobody can spend until their window ends."""


@dataclass(frozen=True, slots=True)
class Tallies:
    """Those who count; what is not configured counts nothing."""

    ledger: Ledger | None = None
    receipts: Sink | None = None
    shared: Shared | None = None
    refusals: Refusals | None = None
    traces: Traces | None = None

    def gauges(self) -> Mapping[str, float]:
        """Return what all of them have counted."""
        return {
            **_of_ledger(self.ledger),
            **_of_receipts(self.receipts),
            **_of_shared(self.shared),
            **_of_refusals(self.refusals),
            **_of_traces(self.traces),
        }


def _of_ledger(ledger: Ledger | None) -> dict[str, float]:
    if ledger is None:
        return {}
    return {
        "ledger_queued": ledger.queued,
        "ledger_away": int(ledger.away),
        "ledger_written_total": ledger.written,
        "ledger_journaled_total": ledger.journaled,
        "ledger_replayed_total": ledger.replayed,
        "ledger_dropped_total": ledger.dropped,
        "ledger_lost_total": ledger.lost,
    }


def _of_receipts(sink: Sink | None) -> dict[str, float]:
    if sink is None:
        return {}
    return {
        "receipts_queued": sink.queued,
        "receipts_away": int(sink.away),
        "receipts_written_total": sink.written,
        "receipts_dropped_total": sink.dropped,
        "receipts_lost_total": sink.lost,
    }


def _of_shared(store: Shared | None) -> dict[str, float]:
    if store is None:
        return {}
    return {
        "shared_store_up": int(store.up),
        "shared_store_losses_total": store.losses,
        "shared_store_dropped_total": store.dropped,
        "shared_store_stranded_nanos_total": store.stranded,
    }


def _of_refusals(refusals: Refusals | None) -> dict[str, float]:
    if refusals is None:
        return {}
    return {
        "refused_by_limit_total": refusals.by_limit,
        "refused_by_budget_total": refusals.by_budget,
        "stopped_by_budget_total": refusals.in_mid_sentence,
    }


def _of_traces(traces: Traces | None) -> dict[str, float]:
    if traces is None:
        return {}
    return {
        "traces_queued": traces.queued,
        "traces_away": int(traces.away),
        "traces_exported_total": traces.exported,
        "traces_dropped_total": traces.dropped,
    }
