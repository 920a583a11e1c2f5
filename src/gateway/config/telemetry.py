"""Reads `[telemetry]`: how the log looks, where receipts go besides the ledger, where traces go."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.config import traces
from gateway.config.lines import Key
from gateway.config.tables import Reading, read_table
from gateway.store.sink_address import parse_sink
from gateway.telemetry.options import LogOptions
from gateway.words.secret import Secret

_TABLE = "telemetry"
_ADDRESSES = ("receipts", "otlp_endpoint")
_RECEIPTS: Key = (_TABLE, "receipts")


def read_telemetry(document: Mapping[str, object], reading: Reading) -> LogOptions:
    """Read the table; an address is a secret only where it may hold a password or a token."""
    value, open_ones = document.get(_TABLE, {}), dict[str, str]()
    if isinstance(value, dict):
        open_ones = {
            name: said
            for name in _ADDRESSES
            if isinstance(said := value.get(name), str) and not _is_telling(said)
        }
        value = {name: inner for name, inner in value.items() if name not in open_ones}
        for name in open_ones:
            reading.notes.came_from((_TABLE, name))
    options = read_table(LogOptions, value, (_TABLE,), reading) or LogOptions()
    addresses = {name: Secret(said) for name, said in open_ones.items() if said}
    options = msgspec.structs.replace(options, **addresses)
    if options.receipts is not None and (wrong := _fault(options.receipts)):
        reading.notes.mistake(_RECEIPTS, wrong)
    for name, wrong in traces.faults(options):
        reading.notes.mistake((_TABLE, name), wrong)
    return options


def _is_telling(address: str) -> bool:
    """Say whether an address may show who we are: a password before the host, a token behind it."""
    return not address.startswith("file:") and ("@" in address or "?" in address)


def _fault(receipts: Secret) -> str:
    """Say what is wrong with the address, without repeating it; nothing where nothing is."""
    try:
        place = parse_sink(receipts.reveal())
    except ValueError as error:
        return str(error)
    if place.path and not _is_folder(Path(place.path).parent):
        return "names a file in a folder that is not there"
    if place.path and _is_folder(Path(place.path)):
        return "names a folder, not a file"
    return ""


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
