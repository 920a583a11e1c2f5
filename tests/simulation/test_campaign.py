"""A campaign counts what it met, tells what failed, and says how to see it again."""

import io
from math import inf
from pathlib import Path

import pytest
from rich.console import Console

from tests.simulation.__main__ import summary
from tests.simulation.plan import draw_plan
from tests.simulation.regression import regression_seeds
from tests.simulation.schedule import Report, run_schedule
from tests.simulation.tally import FAULTS, ROWS, Tally, faults_of
from tests.simulation.trace import Trace


@pytest.mark.parametrize("seed", regression_seeds())
def test_what_was_mended_stays_mended(seed: int) -> None:
    assert run_schedule(seed).problems == []


def test_the_seeds_of_the_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "seeds.txt"
    path.write_text("# why\n12 a cause\n\n7\tanother\n")
    assert regression_seeds(path) == [12, 7]


def test_every_fault_that_is_drawn_has_its_line_in_the_summary() -> None:
    drawn = {fault for seed in range(300) for fault in faults_of(draw_plan(seed))}
    assert drawn <= set(FAULTS)
    assert set(FAULTS) - drawn == {"asked again on a fresh connection"}


def test_every_personality_is_drawn() -> None:
    drawn = {script.name for seed in range(400) for script in draw_plan(seed).scripts.values()}
    assert drawn == set(ROWS)


def test_much_of_what_can_meet_does_meet() -> None:
    """The clocks and what happens are set to the same moments."""
    met = 0
    for seed in range(200):
        plan = draw_plan(seed)
        clocks = {plan.timeouts.connect, plan.timeouts.first_token, plan.timeouts.idle}
        met += any(visit.leaving.after_seconds in clocks for visit in plan.visits)
        met += any(script.longest_wait in clocks for script in plan.scripts.values())
    assert met > 40


def test_tallies_add_up() -> None:
    one, other, both = Tally(), Tally(), Tally()
    for tally in (one, both):
        tally.add(run_schedule(1))
    for tally in (other, both):
        tally.add(run_schedule(2))
    one.merge(other)
    assert one == both
    assert one.schedules == 2
    assert sum(one.outcomes.values()) == one.calls > 0


def test_a_seed_that_fails_is_told_with_its_command() -> None:
    tally = Tally(schedules=1)
    for seed in range(30):
        tally.add(Report(seed, draw_plan(seed), Trace(), None, ["it [all] broke"]))
    console = Console(file=io.StringIO(), width=200)
    summary(tally, 1.0, console)
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert "seed 3: it [all] broke" in said
    assert "python -m tests.simulation --seed 3\n" in said
    assert "and 10 more" in said


def test_what_never_came_is_shown() -> None:
    tally = Tally()
    assert tally.all_outcomes()["internal, streaming"] == 0
    assert tally.all_causes()["idle_trickle"] == 0
    assert tally.all_personalities()["is_silent"] == 0
    assert tally.all_faults()["dial: tls"] == 0
    assert inf not in tally.all_faults().values()
