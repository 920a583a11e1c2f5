"""The supervisor with workers that do as they are told; `test_workers.py` has the real ones."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house.source import ROOT
from tests.process import children

SOON = 5.0
ENOUGH = 2.0
"""Seconds in which a worker that means to end has ended, however slow the machine."""

POLL = 0.005


class Supervised:
    """A running `tests/supervised.py`."""

    def __init__(self, folder: Path, patience: float, generations: tuple[str, ...]) -> None:
        self._births = folder / "births"
        self._log = folder / "log"
        command = [sys.executable, "-m", "tests.supervised", str(self._births), str(patience)]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, *generations],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                process_group=0,
            )

    def ready(self) -> "Supervised":
        """Wait until all workers have been ready."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready 2\n"
        return self

    def births(self, number: int) -> list[int]:
        """Return the pids that a place has seen."""
        path = self._births.with_suffix(f".{number}")
        return [int(line) for line in path.read_text().splitlines()] if path.exists() else []

    def wait_for(self, true: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + SOON
        while not true():
            assert time.monotonic() < deadline, self.said
            select.select([], [], [], POLL)

    @property
    def said(self) -> str:
        return self._log.read_text()

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return the log's lines of one event."""
        whole = self.said.rpartition("\n")[0]
        lines = [json.loads(line) for line in whole.splitlines() if line[:1] == "{"]
        return [line for line in lines if line["event"] == event]

    def ends(self, *numbers: signal.Signals) -> int:
        """Send signals, each once the one before has been told; return the exit code."""
        for told, number in zip(("draining", "stopping at once"), numbers, strict=False):
            self.process.send_signal(number)
            self.wait_for(lambda told=told: bool(self.lines(told)))  # type: ignore[misc]
        return self.process.wait(SOON)


Supervise = Callable[..., Supervised]


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Supervise]:
    """Start a supervisor; at the end nothing of its group is left."""
    made: list[Supervised] = []

    def start(*generations: str, patience: float = SOON) -> Supervised:
        made.append(Supervised(tmp_path, patience, generations))
        return made[-1]

    yield start
    for each in made:
        if each.process.poll() is None:
            os.killpg(each.process.pid, signal.SIGKILL)
            each.process.wait()
        assert each.process.stdout is not None
        each.process.stdout.close()


def test_workers_that_end_well_make_it_end_well(supervise: Supervise) -> None:
    supervised = supervise("good").ready()
    assert supervised.ends(signal.SIGTERM) == 0
    assert [len(supervised.births(number)) for number in (1, 2)] == [1, 1]


def test_one_that_ends_badly_makes_the_exit_code_1(supervise: Supervise) -> None:
    """G1."""
    supervised = supervise("lame").ready()
    assert supervised.ends(signal.SIGINT) == 1
    assert "RuntimeError: not like this" in supervised.said


def test_one_that_dies_is_replaced_in_its_place(supervise: Supervise) -> None:
    supervised = supervise("good").ready()
    os.kill(supervised.births(2)[0], signal.SIGKILL)
    supervised.wait_for(lambda: len(supervised.births(2)) == 2)
    (line,) = supervised.lines("worker died")
    assert (line["worker"], line["pid"]) == (2, supervised.births(2)[0])
    assert (line["how"], line["replaced_in"]) == ("ended with SIGKILL", 0)
    assert supervised.ends(signal.SIGTERM) == 0
    assert len(supervised.births(1)) == 1


def test_one_that_dies_again_and_again_is_given_time_and_signals_are_obeyed_meanwhile(
    supervise: Supervise,
) -> None:
    """G3 in part."""
    supervised = supervise("good", "stillborn").ready()
    began = time.monotonic()
    os.kill(supervised.births(1)[0], signal.SIGKILL)
    supervised.wait_for(lambda: len(supervised.lines("worker died")) == 2)
    assert [line["replaced_in"] for line in supervised.lines("worker died")] == [0, 1]
    assert supervised.ends(signal.SIGTERM) == 0
    assert time.monotonic() - began < 1
    assert len(supervised.births(1)) == 2


def test_workers_that_cannot_start_are_not_tried_again(supervise: Supervise) -> None:
    supervised = supervise("stillborn")
    assert supervised.process.wait(SOON) == 1
    assert "ended with exit code 1 before all were ready." in supervised.said
    assert "RuntimeError: no worker" in supervised.said
    assert max(len(supervised.births(number)) for number in (1, 2)) == 1


