"""The database, whichever it is: where it lies, and how a connection to it is had."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.store.connection import Connection, DatabaseFault
from gateway.store.options import NO_POSTGRES
from gateway.store.places import SERVER, Place, PostgresPlace, parse_file, parse_server
from gateway.store.sqlite import identity_of, open_sqlite
from gateway.words.secret import Secret

BUSY_TIMEOUT: Final = 5.0
"""Seconds that a person waits for another who writes."""


def parse_database(
    address: Secret | str, beside: Path, environ: Mapping[str, str] = os.environ
) -> Place:
    """Return the place that an address means; a relative file begins in the folder `beside`.

    Journals of PostgreSQL's lie in the folder that the variable `STATE_DIRECTORY` names, as systemd
    sets it, else in `beside`. Raises `ValueError` with a sentence.
    """
    text = address.reveal() if isinstance(address, Secret) else address
    if not text.startswith(SERVER):
        return parse_file(text, beside)
    folder = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return parse_server(text, Path(folder) if folder else beside)


class Database:
    """Where the database is. Opens nothing until asked."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def __str__(self) -> str:
        """Name it for the operator, without any secret."""
        return str(self.place)

    @property
    def path(self) -> Path:
        """The file of SQLite's; in any case what the journals beside it are called after."""
        return self.place.journals if isinstance(self.place, PostgresPlace) else self.place

    @property
    def is_shared(self) -> bool:
        """Whether other machines may write it too, so that no file tells who does."""
        return isinstance(self.place, PostgresPlace)

    @property
    def identity(self) -> tuple[int, int] | None:
        """What tells a file from another that is put in its place; None: there is none."""
        return (0, 0) if isinstance(self.place, PostgresPlace) else identity_of(self.place)

    def connect(self, *, readonly: bool = False, busy_timeout: float | None = None) -> Connection:
        """Open the database, in any thread. It takes as long as it takes: never on the loop.

        Makes what is not there, for its owner alone, and brings it up to date; `readonly` does
        neither. `busy_timeout` is how long to wait for others who write; without it, as a person
        would. Raises `DatabaseFault`.
        """
        if isinstance(self.place, PostgresPlace):
            return _postgres(self.place, busy_timeout, readonly=readonly)
        return open_sqlite(
            self.place, BUSY_TIMEOUT if busy_timeout is None else busy_timeout, readonly=readonly
        )


def connect_foreign(place: PostgresPlace) -> Connection:
    """Open another program's database, to read it. Raises `DatabaseFault`."""
    try:
        from gateway.store.postgres import open_foreign  # noqa: PLC0415 (an optional dependency)
    except ImportError:
        raise DatabaseFault(f"{place} {NO_POSTGRES}.") from None
    return open_foreign(place)


def _postgres(place: PostgresPlace, busy_timeout: float | None, *, readonly: bool) -> Connection:
    """Connect. It imports the extra, and nobody else does."""
    try:
        from gateway.store.postgres import open_postgres  # noqa: PLC0415 (an optional dependency)
    except ImportError:
        raise DatabaseFault(f"{place} {NO_POSTGRES}.") from None
    return open_postgres(place, busy_timeout, readonly=readonly)
