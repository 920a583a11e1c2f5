"""What pages are made of: files by their names, and values as people write them."""

import pytest

from gateway.admin.furniture import (
    NAVIGATION,
    NOTHING,
    STATIC,
    Furniture,
    count,
    milliseconds,
    money,
    navigation,
    shown,
)
from gateway.admin.routes import Role


def test_a_file_has_an_address_that_changes_with_it() -> None:
    furniture = Furniture()
    for path in STATIC.iterdir():
        assert furniture.static(path.name).startswith(f"/static/{path.name}?v=")
    with pytest.raises(KeyError):
        furniture.static("../site.py")


def test_nobody_is_shown_the_way_to_what_is_closed_to_them() -> None:
    assert navigation(None) == []
    assert len(navigation(Role.ADMIN)) == len(NAVIGATION)
    assert ("/playground", "Playground") not in navigation(Role.VIEWER)
    assert [path for path, _ in navigation(Role.DEVELOPER)] == ["/calls", "/playground", "/mine"]


@pytest.mark.parametrize(
    ("nanos", "written"),
    [
        (None, NOTHING), (0, "$0.00"), (1, "$0.000000001"), (1_234, "$0.00000123"),
        (12_345_678, "$0.0123"), (1_000_000_000, "$1.00"), (1_234_567_890_123, "$1,234.57"),
    ],
)  # fmt: skip
def test_money_is_written_so_that_little_is_not_nothing(nanos: int | None, written: str) -> None:
    assert money(nanos) == written


def test_r20_what_others_chose_is_written_so_that_it_cannot_be_mistaken() -> None:
    assert shown(None) == ""
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in shown("gpt\N{RIGHT-TO-LEFT OVERRIDE}4")
    assert shown(7) == "7"


def test_numbers_and_times_are_written_as_people_say_them() -> None:
    assert [count(each) for each in (None, 0, 1234567, 2.4)] == [NOTHING, "0", "1,234,567", "2"]
    said = [milliseconds(each) for each in (None, 0.25, 12.4, 1500, 90_000)]
    assert said == [NOTHING, "0.2 ms", "12 ms", "1.5 s", "1.5 min"]
