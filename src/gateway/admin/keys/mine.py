"""What somebody sees of themselves: who they are, own keys, usage and budgets, and how to ask.

Nothing is told of others: all is looked up by the user and the team of the session (S13).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gateway.admin.furniture import count, money
from gateway.admin.keys.desk import KeyDesk
from gateway.admin.keys.forms import KeyTold
from gateway.admin.keys.locksmith import Locksmith, this_second
from gateway.admin.keys.purses import PurseTold, purses_told
from gateway.admin.keys.snippets import VARIABLE, chosen, snippets
from gateway.admin.keys.spending import Since, Spending
from gateway.admin.keys.views import by_key, key_told
from gateway.admin.ledger.moments import day_of
from gateway.admin.ledger.plots import Plot, columns
from gateway.admin.ledger.plots import part_of as percent
from gateway.admin.routes import EVERYONE, Identity, Page, Refusal, Route, Routes, Visit
from gateway.policy.budgets import window_of
from gateway.policy.issuers import OIDC
from gateway.policy.keys import KeyRecord, Keyring, Team, accounts_of
from gateway.store.archive import Archive
from gateway.store.connection import DatabaseFault
from gateway.store.keys import Kept
from gateway.store.own_usage import Own, usage_of
from gateway.words.budget import Account
from gateway.words.caller import Caller
from gateway.words.errors import Busy

DAYS: Final = 31
"""Days of usage that are told, with today."""

DAY: Final = 86_400
MOST_MODELS: Final = 500


class MineAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For which model the lines to paste are."""

    model: Annotated[str, Meta(max_length=256)] = ""


class UsedTold(msgspec.Struct, frozen=True, kw_only=True):
    """What was used on a day with a model."""

    day: str
    model: str
    calls: int
    tokens_in: int
    tokens_out: int
    cost_nanos: int


