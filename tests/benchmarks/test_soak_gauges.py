"""Gauges of all workers are read as the admin writes them."""

from benchmarks.soak.gauges import NEEDED, read, unaccounted, worth_keeping
from gateway.admin.figures.metrics import exposition
from gateway.admin.figures.targets import Names


def test_a_scrape_of_two_workers_is_read_as_one() -> None:
    answers = [
        {
            "worker": number,
            "gauges": {"open_calls": 3, "open_descriptors": 40.0, "loop_lag_seconds": 0.1 * number},
            "uptime": 10.0 * number,
            "draining": False,
        }
        for number in (1, 2)
    ]
    found = read(exposition(answers, [1, 2], "1.0", Names()).decode())
    assert found["open_calls"] == 6
    assert found["open_descriptors"] == 80
    assert found["loop_lag_seconds"] == 0.2
    assert found["uptime_seconds"] == 20.0
    assert found["worker_up"] == 2
    assert worth_keeping(found) == {
        "open_calls": 6, "open_descriptors": 80, "loop_lag_seconds": 0.2,
    }  # fmt: skip


def test_a_worker_that_drains_counts_beside_its_successor() -> None:
    old = {"worker": 1, "pid": 71, "gauges": {"open_calls": 3}, "uptime": 90.0, "draining": True}
    new = {"worker": 1, "pid": 72, "gauges": {"open_calls": 2}, "uptime": 1.0, "draining": False}
    assert read(exposition([old, new], [1], "1.0", Names()).decode())["open_calls"] == 5


def test_descriptors_that_are_no_connection_are_told_apart() -> None:
    counts = dict.fromkeys(NEEDED, 0.0) | {
        "open_descriptors": 50.0,
        "open_connections": 12.0,
        "held_leases": 9.0,
        "open_upstream_streams": 7.0,
        "pooled_connections_idle": 3.0,
        "pooled_connections_parked": 1.0,
    }
    assert unaccounted(counts) == 25.0
