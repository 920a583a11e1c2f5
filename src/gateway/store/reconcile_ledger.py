"""Adds up the ledger as a provider would: attempt by attempt, each where it was made. Read only."""

from collections.abc import Iterator
from typing import Final

import msgspec

from gateway.store.connection import Connection
from gateway.store.reconcile import Amounts, Key, Ours, plain_model
from gateway.store.rows import LOST
from gateway.store.usage import DAY_NS
from gateway.words.receipt import Outcome

PAGE: Final = 10_000

_QUESTION: Final = (
    "SELECT started_at_ns, id, outcome, usage_quality, target, answered_by, cost_nanos, attempts"
    " FROM calls WHERE started_at_ns < ? AND (started_at_ns, id) > (?, ?)"
    " ORDER BY started_at_ns, id LIMIT ?"
)
_ESTIMATED: Final = "estimated"
_COMPLETED: Final = str(Outcome.COMPLETED)


class _Try(msgspec.Struct):
    """An attempt as a row tells it; one without tokens is one that no provider worked for."""

    target: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_nanos: int | None = None


class _Row(msgspec.Struct):
    day: int
    outcome: str | None
    quality: str | None
    target: str
    answered_by: str | None
    cost_nanos: int | None
    tries: list[_Try]


_tries_of = msgspec.json.Decoder(list[_Try]).decode


def ledger_of(
    connection: Connection,
    first: int,
    last: int,
    provider: str | None = None,
    *,
    page: int = PAGE,
) -> dict[Key, Ours]:
    """Return what was used on the days from `first` to `last`, both included, by day and model.

    Days are counted from the first of January 1970, UTC, by when a call began. `provider` is a
    name of the configuration's; without it all providers count. Answers that were kept or read
    along cost nothing, and are not there.
    """
    found: dict[Key, Ours] = {}
    for row in _rows(connection, first, last, page):
        worked = [
            each
            for each in row.tries
            if each.tokens_in is not None and _is_of(each.target, provider)
        ]
        for each in worked:
            _add(found, row, each, _cost(row, each))
        if row.outcome in {LOST, None} and _is_of(row.target, provider):
            ours = found.setdefault(_key(row, row.target), Ours())
            ours.lost += row.outcome == LOST
            ours.open += row.outcome is None
    return found


def _rows(connection: Connection, first: int, last: int, most: int) -> Iterator[_Row]:
    """Yield all rows of those days, a page at a time."""
    end, at, number = (last + 1) * DAY_NS, first * DAY_NS, -1
    while True:
        page = connection.execute(_QUESTION, (end, at, number, most)).fetchall()
        for began, _, outcome, quality, target, answered_by, cost, attempts in page:
            tries = _tries_of(attempts)
            yield _Row(began // DAY_NS, outcome, quality, target or "", answered_by, cost, tries)
        if len(page) < most:
            return
        at, number = page[-1][:2]


def _add(found: dict[Key, Ours], row: _Row, each: _Try, cost: int | None) -> None:
    ours = found.setdefault(_key(row, each.target), Ours())
    amounts = Amounts(1, each.tokens_in, each.tokens_out, cost or 0)
    ours.used += amounts
    ours.unpriced += cost is None
    if row.outcome != _COMPLETED:
        ours.aborted += amounts
    if row.quality == _ESTIMATED:
        ours.estimated += amounts


def _cost(row: _Row, each: _Try) -> int | None:
    """Return what an attempt cost. A row may have the sum alone: then the last one bears it."""
    if each.cost_nanos is not None or row.cost_nanos is None:
        return each.cost_nanos
    worked = [other for other in row.tries if other.tokens_in is not None]
    if any(other.cost_nanos is not None for other in worked):
        return None
    bearer = next((other for other in reversed(worked) if other.target == row.target), worked[-1])
    return row.cost_nanos if each is bearer else 0


def _key(row: _Row, target: str) -> Key:
    """Name the model as its provider does, where that has said its name."""
    model = target.partition("/")[2]
    if row.answered_by and target == row.target:
        model = row.answered_by
    return row.day, plain_model(model)


def _is_of(target: str, provider: str | None) -> bool:
    return provider is None or target.partition("/")[0] == provider
