"""The page and the API of keys and teams: operators look, admins change."""

from collections import Counter
from collections.abc import Callable
from typing import Literal

import msgspec

from gateway.admin.keys.desk import KeyDesk
from gateway.admin.keys.forms import (
    KeyChange,
    KeyChanged,
    KeyMade,
    KeyNamed,
    KeyRevoked,
    KeysTold,
    NewKey,
    TeamsTold,
)
from gateway.admin.keys.locksmith import Locksmith, this_second
from gateway.admin.keys.spending import Spending
from gateway.admin.keys.views import by_key, by_team, key_told, team_told
from gateway.admin.routes import ADMINS, OPERATORS, Page, Refusal, Role, Route, Routes, View, Visit
from gateway.policy.budgets import Spent, window_of
from gateway.policy.wording import limits_in_words
from gateway.store.keys import Kept

MOST_SHOWN = 500
"""Keys that the page shows at once."""


MAKE = "Make a key. Its secret is told this once."
CHANGE = "Give a key other rights. What is left out stays; whose it is stays."
ROTATE = "Give a key another secret, which is told this once. The old one stops."
REVOKE = "Have a key open nothing any more, for ever."


class KeysAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which keys the page shows."""

    show: Literal["in force", "all"] = "in force"


class Keys:
    """Who may call, and what they may."""

    def __init__(
        self,
        desk: KeyDesk,
        locksmith: Locksmith,
        spending: Spending,
        now: Callable[[], int] = this_second,
    ) -> None:
        self._desk = desk
        self._locksmith = locksmith
        self._spending = spending
        self._now = now

    def routes(self) -> Routes:
        """Return all that there is of it."""
        return (
            Route("GET", "/keys", self._page, OPERATORS, asks=KeysAsked),
            Route("GET", "/api/keys", self._list, OPERATORS, "List all keys.", gives=KeysTold),
            Route("GET", "/api/teams", self._teams, OPERATORS, "List all teams.", gives=TeamsTold),
            _change("", MAKE, self._create, NewKey, KeyMade),
            _change("/change", CHANGE, self._change, KeyChange, KeyChanged),
            _change("/rotate", ROTATE, self._rotate, KeyNamed, KeyMade),
            _change("/revoke", REVOKE, self._revoke, KeyNamed, KeyRevoked),
        )

    async def _page(self, visit: Visit) -> Page:
        asked: KeysAsked = visit.asked
        away = ""
        try:
            kept = await self._locksmith.kept()
        except Refusal as refusal:
            kept, away = Kept(), refusal.message
        spent = await self._spent()
        told = self._told(kept, spent)
        shown = [key for key in told.keys if asked.show == "all" or key.in_force]
        hindrance = self._locksmith.hindrance
        values = {
            "keys": shown[:MOST_SHOWN],
            "left_out": len(shown) - len(shown[:MOST_SHOWN]),
            "others": len(told.keys) - len(shown),
            "show": asked.show,
            "damaged": told.damaged,
            "teams": self._all_teams(kept, spent).teams,
            "source": self._desk.source,
            "hindrance": hindrance,
            "away": away,
            "may_change": visit.who.role is Role.ADMIN and not (hindrance or away),
            "groups": self._desk.groups,
            "names": self._desk.names,
            "address": self._desk.address,
            "limits_in_words": limits_in_words,
        }
        return Page("keys.html", values)

    async def _list(self, _: Visit) -> KeysTold:
        return self._told(await self._locksmith.kept(), await self._spent())

    async def _teams(self, _: Visit) -> TeamsTold:
        return self._all_teams(await self._locksmith.kept(), await self._spent())

    async def _create(self, visit: Visit) -> KeyMade:
        return await self._locksmith.create(visit.who, visit.said)

    async def _change(self, visit: Visit) -> KeyChanged:
        return await self._locksmith.change(visit.who, visit.said)

    async def _rotate(self, visit: Visit) -> KeyMade:
        return await self._locksmith.rotate(visit.who, visit.said.name)

    async def _revoke(self, visit: Visit) -> KeyRevoked:
        return await self._locksmith.revoke(visit.who, visit.said.name)

    async def _spent(self) -> list[Spent] | None:
        """Return what was spent this month; None where nobody knows."""
        month = window_of("month", self._now()).start
        found = await self._spending.since([month])
        return None if found is None else list(found[month])

    def _told(self, kept: Kept, spent: list[Spent] | None) -> KeysTold:
        """Tell the keys of the file, then those of the database."""
        now, teams = self._now(), self._desk.teams
        sums = None if spent is None else by_key(spent)
        of_file = [key_told(each, "file", teams, now, sums) for each in self._desk.keys]
        of_base = [key_told(each, "database", teams, now, sums) for each in kept.records]
        return KeysTold([*of_file, *of_base], list(kept.damaged))

    def _all_teams(self, kept: Kept, spent: list[Spent] | None) -> TeamsTold:
        now = self._now()
        sums = None if spent is None else by_team(spent)
        held = Counter(each.team for each in (*self._desk.keys, *kept.records) if each.holds(now))
        teams = self._desk.teams.items()
        return TeamsTold([team_told(name, team, held[name], sums) for name, team in teams])


def _change(
    path: str, summary: str, view: View, takes: type[msgspec.Struct], gives: type[msgspec.Struct]
) -> Route:
    """Return a route that changes keys: for admins alone."""
    return Route("POST", f"/api/keys{path}", view, ADMINS, summary, takes=takes, gives=gives)
