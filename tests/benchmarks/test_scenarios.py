"""Each scenario says what it promises, here of the upstream itself; and failures are no speed."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.bench import Bench
from benchmarks.load import LoadFailed, Tools, Upstream
from benchmarks.scenarios import SCENARIOS, Scenario, Values, delays, quantile
from tests.benchmarks.scripted_answers import answering

QUALITY = {"errors", "load_busy"}


def run(tools: Tools, scenario: Scenario) -> Values:
    """Measure the upstream as if it were a gateway, for a moment."""
    with Upstream(tools) as upstream:
        direct = Bench(tools, upstream, upstream.url, pids=(upstream.pid,), seconds=0.2, quick=True)
        return scenario.run(direct)


@pytest.fixture(scope="module")
def measured(tools: Tools) -> dict[str, Values]:
    """What all scenarios say, measured beside each other: here nobody asks how fast they are."""
    with ThreadPoolExecutor(len(SCENARIOS)) as pool:
        values = pool.map(lambda scenario: run(tools, scenario), SCENARIOS)
        return {scenario.name: one for scenario, one in zip(SCENARIOS, values, strict=True)}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_has_the_figures_that_it_names(
    measured: dict[str, Values], scenario: Scenario
) -> None:
    values = measured[scenario.name]
    assert values.keys() == scenario.units.keys()
    assert scenario.headline in values
    assert values.get("errors", 0) == 0


def test_speed_is_counted(measured: dict[str, Values]) -> None:
    assert measured["single"]["requests_per_second"] > 100
    burst = measured["burst"]
    assert burst["chunks_per_second"] > 10_000
    assert 0.5 < burst["chunks_per_second"] / burst["streams_per_second"] / 100 < 2


@pytest.mark.parametrize("name", ["paced-300", "paced-1000"])
def test_paced_streams_arrive_as_they_were_sent(measured: dict[str, Values], name: str) -> None:
    values = measured[name]
    assert 30 < values["delivered_percent"] < 300
    assert values["unfinished"] == 0
    assert 0 < values["delay_p50_ms"] < 100


def test_who_leaves_the_upstream_itself_is_seen_at_once(measured: dict[str, Values]) -> None:
    values = measured["leaving"]
    assert values["leaked"] == 0
    assert 0 < values["p50_ms"] < 20
    assert values["p50_ms"] <= values["p99_ms"] <= values["max_ms"]


def test_a_quick_run_opens_fewer_streams(tools: Tools) -> None:
    upstream = Upstream(tools)
    assert Bench(tools, upstream, "").streams(1000) == 1000
    assert Bench(tools, upstream, "", quick=True).streams(1000) == 100


def test_nothing_is_measured_of_processes_that_are_not_there(tools: Tools) -> None:
    (memory, *_) = SCENARIOS
    with Upstream(tools) as upstream:
        assert memory.run(Bench(tools, upstream, upstream.url)) == {}


@pytest.mark.parametrize("name", ["single", "burst", "paced-300", "leaving", "memory"])
def test_wrong_answers_are_no_figures(tools: Tools, name: str) -> None:
    (scenario,) = (one for one in SCENARIOS if one.name == name)
    busy = b"HTTP/1.1 503 Oh\r\ncontent-length: 4\r\n\r\nbusy"
    with Upstream(tools) as upstream, answering(lambda: [busy]) as origin:
        bench = Bench(tools, upstream, origin, pids=(upstream.pid,), seconds=0.1, quick=True)
        with pytest.raises(LoadFailed, match="status 503: +busy"):
            scenario.run(bench)


def test_the_time_between_leaving_and_being_seen_is_told_by_id() -> None:
    left, seen = {"closed": [[1, 1_000_000], [2, 2_000_000]]}, {"left": [[2, 5_000_000]]}
    assert delays(left, seen) == ([3.0], 1)


def test_a_quantile_of_few_values_is_one_of_them() -> None:
    assert quantile([], 0.5) == 0
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2
    assert quantile([3.0, 1.0, 2.0], 0.99) == 3
