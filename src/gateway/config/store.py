"""Reads `[store]`: where the state lies that outlives a process, and that several share."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.config.lines import Key
from gateway.config.tables import Reading, read_table
from gateway.store.database import parse_database
from gateway.store.options import NO_POSTGRES, POSTGRES, StoreOptions, fault
from gateway.store.places import Address, PostgresPlace, holds_password
from gateway.words.secret import Secret

_SHARED: Key = ("store", "shared")
_DATABASE: Key = ("store", "database")


def read_store(document: Mapping[str, object], reading: Reading) -> StoreOptions:
    """Read the table; an address is a secret only where it holds a password."""
    value = document.get("store", {})
    shared = database = None
    if isinstance(value, dict):
        shared = _open_address(value.get("shared"), _SHARED, reading)
        database = _open_address(value.get("database"), _DATABASE, reading)
        known = {"shared": shared, "database": database}
        value = {name: inner for name, inner in value.items() if known.get(name) is None}
    options = read_table(StoreOptions, value, ("store",), reading) or StoreOptions()
    if shared:
        options = msgspec.structs.replace(options, shared=Secret(shared))
    if (wrong := fault(options)) is not None:
        reading.notes.mistake(_SHARED, wrong)
    hidden = None if options.database is None else options.database.reveal()
    if not (address := database or hidden):
        return options
    if (wrong := database_fault(address, reading.files.folder)) is not None:
        reading.notes.mistake(_DATABASE, wrong)
    return msgspec.structs.replace(options, database=Address(address))


def _open_address(said: object, key: Key, reading: Reading) -> str | None:
    """Return an address that stands in the file and is no secret."""
    if not isinstance(said, str) or ("@" in said if key == _SHARED else holds_password(said)):
        return None
    reading.notes.came_from(key)
    return said


def database_fault(address: str, beside: Path, package: str = POSTGRES) -> str | None:
    """Say what is wrong with the address of a database, without any secret; None: nothing is.

    `package` is what PostgreSQL needs.
    """
    try:
        place = parse_database(address, beside)
    except ValueError as error:
        return str(error)
    if isinstance(place, PostgresPlace):
        if importlib.util.find_spec(package) is None:
            return NO_POSTGRES
        place = place.journals
    return None if _is_folder(place.parent) else f"there is no folder {place.parent}"


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
