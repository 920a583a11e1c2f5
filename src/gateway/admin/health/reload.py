"""Has the configuration read anew, and tells what that came to: the changes, and who follows."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec
import trio

from gateway.admin.audit import Audit
from gateway.admin.desk import Desk
from gateway.admin.health.settings import ChangeTold, DifferenceTold, FindingTold, Settings
from gateway.admin.renewing import Renewing
from gateway.admin.routes import ADMINS, Refusal, Route, Visit

LOOKS: Final = 20
LOOK_EVERY: Final = 0.25
"""Seconds between two looks whether all workers have followed."""

LATE: Final = (
    "The configuration was not taken by all in time. The log says why; whoever has not taken it"
    " goes on by the old one."
)

MOST_FINDINGS: Final = 5
"""What is wrong with a file, as far as one sentence tells it."""


class ReloadAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a request to read the configuration anew: an empty object."""


class ReloadTold(msgspec.Struct, frozen=True):
    """What a reload came to: what differs now, and whether each worker goes by it.

    Calls that were open before end by the old configuration.
    """

    changes: list[ChangeTold]
    warnings: list[str]
    follows: dict[str, bool]


class Reload:
    """Reads anew what the gateway goes by."""

    def __init__(
        self,
        desk: Desk,
        settings: Settings,
        audit: Audit,
        renewing: Renewing,
        numbers: Collection[int],
    ) -> None:
        """`numbers` are those of the workers that there should be."""
        self._desk = desk
        self._settings = settings
        self._audit = audit
        self._renewing = renewing
        self._numbers = numbers

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                *("POST", "/api/reload", self._reload, ADMINS),
                summary="Read the configuration's file anew, and go by it from now on.",
                takes=ReloadAsked,
                gives=ReloadTold,
            ),
        )

    async def _reload(self, visit: Visit) -> ReloadTold:
        found = await self._settings.diff(fresh=0.0)
        _check(found)
        taken = await self._renewing.order()
        what = ", ".join(change.name for change in found.changes[:MOST_FINDINGS]) or "nothing"
        detail = f"differs: {what}" if taken else f"differs: {what}; not taken in time"
        await self._audit.note(visit.who, "reload", found.source or "", detail)
        if not taken:
            raise Refusal(503, "not_reloaded", LATE, 1)
        return ReloadTold(found.changes, found.warnings, await self._who_follows())

    async def _who_follows(self) -> dict[str, bool]:
        """Wait until all workers have followed, for a while; say of each whether it has."""
        follows = dict.fromkeys(map(str, self._numbers), False)
        for _ in range(LOOKS):
            for answer in await self._desk.gauges():
                if not answer.get("draining"):
                    follows[str(answer.get("worker"))] = self._is_ours(answer)
            if all(follows.values()):
                break
            await trio.sleep(LOOK_EVERY)
        return follows

    def _is_ours(self, answer: Mapping[str, object]) -> bool:
        return answer.get("configuration") == self._renewing.fingerprint


def _check(found: DifferenceTold) -> None:
    """Raise `Refusal` where the file cannot be taken as it is now."""
    if found.source is None:
        said = "The gateway began without a configuration file, so there is nothing to read anew."
        raise Refusal(409, "no_configuration_file", said)
    if found.unread is not None:
        raise Refusal(503, "not_reloaded", f"{found.source} {found.unread}.", 1)
    if found.refused:
        told = [_sentence(each) for each in found.findings[:MOST_FINDINGS]]
        more = len(found.findings) - len(told)
        said = "; ".join(told) + (f"; and {more} more" if more > 0 else "")
        raise Refusal(409, "configuration_refused", f"The old configuration goes on: {said}")


def _sentence(found: FindingTold) -> str:
    """Say what is wrong as the command line does."""
    place = ":".join(str(part) for part in (found.file, found.line, found.key) if part)
    said = f"{place}: {found.text}"
    return f"{said}; did you mean {found.nearest}?" if found.nearest else said
