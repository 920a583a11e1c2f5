"""A campaign counts what it met, tells what failed, and says how to see it again."""

import io
import itertools
from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest
from rich.console import Console

from tests.simulation.__main__ import summary
from tests.simulation.facts import text_in, up_to_end
from tests.simulation.plan import Plan, draw_plan
from tests.simulation.regression import regression_seeds
from tests.simulation.routing import MOODS
from tests.simulation.schedule import Report, run_schedule
from tests.simulation.scripts import Script
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


def first_scripts(plan: Plan) -> Iterator[Script]:
    """Yield what every place would say to each call at first."""
    for wish in plan.chats:
        for place in plan.routing.places:
            yield plan.script(wish.id, place.name, 0, 0)


def test_a_third_of_all_worlds_has_one_provider_that_is_asked_once() -> None:
    plans = [draw_plan(seed) for seed in range(60)]
    alone = [plan for plan in plans if len(plan.routing.places) == 1 and not plan.routed]
    assert len(alone) == 20
    assert all(plan.routing.conduct.retries == 0 for plan in alone)


def test_every_kind_of_routing_is_drawn() -> None:
    plans = [plan for plan in map(draw_plan, range(300)) if plan.routed]
    assert {place.role for plan in plans for place in plan.routing.places} == {
        "own", "spare", "longer",
    }  # fmt: skip
    assert {place.mood for plan in plans for place in plan.routing.places} == {*MOODS, "short"}
    assert {plan.routing.conduct.retries for plan in plans} == {0, 1, 2, 3}
    assert {plan.routing.strategy for plan in plans} == {"order", "spread", "fastest"}
    assert len({wish.asks for plan in plans for wish in plan.chats}) > 50


def test_a_third_of_all_worlds_has_keys_and_money_and_all_kinds_of_both() -> None:
    plans = [plan for plan in map(draw_plan, range(600)) if plan.till is not None]
    assert len(plans) == 200
    tills = [plan.till for plan in plans if plan.till is not None]
    budgets = [each for till in tills for who in till.holders for each in till.budgets_of(who)]
    assert {(of, budget.per) for of, _, budget in budgets} == set(
        itertools.product(("key", "team", "user"), ("hour", "day"))
    )
    assert {budget.reserve for _, _, budget in budgets} == {"typical", "worst"}
    assert {budget.then for _, _, budget in budgets} == {None, "n", "o"}
    limits = {who.limits for till in tills for who in till.holders}
    assert {each.concurrency for each in limits} == {None, 1, 2}
    assert len({each.requests_per_minute for each in limits}) > 2
    assert len({each.tokens_per_minute for each in limits}) > 2
    assert {plan.routing.conduct.reads_on for plan in plans} == {True, False}
    assert {(till.running, till.rush) for till in tills} == set(
        itertools.product((True, False), repeat=2)
    )
    assert {till.unpriced for till in tills} == {"refuse", "free"}
    assert any(till.crashes for till in tills)


def test_a_world_with_money_is_otherwise_the_world_that_it_would_be() -> None:
    """Who comes when and asks for what depends on no lot that is drawn for money."""
    for seed in range(2, 60, 3):
        plan = draw_plan(seed)
        assert plan.till is not None
        assert {wish.takes is not None for wish in plan.chats} <= {True}
        assert {wish.holder for wish in plan.chats} <= {"", *(e.name for e in plan.till.holders)}
        assert all(wish.wire.count(b"ngw-") == wish.clean for wish in plan.chats)


def test_the_same_text_is_said_by_all_and_now_and_then_another() -> None:
    same = others = 0
    for plan in map(draw_plan, range(1, 200)):
        for wish in plan.chats if plan.routed else ():
            for place in plan.routing.places:
                script = plan.script(wish.id, place.name, 1, 1)
                parts = [part for step in script.steps for part in getattr(step, "parts", ())]
                said = text_in(b"".join(part.told or b"" for part in up_to_end(parts)))
                same += wish.text == said
                others += bool(said) and not wish.text.startswith(said)
    assert same > others > 20


def test_every_personality_is_drawn() -> None:
    drawn = {script.name for seed in range(400) for script in first_scripts(draw_plan(seed))}
    assert drawn == set(ROWS)


def test_much_of_what_can_meet_does_meet() -> None:
    """The clocks and what happens are set to the same moments."""
    met = 0
    for seed in range(200):
        plan = draw_plan(seed)
        clocks = {plan.timeouts.connect, plan.timeouts.first_token, plan.timeouts.idle}
        met += any(visit.leaving.after_seconds in clocks for visit in plan.visits)
        met += any(script.longest_wait in clocks for script in first_scripts(plan))
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
    assert "joined an answer" in said


def test_what_never_came_is_shown() -> None:
    tally = Tally()
    assert tally.all_outcomes()["internal, streaming"] == 0
    assert tally.all_causes()["idle_trickle"] == 0
    assert tally.all_personalities()["is_silent"] == 0
    assert tally.all_faults()["dial: tls"] == 0
    assert tally.all_kinds()["joined an answer"] == 0
    assert inf not in tally.all_faults().values()
