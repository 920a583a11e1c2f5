"""What was used, line by line, as tables and programs read it; here as on the terminal."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.admin.ledger.moments import day_of
from gateway.store.rows import LOST
from gateway.store.usage import OPEN, Used
from gateway.telemetry.amounts import cell_of, dollars
from gateway.words.receipt import Outcome

OUTCOMES: Final = (*map(str, Outcome), LOST, OPEN)
SUMS: Final = ("calls", "tokens_in", "cached_tokens", "tokens_out", "cost_usd", "unpriced")

Line = tuple[str | None, Used]
"""What usage is told of, None where that has no name; and the usage."""


def lines_of(found: Mapping[str | int | None, Used], by: str) -> list[Line]:
    """Return what is shown: days in their order, all else with the dearest first."""
    if by == "day":
        days = sorted(day for day in found if isinstance(day, int))
        return [(day_of(day), found[day]) for day in days]
    named = [(None if name is None else str(name), used) for name, used in found.items()]
    return sorted(named, key=lambda line: (-line[1].cost_nanos, -line[1].calls, line[0] or ""))


def total_of(lines: Sequence[Line]) -> Used:
    """Add them up."""
    total = Used()
    for _, used in lines:
        total += used
    return total


def object_of(used: Used) -> dict[str, object]:
    """Return what was used as JSON has it."""
    return {
        "calls": used.calls,
        "outcomes": used.outcomes,
        "tokens_in": used.tokens_in,
        "cached_tokens": used.cached_tokens,
        "tokens_out": used.tokens_out,
        "cost_usd": dollars(used.cost_nanos),
        "cost_nanos": used.cost_nanos,
        "unpriced": used.unpriced,
    }


def csv_of(by: str, lines: Sequence[Line]) -> str:
    """Write a table for spreadsheets; no name in it is a formula."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow([by, *SUMS, *OUTCOMES])
    for name, used in lines:
        told = object_of(used)
        counts = [used.outcomes.get(outcome, 0) for outcome in OUTCOMES]
        writer.writerow([cell_of(name), *[told[each] for each in SUMS], *counts])
    return page.getvalue()
