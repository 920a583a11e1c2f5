"""What is counted beside calls has its words in the metrics; what is not configured, none."""

from pathlib import Path

import msgspec

from gateway.admin.figures.metrics import HELP
from gateway.downstream.tallies import Tallies
from gateway.store.database import Database
from gateway.store.ledger import Ledger
from gateway.store.sink_file import FileSink
from gateway.telemetry.refusals import Refusals
from gateway.telemetry.traces import Traces
from gateway.words.errors import RateLimited
from gateway.words.trace import TraceContext
from tests.store.receipts import PATIENCE, Today, Told, call, end


def test_what_is_not_there_counts_nothing() -> None:
    assert Tallies().gauges() == {}


def test_each_counts_under_its_own_name(tmp_path: Path) -> None:
    today, told, refusals = Today(), Told(), Refusals()
    ledger = Ledger(Database(tmp_path / "gateway.db"), today, told)
    sink = FileSink(str(tmp_path / "none" / "r.jsonl"), today, told)
    receipt = end(call())
    for tap in (ledger, sink, refusals):
        tap.settled(receipt)
    assert ledger.close(PATIENCE)
    assert sink.close(PATIENCE)
    refused = call(attempts=[])
    refused.fail(RateLimited("Slow."))
    refusals.settled(refused)
    gauges = Tallies(ledger, sink, refusals=refusals).gauges()
    assert set(gauges) <= set(HELP)
    assert {name: value for name, value in gauges.items() if value} == {
        "ledger_written_total": 1,
        "receipts_lost_total": 1,
        "receipts_away": 1,
        "refused_by_limit_total": 1,
    }


def test_traces_count_their_spans() -> None:
    traces = Traces({}, {}, Today(), Told())
    traces.settled(end(call(trace=TraceContext("4b" * 16, "01" * 8, sampled=True))))
    traces.close()
    gauges = Tallies(traces=traces).gauges()
    assert set(gauges) <= set(HELP)
    assert gauges == {
        "traces_queued": 0,
        "traces_away": 0,
        "traces_exported_total": 0,
        "traces_dropped_total": 2,
    }


class Store:
    """A shared store that was lost twice."""

    up, losses, dropped, stranded = True, 2, 3, 4


def test_all_that_is_counted_is_read_back_as_numbers(tmp_path: Path) -> None:
    today, told = Today(), Told()
    ledger = Ledger(Database(tmp_path / "gateway.db"), today, told)
    sink = FileSink(str(tmp_path / "r.jsonl"), today, told)
    traces = Traces({}, {}, today, told)
    gauges = Tallies(ledger, sink, Store(), traces=traces).gauges()
    assert ledger.close(PATIENCE)
    assert sink.close(PATIENCE)
    traces.close()
    assert msgspec.json.decode(msgspec.json.encode(gauges), type=dict[str, float]) == gauges


def test_a_shared_store_says_whether_it_is_there() -> None:
    gauges = Tallies(shared=Store()).gauges()
    assert set(gauges) <= set(HELP)
    assert gauges == {
        "shared_store_up": 1,
        "shared_store_losses_total": 2,
        "shared_store_dropped_total": 3,
        "shared_store_stranded_nanos_total": 4,
    }
