"""Days and moments mean the same to whoever writes and whoever reads them."""

import pytest

from gateway.admin.ledger.moments import (
    LAST_NS,
    MINUTE_NS,
    SECOND_NS,
    day_number,
    day_of,
    moment_of,
    second_of,
    short_day,
    span_of,
)
from gateway.admin.routes import Refusal
from gateway.store.usage import DAY_NS

DAY = 20_000
MIDNIGHT = DAY * DAY_NS


@pytest.mark.parametrize(
    ("text", "first", "length"),
    [
        ("2024-10-04", MIDNIGHT, DAY_NS),
        ("2024-10-04T00:01", MIDNIGHT + MINUTE_NS, MINUTE_NS),
        ("2024-10-04T00:01Z", MIDNIGHT + MINUTE_NS, MINUTE_NS),
        ("2024-10-04T00:01:01Z", MIDNIGHT + MINUTE_NS + SECOND_NS, SECOND_NS),
    ],
)
def test_what_is_named_is_meant_whole(text: str, first: int, length: int) -> None:
    assert span_of(text) == (first, first + length - 1)


def test_what_no_database_holds_is_its_first_or_last_moment() -> None:
    assert span_of("0001-01-01") == (0, 0)
    assert span_of("9999-12-31") == (LAST_NS, LAST_NS)


@pytest.mark.parametrize(
    "text", ["2024-13-01", "2024-02-30", "2024-01-01T25:00", "x", "2024-01-01\n"]
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="is no day or time") as refused:
        span_of(text)
    assert refused.value.status == 400


def test_days_have_numbers() -> None:
    assert (day_number("2024-10-04"), day_of(DAY)) == (DAY, "2024-10-04")
    assert short_day("2024-10-04") == "4 Oct"


def test_moments_are_written_in_utc() -> None:
    assert moment_of(MIDNIGHT + 61 * SECOND_NS) == "2024-10-04 00:01:01"
    assert moment_of(None) == ""
    assert second_of(MIDNIGHT // SECOND_NS) == "2024-10-04T00:00:00Z"
