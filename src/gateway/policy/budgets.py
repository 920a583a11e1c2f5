"""What may still be spent: budgets by their windows, and the money that open calls hold. Pure.

    limit ─────────────────────────────────────────────────────────────────────────
    ceiling   what may be spent here: the limit, or what the shared store has granted
    spent     what calls have cost that have ended
    reserved  what open calls hold; it becomes what they cost, the rest goes back

Money is reserved before it is spent, in small slices, so that neither long answers that nobody
reads to the end nor many calls at once can pass a budget. All amounts are whole nano-dollars.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from math import inf
from typing import Final, NamedTuple

from gateway.policy.fallbacks import ANYTHING, fits
from gateway.words.budget import Account, Per
from gateway.words.errors import BudgetExceeded, BudgetSpent, Busy

MOST_PURSES: Final = 65_536
"""Accounts that are known at once; those whose window is over give way."""

LOOK_AGAIN: Final = 1.0
"""Seconds until it is looked again for those, which takes longer the more there are."""

SET_BACK: Final = 60.0
"""Seconds. A clock that is set back by less does not open a window again that is over: what was
spent in the present one would be forgotten."""

HOUR: Final = 3_600
DAY: Final = 86_400
WEEK: Final = 7 * DAY
FIRST_MONDAY: Final = 4 * DAY
"""The first of January 1970 was a Thursday."""


class Window(NamedTuple):
    """A calendar window in UTC: Unix time in seconds, the end not included."""

    start: int
    end: int


def window_of(per: Per, today: float) -> Window:
    """Return the window that a moment lies in."""
    second = int(today)
    if per == "hour":
        return _even(second, HOUR, 0)
    if per == "day":
        return _even(second, DAY, 0)
    if per == "week":
        return _even(second, WEEK, FIRST_MONDAY)
    return _named(per, second - second % DAY)


def _even(second: int, length: int, first: int) -> Window:
    start = second - (second - first) % length
    return Window(start, start + length)


@lru_cache(maxsize=64)
def _named(per: Per, midnight: int) -> Window:
    """Return a month or a year; they are not all of one length."""
    day = datetime.fromtimestamp(midnight, UTC)
    start = datetime(day.year, 1 if per == "year" else day.month, 1, tzinfo=UTC)
    if per == "year" or start.month == 12:
        end = datetime(start.year + 1, 1, 1, tzinfo=UTC)
    else:
        end = datetime(start.year, start.month + 1, 1, tzinfo=UTC)
    return Window(int(start.timestamp()), int(end.timestamp()))


class Purse:
    """One account in one window, as this process knows it.

    `known` is what all processes together were last known to have taken, where they share a store;
    `alerted` how many of the budget's alerts have been told.
    """

    __slots__ = ("account", "alerted", "ceiling", "known", "limit", "reserved", "spent", "window")

    def __init__(self, account: Account, window: Window, ceiling: int, spent: int = 0) -> None:
        self.account = account
        self.window = window
        self.limit = account.budget.nanos
        self.ceiling = ceiling
        self.spent = self.known = spent
        self.reserved = 0
        self.alerted = 0

    @property
    def room(self) -> int:
        """What may still be reserved here; below 0 where calls cost more than they held."""
        return self.ceiling - self.spent - self.reserved


class Want(NamedTuple):
    """What a purse is short of: what a call needs in it, and what would be good to have in bulk."""

    purse: Purse
    need: int
    wish: int


Before = Callable[[Account, Window], int]
"""Says what an account had spent in a window before this process began to count."""


def nothing_before(account: Account, window: Window) -> int:
    """Say that nothing was spent before."""
    return 0


class Purses:
    """All purses of a process. With `common` the money in them is granted by a shared store."""

    def __init__(self, *, common: bool = False, most: int = MOST_PURSES) -> None:
        self.common = common
        self.before: Before = nothing_before
        self._most = most
        self._looked = -inf
        self._purses: dict[str, Purse] = {}

    def __len__(self) -> int:
        return len(self._purses)

    def __iter__(self) -> Iterator[Purse]:
        return iter(list(self._purses.values()))

    def of(self, account: Account, today: float) -> Purse:
        """Return the purse of an account for the window that it is now.

        Raises `Busy` where too many are in use for another to be counted.
        """
        purse = self._purses.get(account.name)
        if purse is None:
            self._make_room(today)
        if purse is None or not purse.window.start - SET_BACK <= today < purse.window.end:
            return self._opened(account, window_of(account.budget.per, today))
        if purse.account.budget != account.budget:
            self._change(purse, account)
        return purse

    def forget(self, today: float) -> None:
        """Forget the purses of windows that are over, once no call holds anything of them."""
        for name, purse in list(self._purses.items()):
            if today >= purse.window.end and not purse.reserved:
                del self._purses[name]

    def _make_room(self, today: float) -> None:
        if len(self._purses) < self._most:
            return
        if abs(today - self._looked) >= LOOK_AGAIN:
            self._looked = today
            self.forget(today)
        if len(self._purses) >= self._most:
            raise Busy("Too many budgets are in use at once for another to be counted.")

    def _opened(self, account: Account, window: Window) -> Purse:
        spent = self.before(account, window)
        purse = Purse(account, window, 0 if self.common else account.budget.nanos)
        purse.known = spent
        if not self.common:
            purse.spent = spent
        self._purses[account.name] = purse
        return purse

    def _change(self, purse: Purse, account: Account) -> None:
        """Take another amount from now on; what is spent stays spent."""
        purse.account, purse.limit = account, account.budget.nanos
        if not self.common:
            purse.ceiling = purse.limit


class Spent(NamedTuple):
    """What was spent in a window by one key, team, user and model, as the ledger has it.

    With `account` it is an opening balance instead: what that one account, by its name, had spent
    before it was counted here.
    """

    key: str
    team: str | None
    user: str | None
    model: str | None
    nanos: int
    account: str = ""


class History:
    """What had been spent in the windows that were open when the process started."""

    def __init__(self, windows: Mapping[int, Sequence[Spent]]) -> None:
        """`windows` holds for the start of each, in Unix time, what was spent since."""
        self._windows = dict(windows)

    def before(self, account: Account, window: Window) -> int:
        """Return what an account had spent."""
        rows = self._windows.get(window.start, ())
        return sum(row.nanos for row in rows if _was_paid_from(account, row))


def _was_paid_from(account: Account, row: Spent) -> bool:
    if row.account:
        return row.account == account.name
    if account.budget.models and not (row.model and concerns(account.budget.models, row.model)):
        return False
    if account.of == "key":
        return row.key == account.key
    if row.team != account.team:
        return False
    if account.of == "team":
        return True
    return row.user == account.user if account.user else (not row.user and row.key == account.key)


@dataclass(frozen=True, slots=True)
class Short:
    """The purse in which there is not enough."""

    purse: Purse


class Funds:
    """The money that one call holds: as much in each of its purses. `close` gives back the rest.

    A call may be in a day's, a month's and its team's budget at once: it takes from all or none.
    """

    __slots__ = ("_open", "held", "purses")

    def __init__(self, purses: Sequence[Purse]) -> None:
        self.purses = tuple(purses)
        self.held = 0
        self._open = True

    def wants(self, nanos: int, wish: int) -> list[Want]:
        """Return which purses are short for the call to hold so much more."""
        return [Want(purse, nanos, wish) for purse in self.purses if 0 < nanos > purse.room]

    def take(self, nanos: int) -> Short | None:
        """Hold so much more, or say in which purse there is not enough.

        A call that is closed holds nothing, whoever still asks for it. What costs nothing is there
        also where calls have cost more than they held.
        """
        if not self._open or nanos <= 0:
            return None
        for purse in self.purses:
            if purse.room < nanos:
                return Short(purse)
        for purse in self.purses:
            purse.reserved += nanos
        self.held += nanos
        return None

    def take_what_is_left(self, most: int) -> int:
        """Hold what there is, at most so much; return how much that was."""
        left = max(0, min([most, *(purse.room for purse in self.purses)]))
        self.take(left)
        return left

    def give_back(self, nanos: int) -> None:
        """Hold so much less."""
        less = min(nanos, self.held)
        for purse in self.purses:
            purse.reserved -= less
        self.held -= less

    def close(self, cost: int) -> None:
        """Be done, once: the call has cost so much, and holds nothing any more."""
        if not self._open:
            return
        self._open = False
        for purse in self.purses:
            purse.reserved -= self.held
            purse.spent += cost
        self.held = 0


def exceeded(short: Short, need: int) -> BudgetExceeded:
    """Return what a caller is told whose call would cost more than is left."""
    purse = short.purse
    left = max(0, purse.limit - max(purse.known, purse.spent) - purse.reserved)
    said = (
        f"{_whose(purse)} has too little left for this call: it may cost about {dollars(need)}, and"
    )
    return BudgetExceeded(f"{said} {dollars(left)} of {_amount(purse)} is free. {_anew(purse)}")


def spent_out(purse: Purse) -> BudgetSpent:
    """Return what a caller is told whose money has run out while the answer passed."""
    return BudgetSpent(f"{_whose(purse)} is spent: {_amount(purse)}. {_anew(purse)}")


def dollars(nanos: int) -> str:
    """Write an amount for people: four digits behind the point, more only for the smallest."""
    usd = nanos / 1e9
    return f"${usd:,.4f}" if usd >= 0.001 or not nanos else f"${usd:.9f}"


def _whose(purse: Purse) -> str:
    models = purse.account.budget.models
    return f"The budget of this {purse.account.of}{' for this model' if models else ''}"


def _amount(purse: Purse) -> str:
    return f"{dollars(purse.limit)} per {purse.account.budget.per}"


def _anew(purse: Purse) -> str:
    return f"It begins anew at {datetime.fromtimestamp(purse.window.end, UTC):%Y-%m-%dT%H:%MZ}."


def accounts_for(accounts: Sequence[Account], model: str) -> list[Account]:
    """Return the accounts that a call for a model is paid from."""
    return [account for account in accounts if concerns(account.budget.models, model)]


def alerts_of(purse: Purse) -> list[float]:
    """Return the parts of the budget that have been passed and not been told; now they have."""
    spent = max(purse.spent, purse.known)
    passed = [part for part in sorted(purse.account.budget.alert) if spent >= part * purse.limit]
    fresh = passed[purse.alerted :]
    purse.alerted = len(passed)
    return fresh


def concerns(models: Sequence[str], model: str) -> bool:
    """Say whether a list of names and patterns means a model; an empty one means all."""
    return not models or any(
        fits(model, each) if ANYTHING in each else each == model for each in models
    )
