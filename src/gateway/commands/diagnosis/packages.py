"""Python and the packages that are installed, against what this version of the gateway asks for.

Pure: what is installed comes in. Of PEP 440 it knows what our own `pyproject.toml` makes use of; a
requirement of another shape is passed over, and so counts as met.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from gateway.commands.diagnosis.verdict import Verdict, fail, ok, skipped, warn

OLDEST_PYTHON: Final = (3, 11)
NEWEST_PYTHON: Final = (3, 14)
"""The newest with which it is tested."""

NAME: Final = "nursery-gateway"
INSTALL: Final = "pip install --upgrade 'nursery-gateway{}'"

_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*"
    r"\(?(?P<ranges>[<>=!~0-9a-z.,*+\s-]*)\)?\s*(?:;\s*(?P<marker>.*))?"
)
_EXTRA = re.compile(r"extra\s*==\s*['\"](?P<extra>[A-Za-z0-9._-]+)['\"]")
_RANGE = re.compile(r"(?P<how><=|>=|<|>|==|!=)\s*(?P<version>[0-9]+(?:\.[0-9]+)*)")
_RELEASE = re.compile(r"v?(?:[0-9]+!)?(?P<release>[0-9]+(?:\.[0-9]+)*)")

Version = tuple[int, ...]

Installed = Callable[[str], str | None]
"""Returns the version of a package; None where it is not installed."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """A package that is asked for, and in which versions; `extra` is whose it is, if any one's."""

    name: str
    ranges: tuple[tuple[str, Version], ...]
    extra: str = ""

    def admits(self, version: str) -> bool:
        """Say whether a version is within the ranges; one that is written otherwise is."""
        found = _RELEASE.match(version)
        if found is None:
            return True
        release = _version(found["release"])
        return all(_holds(how, _compared(release, bound)) for how, bound in self.ranges)

    def __str__(self) -> str:
        ranges = ",".join(f"{how}{'.'.join(map(str, bound))}" for how, bound in self.ranges)
        return f"{self.name}{ranges}"


def requirements(told: Iterable[str]) -> Iterator[Requirement]:
    """Read requirements as a package's metadata tell them; those with other marks are left out."""
    for text in told:
        found = _REQUIREMENT.fullmatch(text.strip())
        if found is None:
            continue
        marker = (found["marker"] or "").strip()
        extra = _EXTRA.fullmatch(marker)
        if marker and extra is None:
            continue
        ranges = tuple(
            (each["how"], _version(each["version"])) for each in _RANGE.finditer(found["ranges"])
        )
        yield Requirement(found["name"], ranges, extra["extra"] if extra else "")


def python(version: Version) -> Verdict:
    """Judge the version of Python."""
    seen = ".".join(map(str, version))
    if version[:2] < OLDEST_PYTHON:
        return fail("python", seen, "It needs Python 3.11 or newer.")
    if version[:2] > NEWEST_PYTHON:
        newest = ".".join(map(str, NEWEST_PYTHON))
        return warn("python", seen, f"It is tested with versions up to {newest}.")
    return ok("python", seen)


def packages(
    told: Iterable[str] | None, installed: Installed, wanted: Iterable[str]
) -> list[Verdict]:
    """Judge what is installed. `wanted` are the extras that the configuration needs."""
    if told is None:
        return [skipped("packages", "it runs from a folder and is not installed")]
    every = list(requirements(told))
    found = [_group("packages", [each for each in every if not each.extra], installed, "")]
    needed = frozenset(wanted)
    for extra in sorted({each.extra for each in every if each.extra}):
        group = [each for each in every if each.extra == extra]
        if extra in needed or all(installed(each.name) is not None for each in group):
            found.append(_group(f"extra {extra}", group, installed, f"[{extra}]"))
    known = {each.extra for each in every}
    found += [
        skipped(f"extra {extra}", "the installed metadata do not know it")
        for extra in sorted(needed - known)
    ]
    return found


def _group(check: str, group: list[Requirement], installed: Installed, extra: str) -> Verdict:
    missing, unfit, there = [], [], []
    for each in group:
        version = installed(each.name)
        if version is None:
            missing.append(each.name)
        elif not each.admits(version):
            unfit.append(f"{each.name} {version} is not {each}")
        else:
            there.append(f"{each.name} {version}")
    remedy = INSTALL.format(extra)
    if missing:
        return fail(check, "; ".join([f"not installed: {', '.join(missing)}", *unfit]), remedy)
    if unfit:
        return warn(check, "; ".join(unfit), remedy)
    return ok(check, ", ".join(there))


def _version(text: str) -> Version:
    return tuple(int(part[:9]) for part in text.split(".")[:6])


def _compared(one: Version, other: Version) -> int:
    for left, right in zip_longest(one, other, fillvalue=0):
        if left != right:
            return 1 if left > right else -1
    return 0


def _holds(how: str, compared: int) -> bool:
    return {
        "<": compared < 0,
        "<=": compared <= 0,
        ">": compared > 0,
        ">=": compared >= 0,
        "==": compared == 0,
        "!=": compared != 0,
    }[how]
