"""Units: what an operator may set, and where a slip of the finger is told."""

from math import inf, nan
from typing import Any

import msgspec
import pytest

from gateway.words.units import Bytes, Count, Port, Seconds, Timeout


@pytest.mark.parametrize(
    ("unit", "value"),
    [(Seconds, 0.0), (Timeout, 0.001), (Bytes, 1), (Count, 0), (Port, 0), (Port, 65_535)],
)
def test_what_makes_sense_is_taken(unit: Any, value: float) -> None:
    assert msgspec.convert(value, type=unit) == value


@pytest.mark.parametrize(
    ("unit", "value"),
    [
        *((unit, value) for unit in (Seconds, Timeout) for value in (-0.5, inf, nan, 1e9)),
        (Timeout, 0.0),
        (Bytes, 0),
        (Bytes, 2**50),
        (Count, -1),
        (Count, 10**9),
        (Port, -1),
        (Port, 65_536),
    ],
)
def test_what_would_stop_everything_or_mean_nothing_is_refused(unit: Any, value: float) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(value, type=unit)
