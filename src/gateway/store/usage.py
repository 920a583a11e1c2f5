"""Adds up the ledger: calls, tokens and money, by one of the things that a row says. Read only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from gateway.store.connection import Connection

DAY_NS: Final = 86_400_000_000_000
"""Of a day in UTC."""

_DAY: Final = f"started_at_ns / {DAY_NS}"

BY: Final[Mapping[str, str]] = {
    "day": _DAY,
    # No index holds this, or SQLite would read the whole table in the order of that index.
    "key": "\"key\" || ''",
    "team": "team",
    "user": '"user"',
    "session": "session",
    "model": "model",
    "target": "target",
}
"""What usage can be told apart by, each with the words of SQL for it."""

OPEN: Final = "open"
"""Said of calls that have not ended, in place of an outcome."""

_SUMS: Final = (
    "count(*), "
    # PostgreSQL's own sums of whole numbers are none.
    + ", ".join(
        f"CAST(coalesce(sum({name}), 0) AS BIGINT)"
        for name in ("tokens_in", "cached_tokens", "tokens_out", "cost_nanos")
    )
    + ", count(*) FILTER (WHERE cost_nanos IS NULL AND usage_quality IS NOT NULL)"
)


def _question(what: str, where: str = "") -> str:
    # From the texts in this file alone.
    return f"SELECT {what}, outcome, {_SUMS} FROM calls{where} GROUP BY 1, 2"  # noqa: S608


_OF_ALL: Final = {name: _question(what) for name, what in BY.items()}
_OF_SOME: Final = {
    name: _question(what, f" WHERE {_DAY} BETWEEN ? AND ?") for name, what in BY.items()
}
_FIRST, _LAST = 0, 2**62 // DAY_NS


@dataclass(slots=True)
class Used:
    """What calls came to. Money is whole nano-dollars; `tokens_in` includes what was cached.

    `unpriced` calls have ended without a price although a provider has worked for them.
    """

    calls: int = 0
    tokens_in: int = 0
    cached_tokens: int = 0
    tokens_out: int = 0
    cost_nanos: int = 0
    unpriced: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)

    def __iadd__(self, other: Self) -> Self:
        self.calls += other.calls
        self.tokens_in += other.tokens_in
        self.cached_tokens += other.cached_tokens
        self.tokens_out += other.tokens_out
        self.cost_nanos += other.cost_nanos
        self.unpriced += other.unpriced
        for outcome, calls in other.outcomes.items():
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + calls
        return self


def usage(
    connection: Connection, by: str, since: int | None = None, until: int | None = None
) -> dict[str | int | None, Used]:
    """Return what was used by each day, key, team, model or target.

    Days are counted from the first of January 1970, UTC; `since` and `until` are included.
    """
    if since is None and until is None:
        rows = connection.execute(_OF_ALL[by])
    else:
        first = _FIRST if since is None else since
        rows = connection.execute(_OF_SOME[by], (first, _LAST if until is None else until))
    found: dict[str | int | None, Used] = {}
    for name, outcome, calls, tokens_in, cached, tokens_out, nanos, unpriced in rows:
        used = found.setdefault(name or None if isinstance(name, str) else name, Used())
        priceless = 0 if outcome is None else unpriced
        outcomes = {outcome or OPEN: calls}
        used += Used(calls, tokens_in, cached, tokens_out, nanos, priceless, outcomes)
    return found
