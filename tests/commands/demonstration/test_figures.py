"""When the promise counts as kept, and what is said where it does not."""

import pytest

from gateway.commands.demonstration.clients import Way
from gateway.commands.demonstration.figures import Counted, Fate, Figures, Run, middle, milliseconds

OPEN = Counted(2, 2, 0)
NOTHING = Counted(0, 0, 1, ("client_gone",))
KEPT = Run(Way.FIN, 1, 0.001, 5.0, 0.002, OPEN, NOTHING)


def figures(*runs: Run, fate: Fate = Fate.CLOSED, outcome: str = "client_gone") -> Figures:
    return Figures("waiting", fate, outcome, 0.05, runs)


@pytest.mark.parametrize(
    "found",
    [
        figures(KEPT),
        figures(Run(Way.RST, 1, 0.05, 5.0)),
        figures(Run(Way.RST, 0, None, 5.0, 0.001, OPEN, NOTHING), fate=Fate.NOT_ASKED),
        figures(
            Run(Way.RST, 1, None, 5.0, 0.001, OPEN, Counted(0, 0, 1, ("completed",))),
            fate=Fate.KEPT,
            outcome="completed",
        ),
    ],
)
def test_the_promise_is_kept(found: Figures) -> None:
    assert found.problems() == []
    assert found.never == []


@pytest.mark.parametrize(
    ("run", "fate", "problem"),
    [
        (Run(Way.FIN, 1, None, 5.0), Fate.CLOSED, "the upstream was never closed (waited 5 s)"),
        (Run(Way.FIN, 1, 0.0501), Fate.CLOSED, "the upstream was closed later than after 50 ms"),
        (Run(Way.FIN, 1), Fate.NOT_ASKED, "the upstream was asked"),
        (Run(Way.FIN, 1, 0.001), Fate.KEPT, "the upstream was closed"),
        (Run(Way.FIN, missed="400"), Fate.CLOSED, "the phase was not reached: 400"),
        (
            Run(Way.FIN, 1, 0.001, open=Counted(0, 2, 0), left=NOTHING),
            Fate.CLOSED,
            "nothing was seen of the call while it was open, so nothing is proved",
        ),
        (
            Run(Way.FIN, 1, 0.001, open=Counted(2, 0, 0), left=NOTHING),
            Fate.CLOSED,
            "nothing was seen of the call while it was open, so nothing is proved",
        ),
        (Run(Way.FIN, 1, 0.001, left=Counted(3, 0, 1)), Fate.CLOSED, "tasks left: 3"),
        (Run(Way.FIN, 1, 0.001, left=Counted(0, 2, 1)), Fate.CLOSED, "sockets left: 2"),
        (Run(Way.FIN, 1, 0.001, left=Counted(0, 0, 0)), Fate.CLOSED, "receipts: 0"),
        (Run(Way.FIN, 1, 0.001, left=Counted(0, 0, 2)), Fate.CLOSED, "receipts: 2"),
        (
            Run(Way.FIN, 1, 0.001, left=Counted(0, 0, 1, ("internal",))),
            Fate.CLOSED,
            "outcome: internal",
        ),
    ],
)
def test_the_promise_is_broken(run: Run, fate: Fate, problem: str) -> None:
    assert figures(run, fate=fate).problems() == [f"{problem}, 1 of 1 calls (FIN)"]


def test_a_problem_is_told_once_with_the_calls_that_it_befell() -> None:
    late = [Run(way, 1, 0.06) for way in (Way.HALF_CLOSE, Way.FIN, Way.FIN)]
    said = "the upstream was closed later than after 50 ms, 3 of 4 calls (FIN, half-close)"
    assert figures(*late, KEPT).problems() == [said]


def test_one_call_may_have_several_problems() -> None:
    run = Run(Way.FIN, 1, None, 5.0, left=Counted(1, 1, 0))
    assert len(figures(run).problems()) == 4


def test_what_was_never_tried_is_not_kept() -> None:
    assert figures().problems() == ["never tried"]


def test_a_run_that_missed_its_phase_is_none_that_was_never_closed() -> None:
    found = figures(Run(Way.FIN, missed="400"), Run(Way.RST, 1, None, 5.0))
    assert [run.way for run in found.never] == [Way.RST]


def test_the_figures_of_one_way_are_those_of_its_runs() -> None:
    found = figures(KEPT, Run(Way.RST, 1, 0.003))
    assert found.of(Way.RST).closed == [0.003]
    assert found.of(Way.HALF_CLOSE).runs == ()
    assert (found.closed, found.cleared) == ([0.001, 0.003], [0.002])
    assert (found.open, found.left) == ([OPEN], [NOTHING])


@pytest.mark.parametrize(
    ("left", "settled"),
    [
        (NOTHING, True),
        (Counted(0, 0, 2), True),
        (Counted(1, 0, 1), False),
        (Counted(0, 1, 1), False),
        (Counted(0, 0, 0), False),
    ],
)
def test_a_call_is_settled_when_only_its_receipt_is_left(left: Counted, settled: bool) -> None:
    assert left.settled is settled


def test_durations_are_told_in_milliseconds() -> None:
    assert milliseconds(0.00044) == "0.4 ms"
    assert (middle([]), middle([3.0, 1.0, 2.0])) == (None, 2.0)
