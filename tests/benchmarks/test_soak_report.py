"""A run is judged by what was promised, and told on a page with a picture."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import pytest
from click.testing import CliRunner

from benchmarks.soak.__main__ import main
from benchmarks.soak.gauges import NEEDED
from benchmarks.soak.plan import planned
from benchmarks.soak.report import render, write
from benchmarks.soak.results import Leaving, Rest, Results, Sample, Wish, load, save
from benchmarks.soak.verdict import failed, verdicts
from tests.benchmarks.fixtures import MACHINE

NAMESPACE = {"svg": "http://www.w3.org/2000/svg"}

QUIET = dict.fromkeys(NEEDED, 0.0) | {"open_descriptors": 30.0, "live_tasks": 26.0}


def sample(at: int, leak: float = 0.0) -> Sample:
    """Return a moment of a run whose memory grows by so many MB in ten minutes."""
    counts = {"open_calls": 20.0 + at % 7, "open_descriptors": 80.0 + at % 5, "live_tasks": 100.0}
    return Sample(
        at=float(at), calls=30 * at, rss_bytes=60_000_000 + round(leak * 1e6 * at / 600),
        admin_bytes=50_000_000, gauges=QUIET | counts, left=at % 3, middle_ms=0.4, longest_ms=9.0,
    )  # fmt: skip


def results(leak: float = 0.0, **changes: Any) -> Results:
    """Return what a run of 20 minutes came to."""
    at_rest = QUIET | {"pooled_connections_idle": 4.0, "open_descriptors": 34.0}
    whole = Results(
        wish=Wish(seed=7, minutes=20, rate=30, workers=1), version="1.0", machine=MACHINE,
        notices=["It was busy."], begun=36_000, skipped=0, calls=36_000, unexplained=0, examples=[],
        outcomes={"completed": 30_000, "client_gone": 6_000}, plays={"stream": 36_000},
        outages=[(0, 30.0, 31.5)], before=Rest(gauges=QUIET), rest=Rest(gauges=at_rest, after=2),
        leaving=Leaving(count=5_000, p50_ms=0.4, p99_ms=4, longest_ms=31), exit_code=0, unscraped=0,
        samples=[sample(at, leak) for at in range(0, 1_200, 4)],
    )  # fmt: skip
    return msgspec.structs.replace(whole, **changes)


def test_a_run_that_keeps_all_promises_passes() -> None:
    found = verdicts(results())
    assert [each.text for each in found if each.holds is not True] == []
    assert not failed(found)


def at_rest(**counts: float) -> dict[str, Any]:
    """Return what is open at the end."""
    return {"rest": Rest(gauges=QUIET | counts, after=2.0)}


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"unexplained": 1}, "nobody can explain"),
        ({"calls": 35_999}, "were compared"),
        ({"exit_code": -9}, "exit code"),
        ({"leak": 2.0}, "memory of the workers"),
        (at_rest(open_calls=1), "open calls"),
        (at_rest(open_connections=1), "open connections"),
        (at_rest(open_upstream_streams=1), "open upstream streams"),
        (at_rest(held_leases=1), "held leases"),
        (at_rest(request_body_bytes=1), "request body bytes"),
        (at_rest(live_tasks=27.0), "more tasks"),
        (at_rest(open_descriptors=31.0), "more descriptors"),
        ({"rest": Rest(gauges=QUIET, after=2.0, playing=1)}, "that providers still have"),
        ({"samples": [sample(0), msgspec.structs.replace(sample(4), gauges=QUIET | {
            "lost_log_lines": 1.0})]}, "never reached the log"),
    ],
)  # fmt: skip
def test_each_promise_can_be_broken(changes: dict[str, Any], broken: str) -> None:
    found = verdicts(results(**changes))
    assert failed(found)
    assert [each.text for each in found if each.holds is False and broken in each.text]


def test_connections_that_are_kept_for_the_next_call_are_no_leak() -> None:
    kept = at_rest(
        open_descriptors=36.0, pooled_connections_idle=5.0, pooled_connections_parked=1.0
    )
    assert not failed(verdicts(results(**kept)))


def test_the_page_tells_figures_settings_and_machine() -> None:
    page = render(results())
    assert "| calls with an outcome that nobody can explain | 0 | 0 | holds |" in page
    assert "](soak/soak.svg)" in page
    assert "| seed | 7 |" in page
    assert "| processor | A processor, 2 cores, shared by all processes |" in page
    assert "- It was busy." in page
    assert "**broken**" in render(results(unexplained=3))


def test_the_picture_is_well_formed_and_has_a_panel_for_each_value(tmp_path: Path) -> None:
    write(results(), tmp_path)
    root = ET.fromstring((tmp_path / "soak/soak.svg").read_text(encoding="utf-8"))
    names = [
        node.text for node in root.iterfind(".//svg:text", NAMESPACE) if node.get("class") == "name"
    ]
    assert names == [
        "memory of the workers (RSS)", "open descriptors", "live tasks", "open calls",
        "client gone to provider told",
    ]  # fmt: skip
    kinds = [node.get("class") for node in root.iterfind(".//svg:path", NAMESPACE)]
    assert (kinds.count("curve"), kinds.count("peak")) == (5, 1)
    assert len(root.findall(".//svg:line[@class='outage']", NAMESPACE)) == 1
    assert root.findtext("svg:title", namespaces=NAMESPACE) == "20 minutes of load and faults"


def test_a_run_without_a_sample_has_a_page_too(tmp_path: Path) -> None:
    bare = results(
        samples=[], outages=[], leaving=Leaving(count=0, p50_ms=0, p99_ms=0, longest_ms=0)
    )
    assert write(bare, tmp_path).exists()


def test_what_is_saved_can_be_read_again(tmp_path: Path) -> None:
    for found in (results(), results(samples=[])):
        save(found, tmp_path / "results.json")
        assert load(tmp_path / "results.json") == found


def test_saved_results_are_judged_again(tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    save(results(), saved)
    asked = ["--report-only", str(saved), "--out", str(tmp_path / "page")]
    assert CliRunner().invoke(main, asked).exit_code == 0
    assert (tmp_path / "page/soak.md").read_text(encoding="utf-8") == render(results())
    told = {"what": "its client saw nothing", "id": "soak-7-55", "told": {}}
    save(results(unexplained=1, examples=[told]), saved)
    found = CliRunner().invoke(main, asked)
    assert found.exit_code == 1
    assert "--seed 7 --show 55" in found.stderr


def test_the_plan_of_a_call_is_shown() -> None:
    found = CliRunner().invoke(main, ["--seed", "7", "--show", "55"])
    assert msgspec.json.decode(found.output) == msgspec.to_builtins(planned(7, 55))
    assert CliRunner().invoke(main, ["--show", "55"]).exit_code == 2


def test_results_of_another_form_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    found = CliRunner().invoke(main, ["--report-only", str(tmp_path / "x.json")])
    assert "holds no results" in found.output
