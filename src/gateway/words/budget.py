"""Money that may be spent within a calendar window, and who holds it. Amounts are nano-dollars."""

from typing import Literal

import msgspec

Per = Literal["hour", "day", "week", "month", "year"]
"""The calendar windows, in UTC; a week begins on Monday."""


class Budget(msgspec.Struct, frozen=True, omit_defaults=True):
    """So many nano-dollars within each window, for the models that it names; none is all.

    `each` says that every user of a team has as much. `reserve` is what a call that cannot be
    stopped half-way reserves: what such calls cost, or the worst. `then` is the model that is used
    in place of one for which nothing is left, `alert` are the parts of the budget at which the log
    is told.
    """

    nanos: int
    per: Per
    models: tuple[str, ...] = ()
    each: Literal["", "user"] = ""
    reserve: Literal["typical", "worst"] = "typical"
    then: str | None = None
    alert: tuple[float, ...] = ()


class Account(msgspec.Struct, frozen=True):
    """A budget in the hands of a key, a team, or one user of a team.

    `name` is unique and stays the same when the amount is changed. A user without a name of its own
    is told by its key.
    """

    name: str
    of: Literal["key", "team", "user"]
    budget: Budget
    key: str = ""
    team: str = ""
    user: str = ""
