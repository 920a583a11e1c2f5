"""What was spent, and what budgets have left: as pages with plots, as JSON, as a table in CSV."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal
from urllib.parse import urlencode

import msgspec
from quart import Response

from gateway.admin.desk import Desk
from gateway.admin.furniture import money
from gateway.admin.ledger.budgets import BudgetsTold, bars_of, budgets_of
from gateway.admin.ledger.moments import SECOND_NS, Day, day_number, day_of, short_day
from gateway.admin.ledger.plots import columns, rows
from gateway.admin.ledger.records import Records
from gateway.admin.ledger.usage_lines import Line, csv_of, lines_of, object_of, total_of
from gateway.admin.routes import OPERATORS, Page, Refusal, Route, Visit
from gateway.store.connection import Connection
from gateway.store.usage import DAY_NS, Used, usage

USUAL_DAYS: Final = 30
"""Days that are told of, unless it is said which."""

MOST_DAYS: Final = 3_660
MOST_COLUMNS: Final = 92
"""Days with a column each; what is longer has one for each month."""

MOST_ROWS: Final = 1_000
"""Names that the API tells of, the dearest first."""

MOST_LINES: Final = 10_000
"""The same of a table for spreadsheets; all others are its last line."""

SHOWN: Final = 100
PLOTTED: Final = 10
"""Names in the table of a page, and in its plot."""

CSV: Final = "text/csv; charset=utf-8"
UNNAMED: Final = "(none)"

By = Literal["day", "key", "team", "user", "model", "target"]
WAYS: Final[tuple[By, ...]] = ("key", "team", "user", "model", "target")
"""By what a page tells usage apart, beside the days that it always tells of."""


class SpendAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is told, and of which days (UTC), both included; without them of the last 30."""

    by: By = "key"
    since: Day = ""
    until: Day = ""


class SpendRow(msgspec.Struct, frozen=True, kw_only=True):
    """What calls came to under one name; null is those that have none.

    `unpriced` calls have ended without a price although a provider has worked for them.
    """

    name: str | None
    calls: int
    outcomes: dict[str, int]
    tokens_in: int
    cached_tokens: int
    tokens_out: int
    cost_usd: str
    cost_nanos: int
    unpriced: int


class SpendTold(msgspec.Struct, frozen=True, kw_only=True):
    """Usage by one thing; `left_out` names with the least cost are in the total alone."""

    by: By
    since: str
    until: str
    rows: list[SpendRow]
    left_out: int
    total: SpendRow


Found = dict[str | int | None, Used]


def _unix_time() -> float:
    return time.time_ns() / SECOND_NS


