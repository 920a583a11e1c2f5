"""The units of what an operator sets: each with its bounds and its name, for checks and documents.

An upper bound is no advice: it only tells a slip of the finger (and infinity) from a wish.
"""

from typing import Annotated

from msgspec import Meta

YEAR = 31_536_000.0
TEBIBYTE = 1_099_511_627_776

Seconds = Annotated[float, Meta(ge=0.0, le=YEAR, extra_json_schema={"x-unit": "seconds"})]
"""A duration that may be nothing."""

Timeout = Annotated[float, Meta(gt=0.0, le=YEAR, extra_json_schema={"x-unit": "seconds"})]
"""A duration that must be something: a clock of 0 seconds would end everything at once."""

Bytes = Annotated[int, Meta(gt=0, le=TEBIBYTE, extra_json_schema={"x-unit": "bytes"})]
"""A size."""

Count = Annotated[int, Meta(ge=0, le=10_000_000)]
"""A number of things; what 0 means, its description says."""

Port = Annotated[int, Meta(ge=0, le=65_535)]
"""A TCP port."""
