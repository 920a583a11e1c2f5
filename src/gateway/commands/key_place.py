"""Where keys are kept, as the configuration says: its database, its file, and its pepper."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import click

from gateway.commands.reading import Refused, read_configuration
from gateway.config.compose import Config
from gateway.config.mistakes import ConfigMistake, quoted
from gateway.furnish import database_of
from gateway.policy.keys import KeyRecord
from gateway.store.connection import DatabaseFault
from gateway.store.database import Database
from gateway.store.keys import Kept, KeyStore

NO_FILE: Final = (
    "There is no configuration file, and keys need one: what --config or GATEWAY_CONFIG names, else"
    " ./gateway.toml."
)
DOUBLE: Final = (
    "{name} is the name of two keys, one in {file} and one in the database: the ledger and budgets"
    " take them for one"
)
NO_DATABASE: Final = """\
{file} names no database to keep keys in. Add these two lines, or the second to [store]:

[store]
database = "sqlite:///gateway.db"\
"""
NO_PEPPER: Final = """\
{file} names no pepper, with which the digests of keys are made. Add these two lines, or the second
to [auth], and set the variable to what `openssl rand -hex 32` prints:

[auth]
pepper = {{ env = "GATEWAY_PEPPER" }}\
"""


class Place:
    """The keys of one configuration. What cannot be done is a `ClickException` with a sentence."""

    def __init__(self, path: Path | None) -> None:
        """Read the configuration as all commands do."""
        try:
            config = read_configuration(path)
        except ConfigMistake as mistake:
            raise Refused(mistake) from None
        if config is None:
            raise click.ClickException(NO_FILE)
        self.config: Config = config

    @property
    def file(self) -> str:
        return str(self.config.source)

    @property
    def pepper(self) -> bytes:
        """What the digests of keys are made with."""
        pepper = self.config.auth.pepper
        if pepper is None:
            raise click.ClickException(NO_PEPPER.format(file=self.file))
        return pepper.reveal().encode()

    @property
    def database(self) -> Database:
        """Where the keys are that are made here."""
        database = database_of(self.config)
        if database is None:
            raise click.ClickException(NO_DATABASE.format(file=self.file))
        return database

    @contextmanager
    def opened(self) -> Iterator[KeyStore]:
        """Give the database's keys to change; it is made if there is none."""
        database = self.database
        try:
            with closing(database.connect()) as connection:
                yield KeyStore(connection)
        except DatabaseFault as fault:
            raise click.ClickException(str(fault)) from None

    def read(self) -> Kept:
        """Return the database's keys. To look makes no file, and file keys need no database."""
        if self.config.keys and not self.config.store.database:
            return Kept()
        if self.database.identity is None:
            return Kept()
        with self.opened() as store:
            return store.read()

    def check_kept(self, name: str) -> None:
        """Refuse a name that is no key of the database's."""
        kept = self.read()
        if name in kept.damaged or any(record.name == name for record in kept.records):
            return
        if any(record.name == name for record in self.config.keys):
            raise click.ClickException(
                f"The key {quoted(name)} stands in {self.file}, under [[keys]]: change it there."
            )
        raise self.unknown(name, kept)

    def doubles(self, kept: Kept) -> Iterator[str]:
        """Yield a warning for each name of the file's that is one of the database's too."""
        ours = {*kept.damaged, *(record.name for record in kept.records)}
        for name in (record.name for record in self.config.keys if record.name in ours):
            yield DOUBLE.format(name=quoted(name), file=self.file)

    def unknown(self, name: str, kept: Kept) -> click.ClickException:
        """Say that there is no such key, and which one may be meant."""
        records: tuple[KeyRecord, ...] = (*self.config.keys, *kept.records)
        near = get_close_matches(name, [record.name for record in records], 1)
        advice = f"Did you mean {quoted(near[0])}?" if near else "`gateway keys list` shows all."
        return click.ClickException(f"There is no key {quoted(name)}. {advice}")
