"""LiteLLM's budgets as budgets of ours: amounts, windows, what is spent of them already. Pure.

LiteLLM begins anew at the same moments as we do, in UTC: an hour at its full hour, a day at
midnight, a week on Monday, 30 days and a month on the first. For other lengths the next longer
window is taken, so that never more may be spent than there.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from gateway.commands.moving.database_notes import WIDER
from gateway.commands.moving.database_rows import Json, dollars, moment
from gateway.config.budgets import LEAST_USD, MOST_BUDGETS, MOST_USD
from gateway.policy.budgets import DAY, HOUR, WEEK, window_of
from gateway.policy.prices import nanos
from gateway.words.budget import Budget, Per

EXACT: Final[Mapping[int, Per]] = {HOUR: "hour", DAY: "day", WEEK: "week", 30 * DAY: "month"}
AT_MOST: Final[Sequence[tuple[int, Per]]] = (
    *((HOUR, "hour"), (DAY, "day"), (WEEK, "week"), (31 * DAY, "month")),
)
_SECONDS: Final = {"s": 1, "m": 60, "h": HOUR, "d": DAY, "w": WEEK, "mo": 30 * DAY}
_DURATION: Final = re.compile(r"([0-9]{1,9})(mo|[smhdw])")

NO_END: Final = f"{WIDER}, a budget that never begins anew: here it does, each year"
LONGER: Final = "a window that there is none like here: the next longer one has the same amount"
LARGE: Final = f"a budget above ${MOST_USD:,}, which is the most that there can be"
SOFT: Final = "a soft budget without a budget: nobody is told at an amount alone"
MANY: Final = f"{WIDER}, more than {MOST_BUDGETS} budgets: the rest is left out"
NO_BUDGET: Final = f"{WIDER}, a budget that cannot be read: it is left out"

Note = Callable[[str], None]
AnyParts = TypeVar("AnyParts", dict[str, Json], list[Json])


class Terms(NamedTuple):
    """What is said of a budget, and what was spent of it before `reset_at`."""

    usd: float | None
    duration: str | None
    soft: float | None = None
    model: str = ""
    spent: float | None = None
    reset_at: str | None = None


class Funded(NamedTuple):
    """A budget, and the nano-dollars that were spent of it in the window that is now."""

    budget: Budget
    spent: int


def funded(terms: Sequence[Terms], now: int, note: Note) -> tuple[Funded, ...]:
    """Return the budgets that these terms mean: one for each window and model, the smallest."""
    found: dict[tuple[Per, tuple[str, ...]], Funded] = {}
    for each in terms:
        budget = budget_of(each, note)
        if budget is None:
            continue
        new = Funded(budget, _spent(each, now))
        old = found.get((budget.per, budget.models))
        if old is None or budget.nanos < old.budget.nanos:
            found[budget.per, budget.models] = new
    if len(found) > MOST_BUDGETS:
        note(MANY)
    return tuple(found.values())[:MOST_BUDGETS]


def budget_of(terms: Terms, note: Note) -> Budget | None:
    """Return the budget that is meant; None where there is none."""
    usd, soft = dollars(terms.usd), dollars(terms.soft)
    if usd is None:
        if soft:
            note(SOFT)
        return None
    if usd > MOST_USD:
        note(LARGE)
    part = round(soft / usd, 4) if soft and usd else 0.0
    return Budget(
        nanos=nanos(min(max(usd, LEAST_USD), MOST_USD)),
        per=per_of(terms.duration, note),
        models=(terms.model,) if terms.model else (),
        alert=(part,) if 0.0 < part <= 1.0 else (),
    )


def per_of(duration: str | None, note: Note) -> Per:
    """Return the window that a duration means: `1d`, `30d`, `1mo`."""
    # As LiteLLM does: what begins like a duration is one.
    match = _DURATION.match((duration or "").strip().lower())
    if match is None:
        note(NO_END)
        return "year"
    seconds = int(match[1]) * _SECONDS[match[2]]
    if seconds in EXACT:
        return EXACT[seconds]
    note(LONGER)
    return next((per for most, per in AT_MOST if seconds <= most), "year")


def models_of(said: Json, note: Note) -> Iterator[Terms]:
    """Yield the budgets that each model has: `{"gpt-5.2": {"budget_limit": 5, …}}`."""
    for model, terms in _parts(said, dict, note).items():
        yield _terms(terms if isinstance(terms, dict) else {"max_budget": terms}, model, note)


def windows_of(said: Json, note: Note) -> Iterator[Terms]:
    """Yield the further windows of a key or team: `[{"max_budget": 5, "budget_duration": …}]`."""
    for terms in _parts(said, list, note):
        yield _terms(terms if isinstance(terms, dict) else {"max_budget": "?"}, "", note)


def _parts(said: Json, kind: type[AnyParts], note: Note) -> AnyParts:
    if said and not isinstance(said, kind):
        note(NO_BUDGET)
    return said if isinstance(said, kind) else kind()


def _terms(said: Mapping[str, Json], model: str, note: Note) -> Terms:
    usd = said.get("budget_limit", said.get("max_budget"))
    duration = said.get("time_period", said.get("budget_duration"))
    amount = _number(usd)
    if usd is not None and amount is None:
        note(NO_BUDGET)
    return Terms(amount, duration if isinstance(duration, str) else None, model=model)


def _number(value: Json) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _spent(terms: Terms, now: int) -> int:
    """Return what was spent in the present window: nothing where that was to be over by now."""
    spent = dollars(terms.spent)
    if not spent:
        return 0
    try:
        if terms.reset_at and moment(terms.reset_at) <= now:
            return 0
    except ValueError:
        pass  # nobody knows when it begins anew, so it has not
    return nanos(min(spent, MOST_USD))


def start_of(terms: Terms, now: int) -> int:
    """Return the start of the window that these terms mean now, in Unix seconds."""
    return window_of(per_of(terms.duration, lambda _: None), now).start
