"""Reads `[store]`: where the state lies that outlives a process, and that several share."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.config.lines import Key
from gateway.config.tables import Reading, read_table
from gateway.store.database import parse_database
from gateway.store.options import StoreOptions, fault
from gateway.words.secret import Secret

_SHARED: Key = ("store", "shared")
_DATABASE: Key = ("store", "database")


def read_store(document: Mapping[str, object], reading: Reading) -> StoreOptions:
    """Read the table; an address is a secret only where it holds a password."""
    value = document.get("store", {})
    address = ""
    if isinstance(value, dict) and isinstance(said := value.get("shared"), str) and "@" not in said:
        address = said
        value = {name: inner for name, inner in value.items() if name != "shared"}
        reading.notes.came_from(_SHARED)
    options = read_table(StoreOptions, value, ("store",), reading) or StoreOptions()
    if address:
        options = msgspec.structs.replace(options, shared=Secret(address))
    if (wrong := fault(options)) is not None:
        reading.notes.mistake(_SHARED, wrong)
    if options.database:
        try:
            folder = parse_database(options.database, reading.files.folder).parent
        except ValueError as error:
            reading.notes.mistake(_DATABASE, str(error))
        else:
            if not _is_folder(folder):
                reading.notes.mistake(_DATABASE, f"there is no folder {folder}")
    return options


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