def test_one_that_does_not_end_in_time_is_killed_and_told(supervise: Supervise) -> None:
    """G1: a stopped process reads no orders."""
    supervised = supervise("good", patience=ENOUGH).ready()
    stopped = supervised.births(1)[0]
    os.kill(stopped, signal.SIGSTOP)
    assert supervised.ends(signal.SIGTERM) == 1
    (line,) = supervised.lines("worker killed: it did not end in time")
    assert (line["worker"], line["pid"]) == (1, stopped)
    hows = {line["pid"]: line["how"] for line in supervised.lines("worker ended")}
    assert hows == {stopped: "SIGKILL", supervised.births(2)[0]: "exit code 0"}


def test_the_second_signal_shortens_the_patience(supervise: Supervise) -> None:
    """G2."""
    supervised = supervise("deaf", patience=0.2).ready()
    began = time.monotonic()
    assert supervised.ends(signal.SIGTERM, signal.SIGINT) == 1
    assert time.monotonic() - began < SOON
    assert len(supervised.lines("worker killed: it did not end in time")) == 2


def test_one_that_leaves_by_itself_is_replaced_before_it_has_gone(supervise: Supervise) -> None:
    supervised = supervise("leaving", "good", patience=ENOUGH).ready()
    supervised.wait_for(lambda: len(supervised.births(1)) == len(supervised.births(2)) == 2)
    supervised.wait_for(lambda: len(supervised.lines("worker ended")) == 2)
    assert supervised.lines("worker died") == []
    assert len(children(supervised.process.pid)) == 2
    assert supervised.ends(signal.SIGTERM) == 0


def test_nothing_is_left_of_workers_whose_supervisor_is_killed(supervise: Supervise) -> None:
    supervised = supervise("deaf").ready()
    os.kill(supervised.births(1)[0], signal.SIGKILL)
    supervised.wait_for(lambda: len(supervised.births(1)) == 2)
    pids = [supervised.births(1)[1], supervised.births(2)[0]]
    supervised.process.kill()
    supervised.process.wait()
    supervised.wait_for(lambda: not any(lives(pid) for pid in pids))


def test_the_one_beside_begins_after_the_workers_and_ends_after_them(supervise: Supervise) -> None:
    supervised = supervise("good", "+good").ready()
    supervised.wait_for(lambda: len(supervised.births(0)) == 1)
    assert supervised.births(0)[0] > max(supervised.births(1)[0], supervised.births(2)[0])
    assert supervised.ends(signal.SIGTERM) == 0
    events = [json.loads(line)["event"] for line in supervised.said.splitlines()]
    started = ["worker started", "worker started", "admin started"]
    ended = ["draining", "worker ended", "worker ended", "admin ended", "stopped"]
    assert events == started + ended


def test_whatever_becomes_of_the_one_beside_the_exit_code_is_the_workers(
    supervise: Supervise,
) -> None:
    supervised = supervise("good", "+lame", "+stillborn").ready()
    supervised.wait_for(lambda: len(supervised.births(0)) == 1)
    os.kill(supervised.births(0)[0], signal.SIGKILL)
    supervised.wait_for(lambda: len(supervised.lines("admin died")) == 2)
    told = [(line["how"], line["replaced_in"]) for line in supervised.lines("admin died")]
    assert told == [("ended with SIGKILL", 0), ("ended with exit code 1", 1)]
    assert all("worker" not in line for line in supervised.lines("admin died"))
    assert supervised.ends(signal.SIGTERM) == 0
    assert supervised.lines("worker died") == []
    assert len(supervised.births(1)) == 1


def test_one_beside_that_does_not_end_is_killed(supervise: Supervise) -> None:
    supervised = supervise("good", "+deaf", patience=ENOUGH).ready()
    supervised.wait_for(lambda: len(supervised.births(0)) == 1)
    os.kill(supervised.births(0)[0], signal.SIGSTOP)
    assert supervised.ends(signal.SIGTERM) == 0
    assert "SIGKILL" in {line["how"] for line in supervised.lines("admin ended")}


def test_one_beside_that_dies_while_the_workers_drain_is_replaced(supervise: Supervise) -> None:
    """Whoever watches a long drain goes on watching."""
    supervised = supervise("deaf", "+good", patience=0.3).ready()
    supervised.wait_for(lambda: len(supervised.births(0)) == 1)
    supervised.process.send_signal(signal.SIGTERM)
    supervised.wait_for(lambda: bool(supervised.lines("draining")))
    os.kill(supervised.births(0)[0], signal.SIGKILL)
    supervised.wait_for(lambda: len(supervised.births(0)) == 2)
    supervised.process.send_signal(signal.SIGTERM)
    assert supervised.process.wait(SOON) == 1


def test_a_start_that_fails_has_nobody_beside_it(supervise: Supervise) -> None:
    supervised = supervise("stillborn", "+good")
    assert supervised.process.wait(SOON) == 1
    assert supervised.births(0) == []


def lives(pid: int) -> bool:
    """Say whether a process runs; one that nobody has buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