class Spend:
    """The page of what was spent."""

    def __init__(
        self, records: Records, desk: Desk, today: Callable[[], float] = _unix_time
    ) -> None:
        """`today` returns Unix time in seconds."""
        self._records = records
        self._desk = desk
        self._today = today

    def routes(self) -> Sequence[Route]:
        told = "What was used and what it cost, by day, key, team, user, model or target."
        table = "The same as a table for spreadsheets; no name in it is a formula."
        return (
            Route("GET", "/spend", self._page, OPERATORS, asks=SpendAsked),
            Route("GET", "/api/spend", self._list, OPERATORS, told, SpendAsked, gives=SpendTold),
            Route(
                *("GET", "/spend.csv", self._csv, OPERATORS),
                summary=table,
                asks=SpendAsked,
                kind=CSV,
            ),
            Route(
                *("GET", "/api/budgets", self._budgets, OPERATORS),
                summary="What is spent and held of each budget in use, the fullest first.",
                gives=BudgetsTold,
            ),
        )

    async def _budgets(self, _: Visit) -> BudgetsTold:
        return budgets_of(await self._desk.budgets())

    async def _list(self, visit: Visit) -> SpendTold:
        asked: SpendAsked = visit.asked
        since, until = span_of(asked, self._today())
        found = await self._records.read(partial(usage, by=asked.by, since=since, until=until))
        lines = lines_of(found, asked.by)
        return SpendTold(
            by=asked.by,
            since=day_of(since),
            until=day_of(until),
            rows=[_row(line) for line in lines[:MOST_ROWS]],
            left_out=max(0, len(lines) - MOST_ROWS),
            total=_row((None, total_of(lines))),
        )

    async def _csv(self, visit: Visit) -> Response:
        asked: SpendAsked = visit.asked
        since, until = span_of(asked, self._today())
        found = await self._records.read(partial(usage, by=asked.by, since=since, until=until))
        response = Response(csv_of(asked.by, _bounded(lines_of(found, asked.by))))
        response.content_type = CSV
        name = f"spend-by-{asked.by}-{day_of(since)}-{day_of(until)}.csv"
        response.headers["content-disposition"] = f'attachment; filename="{name}"'
        return response

    async def _page(self, visit: Visit) -> Page:
        if not self._records.are_kept:
            return Page("no_ledger.html", {"title": "Spend"})
        asked: SpendAsked = visit.asked
        since, until = span_of(asked, self._today())
        by: By = "key" if asked.by == "day" else asked.by
        days, named = await self._records.read(partial(_both, by=by, since=since, until=until))
        budgets = budgets_of(await self._desk.budgets())
        span = {"since": day_of(since), "until": day_of(until)}
        return Page(
            "spend.html",
            {
                **span,
                "by": by,
                "links": [(way, f"?{urlencode({'by': way, **span})}") for way in WAYS],
                "csv": f"/spend.csv?{urlencode({'by': by, **span})}",
                "csv_days": f"/spend.csv?{urlencode({'by': 'day', **span})}",
                "total": total_of(lines_of(days, "day")),
                "budgets": bars_of(budgets.budgets),
                "left_out": budgets.left_out,
                **_plotted(days, since, until),
                **_listed(lines_of(named, by)),
            },
        )


def span_of(asked: SpendAsked, today: float) -> tuple[int, int]:
    """Return the first and the last day that is asked for. Raises `Refusal`."""
    now = int(today * SECOND_NS) // DAY_NS
    until = day_number(asked.until) if asked.until else now
    since = day_number(asked.since) if asked.since else max(0, until - USUAL_DAYS + 1)
    if since > until:
        raise Refusal(400, "invalid_value", "The first day is after the last one.")
    if until - since >= MOST_DAYS:
        raise Refusal(400, "invalid_value", f"At most {MOST_DAYS:,} days are told of at once.")
    return since, until


def _both(connection: Connection, by: By, since: int, until: int) -> tuple[Found, Found]:
    return usage(connection, "day", since, until), usage(connection, by, since, until)


def _bounded(lines: Sequence[Line]) -> Sequence[Line]:
    """Return what a table holds: nothing is missing when it is added up."""
    rest = lines[MOST_LINES:]
    others = [(f"({len(rest)} others)", total_of(rest))] if rest else []
    return [*lines[:MOST_LINES], *others]


def _row(line: Line) -> SpendRow:
    name, used = line
    return msgspec.convert({"name": name, **object_of(used)}, SpendRow)


def _plotted(days: Mapping[str | int | None, Used], since: int, until: int) -> dict[str, Any]:
    """Return the plot of all days, those without a call too; of a long time, that of months."""
    costs = {day_of(day): Used() for day in range(since, until + 1)}
    for day, used in days.items():
        if isinstance(day, int):
            costs[day_of(day)] = used
    unit = "day"
    if len(costs) > MOST_COLUMNS:
        unit = "month"
        months: dict[str, Used] = {}
        for name, used in costs.items():
            months.setdefault(name[:7], Used())
            months[name[:7]] += used
        costs = months
    values = [(name, float(used.cost_nanos)) for name, used in costs.items()]
    plot = columns(values, money, short_day if unit == "day" else str)
    return {"plot": plot, "unit": unit, "periods": list(costs.items())}


def _listed(lines: Sequence[Line]) -> dict[str, Any]:
    shown = [(name or UNNAMED, used) for name, used in lines[:SHOWN]]
    plot = rows([(name, float(used.cost_nanos)) for name, used in shown[:PLOTTED]], money)
    rest = total_of(lines[SHOWN:])
    return {"lines": shown, "bars": plot, "rest": rest, "others": max(0, len(lines) - SHOWN)}
