"""How the gateway is, out of the answers of its workers: figures, the store, what is wrong."""

from typing import Any

import pytest

from gateway.admin.health.checkup import HealthTold, look
from gateway.admin.health.settings import Places

PLACES = Places("/var/lib/gateway.db", "127.0.0.1:6379", "/var/log/receipts.jsonl")
SOUND: dict[str, Any] = {
    "open_connections": 3, "open_calls": 2, "open_upstream_streams": 2, "live_tasks": 30,
    "open_descriptors": 40, "resident_memory_bytes": 50_000_000, "loop_lag_seconds": 0.001,
    "lost_log_lines": 0, "ledger_queued": 1, "ledger_away": False, "ledger_written_total": 10,
    "ledger_journaled_total": 2, "ledger_replayed_total": 1, "ledger_dropped_total": 0,
    "ledger_lost_total": 0, "shared_store_up": True, "shared_store_losses_total": 1,
    "receipts_away": False, "receipts_lost_total": 0, "receipts_dropped_total": 0,
}  # fmt: skip


def worker(number: int = 1, **gauges: object) -> dict[str, Any]:
    return {
        "worker": number,
        "pid": 70 + number,
        "version": "1.2.3",
        "uptime": 9.5,
        "draining": False,
        "gauges": {**SOUND, **gauges},
        "homes": [],
    }


def health(*answers: dict[str, Any], most: int = 2) -> HealthTold:
    return look(answers, range(1, most + 1), PLACES, {"python": "3"})


def test_a_gateway_in_which_all_is_well_has_no_problems() -> None:
    found = health(worker(1), worker(2))
    assert (found.problems, found.missing, found.resting) == ([], [], 0)
    first = found.workers[0]
    assert (first.worker, first.pid, first.version, first.uptime) == (1, 71, "1.2.3", 9.5)
    assert (first.open_calls, first.open_connections, first.memory_bytes) == (2, 3, 50_000_000)
    store = found.store
    assert (store.database, store.written, store.journaled, store.replayed) == (
        *(PLACES.database, 20),
        *(4, 2),
    )
    assert (store.shared_up, store.shared_losses, store.away) == (True, 2, False)


def test_behind_another_server_connections_are_not_known() -> None:
    answer = worker()
    del answer["gauges"]["open_connections"], answer["gauges"]["resident_memory_bytes"]
    (told,) = health(answer, most=1).workers
    assert (told.open_connections, told.memory_bytes) == (None, None)


@pytest.mark.parametrize(
    ("gauges", "said"),
    [
        ({"ledger_away": True}, "The database is away"),
        ({"ledger_lost_total": 2, "ledger_dropped_total": 1}, "the ledger has lost: 3"),
        ({"shared_store_up": False}, "The shared store is away"),
        ({"receipts_away": True}, "The sink of receipts takes nothing"),
        ({"receipts_dropped_total": 4}, "never reached their sink: 4"),
        ({"loop_lag_seconds": 0.5}, "The event loop of worker 1 was 0.50 s late"),
        ({"lost_log_lines": 7}, "Lines of worker 1 that the log lost: 7"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence(gauges: dict[str, Any], said: str) -> None:
    (problem,) = health(worker(1, **gauges), worker(2)).problems
    assert said in problem


def test_a_worker_that_does_not_answer_drains_or_is_another_is_told() -> None:
    assert health(worker(2)).problems == ["Worker 1 does not answer."]
    assert health().missing == [1, 2]
    drains = {**worker(1), "draining": True}
    assert health(drains, worker(2)).problems == ["Worker 1 drains: it takes nothing new."]
    other = {**worker(2), "version": "1.2.4"}
    assert health(worker(1), other).problems == ["Workers of different versions run."]
    other = {**worker(2), "configuration": "old"}
    assert health({**worker(1), "configuration": "new"}, other).problems == [
        "The workers go by different configurations; the log says why."
    ]


def test_homes_that_rest_are_counted_once_over_all_workers() -> None:
    rests = {"name": "a/m", "state": "open"}
    keyless = {"name": "b/m", "state": "closed", "resting_keys": [{"number": 1}]}
    sound = {"name": "c/m", "state": "closed", "resting_keys": []}
    found = health({**worker(1), "homes": [rests, sound]}, {**worker(2), "homes": [rests, keyless]})
    assert found.resting == 2
    assert found.problems[0].startswith("Homes that rest, or whose keys do: 2.")


def test_what_is_no_answer_is_none_and_odd_figures_are_passed_over() -> None:
    odd = worker(1, open_calls="many", loop_lag_seconds=float("inf"), live_tasks=None, new={"a": 1})
    found = health(odd, {"worker": "x"}, {"gauges": 5, "worker": 2})
    (told,) = found.workers
    assert (told.open_calls, told.loop_lag, told.live_tasks) == (0, 0.0, 0)
    assert found.missing == [2]


def test_what_is_not_configured_is_away_from_nobody() -> None:
    answer = worker()
    answer["gauges"] = {"open_calls": 1}
    found = look([answer], [1], Places(), {})
    assert found.problems == []
    assert (found.store.shared_up, found.store.away, found.store.database) == (None, False, "")


def test_a_provider_that_is_away_is_a_problem() -> None:
    found = health({**worker(1), "absent": ["up", "b\x1b"]}, {**worker(2), "absent": ["up"]})
    assert found.absent == ["b\\x1b", "up"]
    assert found.problems == ["Providers that do not answer their probe: b\\x1b, up."]
