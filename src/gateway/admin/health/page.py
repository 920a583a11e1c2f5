"""The page of health: what runs and since when, the store, the configuration, the log, the actions.

It shows and changes nothing. Names of settings and whence their secrets are; never a secret (R24).
"""

import platform
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from itertools import starmap
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway import __version__
from gateway.admin.audit import ActionsTold, Audit
from gateway.admin.desk import Desk
from gateway.admin.health.checkup import HealthTold, look
from gateway.admin.health.settings import DifferenceTold, Settings, SettingsTold
from gateway.admin.routes import OPERATORS, Page, Role, Route, Visit
from gateway.admin.workers import Answer
from gateway.store.connection import DatabaseFault
from gateway.telemetry.last_lines import LastLine
from gateway.telemetry.lines import stamp
from gateway.telemetry.log import LEVELS, Log
from gateway.words.errors import Busy

PACKAGES: Final = ("trio", "hypercorn", "quart-trio", "httpx2", "msgspec")
"""What the gateway is made of, as far as its version says something to an operator."""

SHOWN: Final = 100
"""Lines of the log that the page shows."""

MOST: Final = 2_000
"""Lines of the log that one answer holds."""

ACTIONS: Final = 12
"""Actions that the page shows."""

MOST_MS: Final = 253_402_300_799_000
"""The last moment that can be written, in the year 9999."""

OWN: Final = "admin"
"""Who has written a line that no worker has."""


class LinesAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which lines are wanted: of this level or a louder one, the newest first."""

    level: Literal["info", "warning", "error"] = "info"
    limit: Annotated[int, Meta(ge=1, le=MOST)] = 200


class LineTold(msgspec.Struct, frozen=True):
    """A line of the log: when (UTC), by whom, how loud, what happened, and its fields in words.

    It was said so many `times` in a row.
    """

    at: str
    by: str
    level: str
    event: str
    said: str
    times: int


class LogTold(msgspec.Struct, frozen=True):
    """The last lines of all processes: trouble, and what they did; requests that went wrong."""

    lines: list[LineTold]


class Health:
    """The page of health, and what of the API it needs."""

    def __init__(
        self,
        desk: Desk,
        settings: Settings,
        log: Log,
        audit: Audit,
        numbers: Collection[int],
    ) -> None:
        """`numbers` are those of the workers that there should be."""
        self._desk = desk
        self._settings = settings
        self._log = log
        self._audit = audit
        self._numbers = numbers
        self._about = versions()

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", "/health", self._page, OPERATORS),
            Route(
                *("GET", "/api/health", self._health, OPERATORS),
                summary="How the gateway is: workers, store, and what is wrong.",
                gives=HealthTold,
            ),
            Route(
                *("GET", "/api/settings", self._shown, OPERATORS),
                summary="The configuration that runs, with the origin of each setting.",
                gives=SettingsTold,
            ),
            Route(
                *("GET", "/api/settings/diff", self._diff, OPERATORS),
                summary="How the configuration's file, as it is now, differs from what runs.",
                gives=DifferenceTold,
            ),
            Route(
                *("GET", "/api/log", self._lines, OPERATORS),
                summary="The last lines of the log of all processes.",
                asks=LinesAsked,
                gives=LogTold,
            ),
        )

    async def _health(self, _: Visit) -> HealthTold:
        answers = await self._desk.gauges()
        return look(answers, self._numbers, self._settings.places, self._about)

    async def _shown(self, _: Visit) -> SettingsTold:
        return self._settings.shown

    async def _diff(self, _: Visit) -> DifferenceTold:
        return await self._settings.diff()

    async def _lines(self, visit: Visit) -> LogTold:
        asked: LinesAsked = visit.asked
        return await self._told(asked)

    async def _page(self, visit: Visit) -> Page:
        values: Mapping[str, object] = {
            "health": await self._health(visit),
            "settings": self._settings.shown,
            "diff": await self._settings.diff(),
            "log": await self._told(LinesAsked(limit=SHOWN)),
            "actions": await self._actions(),
            "may_reload": visit.who.role is Role.ADMIN,
        }
        return Page("health.html", values)

    async def _told(self, asked: LinesAsked) -> LogTold:
        found = [*lines_of(await self._desk.lines()), *((OWN, line) for line in self._log.last())]
        loud = [each for each in found if LEVELS.get(each[1].level, 0) >= LEVELS[asked.level]]
        loud.sort(key=lambda each: each[1].at_ms, reverse=True)
        return LogTold(list(starmap(_line, loud[: asked.limit])))

    async def _actions(self) -> ActionsTold | None:
        """Return the latest actions; None where the database cannot tell them now."""
        with suppress(DatabaseFault, Busy):
            return await self._audit.latest(ACTIONS)
        return None


def versions() -> dict[str, str]:
    """Return the versions of what the gateway is made of."""
    found = {"nursery-gateway": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


class _Lines(msgspec.Struct, frozen=True):
    """What a worker answers; what another version adds is passed over."""

    worker: int
    lines: list[LastLine]


def lines_of(answers: Iterable[Answer]) -> list[tuple[str, LastLine]]:
    """Return the lines of all workers, each with whose it is."""
    found: list[tuple[str, LastLine]] = []
    for answer in answers:
        with suppress(msgspec.ValidationError):
            told = msgspec.convert(answer, _Lines)
            found += [(f"worker {told.worker}", line) for line in told.lines]
    return found


def _line(by: str, line: LastLine) -> LineTold:
    at = stamp(min(max(line.at_ms, 0), MOST_MS) * 1_000_000)
    return LineTold(at, by, line.level, line.event, line.said, line.times)
