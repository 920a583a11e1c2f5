"""One scrape: every worker's gauges with its number, in Prometheus's own words."""

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from gateway.admin.figures.families import COUNTER, OF_BUDGETS
from gateway.admin.figures.metrics import HELP, MOST_GAUGES, UNNAMED, exposition
from gateway.admin.figures.targets import HELP as OF_TARGETS
from gateway.admin.figures.targets import Names


def scrape(answers: list[dict[str, Any]], numbers: tuple[int, ...] = (1, 2)) -> str:
    """Return the text of a scrape, which Prometheus's own parser can read."""
    return exposition(answers, numbers, "1.2.3", Names()).decode()


def values(text: str, name: str) -> dict[str, float]:
    """Return a gauge's value by worker."""
    return {
        sample.labels["worker"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"gateway_{name}" and "worker" in sample.labels
    }


def worker(number: int, gauges: dict[str, Any], uptime: float = 1.0, draining: bool = False) -> Any:
    return {"worker": number, "uptime": uptime, "draining": draining, "gauges": gauges}


def test_all_workers_are_in_one_scrape() -> None:
    text = scrape(
        [worker(1, {"open_calls": 3, "loop_lag_seconds": 0.5}), worker(2, {"open_calls": 0}, 9.5)]
    )
    assert values(text, "open_calls") == {"1": 3.0, "2": 0.0}
    assert values(text, "loop_lag_seconds") == {"1": 0.5}
    assert values(text, "uptime_seconds") == {"1": 1.0, "2": 9.5}
    assert values(text, "draining") == {"1": 0.0, "2": 0.0}
    assert values(text, "worker_up") == {"1": 1.0, "2": 1.0}
    assert 'gateway_info{version="1.2.3"} 1.0\n' in text


def test_each_gauge_says_what_it_is() -> None:
    text = scrape([worker(1, {**dict.fromkeys(HELP, 1), "brand_new": 2})])
    families = {family.name: family for family in text_string_to_metric_families(text)}
    for name, said in HELP.items():
        family = families[f"gateway_{name.removesuffix(COUNTER)}"]
        kind = "counter" if name.endswith(COUNTER) else "gauge"
        assert (family.documentation, family.type) == (said, kind)
    assert families["gateway_brand_new"].documentation == UNNAMED
    assert values(text, "brand_new") == {"1": 2.0}


def test_a_worker_that_does_not_answer_is_seen() -> None:
    assert values(scrape([worker(2, {})]), "worker_up") == {"1": 0.0, "2": 1.0}


def test_of_two_processes_of_one_number_the_one_that_drains_is_told_by_its_pid() -> None:
    """So no counter falls when it ends, and none begins with what another has counted."""
    old = worker(1, {"open_calls": 3, "ledger_written_total": 900}, 90.0, draining=True)
    older = worker(1, {"open_calls": 1, "ledger_written_total": 7}, 95.0, draining=True)
    new = worker(1, {"open_calls": 1, "ledger_written_total": 2}, 2.0)
    answers = [{**old, "pid": 71}, {**older, "pid": 70}, {**new, "pid": 72}]
    text = scrape(answers)
    counted = {"1": 2.0, "1-draining-71": 900.0, "1-draining-70": 7.0}
    assert values(text, "ledger_written_total") == counted
    assert values(text, "draining") == {"1": 0.0, "1-draining-71": 1.0, "1-draining-70": 1.0}
    assert values(text, "worker_up") == {"2": 0.0, **dict.fromkeys(counted, 1.0)}
    assert values(scrape(answers[1:]), "ledger_written_total") == {"1": 2.0, "1-draining-70": 7.0}
    series = [line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"]
    assert len(series) == len(set(series))


def test_one_that_drains_has_its_pid_also_where_its_successor_does_not_answer() -> None:
    """Else the successor would seem to have counted all that the one before it has."""
    text = scrape([{**worker(1, {}, 90.0, draining=True), "pid": 71}])
    assert values(text, "draining") == {"1-draining-71": 1.0}
    assert values(text, "worker_up") == {"1": 1.0, "2": 0.0, "1-draining-71": 1.0}


def test_a_worker_has_one_label_in_both_answers() -> None:
    """The youngest may have begun between the two questions."""
    told = [{"name": "gateway_hedges_total", "labels": [], "series": [[[], [5]]]}]
    gauges = [{**worker(1, {"open_calls": 3}, 90.0), "pid": 71}]
    metrics = [
        {"worker": 1, "pid": 71, "uptime": 90.1, "families": told},
        {"worker": 1, "pid": 72, "uptime": 0.1, "families": told},
    ]
    text = exposition(gauges, (1,), "1.2.3", Names(), metrics).decode()
    assert values(text, "open_calls") == {"1-draining-71": 3.0}
    assert values(text, "hedges_total") == {"1": 5.0, "1-draining-71": 5.0}


def test_what_only_grows_is_a_counter() -> None:
    told = {"ledger_written_total": 5, "ledger_away": True, "receipts_lost_total": 0}
    text = scrape([worker(1, told), worker(2, told)], (1, 2))
    assert values(text, "ledger_written_total") == {"1": 5.0, "2": 5.0}
    assert values(text, "ledger_away") == {"1": 1.0, "2": 1.0}
    assert "# TYPE gateway_ledger_written_total counter\n" in text
    assert "# TYPE gateway_ledger_away gauge\n" in text
    assert 'gateway_receipts_lost_total{worker="1"} 0.0\n' in text
    assert "_created" not in text


def test_what_is_no_gauge_is_left_out() -> None:
    odd = {"a b": 1, "A": 1, 'x"} 1\nevil': 1, "text": "1", "none": None, "worker_up": 7, "info": 1}
    text = scrape([worker(1, odd), {"worker": "1", "gauges": {"x": 1}}, {"worker": 3}, {}])
    assert values(text, "worker_up") == {"1": 1.0, "2": 0.0}
    names = {line.split("{")[0] for line in text.splitlines() if line[0] != "#"}
    assert names == {
        "gateway_info", "gateway_worker_up", "gateway_draining", "gateway_uptime_seconds",
    }  # fmt: skip


def test_what_a_worker_invents_has_an_end() -> None:
    text = scrape([worker(1, {f"g{number}": 1 for number in range(2 * MOST_GAUGES)})])
    assert text.count("# TYPE") <= MOST_GAUGES + 2 + len(OF_TARGETS) + len(OF_BUDGETS)
