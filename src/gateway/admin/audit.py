"""The audit log: each action on the operator's site, as a line of the log and as a row of its own.

The line comes first and at once, so that it stands whatever becomes of the database, or of the
client that waits. An action that could not be written down is not undone.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

import msgspec
import trio
from msgspec import Meta

from gateway.admin.routes import OPERATORS, Identity, Refusal, Route, Visit
from gateway.store.archive import Archive
from gateway.store.audit import MOST_LISTED, Action, Actions, actions, note
from gateway.store.connection import DatabaseFault
from gateway.store.line import Journal
from gateway.telemetry.lines import stamp
from gateway.words.errors import Busy

PATIENCE: Final = 5.0
"""Seconds for the row of an action, which nothing can cancel meanwhile."""

LISTED: Final = 50
"""Actions of a listing, unless it is told."""

NO_DATABASE: Final = "There is no database to keep actions in: they stand in the log alone."


class ActionAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which actions are to be listed."""

    limit: Annotated[int, Meta(ge=1, le=MOST_LISTED)] = LISTED
    before: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None


class ActionTold(msgspec.Struct, frozen=True):
    """An action, as the API tells it. `at` is a moment in UTC."""

    id: int
    at: str
    who: str
    role: str
    action: str
    subject: str
    detail: str
    address: str


class ActionsTold(msgspec.Struct, frozen=True):
    """Some actions, the newest first. `before` asks for those before them; null: there are none."""

    actions: list[ActionTold]
    before: int | None
    kept: bool
    """Whether there is a database that keeps them."""


def nowhere() -> str:
    """Say that nobody knows where a request came from."""
    return ""


class Audit:
    """Where actions are noted and listed. Without an archive they stand in the log alone."""

    def __init__(
        self,
        log: Journal,
        archive: Archive | None,
        *,
        whence: Callable[[], str] = nowhere,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`whence` returns the address of the request that is being answered."""
        self._log = log
        self._archive = archive
        self._whence = whence
        self._now_ns = now_ns

    def routes(self) -> tuple[Route, ...]:
        """Return what the API has of it; the pages of others show it."""
        summary = "List actions that were done here, the newest first."
        return (
            Route(
                "GET", "/api/audit", self._list, OPERATORS, summary, ActionAsked, gives=ActionsTold
            ),
        )

    async def note(self, who: Identity, action: str, subject: str, detail: str = "") -> None:
        """Note what somebody has done; never with a secret. It raises nothing.

        The client may be gone by now: what was done is written down all the same.
        """
        done = Action(
            self._now_ns() // 1_000_000,
            _named(who),
            str(who.role),
            action,
            subject,
            detail,
            self._whence(),
        )
        self._log.info(
            "audit",
            who=done.who,
            role=done.role,
            action=done.action,
            subject=done.subject,
            detail=done.detail,
            address=done.address,
        )
        if self._archive is None:
            return
        with trio.CancelScope(shield=True, relative_deadline=PATIENCE) as scope:
            try:
                await self._archive.write(partial(note, action=done))
            except (Busy, DatabaseFault) as fault:
                self._log.warning("action not kept in the database", reason=str(fault))
        if scope.cancelled_caught:
            self._log.warning("action not kept in the database", reason="it took too long")

    async def latest(self, limit: int = LISTED, before: int | None = None) -> ActionsTold:
        """Return the newest actions; none without a database. Raises `DatabaseFault`, `Busy`."""
        if self._archive is None:
            return ActionsTold([], None, kept=False)
        found = await self._archive.read(partial(actions, limit=limit, before=before))
        return _told(found)

    async def _list(self, visit: Visit) -> ActionsTold:
        asked: ActionAsked = visit.asked
        if self._archive is None:
            raise Refusal(404, "no_database", NO_DATABASE)
        try:
            return await self.latest(asked.limit, asked.before)
        except (Busy, DatabaseFault) as fault:
            raise Refusal(503, "database_away", str(fault), retry_after=1) from None


def _named(who: Identity) -> str:
    """Name somebody by what their issuer calls them, for their name they may have chosen."""
    return who.name if who.user in {None, who.name} else f"{who.user} ({who.name})"


def _told(found: Actions) -> ActionsTold:
    return ActionsTold(
        [
            ActionTold(
                number,
                stamp(each.at_ms * 1_000_000),
                each.who,
                each.role,
                each.action,
                each.subject,
                each.detail,
                each.address,
            )
            for number, each in found.listed
        ],
        found.before,
        kept=True,
    )
