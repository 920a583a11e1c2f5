"""What a person sees while the demonstration runs."""

from collections.abc import Sequence
from io import StringIO

import pytest
from rich.console import Console

from gateway.commands.demonstration.clients import Way
from gateway.commands.demonstration.figures import Counted, Fate, Figures, Run
from gateway.commands.demonstration.play import Stage
from gateway.commands.demonstration.scenes import SCENES
from gateway.commands.demonstration.show import Lines, LiveTable, Silent, tell_problems

OPEN = Counted(7, 5, 0)
KEPT = Figures(
    SCENES[3].phase,
    Fate.CLOSED,
    "client_gone",
    0.05,
    (Run(Way.FIN, 1, 0.0004, 5.0, 0.002, OPEN, Counted(0, 0, 1, ("client_gone",))),),
)
BROKEN = Figures(
    SCENES[4].phase,
    Fate.CLOSED,
    "client_gone",
    0.05,
    (Run(Way.FIN, 1, None, 5.0, None, OPEN, Counted(3, 2, 0)), Run(Way.RST, missed="400")),
)
UNASKED = Figures(
    SCENES[0].phase,
    Fate.NOT_ASKED,
    "client_gone",
    0.05,
    (Run(Way.FIN, 0, None, 5.0, 0.001, OPEN, Counted(0, 0, 1)),),
)


class Own:
    """Stands for a gateway whose inside is seen."""


def stage(*, inside: bool) -> Stage:
    own = Own() if inside else None
    return Stage(None, None, 0.05, 5.0, own=own)  # type: ignore[arg-type]


def console(*, terminal: bool) -> Console:
    return Console(
        file=StringIO(), force_terminal=terminal, width=80, highlight=False, color_system=None
    )


def written(target: Console) -> str:
    assert isinstance(target.file, StringIO)
    return target.file.getvalue()


def play(watch: Silent | LiveTable, found: Sequence[Figures], *, inside: bool) -> None:
    with watch:
        watch.begins(stage(inside=inside), SCENES)
        for figures in found:
            watch.played(figures)
            watch.ended(figures)


def test_silence_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    play(Silent(), [KEPT], inside=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("inside", "said"), [(True, "· tasks 0 ·"), (False, "· FIN 0.4 ms")])
def test_elsewhere_each_phase_is_a_line(inside: bool, said: str) -> None:
    target = Console(file=StringIO(), soft_wrap=True, highlight=False)
    play(Lines(target), [KEPT, BROKEN], inside=inside)
    first, second = written(target).splitlines()
    assert first.startswith(KEPT.phase)
    assert second.startswith(BROKEN.phase)
    assert said in first


def rows(target: Console) -> list[str]:
    """Return the rows of the table as it was drawn last."""
    return written(target).rpartition("the client leaves")[2].splitlines()


def test_a_terminal_shows_a_table_of_what_was_open_and_what_is_left() -> None:
    target = console(terminal=True)
    play(LiveTable(target), [UNASKED, KEPT, BROKEN], inside=True)
    table = {row[:26].rstrip(): row[26:].split("  ") for row in rows(target)}
    cells = {phase: [cell.strip() for cell in row if cell.strip()] for phase, row in table.items()}
    assert cells[KEPT.phase] == ["0.4 ms", "0.4 ms", "7 → 0", "5 → 0", "1", "kept"]
    assert cells[BROKEN.phase] == ["never, 5 s", "7 → 3", "5 → 2", "0", "broken"]
    assert cells[UNASKED.phase] == ["not asked", "7 → 0", "5 → 0", "1", "kept"]
    assert cells[SCENES[5].phase] == []


def test_a_terminal_shows_another_gateway_by_ways() -> None:
    target = console(terminal=True)
    play(LiveTable(target), [KEPT, BROKEN], inside=False)
    table = {row[:26].rstrip(): row[26:] for row in rows(target)}
    assert table[KEPT.phase].split() == ["0.4", "ms", "0.4", "ms", "kept"]
    assert table[BROKEN.phase].split() == ["never,", "5", "s", "missed", "broken"]


@pytest.mark.parametrize("inside", [True, False])
def test_the_table_fits_into_eighty_columns(inside: bool) -> None:
    target = console(terminal=True)
    play(LiveTable(target), [KEPT, BROKEN], inside=inside)
    assert "…" not in written(target)


def test_it_is_not_drawn_for_every_run() -> None:
    target = console(terminal=True)
    now = iter([0.0, 0.0, 0.01, 0.02, 0.2, 0.2, 0.21, 0.21])
    drawn = []
    with LiveTable(target, lambda: next(now)) as watch:
        watch.begins(stage(inside=True), SCENES)
        for _ in range(4):
            watch.played(KEPT)
            drawn.append(written(target).count("the client leaves"))
        watch.ended(KEPT)
    assert drawn == [1, 1, 1, 2]
    assert written(target).count("the client leaves") > 2


def test_problems_are_told_with_their_phase() -> None:
    target = Console(file=StringIO(), soft_wrap=True, highlight=False)
    tell_problems(target, [KEPT, BROKEN])
    told = written(target).splitlines()
    assert len(told) == len(BROKEN.problems()) > 3
    assert all(line.startswith(f"{BROKEN.phase}: ") for line in told)
