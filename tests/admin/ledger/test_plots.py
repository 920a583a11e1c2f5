"""What is drawn lies where its numbers say."""

import pytest

from gateway.admin.ledger.plots import (
    COLUMNS_HEIGHT,
    LONGEST_NAME,
    MOST_NAMES,
    NARROWEST,
    columns,
    kind_of,
    part_of,
    rows,
    scale_of,
    waterfall,
)
from gateway.admin.ledger.story import Step


@pytest.mark.parametrize(
    ("most", "scale"),
    [
        (0.0, (0.0, 1.0)),
        (-1.0, (0.0, 1.0)),
        (4.0, (0.0, 1.0, 2.0, 3.0, 4.0)),
        (4.2, (0.0, 2.0, 4.0, 6.0)),
        (1e9, (0.0, 5e8, 1e9)),
        (7.0, (0.0, 2.0, 4.0, 6.0, 8.0)),
    ],
)
def test_a_scale_has_round_values_and_room_for_all(most: float, scale: tuple[float, ...]) -> None:
    assert scale_of(most) == pytest.approx(scale)


def test_columns_stand_on_the_ground_and_none_leaves_the_plot() -> None:
    plot = columns([("a", 0.0), ("b", 2.0), ("c", 4.0)], lambda value: f"${value:g}")
    empty, half, whole = plot.bars
    assert empty.height == 0.0
    assert whole.height == pytest.approx(2 * half.height)
    assert len({round(bar.y + bar.height, 1) for bar in plot.bars}) == 1
    assert all(bar.x >= 0 and bar.x + bar.width <= 100 and bar.y >= 0 for bar in plot.bars)
    assert [line.said for line in plot.lines] == ["$0", "$1", "$2", "$3", "$4"]
    assert (plot.height, whole.name, whole.said) == (COLUMNS_HEIGHT, "c", "$4")


def test_where_nothing_is_there_is_no_scale_but_the_ground() -> None:
    assert [line.said for line in columns([("a", 0.0)], lambda value: f"${value:g}").lines] == [
        "$0"
    ]


@pytest.mark.parametrize("number", [0, 1, 5, 30, 92])
def test_few_names_stand_below_many_columns(number: int) -> None:
    plot = columns([(f"n{each}", 1.0) for each in range(number)], str, str.upper)
    assert len(plot.names) <= MOST_NAMES + 1
    assert bool(plot.names) == bool(number)
    assert all(name.said.startswith("N") for name in plot.names)


def test_the_dearest_row_is_as_long_as_the_plot() -> None:
    plot = rows([("a" * 50, 8.0), ("b", 2.0), ("c", 0.0)], str)
    assert [bar.width for bar in plot.bars] == [100.0, 25.0, 0.0]
    assert plot.bars[0].name == "a" * (LONGEST_NAME - 1) + "…"
    assert plot.bars[1].y > plot.bars[0].y + plot.bars[0].height
    assert rows([], str).bars == ()
    assert rows([("a", 0.0)], str).bars[0].width == 0.0


def step(number: int, at_ms: float | None, ms: float | None, outcome: str = "completed") -> Step:
    return Step(number, "up/m", "", "", outcome, at_ms, ms, None, None, None)


def test_attempts_lie_where_they_were_in_time() -> None:
    plot = waterfall([step(1, 0.0, 100.0, "timeout"), step(2, 200.0, 200.0)], 400.0, 250.0, str)
    assert plot is not None
    first, second = plot.bars
    assert (first.x, first.width, first.kind) == (0.0, 25.0, "failed")
    assert (second.x, second.width, second.name) == (50.0, 50.0, "2 up/m")
    assert [mark.at for mark in plot.marks] == [62.5]
    assert (plot.names[0].said, plot.names[0].anchor, plot.names[-1].anchor) == (
        "0",
        "start",
        "end",
    )


def test_what_took_a_moment_can_be_seen_and_what_is_open_goes_on() -> None:
    plot = waterfall([step(1, 1000.0, 0.0), step(2, 500.0, None, "open")], 1000.0, None, str)
    assert plot is not None
    moment, going_on = plot.bars
    assert (moment.width, moment.x + moment.width) == (NARROWEST, 100.0)
    assert (going_on.x, going_on.width, going_on.said) == (50.0, 50.0, "open")
    assert plot.marks == ()


def test_where_nobody_knows_when_nothing_is_drawn() -> None:
    assert waterfall([], 5.0, 1.0, str) is None
    assert waterfall([step(1, 0.0, 5.0), step(2, None, 5.0)], 5.0, 1.0, str) is None


def test_of_a_call_without_an_end_the_plot_is_as_long_as_is_known() -> None:
    plot = waterfall([step(1, 0.0, None, "open")], None, None, str)
    assert plot is not None
    assert plot.bars[0].width == 100.0


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [("completed", ""), ("open", ""), ("lost", "left"), ("cancelled", "left"), ("x", "failed")],
)
def test_an_attempt_is_drawn_by_how_it_went(outcome: str, kind: str) -> None:
    assert kind_of(outcome) == kind


@pytest.mark.parametrize(
    ("amount", "whole", "part"), [(1, 4, 25.0), (9, 4, 100.0), (-1, 4, 0.0), (0, 0, 100.0)]
)
def test_a_part_is_within_the_whole(amount: int, whole: int, part: float) -> None:
    assert part_of(amount, whole) == part
