"""Rows are read whatever version wrote them; what cannot be understood is none."""

import math

import pytest

from gateway.commands.moving.database_rows import (
    KeyRow,
    TeamRow,
    beyond,
    dollars,
    is_hash,
    limits_of,
    masked,
    moment,
    read_row,
)
from gateway.words.caller import Limits


def test_a_row_needs_no_column_but_its_own_name() -> None:
    assert read_row(KeyRow, {"token": "a"}) == KeyRow(token="a")
    assert read_row(TeamRow, {"team_id": "t", "new": 1}) == TeamRow(team_id="t")
    said = {"token": "a", "max_budget": "NaN", "tpm_limit": 2**63 - 1, "models": ["m"]}
    found = read_row(KeyRow, said)
    assert found is not None
    assert math.isnan(found.max_budget or 0)


@pytest.mark.parametrize(
    "row", [{}, {"token": None}, {"token": "a", "models": 5}, {"token": "a", "rpm_limit": "many"}]
)
def test_what_is_no_row_is_none(row: dict[str, object]) -> None:
    assert read_row(KeyRow, row) is None


def test_columns_that_say_something_unknown_are_named() -> None:
    row = {"token": "a", "aliases": {"a": "b"}, "config": {}, "policies": [], "new": 1, "spend": 5}
    assert beyond(KeyRow, row) == ["aliases", "new"]


def test_only_the_sha256_of_a_secret_is_a_hash() -> None:
    assert is_hash("0123456789abcdef" * 4)
    assert not any(map(is_hash, ("sk-1234", "", "A" * 64, "g" * 64, "a" * 63, "a" * 64 + "\n")))


def test_only_what_is_masked_may_be_shown() -> None:
    assert masked("sk-...9f2c") == "sk-…9f2c"
    assert [masked(each) for each in ("sk-whole-secret", "sk-...12345", "", None)] == [None] * 4


def test_a_moment_is_in_utc_where_it_says_nothing() -> None:
    assert moment("2026-11-24T12:00:00.25") == moment("2026-11-24T13:00:00+01:00") == 1_795_521_600
    with pytest.raises(ValueError):
        moment("infinity")


def test_the_smallest_limits_hold_and_one_of_0_lets_nothing_in() -> None:
    one = KeyRow(token="a", rpm_limit=60, tpm_limit=2**62)
    other = TeamRow(team_id="t", rpm_limit=30, max_parallel_requests=4)
    assert limits_of(one, None, other) == Limits(30, None, 4)
    assert limits_of(one) == Limits(60)
    assert limits_of() == Limits()
    assert limits_of(one, TeamRow(team_id="t", tpm_limit=0)) is None
    assert limits_of(TeamRow(team_id="t", rpm_limit=-1)) is None


def test_an_amount_is_from_0_on_and_has_an_end() -> None:
    said = (5.5, 0.0, -1.0, None, math.inf, -math.inf, math.nan)
    assert list(map(dollars, said)) == [5.5, 0.0, 0.0, None, None, None, None]
