"""The page says what came out, who was left out, and whether the bars were met."""

from pathlib import Path

import msgspec
import pytest

from benchmarks.report import render, write
from benchmarks.results import Measurement, ScenarioNote, load, save
from tests.benchmarks.fixtures import SINGLE, requests, results

TO = "\N{EN DASH}"

MEASURED = [
    *requests("gateway", 40, 60, 50),
    *requests("vllm-router", 100, 100, 100),
    *requests("direct", 500, 500, 500),
]


def rows(page: str, beginning: str) -> list[str]:
    """Return the lines of the page that begin so."""
    return [line for line in page.splitlines() if line.startswith(beginning)]


def test_a_scenario_has_its_figures_and_the_gateway_beside_each() -> None:
    page = render(results(*MEASURED))
    assert "| | requests/s | nursery-gateway ÷ this | p50, ms |" in page
    assert f"| nursery-gateway | 50 (40{TO}60) | | 1.50 |" in page
    assert f"| vllm-router | 100 | 0.50 (0.40{TO}0.60) | 1.50 |" in page


def test_the_bars_are_shown_with_their_verdicts() -> None:
    page = render(results(*MEASURED))
    (row,) = rows(page, "| answers in one piece, requests/s against vllm-router")
    assert row.endswith(f"| 0.3 | 0.5 | 0.50 (0.40{TO}0.60) | met, as hoped |")
    (row,) = rows(page, "| start to ready")
    assert row.endswith("| 1.2 s | 0.7 s | | not measured |")


def test_who_is_missing_is_named_with_the_reason() -> None:
    assert rows(render(results(*MEASURED)), "- nginx") == ["- nginx: not installed"]


def test_a_failure_is_told_and_the_others_stay() -> None:
    failed = Measurement(0, "single", "vllm-router", failure="LoadFailed: all were wrong")
    page = render(results(*requests("gateway", 40), failed))
    assert "- vllm-router failed in 1 of 3 rounds: `LoadFailed: all were wrong`." in page
    assert "| nursery-gateway | 40 | 1.50 |" in page


def test_a_doubtful_figure_says_so() -> None:
    wrong = Measurement(
        0, "single", "gateway", {"requests_per_second": 9, "p50_ms": 1, "errors": 3}
    )
    page = render(results(wrong))
    assert "- nursery-gateway: of its answers 3 were wrong." in page
    assert "wrong answers" not in page


def test_a_quick_run_says_that_it_is_one() -> None:
    measured = results(*MEASURED)
    assert "quick run" not in render(measured)
    measured.quick = True
    assert "quick run" in render(measured)


def test_the_page_speaks_of_settings_machine_and_limits() -> None:
    page = render(results(*MEASURED))
    assert "| vllm-router | 0.1 | One worker. |" in page
    assert "| processor | A processor, 2 cores |" in page
    assert "## What the figures do not say" in page


def test_a_scenario_that_nobody_did_says_so() -> None:
    empty = ScenarioNote("memory", "Memory", {"idle_mb": "MB"}, "lower")
    assert "Nothing was measured." in render(results(scenarios=(empty,)))


def test_what_is_written_can_be_read_again(tmp_path: Path) -> None:
    measured = results(*MEASURED)
    page = write(measured, tmp_path)
    saved = tmp_path / "benchmarks/results.json"
    assert load(saved) == measured
    assert sum('"round":' in line for line in saved.read_text().splitlines()) == len(MEASURED)
    assert page.read_text(encoding="utf-8") == render(measured)
    pictures = [path.name for path in (tmp_path / "benchmarks").glob("*.svg")]
    assert pictures == ["single-requests-per-second.svg"]
    assert f"](benchmarks/{pictures[0]})" in page.read_text(encoding="utf-8")


def test_an_old_picture_does_not_stay(tmp_path: Path) -> None:
    write(results(*MEASURED), tmp_path)
    write(results(*requests("gateway", 40)), tmp_path)
    assert [*(tmp_path / "benchmarks").glob("*.svg")] == []


def test_results_without_a_measurement_can_be_read_again(tmp_path: Path) -> None:
    save(results(), tmp_path / "results.json")
    assert load(tmp_path / "results.json") == results()


def test_results_of_another_form_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    save(results(), path)
    path.write_text(path.read_text().replace('"machine"', '"engine"'))
    with pytest.raises(msgspec.ValidationError):
        load(path)


def test_the_unit_of_a_value_is_in_its_head() -> None:
    assert SINGLE.units["requests_per_second"] in render(results(*MEASURED))
