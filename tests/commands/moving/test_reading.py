"""Single values of a source, and the variables that stand in the place of its secrets."""

import pytest

from gateway.commands.moving.reading import (
    Open,
    Secrets,
    clocks,
    flag,
    items,
    name,
    number,
    references,
    seconds,
    table,
    text,
    whole,
)
from gateway.commands.moving.sheet import Sheet


@pytest.mark.parametrize("value", [None, True, "x", "nan", "inf", -1, [], 10**400])
def test_what_is_no_number_is_none(value: object) -> None:
    assert number(value) is None
    assert whole(value, 10) is None
    assert seconds(value) is None


def test_numbers_are_read_from_texts_too_within_bounds() -> None:
    assert (number("2.5"), number(3)) == (2.5, 3.0)
    assert (whole("7", 7), whole(8, 7), whole(0, 7, 1)) == (7, None, None)
    assert (seconds(0), seconds("0.5"), seconds(1e9)) == (None, 0.5, None)


def test_other_values_are_what_they_should_be_or_nothing() -> None:
    assert (text(" a "), text(" "), text(5), text(True), text([])) == ("a", None, "5", None, None)
    assert (name("a"), name("a\nb"), name(None), name("\ud800")) == ("a", None, None, None)
    assert (flag(True), flag("True"), flag("no"), flag(1)) == (True, True, False, False)
    assert (table([]), table({"a": 1}), items({}), items([1])) == ({}, {"a": 1}, [], [1])


@pytest.mark.parametrize(
    ("timeout", "of_streams", "found"),
    [
        (None, None, {}),
        (None, 5.0, {"first_token": 5.0, "idle": 5.0}),
        (30.0, None, {"first_token": 30.0, "idle": 30.0, "total": 600.0}),
        (900.0, 20.0, {"first_token": 20.0, "idle": 20.0, "total": 900.0}),
    ],
)
def test_their_clock_for_silence_is_never_ours_for_the_whole_call(
    timeout: float | None, of_streams: float | None, found: dict[str, float]
) -> None:
    assert clocks(timeout, of_streams) == found


def test_references_are_found_wherever_they_stand() -> None:
    said = {"a": ["os.environ/ONE", {"b": "os.environ/TWO"}], "c": "os.environ/not a name", "d": 1}
    assert list(references(said)) == ["ONE", "TWO"]


def test_a_literal_secret_becomes_a_variable_that_nobody_has() -> None:
    sheet = Sheet()
    secrets = Secrets(sheet, iter(["KEY"]))
    assert secrets.of("os.environ/KEY", "a key", "OTHER") == {"env": "KEY"}
    assert secrets.of("hidden", "a key", "KEY") == {"env": "KEY_2"}
    assert secrets.of("hidden", "the same", "KEY") == {"env": "KEY_2"}
    assert secrets.of("hidden too", "another", "KEY") == {"env": "KEY_3"}
    assert secrets.of(None, "none", "KEY") is None
    assert sheet.variables["KEY"] == "a key"
    assert "hidden" not in str(sheet.variables)
    assert sheet.variables["KEY_2"] == "a key; it stood in the source itself"


def test_what_may_stand_in_a_file_is_looked_up_in_the_source_first() -> None:
    found = Open({"HOST": "outer", "EMPTY": " "}, {"HOST": "inner", "N": 5})
    assert (found.of("os.environ/HOST"), found.of("os.environ/N")) == ("inner", "5")
    assert (found.of("os.environ/EMPTY"), found.of("plain"), found.of(None)) == (
        None,
        "plain",
        None,
    )
    assert (found.variable("EMPTY", "HOST"), found.variable("NONE")) == ("inner", None)
