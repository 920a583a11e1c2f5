"""What a line looks like, to a machine and to a person."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.lines import Line, Plain, json_lines, printable, stamp, text_lines

MOMENT = 1_790_000_000_123_456_789
FIELDS: dict[str, Plain] = {"address": "127.0.0.1:4000", "models": 3, "ca": None, "name": "a b"}


def test_a_machine_reads_one_object() -> None:
    assert json_lines()(Line(MOMENT, "info", "listening", FIELDS)) == (
        '{"timestamp":"2026-09-21T14:13:20.123Z","level":"info","event":"listening",'
        '"address":"127.0.0.1:4000","models":3,"ca":null,"name":"a b"}'
    )


def test_a_person_reads_columns_and_what_is_known() -> None:
    assert text_lines(coloured=False)(Line(MOMENT, "info", "listening", FIELDS)) == (
        '2026-09-21T14:13:20.123Z info    listening address=127.0.0.1:4000 models=3 name="a b"'
    )


def test_a_person_reads_a_traceback_below_its_line() -> None:
    line = Line(MOMENT, "error", "bug", {"request_id": "1", "exception": "Traceback\n\x1b[2J"})
    assert text_lines(coloured=False)(line) == (
        "2026-09-21T14:13:20.123Z error   bug request_id=1\nTraceback\n\\x1b[2J"
    )


def test_a_person_reads_a_tree_below_its_line() -> None:
    line = Line(MOMENT, "info", "open now", {"worker": 1, "tree": "worker 1\n└─ \x1b[2J"})
    assert text_lines(coloured=False)(line) == (
        "2026-09-21T14:13:20.123Z info    open now worker=1\nworker 1\n└─ \\x1b[2J"
    )


def test_a_person_is_told_where_there_are_better_words() -> None:
    line = Line(
        MOMENT, "info", "request", {"status": 200}, lambda known: f"all is {known['status']}"
    )
    assert text_lines(coloured=False)(line).endswith("info    all is 200")
    assert json.loads(json_lines()(line))["status"] == 200


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_every_level_has_its_colour_and_the_same_width(level: str) -> None:
    plain = text_lines(coloured=False)(Line(MOMENT, level, "event", {}))
    assert plain == f"2026-09-21T14:13:20.123Z {level:<7} event"
    assert "\x1b[3" in text_lines(coloured=True)(Line(MOMENT, level, "event", {}))


def test_a_moment_keeps_its_milliseconds_and_is_not_rounded_up() -> None:
    assert stamp(0) == "1970-01-01T00:00:00.000Z"
    assert stamp(1_999_999_999) == "1970-01-01T00:00:01.999Z"


@given(st.text(st.characters()))
def test_whatever_comes_in_is_printed_on_one_line(text: str) -> None:
    assert printable(text).isprintable()
    line = Line(MOMENT, "info", text, {"name": text})
    assert text_lines(coloured=False)(line).isprintable()
    written = json_lines()(line)
    assert written.isascii()
    assert written.isprintable()
    assert json.loads(written)["event"] == text
