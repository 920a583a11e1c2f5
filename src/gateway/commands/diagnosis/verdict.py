"""What a check came to: how well it is, what was seen, and what to do about it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How well something is; `SKIPPED` is what could not be looked at, or need not be."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check came to. `remedy` says what to do; empty where nothing is to be done."""

    check: str
    level: Level
    seen: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Examined:
    """All that was found out about one subject, and how many seconds it took."""

    subject: str
    verdicts: tuple[Verdict, ...]
    seconds: float = 0.0


def ok(check: str, seen: str) -> Verdict:
    return Verdict(check, Level.OK, seen)


def warn(check: str, seen: str, remedy: str) -> Verdict:
    return Verdict(check, Level.WARN, seen, remedy)


def fail(check: str, seen: str, remedy: str) -> Verdict:
    return Verdict(check, Level.FAIL, seen, remedy)


def skipped(check: str, seen: str, remedy: str = "") -> Verdict:
    return Verdict(check, Level.SKIPPED, seen, remedy)


def worst(examined: Iterable[Examined]) -> Level:
    """Return how well all is together: as well as the worst of it."""
    levels = {verdict.level for each in examined for verdict in each.verdicts}
    return next((level for level in (Level.FAIL, Level.WARN) if level in levels), Level.OK)


def counted(number: int, what: str) -> str:
    """Write a number of things."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
