"""The words of a Portkey config, which may be written `api_key` or `apiKey`."""

import re
from dataclasses import dataclass
from typing import Final

from gateway.commands.moving.reading import Table, table, text
from gateway.config.lines import Key

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")


@dataclass(frozen=True, slots=True)
class Fields:
    """A table of a config, and where it stands."""

    said: Table
    path: Key

    def spelled(self, name: str) -> str:
        """Return a word as it is written here."""
        if name in self.said:
            return name
        return next((each for each in self.said if snake(each) == name), name)

    def get(self, name: str) -> object:
        """Return what is said."""
        return self.said.get(self.spelled(name))

    def text(self, name: str) -> str | None:
        """Return what is said, where it is a text."""
        return text(self.get(name))

    def source(self, name: str) -> Key:
        """Say where that stands."""
        return (*self.path, self.spelled(name))

    def below(self, name: str) -> "Fields":
        """Return a table within this one; an empty one where there is none."""
        return Fields(table(self.get(name)), self.source(name))

    def each(self, name: str) -> list["Fields"]:
        """Return the tables of a list."""
        said = self.get(name)
        listed = said if isinstance(said, list) else []
        return [Fields(table(one), (*self.source(name), at)) for at, one in enumerate(listed)]


def snake(name: str) -> str:
    """Return a word as Portkey's documents write it."""
    return _CAMEL.sub(r"_\1", name).lower()
