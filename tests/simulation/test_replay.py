"""A seed is a world: the same in every process, told in full when it is asked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from tests.simulation.__main__ import main
from tests.simulation.plan import draw_plan
from tests.simulation.schedule import run_schedule
from tests.simulation.scheduling import Treadmill, repeatable

ROOT = Path(__file__).parents[2]
SEEDS = range(6)
PRINTED = (
    "from tests.simulation.schedule import run_schedule;"
    f"print(*[run_schedule(seed).hash for seed in {SEEDS!r}])"
)


def hashes_in_a_process(hash_seed: str) -> list[str]:
    """Run some seeds in a process of its own, and return the hashes of their traces."""
    done = subprocess.run(
        [sys.executable, "-c", PRINTED],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()


def test_two_processes_with_one_seed_give_one_trace() -> None:
    """Trio's private names in `scheduling.py` still do what they are there for."""
    here = [run_schedule(seed).hash for seed in SEEDS]
    assert len(set(here)) == len(SEEDS)
    assert hashes_in_a_process("1") == hashes_in_a_process("2") == here


def test_the_plan_alone_does_not_decide_the_turns() -> None:
    """Without the seeded scheduler a world would not come back."""

    def order(seed: int) -> list[int]:
        taken: list[int] = []

        async def take(number: int) -> None:
            for _ in range(3):
                await trio.lowlevel.checkpoint()
            taken.append(number)

        async def run() -> None:
            async with trio.open_nursery() as nursery:
                for number in range(8):
                    nursery.start_soon(take, number)

        with repeatable(seed):
            trio.run(run)
        return taken

    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in range(10)}) > 1


def test_plans_differ_and_come_again() -> None:
    assert draw_plan(3) == draw_plan(3)
    assert draw_plan(3) != draw_plan(4)


def test_a_world_that_goes_round_and_round_is_ended() -> None:
    treadmill = Treadmill(1_000)

    async def go_round() -> bool:
        with trio.CancelScope() as treadmill.out:
            while True:
                await trio.lowlevel.checkpoint()
        return treadmill.out.cancelled_caught

    assert trio.run(go_round, instruments=[treadmill])
    assert 1_000 <= treadmill.steps < 1_100


def test_a_replay_tells_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seed", "7"]) == 0
    said = capsys.readouterr().out
    assert "c0" in said
    assert "settles" in said
    assert f"trace {run_schedule(7).hash}" in said


def test_a_few_seeds_have_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "25", "--from", "100", "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert "completed, finishing" in said
    assert "breaks_off U13 U15" in said
    assert "swizzle" not in said
    assert "schedules/s" in said
