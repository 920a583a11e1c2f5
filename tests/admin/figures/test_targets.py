"""Targets in a scrape: over all workers, a bounded number by name, and no name that does harm."""

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.admin.figures.metrics import exposition
from gateway.admin.figures.targets import (
    HELP,
    MOST_KNOWN,
    MOST_TARGETS,
    OTHER,
    Names,
)
from gateway.admin.models.standing import MAX_NAME, STATES

CALLS, RESTS, CIRCUITS, KEYS = HELP


def home(name: str, rests: float = 0.0, calls: int = 0, *keys: int) -> dict[str, Any]:
    """Return a home as a worker tells it."""
    resting = [{"number": number, "rests_for": 9.0} for number in keys]
    state = "open" if rests else "closed"
    told = {"name": name, "state": state, "rests_for": rests, "failures": 0, "open_calls": calls}
    return {**told, "resting_keys": resting}


def scrape(*workers: list[Any], names: Names | None = None) -> str:
    answers = [
        {"worker": number, "gauges": {}, "homes": homes} for number, homes in enumerate(workers, 1)
    ]
    return exposition(answers, (1, 2), "1.2.3", names or Names()).decode()


def values(text: str, family: str) -> dict[str, float]:
    """Return a family's value by target."""
    found = {
        sample.labels["target"]: sample.value
        for each in text_string_to_metric_families(text)
        for sample in each.samples
        if sample.name == family
    }
    series = [line for line in text.splitlines() if line.startswith(family + "{")]
    assert len(series) == len(found)
    return found


def test_what_workers_say_of_a_target_is_one_series() -> None:
    """Calls are added up, the longest rest counts, and a key that two let rest is one key."""
    text = scrape([home("up/m", 3.0, 2, 1, 2), home("up/sound")], [home("up/m", 12.5, 1, 2, 3)], [])
    assert values(text, CALLS) == {"up/m": 3.0, "up/sound": 0.0}
    assert values(text, RESTS) == {"up/m": 12.5, "up/sound": 0.0}
    assert values(text, KEYS) == {"up/m": 3.0, "up/sound": 0.0}
    for name, said in HELP.items():
        assert f"# HELP {name} {said}\n# TYPE {name} gauge\n" in text


def test_a_circuit_counts_in_as_many_workers_as_it_is_in_that_state() -> None:
    half = {**home("up/half"), "state": "half_open"}
    text = scrape([home("up/m", 3.0), half], [home("up/m"), half, {**home("up/odd"), "state": "x"}])
    counted = {
        (sample.labels["target"], sample.labels["state"]): sample.value
        for each in text_string_to_metric_families(text)
        for sample in each.samples
        if sample.name == CIRCUITS
    }
    assert {name: value for name, value in counted.items() if value} == {
        ("up/m", "open"): 1.0, ("up/m", "closed"): 1.0, ("up/half", "half_open"): 2.0,
    }  # fmt: skip
    assert len(counted) == 3 * len(STATES)


def test_beyond_the_bound_targets_stand_together_the_ones_that_rest_last() -> None:
    sound = [home(f"up/{number:05}", calls=1) for number in range(MOST_TARGETS + 10)]
    text = scrape([*sound, home("up/z-down", 7.0), home("up/z-keyless", 0.0, 0, 4)])
    calls = values(text, CALLS)
    assert len(calls) == MOST_TARGETS + 1
    assert calls[OTHER] == 12.0
    assert (calls["up/z-down"], calls["up/z-keyless"]) == (0.0, 0.0)
    assert values(text, RESTS)[OTHER] == values(text, KEYS)[OTHER] == 0.0


def test_of_those_that_stand_together_rests_are_not_added_up() -> None:
    down = [home(f"up/{number:05}", 1.0 + number, 1, 1, 2) for number in range(MOST_TARGETS + 3)]
    text = scrape(down)
    assert values(text, RESTS)[OTHER] == MOST_TARGETS + 3.0
    assert values(text, CALLS)[OTHER] == 3.0
    assert values(text, KEYS)[OTHER] == 6.0


def test_who_stood_by_name_does_so_again_whatever_names_clients_think_of() -> None:
    names = Names()
    ours = [home(f"up/{number:05}") for number in range(MOST_TARGETS)]
    first = set(values(scrape(ours, names=names), CALLS))
    invented = [home(f"any/{number:05}", calls=1) for number in range(500)]
    assert set(values(scrape([*ours, *invented], names=names), CALLS)) == {*first, OTHER}
    # One that rests takes the place of one that does not, and keeps it when it rests no more.
    for rests in (5.0, 0.0):
        later = set(values(scrape([*ours, home("any/x", rests)], names=names), CALLS))
        assert later == {*first, "any/x", OTHER} - {f"up/{MOST_TARGETS - 1:05}"}
    assert set(values(scrape(ours, names=names), CALLS)) == first


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("up/m\x1b[2J", "up/m\\x1b[2J"),
        ('up/x"} 1\nevil_metric 1\n', 'up/x"} 1\\nevil_metric 1\\n'),
        ("up/\u202eabc", "up/\\u202eabc"),
        ("up/\ud800", "up/\\ud800"),
        ("up/a\\b", "up/a\\b"),
        ("up/" + "x" * 5000, "up/" + "x" * (MAX_NAME - 3)),
    ],
)
def test_r20_a_name_that_a_client_has_chosen_does_no_harm(name: str, shown: str) -> None:
    """R20. Two that are written alike are one series: nothing stands twice."""
    text = scrape([home(name, calls=1), home(shown, calls=2)], [home(name, calls=4)])
    assert values(text, CALLS) == {shown: 7.0}
    assert all(line.isprintable() for line in text.splitlines())
    assert not any(line.startswith("evil") for line in text.splitlines())


def test_what_is_no_target_is_left_out() -> None:
    odd: list[Any] = [1, None, "x", [], {"name": 3}, {"name": "up/m", "rests_for": "x"}]
    odd += [{"name": "up/m", "resting_keys": [{"number": "x"}]}, {"name": "up/m", "open_calls": []}]
    assert values(scrape([*odd, {"name": "up/n", "news": 1}]), CALLS) == {"up/n": 0.0}
    others: tuple[object, ...] = ({}, None, "x", 7)
    for homes in others:
        text = exposition([{"worker": 1, "gauges": {}, "homes": homes}], (1,), "1", Names())
        assert values(text.decode(), CALLS) == {}


def test_what_workers_invent_has_an_end() -> None:
    homes = [home(f"up/{number:06}", calls=1) for number in range(MOST_KNOWN + 100)]
    calls = values(scrape(homes), CALLS)
    assert sum(calls.values()) == MOST_KNOWN
    assert len(calls) == MOST_TARGETS + 1


def test_no_gauge_of_a_worker_takes_the_name_of_a_targets_figure() -> None:
    gauges = {name.removeprefix("gateway_"): 1 for name in HELP}
    text = exposition([{"worker": 1, "gauges": gauges}], (1,), "1", Names()).decode()
    for name in HELP:
        assert text.count(f"# TYPE {name} ") == 1
        assert f"{name}{{worker=" not in text
