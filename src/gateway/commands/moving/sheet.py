"""What an import has come to: settings of ours, remarks on the rest, and where each word went.

Nothing of a source is lost: what no setting and no remark has told is told by `untold`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from gateway.commands.moving.saying import is_holding, plain, shown
from gateway.config.lines import Key
from gateway.config.mistakes import dotted

PROVIDERS: Final[Key] = ("providers",)

ANYWHERE: Final[Key] = ()
"""Where a remark stands that no table of ours would be searched for."""


Reasons = Mapping[str, tuple[Key | None, str]]
"""Why something is not here, by its name, and in which table one would look for it."""

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")


@dataclass(frozen=True, slots=True)
class Remark:
    """What was not taken over as it stood: `at` is the table in which one would look for it."""

    at: Key
    source: Key
    text: str
    said: str = ""

    def __str__(self) -> str:
        if self.source:
            return f"{dotted(self.source)}: {self.text}"
        return self.text[:1].upper() + self.text[1:]


class Sheet:
    """A configuration that is being written.

    `trail` says of each word of the source where it went: to a key of ours, or to a remark (None).
    """

    def __init__(self) -> None:
        self.tables: dict[Key, dict[str, object]] = {}
        self.remarks: list[Remark] = []
        self.trail: dict[Key, Key | None] = {}
        self.variables: dict[str, str] = {}
        self.extras: dict[str, str] = {}
        self._places: dict[Key, Key] = {}

    def put(self, table: Key, name: str, value: object, *sources: Key) -> None:
        """Write a setting, and say of which words it comes."""
        self.tables.setdefault(table, {})[name] = value
        for source in sources:
            self.trail[source] = (*table, name)

    def get(self, table: Key, name: str) -> object:
        """Return what is written already; None where nothing is."""
        return self.tables.get(table, {}).get(name)

    def remark(self, at: Key, source: Key, text: str, value: object = None) -> None:
        """Say why something of the source is not taken over, and what to do.

        Of its value only what can be no secret is shown.
        """
        self.remarks.append(Remark(at, source, plain(text), shown(value, source)))
        self.trail.setdefault(source, None)

    def add(self, at: Key, text: str, source: Key = ()) -> None:
        """Say something of a table that is not about one word of the source, or more than it."""
        self.remarks.append(Remark(at, source, plain(text)))

    def belongs(self, source: Key, table: Key) -> None:
        """Say in which table one would look for what is said below a place of the source."""
        self._places[source] = table

    def place_of(self, source: Key, otherwise: Key = ANYWHERE) -> Key:
        """Return that table, of the nearest place that has one."""
        for length in range(len(source), 0, -1):
            if source[:length] in self._places:
                return self._places[source[:length]]
        return otherwise

    def settle(self) -> None:
        """Move remarks that were made before anybody knew of which provider to its table."""
        self.remarks = [
            replace(each, at=self.place_of(each.source, each.at))
            if each.at == PROVIDERS and each.source
            else each
            for each in self.remarks
        ]

    def untold(self, document: Mapping[str, object]) -> Iterator[tuple[Key, object]]:
        """Yield each part of a source of which nothing was said, as large as it can be."""
        told = {source[:length] for source in self.trail for length in range(len(source) + 1)}
        yield from self._untold((), document, told)

    def tell_rest(self, document: Mapping[str, object], reasons: Reasons, unknown: str) -> None:
        """Tell why all that is left is not here; what no reason is known for is told as unknown."""
        for path, value in list(self.untold(document)):
            self._tell(path, value, reasons, unknown)

    def _tell(self, path: Key, value: object, reasons: Reasons, unknown: str) -> None:
        found = next((reasons[word] for word in _words(path) if word in reasons), None)
        if found is not None:
            at, why = found
            # Without a table it is about a provider, and told there.
            self.remark(self.place_of(path, PROVIDERS) if at is None else at, path, why, value)
        elif isinstance(value, dict) and any(
            _word(name) in reasons or is_holding(_word(name)) for name in value
        ):
            for name, part in value.items():
                self._tell((*path, name), part, reasons, unknown)
        else:
            self.remark(self.place_of(path), path, unknown, value)

    def _untold(self, path: Key, value: object, told: set[Key]) -> Iterator[tuple[Key, object]]:
        if path in self.trail:
            return
        if path and path not in told:
            yield path, value
            return
        parts = value.items() if isinstance(value, dict) else enumerate(_items(value))
        for name, part in parts:
            yield from self._untold((*path, name), part, told)


def _words(path: Key) -> Iterator[str]:
    return (_word(part) for part in reversed(path) if isinstance(part, str))


def _word(name: str) -> str:
    """Return a word as both sources write it: Portkey also takes `onStatusCodes`."""
    return _CAMEL.sub(r"_\1", name).lower() if not name.isupper() else name


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []
