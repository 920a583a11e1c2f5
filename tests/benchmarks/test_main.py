"""The command line teaches, and writes a page from what was saved."""

from pathlib import Path

from click.testing import CliRunner

from benchmarks.__main__ import Options, main
from benchmarks.results import save
from tests.benchmarks.fixtures import requests, results


def options(*, quick: bool = False, only: tuple[str, ...] = ()) -> Options:
    """Return the options of a command line that gives no others."""
    return Options(
        rounds=None,
        seconds=None,
        only=only,
        names=(),
        quick=quick,
        cache=Path("kept"),
        output=None,
        report_only=None,
    )


def test_the_help_names_scenarios_and_peers() -> None:
    said = CliRunner().invoke(main, ["--help"], terminal_width=200).output
    assert "paced-300" in said
    assert "vllm-router" in said
    assert "--report-only" in said


def test_an_unknown_peer_is_refused_with_those_that_there_are() -> None:
    found = CliRunner().invoke(main, ["--peers", "apache"])
    assert found.exit_code == 2
    assert "nginx" in found.output


def test_saved_results_become_a_page(tmp_path: Path) -> None:
    saved = tmp_path / "results.json"
    save(results(*requests("gateway", 40), *requests("vllm-router", 100)), saved)
    found = CliRunner().invoke(main, ["--report-only", str(saved), "--output", str(tmp_path)])
    assert found.exit_code == 0, found.output
    assert "| nursery-gateway | 40 |" in (tmp_path / "benchmarks.md").read_text()


def test_what_is_no_result_is_refused(tmp_path: Path) -> None:
    saved = tmp_path / "results.json"
    saved.write_text("{}")
    found = CliRunner().invoke(main, ["--report-only", str(saved), "--output", str(tmp_path)])
    assert found.exit_code == 1
    assert "results.json" in found.output


def test_only_a_whole_run_replaces_the_page_of_the_project() -> None:
    assert options().folder.name == "docs"
    assert options(quick=True).folder == Path("kept/page")
    assert options(only=("single",)).folder == Path("kept/page")


def test_a_quick_run_is_short() -> None:
    long, short = options().wish, options(quick=True).wish
    assert (long.rounds, long.seconds, long.quick) == (5, 5.0, False)
    assert (short.rounds, short.seconds, short.quick) == (1, 1.0, True)
    assert options(only=("single",)).wish.scenarios == ("single",)
