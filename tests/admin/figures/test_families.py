"""What workers count with labels, in one scrape: whole, bounded, each worker's own."""

from typing import Any

import msgspec
import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from gateway.admin.figures.families import (
    COUNTER,
    HELP,
    MAX_LABEL,
    MOST_FAMILIES,
    MOST_SERIES,
    OF_BUDGETS,
    UNNAMED,
)
from gateway.admin.figures.metrics import exposition
from gateway.admin.figures.targets import Names
from gateway.downstream.calls import Calls
from gateway.downstream.crowd import crowd
from gateway.policy.balances import Balance
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.naming import Naming
from gateway.telemetry.series import Counter, Histogram
from gateway.words.receipt import Receipt

Sample = tuple[str, dict[str, str]]


def scrape(*answers: dict[str, Any]) -> dict[str, Metric]:
    """Return the families of a scrape, as Prometheus's own parser reads them."""
    through = [msgspec.json.decode(msgspec.json.encode(each)) for each in answers]
    text = exposition((), (), "1.2.3", Names(), through).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def worker(number: int, *families: object, budgets: object = None) -> dict[str, Any]:
    return {"worker": number, "pid": number, "families": list(families), "budgets": budgets}


def samples(family: Metric) -> dict[tuple[str, ...], float]:
    """Return the samples of a family by the end of their name, and all labels' values."""
    return {
        (sample.name.removeprefix(family.name), *sample.labels.values()): sample.value
        for sample in family.samples
    }


def test_a_counter_is_each_workers_own() -> None:
    counter = Counter("gateway_a_total", ("phase",), [("body",)])
    counter.add(("body",), 3)
    families = scrape(worker(1, counter.told()), worker(2, counter.told()))
    family = families["gateway_a"]
    assert (family.type, family.documentation) == ("counter", UNNAMED)
    assert samples(family) == {("_total", "body", "1"): 3.0, ("_total", "body", "2"): 3.0}


def test_the_buckets_of_a_histogram_are_added_up_and_an_empty_label_is_none() -> None:
    histogram = Histogram("gateway_a_seconds", (0.1, 1.0), ("error_type",))
    for value, error in ((0.05, ""), (0.5, ""), (0.5, ""), (9.0, ""), (0.1, "timeout")):
        histogram.observe((error,), value)
    family = scrape(worker(1, histogram.told()))["gateway_a_seconds"]
    assert family.type == "histogram"
    assert samples(family) == {
        ("_bucket", "1", "0.1"): 1.0, ("_bucket", "1", "1.0"): 3.0, ("_bucket", "1", "+Inf"): 4.0,
        ("_count", "1"): 4.0, ("_sum", "1"): pytest.approx(10.05),
        ("_bucket", "timeout", "1", "0.1"): 1.0, ("_bucket", "timeout", "1", "1.0"): 1.0,
        ("_bucket", "timeout", "1", "+Inf"): 1.0,
        ("_count", "timeout", "1"): 1.0, ("_sum", "timeout", "1"): 0.1,
    }  # fmt: skip


def test_everything_that_a_worker_counts_has_its_words() -> None:
    tap = Metrics(Naming({"up": "openai"}, ["m"]))
    receipt = Receipt("r", "POST", "/x", "127.0.0.1", 0.0)
    receipt.endpoint, receipt.model, receipt.ended = "chat", "m", 1.0
    receipt.complete()
    tap.settled(receipt)
    families = [*tap.told(), *crowd(Calls(1), 0.0)]
    assert {each.name for each in families} == set(HELP)
    told = scrape(worker(1, *families))
    for each in families:
        if each.series:
            family = told[each.name.removesuffix(COUNTER)]
            assert family.documentation == HELP[each.name]


def test_a_worker_that_takes_a_family_for_another_kind_spoils_nothing() -> None:
    histogram = Histogram("gateway_a_total", (1.0,))
    histogram.observe((), 0.5)
    counted = Counter("gateway_a_total").told()
    assert scrape(worker(1, counted), worker(2, histogram.told()))["gateway_a"].samples == (
        scrape(worker(1, counted))["gateway_a"].samples
    )


def balance(name: str, **more: Any) -> Balance:
    one: dict[str, Any] = {
        "name": name, "of": "team", "whose": "a", "team": "a", "per": "day", "models": (),
        "limit": 100, "spent": 10, "reserved": 1, "known": 10, "start": 0, "end": 86_400,
    }  # fmt: skip
    return Balance(**{**one, **more})


