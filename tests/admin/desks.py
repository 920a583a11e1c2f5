"""A desk of keys over a database in a folder, as a configuration makes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.admin.audit import Audit
from gateway.admin.keys.desk import KeyDesk
from gateway.admin.keys.locksmith import Locksmith
from gateway.admin.keys.mine import Mine
from gateway.admin.keys.page import Keys
from gateway.admin.keys.spending import Spending
from gateway.config.compose import Config
from gateway.office.keys import key_desk_of
from gateway.store.archive import Archive
from gateway.store.database import Database
from tests.config.texts import load

NOW = 1_764_504_000
"""Noon of 30 November 2025."""

PEPPER = "0123456789abcdef0123456789abcdef"
ENVIRON = {"KEY": "sk-0123456789abcdef9f2c", "PEPPER": PEPPER}
TEXT = f"""\
[providers.echo]
[providers.openai]
api_key = {{ env = "KEY" }}
models = ["gpt-5.2", "gpt-5.2-mini", "text-embedding-3-small"]
[groups]
frontier = ["gpt-5.2"]
[auth]
pepper = {{ env = "PEPPER" }}
[store]
database = "sqlite:///keys.db"
[teams.research]
models = ["@frontier", "echo"]
members = ["oidc:ai"]
limits = {{ concurrency = 5 }}
budgets = [{{ usd = 60, per = "day", each = "user" }}, {{ usd = 200, per = "month" }}]
[[keys]]
name = "nightly"
hash = "{"a" * 64}"
team = "research"
user = "ada"
"""


class Heard:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, Mapping[str, Any]]] = []

    def info(self, event: str, **fields: object) -> None:
        self.lines.append((event, fields))

    warning = info


class Room:
    """All that belongs to keys, over one folder. `random` is what secrets are made of."""

    def __init__(self, folder: Path, text: str = TEXT) -> None:
        self.config: Config = load(text, folder, ENVIRON)
        self.desk: KeyDesk = key_desk_of(self.config)
        self.heard = Heard()
        self.database = Database(folder / "keys.db")
        self.database.connect().close()
        self.archive: Archive | None = Archive(self.database, self.heard)
        self.made = 0

    def random(self, count: int) -> bytes:
        self.made += 1
        return bytes([self.made]) * count

    @property
    def audit(self) -> Audit:
        return Audit(self.heard, self.archive)

    @property
    def locksmith(self) -> Locksmith:
        return Locksmith(self.desk, self.archive, self.audit, now=lambda: NOW, random=self.random)

    @property
    def keys(self) -> Keys:
        return Keys(self.desk, self.locksmith, Spending(self.archive), now=lambda: NOW)

    @property
    def mine(self) -> Mine:
        spending = Spending(self.archive)
        return Mine(self.desk, self.locksmith, spending, self.archive, now=lambda: NOW)

    @property
    def deeds(self) -> list[tuple[Any, ...]]:
        """What the audit log holds: action, subject, detail."""
        names = ("action", "subject", "detail")
        found = [fields for event, fields in self.heard.lines if event == "audit"]
        return [tuple(fields[name] for name in names) for fields in found]

    def close(self) -> None:
        if self.archive is not None:
            self.archive.close()
