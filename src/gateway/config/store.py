"""Reads `[store]`: where the state lies that several processes share."""

from collections.abc import Mapping

import msgspec

from gateway.config.lines import Key
from gateway.config.tables import Reading, read_table
from gateway.store.options import StoreOptions, fault
from gateway.words.secret import Secret

_SHARED: Key = ("store", "shared")


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
    return options
