"""The words for the figures. Each number in them is one that was measured."""

from dataclasses import replace

import pytest

from gateway.commands.demonstration import lines
from gateway.commands.demonstration.clients import Way
from gateway.commands.demonstration.figures import Counted, Fate, Figures, Run

OPEN = Counted(2, 2, 0)
GONE = Counted(0, 0, 1, ("client_gone",))
DONE = Counted(0, 0, 1, ("completed",))


def closed(*after: float | None, left: Counted | None = GONE) -> Figures:
    """Return figures of runs whose upstreams were closed after so many seconds, or never."""
    runs = [
        Run(way, 1, seconds, 5.0, 0.002, OPEN if left else None, left)
        for way, seconds in zip(list(Way) * 3, after, strict=False)
    ]
    return Figures("waiting", Fate.CLOSED, "client_gone", 0.05, tuple(runs))


def other(fate: Fate, run: Run) -> Figures:
    return Figures("waiting", fate, "client_gone", 0.05, (run,))


NOT_ASKED = other(Fate.NOT_ASKED, Run(Way.FIN, 0, None, 5.0, 0.0012, OPEN, GONE))
KEPT = other(Fate.KEPT, Run(Way.FIN, 1, None, 5.0, 0.0012, OPEN, DONE))
MISSED = other(Fate.CLOSED, Run(Way.FIN, missed="400"))


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (closed(0.0004, 0.0031, 0.0002), "upstream closed 0.4 ms later (worst 3.1)"),
        (closed(0.0004, None), "upstream closed 0.4 ms later (worst 0.4), 1 never"),
        (closed(None), "upstream never closed (waited 5 s)"),
        (NOT_ASKED, "upstream not asked, all gone 1.2 ms later"),
        (other(Fate.NOT_ASKED, Run(Way.FIN, left=GONE)), "upstream not asked"),
        (other(Fate.NOT_ASKED, Run(Way.FIN, 1, 0.001)), "upstream closed 1.0 ms later (worst 1.0)"),
        (other(Fate.NOT_ASKED, Run(Way.FIN, 1)), "upstream never closed"),
        (KEPT, "upstream kept for the next call"),
        (other(Fate.KEPT, Run(Way.FIN, 1, 0.001)), "upstream closed 1.0 ms later (worst 1.0)"),
        (MISSED, "phase not reached"),
    ],
)
def test_what_became_of_the_upstream(figures: Figures, said: str) -> None:
    assert lines.fate(figures) == said


def test_a_phase_is_a_line() -> None:
    assert [part.strip() for part in lines.line(closed(0.0004)).split(" · ")] == [
        "waiting",
        "client left",
        "upstream closed 0.4 ms later (worst 0.4)",
        "tasks 0",
        "sockets 0",
        "1 receipt",
    ]


def test_the_worst_run_is_told() -> None:
    runs = [
        Run(Way.FIN, 1, 0.001, 5.0, None, OPEN, left)
        for left in (GONE, Counted(3, 1, 0), Counted(1, 2, 2, ("internal",)))
    ]
    figures = Figures("waiting", Fate.CLOSED, "client_gone", 0.05, tuple(runs))
    assert lines.line(figures).endswith("tasks 3 · sockets 2 · 0 or 1 or 2 receipts, internal")


def test_a_line_without_an_inside_ends_with_the_upstream() -> None:
    assert lines.line(MISSED).endswith("client left · phase not reached")


@pytest.mark.parametrize(
    ("figures", "said"),
    [
        (closed(0.0004, 0.0031, 0.0002), ["0.4 ms (worst 0.4)", "3.1 ms", "0.2 ms"]),
        (closed(None, 0.001), ["never (waited 5 s)", "1.0 ms (worst 1.0)", "not tried"]),
        (MISSED, ["not reached", "not tried", "not tried"]),
    ],
)
def test_a_phase_of_another_gateway_is_told_by_ways(figures: Figures, said: list[str]) -> None:
    _, *cells = lines.line_by_ways(figures).split(" · ")
    assert len(cells) == len(Way)
    for way, cell, wanted in zip(Way, cells, said, strict=True):
        assert cell.startswith(f"{way} {wanted}")


def test_the_sum_of_a_gateway_whose_inside_is_seen() -> None:
    found = [closed(0.001, 0.003, 0.002), KEPT]
    assert lines.verdict(found, 0.05) == [
        "4 calls left by their clients"
        " · upstream closed 2.0 ms later in the median, 3.0 ms at worst"
        " · tasks 0 · sockets 0 · 4 receipts",
        "The promise was kept in 1 of 2 phases; 50 ms are allowed.",
    ]


def test_calls_that_were_made_again_are_told() -> None:
    found = [replace(closed(0.001), repeated=2), replace(closed(0.001), repeated=1)]
    _, told, _ = lines.verdict(found, 0.05)
    assert told == "3 calls were held up by other programs on this machine and made again."
    assert lines.as_object(found[:1], 0.05)["phases"][0]["repeated"] == 2  # type: ignore[index]


def test_the_sum_of_another_gateway() -> None:
    found = [closed(0.001, left=None), closed(None, left=None)]
    assert lines.verdict(found, 0.05) == [
        "2 calls left by their clients"
        " · upstream closed 1.0 ms later in the median, 1.0 ms at worst",
        "The upstream was closed in time in 1 of 2 phases; 50 ms are allowed.",
    ]


def test_where_nothing_was_closed_no_duration_is_told() -> None:
    assert lines.verdict([closed(None, left=None)], 0.05)[0] == "1 calls left by their clients"


def test_the_object_for_programs_holds_all_figures() -> None:
    found = lines.as_object([closed(0.001, 0.003, 0.002), MISSED], 0.05)
    assert (found["kept"], found["within_ms"]) == (False, 50.0)
    phases = found["phases"]
    assert isinstance(phases, list)
    assert phases[0] == {
        "phase": "waiting",
        "expected": "closed",
        "runs": 3,
        "repeated": 0,
        "closed_ms": {"median": 2.0, "worst": 3.0},
        "closed_ms_by_way": {
            "FIN": {"median": 1.0, "worst": 1.0},
            "RST": {"median": 3.0, "worst": 3.0},
            "half-close": {"median": 2.0, "worst": 2.0},
        },
        "never_closed": 0,
        "cleared_ms": {"median": 2.0, "worst": 2.0},
        "open_before": {"tasks": 2, "sockets": 2, "receipts": 0, "fewest_receipts": 0},
        "left_after": {"tasks": 0, "sockets": 0, "receipts": 1, "fewest_receipts": 1},
        "outcomes": ["client_gone"],
        "problems": [],
    }
    assert phases[1]["closed_ms"] is phases[1]["left_after"] is None
    assert phases[1]["problems"] == ["the phase was not reached: 400, 1 of 1 calls (FIN)"]
