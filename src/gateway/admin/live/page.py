"""What runs now: the page that shows the live tree of all workers, their figures, and a cancel."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from gateway.admin.audit import Audit
from gateway.admin.desk import Desk
from gateway.admin.live.tree import Attempt, Call, Connection, Ended, Process, age, picture
from gateway.admin.routes import ADMINS, OPERATORS, Page, Role, Route, Visit
from gateway.admin.workers import Answer

CONNECTIONS: Final = 200
MOST_CONNECTIONS: Final = 2_000
"""Connections of one worker that a tree shows: unless it is told, and at most."""

MAX_ID: Final = 256
"""Characters of a call's id."""

BLANK: Final = {
    "worker": Process(),
    "connection": Connection(),
    "call": Call(attempts=[]),
    "attempt": Attempt(),
    "ended": Ended(),
}
"""Of these the page makes the rows that its script fills."""

FACTS: Final = (
    ("open_calls", "calls"),
    ("open_connections", "connections"),
    ("open_upstream_streams", "provider streams"),
    ("held_leases", "leases"),
    ("live_tasks", "tasks"),
)
"""What stands beside a worker, and its name there."""


class HowMany(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The query of a tree: connections of each worker."""

    limit: Annotated[int, Meta(ge=0, le=MOST_CONNECTIONS)] = CONNECTIONS


class Cancel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request to cancel a call."""

    id: Annotated[str, Meta(min_length=1, max_length=MAX_ID)]


class Cancelled(msgspec.Struct, frozen=True):
    """How many calls were cancelled."""

    cancelled: int


class Told(msgspec.Struct, frozen=True):
    """What each worker answered, in the order of their numbers."""

    workers: list[dict[str, Any]]


class Live:
    """The page of what runs now."""

    def __init__(self, desk: Desk, numbers: Sequence[int], audit: Audit) -> None:
        """`numbers` are those of the workers that there should be."""
        self._desk = desk
        self._numbers = numbers
        self._audit = audit

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", "/live", self._page, OPERATORS),
            Route(
                "GET", "/api/gauges", self._gauges, OPERATORS, "Figures of all workers.", gives=Told
            ),
            Route(
                *("GET", "/api/tree", self._tree, OPERATORS),
                summary="The live tree: process, connection, call, attempt, upstream.",
                asks=HowMany,
                gives=Told,
            ),
            Route(
                *("POST", "/api/cancel", self._cancel, ADMINS),
                summary="Cancel a call; its client is told.",
                takes=Cancel,
                gives=Cancelled,
            ),
        )

    async def _page(self, visit: Visit) -> Page:
        """Show it as it is now; from then on the page asks for itself."""
        seen = picture(await self._desk.tree(CONNECTIONS), self._numbers)
        values: Mapping[str, object] = {
            "seen": seen,
            "numbers": list(self._numbers),
            "may_cancel": visit.who.role is Role.ADMIN,
            "blank": BLANK,
            "age": age,
            "facts": facts,
        }
        return Page("live.html", values)

    async def _gauges(self, _: Visit) -> Told:
        return Told(await self._desk.gauges())

    async def _tree(self, visit: Visit) -> Told:
        workers: list[Answer] = await self._desk.tree(visit.asked.limit)
        return Told(workers)

    async def _cancel(self, visit: Visit) -> Cancelled:
        """Cancel it, and note that: an id of nothing that is open changes nothing."""
        call: str = visit.said.id
        cancelled = await self._desk.cancel(call)
        if cancelled:
            await self._audit.note(visit.who, "cancel call", call)
        return Cancelled(cancelled)


def facts(worker: Process) -> str:
    """Tell in one line how a worker is."""
    told = [f"{said} {worker.gauges[name]:,.0f}" for name, said in FACTS if name in worker.gauges]
    return " · ".join([f"pid {worker.pid}", f"up {age(worker.uptime)}", *told])
