"""Reads single values of a source: texts, numbers, switches. What is none of these is None."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

from gateway.commands.moving.saying import REFERENCE, plain
from gateway.commands.moving.sheet import Sheet
from gateway.config.names import check_name
from gateway.words.units import YEAR

LEAST_TOTAL: Final = 600.0
"""Seconds. Their clock is for silence, ours for the whole call, streams included: so long at least
it lasts, as OpenAI's own clients wait."""

SILENCE: Final = (
    "a timeout is for silence there. So are first_token and idle here; total is the whole call,"
    " streams included, so it is never below 600 s."
)

MOST_RETRIES: Final = 10

Table = Mapping[str, object]


def table(value: object) -> Table:
    """Return a table; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[object]:
    """Return a list; an empty one where it is none."""
    return value if isinstance(value, list) else []


def text(value: object) -> str | None:
    """Return a text that is not empty, without the space around it; numbers are texts, too."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value.strip() or None if isinstance(value, str) else None


def number(value: object) -> float | None:
    """Return a finite number from 0 on."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) and found >= 0.0 else None


def seconds(value: object) -> float | None:
    """Return a duration that a clock can have."""
    found = number(value)
    return found if found is not None and 0.0 < found <= YEAR else None


def whole(value: object, most: int, least: int = 0) -> int | None:
    """Return a whole number within bounds."""
    found = number(value)
    return int(found) if found is not None and least <= found <= most else None


def flag(value: object) -> bool:
    """Say whether a switch is on."""
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def name(value: object) -> str | None:
    """Return a text that can be a name here."""
    found = text(value)
    try:
        check_name(found or "")
    except ValueError:
        return None
    return found


def clocks(timeout: float | None, of_streams: float | None) -> dict[str, float]:
    """Return our clocks for one of theirs, which is for each silence of an attempt."""
    silence = of_streams or timeout
    found = {} if silence is None else {"first_token": silence, "idle": silence}
    return found if timeout is None else {**found, "total": max(timeout, LEAST_TOTAL)}


def references(value: object) -> Iterator[str]:
    """Yield all variables of the environment that a source names."""
    match value:
        case dict():
            for part in value.values():
                yield from references(part)
        case list():
            for part in value:
                yield from references(part)
        case str() if found := REFERENCE.fullmatch(value.strip()):
            yield found["name"]


class Secrets:
    """Puts variables of the environment in the place of secrets: none is ever written out."""

    def __init__(self, sheet: Sheet, taken: Iterator[str]) -> None:
        self._sheet = sheet
        self._taken = set(taken)
        self._known: dict[str, str] = {}

    def of(self, value: object, what: str, otherwise: str) -> dict[str, str] | None:
        """Return a reference to a secret; a literal one is to be set by a variable from now on.

        `otherwise` is what such a variable is called, with a number where the name is taken.
        """
        said = text(value)
        if said is None:
            return None
        if found := REFERENCE.fullmatch(said):
            return self.variable(found["name"], what)
        if said not in self._known:
            self._known[said] = self._free(otherwise)
            what = f"{what}; it stood in the source itself"
        return self.variable(self._known[said], what)

    def variable(self, variable: str, what: str) -> dict[str, str]:
        """Return a reference to a variable, and have it told that it must be set."""
        self._sheet.variables.setdefault(variable, plain(what))
        return {"env": variable}

    def _free(self, wanted: str) -> str:
        number, found = 1, wanted
        while found in self._taken or found in self._sheet.variables:
            number += 1
            found = f"{wanted}_{number}"
        self._taken.add(found)
        return found


class Open:
    """Looks up what may stand in a file: addresses, versions, regions. Never asked for a secret."""

    def __init__(self, environ: Mapping[str, str], said: object) -> None:
        """`said` is what the source itself sets in the environment."""
        own = {key: found for key, value in table(said).items() if (found := text(value))}
        self._environ = {**environ, **own}

    def of(self, value: object) -> str | None:
        """Return a text, or what a variable holds now; None where that is not to be had."""
        said = text(value)
        if said is None or (found := REFERENCE.fullmatch(said)) is None:
            return said
        return self._environ.get(found["name"], "").strip() or None

    def variable(self, *names: str) -> str | None:
        """Return what the first of these variables holds that is set."""
        return next((held for each in names if (held := self._environ.get(each, "").strip())), None)
