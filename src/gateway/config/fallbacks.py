"""Reads `[fallbacks]` and `[context_fallbacks]`: for names or patterns, who is asked after them."""

from collections.abc import Mapping

from gateway.config.known import Known
from gateway.config.lines import Key
from gateway.config.mistakes import PATIENCE, quoted
from gateway.config.models import check_twice
from gateway.config.names import check_pattern
from gateway.config.tables import Reading, read_value

Fallbacks = dict[str, list[str]]


def read_fallbacks(table: Mapping[str, object], section: str, reading: Reading) -> Fallbacks:
    """Read one of the two tables; a single name becomes a list of one."""
    found: Fallbacks = {}
    for pattern, value in table.items():
        key: Key = (section, pattern)
        try:
            check_pattern(pattern)
        except ValueError as error:
            reading.notes.mistake(key, str(error))
        match read_value(str | list[str], value, key, reading):
            case str() as name:
                found[pattern] = [name]
            case list() as names:
                found[pattern] = names
    return found


def check_fallbacks(fallbacks: Fallbacks, section: str, known: Known, reading: Reading) -> None:
    """Note each name that nobody answers, and warn of patterns that mean none."""
    for number, (pattern, names) in enumerate(fallbacks.items()):
        key: Key = (section, pattern)
        check_twice(names, key, reading)
        for index, name in enumerate(names):
            if name == pattern:
                reading.notes.mistake((*key, index), "falls back on itself")
            elif not known.answered(name):
                near = reading.notes.nearest(name, known.names)
                reading.notes.mistake((*key, index), f"nobody answers to {quoted(name)}", near)
        # Each is compared with every name, so a table without end would take without end.
        if number < PATIENCE and not known.meant(pattern):
            reading.notes.warn(key, "no name that is answered is meant by this")
