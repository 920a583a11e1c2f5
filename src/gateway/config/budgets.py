"""Reads `budgets` of keys and teams: money within calendar windows."""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from gateway.config.lines import Key
from gateway.config.mistakes import quoted
from gateway.config.models import check_twice
from gateway.config.naming import Naming
from gateway.config.tables import Reading
from gateway.policy.budgets import concerns
from gateway.policy.prices import nanos
from gateway.words.budget import Budget, Per

MOST_USD = 9_000_000
"""Whole nano-dollars up to here are exact in the shared store too, which counts in doubles."""

LEAST_USD = 0.000_001

MOST_BUDGETS = 32
"""Of one key or team: each call is looked up in all of them."""

MOST_ALERTS = 16

UNKEPT = (
    "must name a database where there are budgets: without it a restart would forget what has been"
    " spent"
)
OWN = "is paid from this budget too: name a model that `models` does not mean"
TWICE = "is for the same window and models as one before it"
NOTHING = "means no model, because its groups are empty; left out, it would mean all"
FOR_TEAMS = "is for teams: a key has one user, so leave `each` out"

Alert = Annotated[float, Meta(gt=0.0, le=1.0)]


class BudgetOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What may be spent within each calendar window, in UTC."""

    usd: Annotated[
        float,
        Meta(ge=LEAST_USD, le=MOST_USD, description="US dollars that may be spent in a window."),
    ]
    per: Annotated[
        Per,
        Meta(description="The calendar window, in UTC. A week begins on Monday."),
    ]
    models: Annotated[
        list[str],
        Meta(
            description="The names whose calls are paid from it: names, patterns in which `*` is"
            " anything, and groups as `@NAME`. Without any it is all names."
        ),
    ] = msgspec.field(default_factory=list)
    each: Annotated[
        Literal["user"] | None,
        Meta(
            description="`user`: every user of the team has as much. Unset: all share it. Of teams"
            " alone."
        ),
    ] = None
    reserve: Annotated[
        Literal["typical", "worst"],
        Meta(
            description="What a call holds before it is asked. `typical`: a stream holds its prompt"
            " and a slice, renewed as it goes on; another call what such calls cost. `worst`: as"
            " much as `max_tokens` can cost."
        ),
    ] = "typical"
    then: Annotated[
        str | None,
        Meta(description="The model that is asked instead where too little is left for a call."),
    ] = None
    alert: Annotated[
        list[Alert],
        Meta(
            max_length=MOST_ALERTS,
            description="Parts of the budget at which the log is told, as 0.8.",
        ),
    ] = msgspec.field(default_factory=list)


BudgetList = Annotated[list[BudgetOptions], Meta(max_length=MOST_BUDGETS)]


def read_budgets(
    said: Sequence[BudgetOptions], key: Key, naming: Naming, reading: Reading, *, team: bool
) -> tuple[Budget, ...]:
    """Return the budgets of a key or a team; note what is wrong with them."""
    found: list[Budget] = []
    for index, options in enumerate(said):
        where: Key = (*key, index)
        naming.check(options.models, (*where, "models"))
        check_twice(options.alert, (*where, "alert"), reading)
        if options.each is not None and not team:
            reading.notes.mistake((*where, "each"), FOR_TEAMS)
        budget = budget_of(options, naming.spread(options.models))
        if options.models and not budget.models:
            _note_empty((*where, "models"), reading)
            continue
        if options.then is not None:
            _check_then(options.then, budget, where, naming, reading)
        if any(_is_same(budget, other) for other in found):
            reading.notes.mistake(where, TWICE)
        found.append(budget)
    return tuple(found)


def budget_of(options: BudgetOptions, models: Sequence[str]) -> Budget:
    """Return a budget in the words of a caller; groups are given as what they stand for."""
    return Budget(
        nanos=nanos(options.usd),
        per=options.per,
        models=tuple(models),
        each=options.each or "",
        reserve=options.reserve,
        then=options.then,
        alert=tuple(sorted(options.alert)),
    )


def written(budget: Budget) -> dict[str, object]:
    """Return a budget as it stands in a file, its defaults filled in."""
    told = {
        "usd": budget.nanos / 1e9,
        "per": budget.per,
        "models": list(budget.models),
        "each": budget.each or None,
        "reserve": budget.reserve,
        "then": budget.then,
        "alert": list(budget.alert),
    }
    return {name: value for name, value in told.items() if value is not None}


def _note_empty(key: Key, reading: Reading) -> None:
    if not reading.notes.is_wrong(("groups",)):  # Else that is told, and they may not be empty.
        reading.notes.mistake(key, NOTHING)


def _check_then(then: str, budget: Budget, where: Key, naming: Naming, reading: Reading) -> None:
    key: Key = (*where, "then")
    naming.check_one(then, key)
    # What is mistaken in either is told, and of mistaken models there may be none left.
    wrong = reading.notes.is_wrong(key) or reading.notes.is_wrong((*where, "models"))
    if not wrong and concerns(budget.models, then):
        reading.notes.mistake(key, f"{quoted(then)} {OWN}")


def _is_same(one: Budget, other: Budget) -> bool:
    """Say whether two budgets are for the same calls, in whatever order their models stand."""
    return _calls_of(one) == _calls_of(other)


def _calls_of(budget: Budget) -> tuple[object, ...]:
    return budget.per, frozenset(budget.models), budget.each
