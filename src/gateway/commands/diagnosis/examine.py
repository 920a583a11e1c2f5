"""Has all checks made at once, each with a deadline of its own.

A check that hangs, or that has a bug, is a verdict like any other, and the others are told too.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeVar

import trio

from gateway.commands.diagnosis.verdict import Examined, Verdict, fail
from gateway.telemetry.lines import printable

LONGEST: Final = 600
"""Characters of one sentence that is told."""

MOST_THREADS: Final = 24
"""Threads in which files and databases are looked at; one that hangs is left behind."""

Made = TypeVar("Made")

Ask = Callable[[], Awaitable[Sequence[Verdict]]]
"""Makes a check; it raises nothing but what is a bug."""

Clean = Callable[[str], str]
"""Takes secrets out of a text that others may have written."""


@dataclass(frozen=True, slots=True)
class Check:
    """One subject, who looks at it, and how many seconds that may take."""

    subject: str
    ask: Ask
    patience: float


class Watch(Protocol):
    """Who is shown what is found out, as it is."""

    def begins(self, subjects: Sequence[str]) -> None:
        """The checks of these subjects begin, all at once."""

    def found(self, examined: Examined) -> None:
        """One of them has ended."""


async def examine(checks: Sequence[Check], watch: Watch, clean: Clean) -> list[Examined]:
    """Make all checks; return what they came to, in their order."""
    found: dict[int, Examined] = {}

    async def look(number: int, check: Check) -> None:
        found[number] = await _made(check, clean)
        watch.found(found[number])

    watch.begins([check.subject for check in checks])
    async with trio.open_nursery() as nursery:
        for number, check in enumerate(checks):
            nursery.start_soon(look, number, check)
    return [found[number] for number in sorted(found)]


async def _made(check: Check, clean: Clean) -> Examined:
    began = trio.current_time()
    verdicts: Sequence[Verdict] = [_late(check)]
    with trio.move_on_after(check.patience):
        try:
            verdicts = await check.ask()
        except* Exception as group:
            verdicts = [_broken(group)]
    seconds = round(trio.current_time() - began, 3)
    return told(check.subject, verdicts, clean, seconds)


def told(subject: str, verdicts: Sequence[Verdict], clean: Clean, seconds: float = 0.0) -> Examined:
    """Return what may be told: without secrets, without control characters, in bounds."""
    plain = partial(_plain, clean)
    safe = tuple(
        Verdict(plain(each.check), each.level, plain(each.seen), plain(each.remedy))
        for each in verdicts
    )
    return Examined(plain(subject), safe, seconds)


def _plain(clean: Clean, text: str) -> str:
    text = printable(clean(text))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _late(check: Check) -> Verdict:
    seen = f"nothing was found out within {check.patience:g} seconds"
    return fail("answer", seen, "Something that should answer at once hangs: try it by hand.")


def _broken(group: BaseExceptionGroup[Exception]) -> Verdict:
    """Tell of a bug by its kind and its place alone: its words may hold anything."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = "" if place is None else f" in {place.tb_frame.f_code.co_name}:{place.tb_lineno}"
    seen = f"the check itself failed: {type(error).__name__}{where}"
    return fail("answer", seen, "This is a bug of `gateway doctor`: please report this line.")


def in_thread(look: Callable[[], Sequence[Verdict]], limiter: trio.CapacityLimiter) -> Ask:
    """Return a check that may block: it has a thread, and is left alone in it where it hangs."""

    async def ask() -> Sequence[Verdict]:
        return await trio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=limiter)

    return ask


async def imported(make: Callable[[], Made]) -> Made:
    """Make something for which an extra is imported first: that takes long, and others go on."""
    limiter = trio.CapacityLimiter(1)
    return await trio.to_thread.run_sync(make, abandon_on_cancel=True, limiter=limiter)
