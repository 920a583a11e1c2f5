"""A configuration and rows of LiteLLM's, for tests that move them without a database."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gateway.commands.moving.database_keys import KeyDraft, Keys
from gateway.commands.moving.database_models import Models
from gateway.commands.moving.database_notes import Notes
from gateway.commands.moving.database_source import Source, source_of
from gateway.commands.moving.database_teams import Teams
from gateway.config.compose import Config
from gateway.store.litellm import Daily, Theirs
from tests.config.texts import load

NOW = 1_795_521_600
"""2026-11-24 12:00 UTC, a Tuesday."""

LATER, BEFORE = "2026-12-01T00:00:00", "2026-11-01T00:00:00"
DAY, WEEK, MONTH, YEAR = 1_795_478_400, 1_795_392_000, 1_793_491_200, 1_767_225_600
"""The starts of the windows that are now."""

PEPPER = "0123456789abcdef0123456789abcdef"
TEXT = f"""\
[providers.try]
kind = "echo"
models = ["gpt-5.2", "mini", "@odd"]
[models."gpt-5.2"]
prices = {{ input = 1.0, output = 2.0 }}
[models.mini]
prices = {{ input = 1.0, output = 2.0 }}
[auth]
pepper = "{PEPPER}"
[store]
database = "sqlite:///gateway.db"
"""

Rows = Sequence[Any]


def configuration(more: str = "") -> Config:
    """Return what a file with these tables besides comes to."""
    with TemporaryDirectory() as folder:
        return load(TEXT + more, Path(folder))


class Moved:
    """What becomes of rows: teams, keys, and what was told."""

    def __init__(self, more: str = "", daily: Sequence[Daily] = (), **tables: Rows) -> None:
        self.notes = Notes()
        config = configuration(more)
        rows = {name: [dict(row) for row in found] for name, found in tables.items()}
        self.source: Source = source_of(Theirs(rows, 0, list(daily)), self.notes)
        self.models = Models(config, self.source.access)
        self.teams = Teams(self.models, config.teams, self.notes, NOW)
        for row in self.source.teams:
            self.teams.add(row, self.source.members)
        self.maker = Keys(PEPPER.encode(), self.source, self.models, self.teams, self.notes)
        drafts = [self.maker.draft(row, NOW) for row in self.source.keys]
        self.keys: list[KeyDraft] = [draft for draft in drafts if draft is not None]

    @property
    def told(self) -> list[str]:
        return list(self.notes)

    @property
    def part(self) -> str:
        """The part for the file."""
        return "\n".join(self.teams.part())

    @property
    def key(self) -> KeyDraft:
        """The only key that was taken over."""
        (key,) = self.keys
        return key
