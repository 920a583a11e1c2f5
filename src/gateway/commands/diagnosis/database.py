"""The database: does it open, is it of this version, can it be written, is there room beside it.

It is looked at and left as it is: nothing is made, and nothing brought up to date. It blocks.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from gateway.commands.diagnosis.space import room_in
from gateway.commands.diagnosis.verdict import Verdict, counted, fail, ok, skipped, warn
from gateway.store.connection import Connection, DatabaseFault
from gateway.store.database import Database
from gateway.store.journal import MARK
from gateway.store.versions import scripts

PATIENCE: Final = 1.0
"""Seconds to wait for others who write."""

SLOW: Final = 0.25
"""Seconds to open it and read one row that an operator should know of."""

MANY_JOURNALS: Final = 64

OLDER: Final = "of an older version"

UPDATE: Final = "`gateway serve` brings it up to date when it next starts: have a copy first."
NO_FILE: Final = "The gateway's user must be able to write in that folder."
UNREADABLE: Final = "[store] database names it; docs/ledger.md tells what it needs."
READ_ONLY: Final = (
    "The gateway's user must be able to write it; PostgreSQL's must be a primary, and the user the"
    " owner of the schema `gateway`."
)

_WRITABLE: Final = (
    "SELECT NOT pg_is_in_recovery() AND has_schema_privilege('gateway', 'USAGE')"
    " AND has_table_privilege('gateway.calls', 'INSERT')"
)


class _Seen(NamedTuple):
    """How it was to open the database and read of it."""

    kind: str
    seconds: float


def database(place: Database, now: Callable[[], float]) -> Sequence[Verdict]:
    """Look at the database. `now` counts seconds."""
    folder = place.path.parent
    if not place.is_shared and place.identity is None:
        return [_will_be_made(place, folder)]
    began = now()
    try:
        with closing(place.connect(readonly=True, busy_timeout=PATIENCE)) as connection:
            connection.execute("SELECT 1")
            seen = _Seen(connection.kind, now() - began)
    except DatabaseFault as fault:
        if OLDER in str(fault):
            later = skipped("writable", "not tried before it is up to date")
            return [warn("opens", str(fault), UPDATE), later, room_in(folder)]
        return [fail("opens", str(fault), UNREADABLE), skipped("writable", "not opened")]
    return [_opened(place, seen), _written(place), _journals(place.path), room_in(folder)]


def _will_be_made(place: Database, folder: Path) -> Verdict:
    if not folder.is_dir():
        return fail("opens", f"{place}: there is no folder {folder}", NO_FILE)
    if not os.access(folder, os.W_OK | os.X_OK):
        return fail("opens", f"{place} cannot be made in {folder}", NO_FILE)
    return ok("opens", f"{place} is not there yet: `gateway serve` makes it")


def _opened(place: Database, seen: _Seen) -> Verdict:
    version = len(scripts("postgres" if seen.kind == "postgres" else "sqlite"))
    said = f"{place}, version {version}, in {seen.seconds * 1000:.0f} ms"
    if seen.seconds > SLOW:
        return warn("opens", said, "Is it far away, busy, or on a slow disk?")
    return ok("opens", said)


def _written(place: Database) -> Verdict:
    """Begin to write, and take it back. What is up to date already is not changed by opening it."""
    try:
        with closing(place.connect(busy_timeout=PATIENCE)) as connection:
            if _is_writable(connection):
                return ok("writable", "a write could begin, and was taken back")
    except DatabaseFault as fault:
        return fail("writable", str(fault), READ_ONLY)
    return fail("writable", f"{place} can only be read", READ_ONLY)


def _is_writable(connection: Connection) -> bool:
    if connection.kind == "postgres":
        ((writable,),) = connection.execute(_WRITABLE)
        return bool(writable)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("ROLLBACK")
    return True


def _journals(path: Path) -> Verdict:
    """Count the journals of processes beside the database, and those that hold rows."""
    try:
        sizes = [each.stat().st_size for each in path.parent.glob(f"{path.name}{MARK}*")]
    except OSError as error:
        return warn("journals", f"{path.parent}: {error.strerror}", NO_FILE)
    full = sum(size > 0 for size in sizes)
    seen = f"{counted(len(sizes), 'journal')} beside it, {full} with rows that wait"
    if full or len(sizes) > MANY_JOURNALS:
        remedy = "A gateway that runs, or the next that starts, takes them into the database."
        return warn("journals", seen, remedy)
    return ok("journals", seen)
