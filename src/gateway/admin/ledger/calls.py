"""The calls of the ledger: they are searched, and each is told as a story.

A developer finds calls of their own alone, and of others not even that they are there.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final, Literal, get_args
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from gateway.admin.furniture import milliseconds
from gateway.admin.ledger.moments import Moment, moment_of, short_day, span_of
from gateway.admin.ledger.plots import waterfall
from gateway.admin.ledger.records import Records
from gateway.admin.ledger.story import Story, story_of
from gateway.admin.routes import EVERYONE, Identity, Page, Refusal, Role, Route, Visit
from gateway.store.connection import Connection
from gateway.store.rows import MOST_TEXT
from gateway.store.search import MOST_FOUND, Entry, Found, Wanted, call_of, calls_of, search

PAGE: Final = 50
"""Calls on a page, unless it is told."""

MOST_NUMBER: Final = 2**63 - 1
LONGEST_NUMBER: Final = 19
"""Digits of the number of a call."""

UNKNOWN: Final = "There is no such call."
NOBODY: Final = "Nothing says which user you are, so none of the calls can be yours."

Name = Annotated[str, Meta(max_length=MOST_TEXT)]
Ended = Literal[
    "",
    "open",
    "completed",
    "refused",
    "client_gone",
    "client_stalled",
    "timeout",
    "upstream_error",
    "upstream_truncated",
    "stopped",
    "internal",
    "lost",
]
ENDS: Final[tuple[str, ...]] = get_args(Ended)[1:]


class CallsAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which calls are looked for. Names are whole ones, `request` is how a request id begins."""

    key: Name = ""
    team: Name = ""
    user: Name = ""
    model: Name = ""
    target: Name = ""
    outcome: Ended = ""
    request: Name = ""
    since: Moment = ""
    until: Moment = ""
    before: Annotated[int, Meta(ge=0, le=MOST_NUMBER)] | None = None
    limit: Annotated[int, Meta(ge=1, le=MOST_FOUND)] = PAGE


class CallsTold(msgspec.Struct, frozen=True):
    """Calls, the newest first. `older` is what to ask for as `before` to go on; null: that is all.

    `too_many` says that not all were looked at whose request ids begin so.
    """

    calls: tuple[Entry, ...]
    older: str | None
    too_many: bool


class CallTold(msgspec.Struct, frozen=True):
    """One call: its row, and what that says in words."""

    call: Entry
    story: Story


class Calls:
    """The pages of calls."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def routes(self) -> Sequence[Route]:
        one = "One call, by its number or its request id: its row, and the story that it tells."
        return (
            Route("GET", "/calls", self._page, EVERYONE, asks=CallsAsked),
            Route("GET", "/calls/<id>", self._page_of_one, EVERYONE),
            Route(
                *("GET", "/api/calls", self._list, EVERYONE),
                summary="Search the ledger, the newest calls first.",
                asks=CallsAsked,
                gives=CallsTold,
            ),
            Route("GET", "/api/calls/<id>", self._one, EVERYONE, summary=one, gives=CallTold),
        )

    async def _list(self, visit: Visit) -> CallsTold:
        found = await self._found(visit)
        older = None if found.older is None else str(found.older)
        return CallsTold(found.calls, older, found.too_many)

    async def _found(self, visit: Visit) -> Found:
        wanted = wanted_of(visit.asked, visit.who)
        found = await self._records.read(partial(search, wanted=wanted))
        seen = tuple(_seen_by(visit.who, each) for each in found.calls)
        return msgspec.structs.replace(found, calls=seen)

    async def _one(self, visit: Visit) -> CallTold:
        (call, *_) = await self._named(visit)
        return CallTold(call, story_of(call))

    async def _named(self, visit: Visit) -> Sequence[Entry]:
        """Return the calls of a name, the newest first. Raises `Refusal` where there is none."""
        who = visit.who
        user = who.user if who.role is Role.DEVELOPER else None
        named = await self._records.read(partial(_calls_named, name=visit.ids["id"], user=user))
        seen = [_seen_by(who, each) for each in named if may_see(who, each)]
        if not seen:
            raise Refusal(404, "not_found", UNKNOWN)
        return seen

    async def _page(self, visit: Visit) -> Page:
        if not self._records.are_kept:
            return Page("no_ledger.html", {"title": "Calls"})
        asked: CallsAsked = visit.asked
        found = await self._found(visit)
        said = {
            name: value
            for name, value in msgspec.structs.asdict(asked).items()
            if value and name != "before" and value != PAGE
        }
        older = "" if found.older is None else f"?{urlencode({**said, 'before': found.older})}"
        return Page(
            "calls.html",
            {
                "asked": asked,
                "is_own": visit.who.role is Role.DEVELOPER,
                "ends": ENDS,
                "calls": [_listed(each) for each in found.calls],
                "too_many": found.too_many,
                "older": older,
                "newest": f"?{urlencode(said)}" if asked.before is not None else "",
                "filtered": len(said),
            },
        )

    async def _page_of_one(self, visit: Visit) -> Page:
        if not self._records.are_kept:
            return Page("no_ledger.html", {"title": "Calls"})
        (call, *others) = await self._named(visit)
        story = story_of(call)
        return Page(
            "call.html",
            {
                "call": call,
                "story": story,
                "plot": waterfall(story.steps, call.duration_ms, call.ttft_ms, milliseconds),
                "began": moment_of(call.started_at_ns),
                "ended": moment_of(call.ended_at_ns),
                "others": [(each, moment_of(each.started_at_ns)) for each in others],
                "looks_at_all": visit.who.role is not Role.DEVELOPER,
            },
        )


def wanted_of(asked: CallsAsked, who: Identity) -> Wanted:
    """Return what is to be looked for; a developer finds what is their own. Raises `Refusal`."""
    user = asked.user
    if who.role is Role.DEVELOPER:
        if not who.user:
            raise Refusal(403, "forbidden", NOBODY)
        user = who.user
    span = {
        **({"since_ns": span_of(asked.since)[0]} if asked.since else {}),
        **({"until_ns": span_of(asked.until)[1]} if asked.until else {}),
    }
    return Wanted(
        key=asked.key or None,
        team=asked.team or None,
        user=user or None,
        model=asked.model or None,
        target=asked.target or None,
        outcome=asked.outcome or None,
        request=asked.request,
        before=asked.before,
        most=asked.limit,
        **span,
    )


def may_see(who: Identity, call: Entry) -> bool:
    """Say whether a call is anything that somebody may know of."""
    return who.role is not Role.DEVELOPER or (bool(who.user) and call.user == who.user)


def _seen_by(who: Identity, call: Entry) -> Entry:
    """Return a call as somebody may see it: whose answer it shared is not a developer's to know."""
    if who.role is not Role.DEVELOPER or call.shared_with is None:
        return call
    return msgspec.structs.replace(call, shared_with=None)


def _listed(call: Entry) -> tuple[Entry, str, str]:
    """Return a call with its day, as people say it, and the moment when it began."""
    began = moment_of(call.started_at_ns)
    return call, short_day(began[:10]), began


def _calls_named(connection: Connection, name: str, user: str | None) -> Sequence[Entry]:
    """Find calls by number or request id: a client may have chosen an id that is a number too."""
    alike = calls_of(connection, name, user)
    if not (name.isascii() and name.isdecimal() and len(name) <= LONGEST_NUMBER):
        return alike
    numbered = call_of(connection, int(name))
    return alike if numbered is None else (numbered, *alike)
