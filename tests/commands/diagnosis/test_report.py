"""What a person and a program are shown of the findings."""

import json
from io import StringIO

from rich.console import Console

from gateway.commands.diagnosis.report import (
    Lines,
    LiveTable,
    Silent,
    as_object,
    summary,
    table,
)
from gateway.commands.diagnosis.verdict import Examined, fail, ok, skipped, warn

FIRST = Examined("machine", (ok("memory", "8 GiB"), warn("descriptors", "few", "Raise them.")))
SECOND = Examined("provider [red]x", (fail("key", "refused", "Set it."), skipped("models", "no")))
FOUND = [FIRST, SECOND]


def console(*, terminal: bool = False, width: int = 100) -> Console:
    return Console(
        file=StringIO(),
        force_terminal=terminal,
        width=width,
        height=24,
        color_system=None,
        markup=False,
        soft_wrap=True,
        highlight=False,
    )


def written(target: Console) -> str:
    assert isinstance(target.file, StringIO)
    return target.file.getvalue()


def test_lines_come_in_order_whoever_was_ready_first() -> None:
    target = console()
    with Lines(target) as watch:
        watch.begins([FIRST.subject, SECOND.subject])
        watch.found(SECOND)
        assert written(target) == ""
        watch.found(FIRST)
        watch.found(Examined("clock", (ok("time", "right"),)))
    lines = written(target).splitlines()
    assert [line.split()[0] for line in lines] == [
        *("ok", "warn", "→", "fail", "→", "skipped", "ok")
    ]
    assert lines[3].split() == ["fail", "provider", "[red]x", "key", "refused"]
    assert lines[4].split() == ["→", "Set", "it."]


def test_a_terminal_shows_what_is_still_open_and_then_the_table() -> None:
    target = console(terminal=True)
    with LiveTable(target) as watch:
        watch.begins([FIRST.subject, SECOND.subject])
        watch.found(FIRST)
        watch.found(Examined("clock", (ok("time", "right"),)))
    target.print(table(FOUND))
    said = written(target)
    assert "provider [red]x" in said
    assert "→ Raise them." in said


def test_the_last_line_counts_and_a_program_is_told_all() -> None:
    assert summary(FOUND, 1.25).plain == "1 failure, 1 warning, 1 ok, 1 skipped · 1.2 s"
    said = json.loads(json.dumps(as_object(FOUND, 1.25)))
    assert (said["verdict"], said["seconds"]) == ("fail", 1.25)
    assert said["checks"][1] == {
        "subject": "machine",
        "check": "descriptors",
        "verdict": "warn",
        "seen": "few",
        "remedy": "Raise them.",
    }
    assert [each["verdict"] for each in said["checks"]] == ["ok", "warn", "fail", "skipped"]


def test_the_last_line_counts_each_sort_by_itself() -> None:
    verdicts = (*[warn("a", "b", "c")] * 2, *[ok("a", "b")] * 4, *[skipped("a", "b")] * 3)
    said = summary([Examined("many", verdicts)], 0.04).plain
    assert said == "0 failures, 2 warnings, 4 ok, 3 skipped · 0.0 s"


def test_a_program_is_not_shown_what_is_going_on() -> None:
    with Silent() as watch:
        watch.begins(["a"])
        watch.found(FIRST)