def test_a_budget_is_one_whatever_number_of_workers_there_is() -> None:
    first = worker(1, budgets=[balance("team a day"), balance("key b day", of="key", limit=7)])
    second = worker(2, budgets=[balance("team a day", spent=20, reserved=2, known=50)])
    families = scrape(first, second)
    found = {name: samples(families[name]) for name in OF_BUDGETS}
    limit, spent, reserved = found.values()
    assert limit == {("", "team a day", "team"): 100.0, ("", "key b day", "key"): 7.0}
    assert spent["", "team a day", "team"] == 47.0
    assert reserved["", "team a day", "team"] == 3.0


def test_a_worker_that_drains_does_not_count_a_budget_twice() -> None:
    """Its successor has begun with what the ledger has, and that is its money too."""
    old = {**worker(1, budgets=[balance("a", spent=9)]), "pid": 70, "uptime": 9.0}
    new = {**worker(1, budgets=[balance("a", spent=8, known=8)]), "pid": 71, "uptime": 1.0}
    spent = samples(scrape(old, new)["gateway_budget_spent_nanos"])
    assert spent == {("", "a", "team"): 8.0}


def test_of_one_that_drains_alone_the_budgets_are_told() -> None:
    old = {**worker(1, budgets=[balance("a", spent=9, known=9)]), "draining": True}
    spent = samples(scrape(old)["gateway_budget_spent_nanos"])
    assert spent == {("", "a", "team"): 9.0}


ODD: list[Any] = [
    None,
    "text",
    7,
    {"name": 5},
    {"name": "evil\n", "labels": [], "series": [[[], [1]]]},
    {"name": "other_name", "labels": [], "series": [[[], [1]]]},
    {"name": "gateway_x", "labels": ['a"}'], "series": [[["1"], [1]]]},
    {"name": "gateway_x", "labels": ["worker"], "series": [[["1"], [1]]]},
    {"name": "gateway_x", "labels": ["a", "a"], "series": [[["1", "2"], [1]]]},
    {"name": "gateway_x", "labels": ["le"], "series": [[["1"], [1, 1, 1]]], "bounds": [1.0]},
    {"name": "gateway_x", "labels": ["a"], "series": [[["1"], ["1"]]]},
    {"name": "gateway_x", "labels": ["a"], "series": 5},
]


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_family_is_left_out(odd: Any) -> None:
    families = scrape(worker(1, odd, Counter("gateway_sane_total").told()), {"families": [odd]})
    assert {name for name in families if "budget" not in name and "target" not in name} == {
        "gateway_info", "gateway_worker_up", "gateway_sane", "gateway_keys_resting",
    }  # fmt: skip


def test_a_series_that_does_not_fit_its_family_is_left_out() -> None:
    odd = {
        "name": "gateway_x", "labels": ["a"], "bounds": [1.0],
        "series": [[["1", "2"], [1, 1, 1]], [["1"], [1]], [["1"], [1, 2, 3]]],
    }  # fmt: skip
    family = scrape(worker(1, odd))["gateway_x"]
    assert samples(family)["_count", "1", "1"] == 3.0
    assert len(family.samples) == 4


@pytest.mark.parametrize("budgets", [None, 5, [5], [{"name": "x"}], {}])
def test_what_is_no_budget_is_left_out(budgets: Any) -> None:
    assert samples(scrape(worker(1, budgets=budgets))["gateway_budget_limit_nanos"]) == {}


def test_r20_a_label_does_no_harm_however_it_was_chosen() -> None:
    counter = Counter("gateway_a_total", ("model",), ())
    for name in ("\u202ex\ny", "x" * 1_000, 'q"\\', "x" * 999):
        counter.add((name,))
    family = scrape(worker(1, counter.told()))["gateway_a"]
    assert {sample.labels["model"] for sample in family.samples} == {
        "\\u202ex\\ny", "x" * MAX_LABEL, 'q"\\',
    }  # fmt: skip


def test_what_a_worker_invents_has_an_end() -> None:
    many = {
        "name": "gateway_many", "labels": ["a"],
        "series": [[[str(number)], [1]] for number in range(2 * MOST_SERIES)],
    }  # fmt: skip
    invented = [Counter(f"gateway_a{number}_total").told() for number in range(2 * MOST_FAMILIES)]
    families = scrape(worker(1, many, *invented))
    assert len(families["gateway_many"].samples) == MOST_SERIES
    assert len([name for name in families if name.startswith("gateway_a")]) == MOST_FAMILIES - 1