class MeTold(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks, and what is theirs. `used` is None where no ledger can be asked."""

    name: str
    role: str
    user: str | None
    team: str | None
    models: list[str]
    keys: list[KeyTold]
    budgets: list[PurseTold]
    used: list[UsedTold] | None


class Mine:
    """The page of whoever has signed in."""

    def __init__(
        self,
        desk: KeyDesk,
        locksmith: Locksmith,
        spending: Spending,
        archive: Archive | None,
        now: Callable[[], int] = this_second,
    ) -> None:
        self._desk = desk
        self._locksmith = locksmith
        self._spending = spending
        self._archive = archive
        self._now = now
        self._ring = Keyring((), desk.teams, desk.groups, b"")

    def routes(self) -> Routes:
        """Return all that there is of it."""
        summary = "Tell who asks, and their own keys, usage and budgets."
        return (
            Route("GET", "/mine", self._page, EVERYONE, asks=MineAsked),
            Route("GET", "/api/me", self._me, EVERYONE, summary, gives=MeTold),
        )

    async def _page(self, visit: Visit) -> Page:
        asked: MineAsked = visit.asked
        me = await self._me(visit)
        model = chosen(me.models, asked.model)
        used = me.used or []
        by_day = added_up(used, "day")
        values = {
            "me": me,
            "by_day": by_day[::-1],
            "by_model": sorted(added_up(used, "model"), key=lambda each: -each.cost_nanos),
            "calls": sum(each.calls for each in by_day),
            "spent": sum(each.cost_nanos for each in by_day),
            "plot": plot_of(by_day, self._now()),
            "budgets": [(each, part_of(each)) for each in me.budgets],
            "model": model,
            "snippets": snippets(self._desk.address, model),
            "address": self._desk.address,
            "variable": VARIABLE,
            "days": DAYS,
        }
        return Page("mine.html", values)

    async def _me(self, visit: Visit) -> MeTold:
        who, now = visit.who, self._now()
        of_file, kept = await self._keys(who.user)
        in_force = [each for each in (*of_file, *kept) if each.holds(now)]
        accounts = self._accounts(who, in_force)
        spent = await self._spent(accounts, now)
        month = window_of("month", now).start
        sums = None if spent is None else by_key(spent[month])
        caller, teams = self._caller(who), self._desk.teams
        return MeTold(
            name=who.name,
            role=str(who.role),
            user=who.user,
            team=who.team,
            models=[name for name in self._desk.names if self._ring.may(caller, name)][
                :MOST_MODELS
            ],
            keys=[
                *(key_told(each, "file", teams, now, sums) for each in of_file),
                *(key_told(each, "database", teams, now, sums) for each in kept),
            ],
            budgets=purses_told(accounts, spent, now),
            used=await self._used(who.user, now),
        )

    async def _keys(self, user: str | None) -> tuple[list[KeyRecord], list[KeyRecord]]:
        """Return somebody's keys: those of the file, and those of the database."""
        if user is None:
            return [], []
        try:
            kept = await self._locksmith.kept()
        except Refusal:  # The database is away; the rest of the page is worth something.
            kept = Kept()
        return (
            [each for each in self._desk.keys if each.user == user],
            [each for each in kept.records if each.user == user],
        )

    def _caller(self, who: Identity) -> Caller:
        """Return whom a token of this user stands for; without a user, one who may ask for all."""
        team = self._team(who)
        return Caller(OIDC + (who.user or ""), "", who.team, who.user, team_models=team.models)

    def _team(self, who: Identity) -> Team:
        return self._desk.teams.get(who.team or "", Team())

    def _accounts(self, who: Identity, keys: Sequence[KeyRecord]) -> list[Account]:
        """Return what the calls of a user are paid from, by a token or by a key of theirs."""
        if who.user is None:
            return []
        team = self._team(who)
        found = list(accounts_of(OIDC + who.user, who.user, (), who.team or "", team.budgets))
        for key in keys:
            common = self._desk.teams.get(key.team or "", Team())
            found += accounts_of(key.name, key.user, key.budgets, key.team or "", common.budgets)
        return list({account.name: account for account in found}.values())

    async def _spent(self, accounts: Sequence[Account], now: int) -> Since | None:
        starts = {window_of(each.budget.per, now).start for each in accounts}
        return await self._spending.since({*starts, window_of("month", now).start})

    async def _used(self, user: str | None, now: int) -> list[UsedTold] | None:
        if self._archive is None or user is None:
            return None
        since = now // DAY - DAYS + 1
        try:
            rows = await self._archive.read(partial(usage_of, user=user, since=since))
        except (Busy, DatabaseFault):
            return None
        return [_used_told(row) for row in rows]


def added_up(used: Sequence[UsedTold], by: str) -> list[UsedTold]:
    """Add up by `day` or by `model`, in the order in which each comes first."""
    found: dict[str, UsedTold] = {}
    for row in used:
        name = str(getattr(row, by))
        sums = found.get(name) or UsedTold(
            day=row.day, model=row.model, calls=0, tokens_in=0, tokens_out=0, cost_nanos=0
        )
        found[name] = msgspec.structs.replace(
            sums,
            calls=sums.calls + row.calls,
            tokens_in=sums.tokens_in + row.tokens_in,
            tokens_out=sums.tokens_out + row.tokens_out,
            cost_nanos=sums.cost_nanos + row.cost_nanos,
        )
    return list(found.values())


def plot_of(by_day: Sequence[UsedTold], now: int) -> Plot:
    """Draw what each of the last days has cost; where nothing has cost anything, its calls."""
    known = {each.day: each for each in by_day}
    days = [day_of(now // DAY - ago) for ago in reversed(range(DAYS))]
    costs = any(each.cost_nanos for each in by_day)

    def value(day: str) -> float:
        used = known.get(day)
        return 0 if used is None else used.cost_nanos if costs else used.calls

    return columns([(day[5:], value(day)) for day in days], _dollars if costs else count)


def part_of(purse: PurseTold) -> float | None:
    """Return how many per cent of a budget are spent; None where nobody knows."""
    if purse.spent_nanos is None:
        return None
    return percent(purse.spent_nanos, purse.limit_nanos)


def _dollars(nanos: float) -> str:
    return money(int(nanos))


def _used_told(row: Own) -> UsedTold:
    return UsedTold(
        day=day_of(row.day),
        model=row.model,
        calls=row.calls,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        cost_nanos=row.cost_nanos,
    )
