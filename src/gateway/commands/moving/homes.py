"""Puts what others call deployments or targets into tables of providers.

Who is asked at one address, with one key and in one manner is one provider. A name that is asked
for in several of them has several homes, as the name of a model had several deployments.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from gateway.commands.moving.sheet import Sheet
from gateway.config.lines import Key
from gateway.providers.table import TABLE

EVERYTHING: Final = "*"

COMPATIBLE: Final = "openai-compatible"
"""What a server is called that speaks OpenAI's form at an address of its own."""

UNLISTED: Final = frozenset(
    {"alibaba", "azure", "bedrock", "perplexity", "vertex", "vertex-anthropic", "zai"}
)
"""Kinds of which nobody can be asked for a list of models."""

Settings = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Home:
    """One way to answer for a name.

    `public` is the name that clients use and `own` the provider's; for a whole family of names
    `own` is `*` and `public` what stands before them. `sources` says which setting is from where.
    """

    source: Key
    public: str
    own: str
    kind: str
    settings: Settings
    sources: Mapping[Key, str] = field(default_factory=dict)

    @property
    def is_family(self) -> bool:
        """Say whether it is for all names that begin alike."""
        return self.own == EVERYTHING


@dataclass(slots=True)
class _Provider:
    name: str
    kind: str
    settings: Settings
    models: dict[str, str]
    prefix: str | None = None
    """None where it has names; empty where it has all that it lists."""

    def takes(self, home: Home) -> bool:
        """Say whether a home that is asked in the same manner can stand in this table."""
        if home.is_family:
            return self.prefix == home.public
        return self.prefix is None and self.models.get(home.public, home.own) == home.own


class Providers:
    """The tables of providers, while homes are put into them."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._all: dict[str, _Provider] = {}
        self._alike: dict[tuple[str, str], list[_Provider]] = {}
        self._homes: dict[str, list[str]] = {}
        self._counts: Counter[str] = Counter()

    def place(self, home: Home) -> tuple[str, bool]:
        """Find or make the table of a home; return its name, and whether the home is new."""
        alike = self._alike.setdefault((home.kind, repr(home.settings)), [])
        found = next((each for each in alike if each.takes(home)), None)
        is_new = found is None or not (home.is_family or home.public in found.models)
        if found is None:
            prefix = home.public if home.is_family else None
            found = _Provider(self._free(home), home.kind, home.settings, {}, prefix)
            self._all[found.name] = found
            alike.append(found)
        if not home.is_family and is_new:
            found.models[home.public] = home.own
            self._homes.setdefault(home.public, []).append(found.name)
        table = ("providers", found.name)
        self._sheet.belongs(home.source, table)
        for source, setting in home.sources.items():
            self._sheet.trail[source] = _place_in(found, table, setting)
        return found.name, is_new

    def _free(self, home: Home) -> str:
        """Return what a table is called that nobody has yet."""
        named = COMPATIBLE if home.kind == "openai" and "base_url" in home.settings else home.kind
        self._counts[named] += 1
        count = self._counts[named]
        return named if count == 1 else f"{named}-{count}"

    def write(self) -> None:
        """Write all tables, those of whole families last: a name of its own comes first."""
        for each in sorted(self._all.values(), key=lambda each: each.prefix is not None):
            table = ("providers", each.name)
            if each.name != each.kind:
                self._sheet.put(table, "kind", each.kind)
            for name, value in each.settings.items():
                self._sheet.put(table, name, value)
            if each.prefix is None:
                same = all(public == own for public, own in each.models.items())
                self._sheet.put(table, "models", list(each.models) if same else each.models)
            elif each.prefix:
                self._sheet.put(table, "prefix", each.prefix)
                if _lists(each.kind):
                    # Of those the list would be asked for; without one, any name will do.
                    self._sheet.put(table, "models", [])
            else:
                self._sheet.put(table, "models", EVERYTHING)

    def answers(self, name: str) -> bool:
        """Say whether somebody is asked for this name."""
        return name in self._homes or any(
            name.startswith(prefix) and name != prefix for prefix in self._prefixes()
        )

    def homes(self, public: str) -> list[str]:
        """Return the names of those who offer a name, in their order."""
        return self._homes.get(public, [])

    def listing(self) -> int:
        """Return how many are asked for any name whatever that they list."""
        return sum(not prefix for prefix in self._prefixes())

    def _prefixes(self) -> Iterator[str]:
        return (each.prefix for each in self._all.values() if each.prefix is not None)


def _place_in(provider: _Provider, table: Key, setting: str) -> Key:
    """Say where a setting stands: some of them are said by the table's name, or by its prefix."""
    if setting == "kind" and provider.name == provider.kind:
        return table
    return (*table, "prefix" if setting == "models" and provider.prefix else setting)


def _lists(kind: str) -> bool:
    """Say whether a kind is asked for its list of models where nothing is said of them."""
    fields = msgspec.structs.fields(TABLE[kind].Options)
    return any(field.name == "models" and field.default == EVERYTHING for field in fields)
