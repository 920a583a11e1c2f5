"""All take turns; one that fails stops nobody else."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from benchmarks.peers.peer import Peer, Place, Ready
from benchmarks.peers.running import NotStarted, Running
from benchmarks.results import Measurement
from benchmarks.rounds import Round, Stage, takes_part, told

Measure = Callable[[str, Running], Mapping[str, float]]


class Actor(Running):
    """A peer without a process, which notes what is done with it."""

    def __init__(self, peer: Peer, acts: list[str]) -> None:
        super().__init__(peer, Place(1, 2, Path()), None)
        self.ready_after = 0.5
        self.acts = acts

    @property
    def pids(self) -> tuple[int, ...]:
        return (1,)

    def pause(self) -> None:
        self.acts.append(f"{self.peer.name} waits")

    def resume(self) -> None:
        self.acts.append(f"{self.peer.name} goes on")

    def stop(self) -> None:
        self.acts.append(f"{self.peer.name} stops")


class Theatre:
    """A stage on which everything is noted."""

    def __init__(self, measure: Measure | None = None) -> None:
        self.acts: list[str] = []
        self.notes: list[Measurement] = []
        self.unwilling: set[str] = set()
        self.left: set[str] = set()
        self.last = ""
        self._measure = measure or (lambda _, __: {"figure": 1.0})

    def start(self, peer: Peer, _: Ready, __: Path) -> Running:
        if peer.name in self.unwilling:
            raise NotStarted("it ended at its start")
        self.acts.append(f"{peer.name} starts")
        return Actor(peer, self.acts)

    def measure(self, scenario: str, running: Running) -> Mapping[str, float]:
        self.last = running.peer.name
        self.acts.append(f"{scenario} {running.peer.name}")
        return self._measure(scenario, running)

    def play(self, turn: int, peers: list[Peer], *scenarios: str) -> Round:
        stage = Stage(
            start=self.start,
            measure=self.measure,
            left_open=lambda: int(self.last in self.left),
            note=self.notes.append,
            now=lambda _: None,
        )
        one = Round(stage, turn, dict.fromkeys(peers, Ready("1", Path())), scenarios, Path())
        one.play()
        return one


def peer(name: str, only: frozenset[str] = frozenset()) -> Peer:
    return Peer(name=name, title=name, settings="", only=only)


A, B, C = peer("a"), peer("b"), peer("c")


@pytest.mark.parametrize(("turn", "order"), [(0, "abc"), (1, "bca"), (2, "cab"), (3, "abc")])
def test_another_one_begins_in_each_round(turn: int, order: str) -> None:
    theatre = Theatre()
    theatre.play(turn, [A, B, C], "single", "burst")
    measured = [note.peer for note in theatre.notes if note.scenario != "ready"]
    assert "".join(measured) == order + order
    assert [note.round for note in theatre.notes] == [turn] * 9


def test_only_the_one_that_is_measured_runs() -> None:
    theatre = Theatre()
    theatre.play(0, [A, B], "single")
    assert theatre.acts == [
        "a starts",
        "a waits",
        "b starts",
        "b waits",
        "a goes on",
        "single a",
        "a waits",
        "b goes on",
        "single b",
        "b waits",
        "a stops",
        "b stops",
    ]


def test_the_time_to_ready_is_a_figure_of_each_round() -> None:
    theatre = Theatre()
    theatre.play(0, [A])
    assert theatre.notes == [Measurement(0, "ready", "a", {"seconds": 0.5})]


def test_one_that_fails_is_noted_and_started_again() -> None:
    def measure(scenario: str, running: Running) -> Mapping[str, float]:
        if (scenario, running.peer.name) == ("single", "a"):
            raise ValueError("all answers were wrong\nsee there")
        return {"figure": 2.0}

    theatre = Theatre(measure)
    theatre.play(0, [A, B], "single", "burst")
    failed = [note for note in theatre.notes if note.failure]
    assert failed == [Measurement(0, "single", "a", failure="ValueError: all answers were wrong")]
    assert Measurement(0, "burst", "a", {"figure": 2.0}) in theatre.notes
    assert theatre.acts.count("a starts") == 2
    assert theatre.acts.count("a stops") == 2


def test_one_that_does_not_start_is_measured_no_further() -> None:
    theatre = Theatre()
    theatre.unwilling = {"a"}
    one = theatre.play(0, [A, B], "single", "burst")
    assert one.failed == {"a": "it ended at its start"}
    assert [note.scenario for note in theatre.notes if note.peer == "a"] == ["ready"]
    assert [note.scenario for note in theatre.notes if note.peer == "b"] == [
        "ready",
        "single",
        "burst",
    ]


def test_one_that_keeps_streams_of_clients_that_left_begins_afresh() -> None:
    theatre = Theatre()
    theatre.left = {"a"}
    theatre.play(0, [A, B], "leaving", "single")
    assert theatre.acts.count("a starts") == 2
    assert theatre.acts.count("b starts") == 1


def test_all_are_stopped_when_the_round_is_interrupted() -> None:
    def measure(_: str, __: Running) -> Mapping[str, float]:
        raise KeyboardInterrupt

    theatre = Theatre(measure)
    with pytest.raises(KeyboardInterrupt):
        theatre.play(0, [A, B], "single")
    assert theatre.acts[-2:] == ["a stops", "b stops"]


def test_some_are_there_for_one_scenario_alone() -> None:
    helper = peer("one-worker", frozenset({"workers"}))
    theatre = Theatre()
    theatre.play(0, [A, helper], "single", "workers")
    measured = [(note.scenario, note.peer) for note in theatre.notes]
    assert measured == [("ready", "a"), ("single", "a"), ("workers", "one-worker")]
    assert not takes_part(A, "workers")


def test_a_failure_is_told_in_one_line() -> None:
    assert told(ValueError("a\nb")) == "ValueError: a"
    assert told(TimeoutError()) == "TimeoutError"
