"""Reads `[telemetry]`: how the log looks, and where receipts go besides the ledger."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from gateway.config.lines import Key
from gateway.config.tables import Reading, read_table
from gateway.store.sink_address import parse_sink
from gateway.telemetry.options import LogOptions
from gateway.words.secret import Secret

_RECEIPTS: Key = ("telemetry", "receipts")


def read_telemetry(document: Mapping[str, object], reading: Reading) -> LogOptions:
    """Read the table; an address is a secret only where it may hold a password or a token."""
    value, address = document.get("telemetry", {}), ""
    said = value.get("receipts") if isinstance(value, dict) else None
    if isinstance(value, dict) and isinstance(said, str) and not _is_telling(said):
        address = said
        value = {name: inner for name, inner in value.items() if name != "receipts"}
        reading.notes.came_from(_RECEIPTS)
    options = read_table(LogOptions, value, ("telemetry",), reading) or LogOptions()
    if address:
        options = msgspec.structs.replace(options, receipts=Secret(address))
    if options.receipts is not None and (wrong := _fault(options.receipts)):
        reading.notes.mistake(_RECEIPTS, wrong)
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
