"""Amounts are exact, and no name is a formula."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.telemetry.amounts import FORMULA, cell_of, dollars


@pytest.mark.parametrize(
    ("nanos", "said"),
    [
        (0, "0.00"),
        (1, "0.000000001"),
        (10_000_000, "0.01"),
        (1_500_000_000, "1.50"),
        (2**62, "4611686018.427387904"),
        (-1_000_000_001, "-1.000000001"),
    ],
)
def test_amounts_are_exact(nanos: int, said: str) -> None:
    assert dollars(nanos) == said


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        *(("gpt-5.2", "gpt-5.2"), ("=1+1", "'=1+1"), ("@x", "'@x"), ("-x", "'-x"), ("\tx", r"\tx")),
        *((None, ""), ("", ""), ("a=1+1", "a=1+1")),
        *((f"{sign}cmd|x", f"'{sign}cmd|x") for sign in "\uff1d\uff0b\uff0d\uff20"),
    ],
)
def test_s7_a_spreadsheet_computes_nothing(name: str | None, cell: str) -> None:
    """S7: a name that clients or providers choose is a text, wherever it is read."""
    assert cell_of(name) == cell


@given(st.text())
@example("\x1b]0;title\x07")
@example("\u202egnp")
@example("\r\n=1+1")
def test_s7_no_cell_obeys_whoever_wrote_it(name: str) -> None:
    """S7, R20: whatever a name is, its cell is printable and no formula."""
    cell = cell_of(name)
    assert cell.isprintable()
    assert cell[:1] not in FORMULA
