"""What values are called, which are shown first, and which only when they are bad."""

from collections.abc import Mapping
from typing import Final

from benchmarks.results import ScenarioNote

MORE_HEADLINES: Final[Mapping[str, tuple[str, ...]]] = {
    "memory": ("kb_per_stream_1000",),
    "first-token": ("p99_ms",),
    "leaving": ("p99_ms", "leaked"),
    "installed": ("packages",),
}
"""Beside the first value of each scenario: what has a picture, and stands in the terminal."""

DOUBTS: Final[Mapping[str, tuple[float, str]]] = {
    "errors": (0.5, "of its answers {} were wrong"),
    "unfinished": (0.5, "{} of its streams were not at their end in time"),
    "load_busy": (90, "the load tools used {} % of their core, so the figure may be theirs"),
    "late_p99_ms": (10, "the provider itself was {} ms late (p99)"),
}
"""Values that are told below the table, and only above these limits."""

NAMES: Final[Mapping[str, str]] = {
    "at_once_max_ms": "all at once, longest",
    "at_once_p50_ms": "all at once, p50",
    "at_once_p99_ms": "all at once, p99",
    "chunks_per_second": "",
    "cpu_percent": "processor",
    "cpu_us_per_chunk": "processor time a chunk",
    "cpu_us_per_event": "processor time an event",
    "cpu_us_per_request": "processor time a request",
    "delay_p50_ms": "delay of an event, p50",
    "delay_p99_ms": "delay of an event, p99",
    "delivered_percent": "delivered",
    "events_per_second": "",
    "idle_mb": "idle",
    "kb_per_stream_100": "each of 100 streams",
    "kb_per_stream_1000": "each of 1,000 streams",
    "kb_per_stream_5000": "each of 5,000 streams",
    "leaked": "never closed",
    "max_gap_ms": "longest gap",
    "max_ms": "longest",
    "megabytes": "",
    "p50_ms": "p50",
    "p90_ms": "p90",
    "p99_ms": "p99",
    "packages": "",
    "requests_per_second": "",
    "seconds": "until the first whole answer",
    "streams_per_second": "",
    "whole_p50_ms": "whole answer, p50",
    "whole_p99_ms": "whole answer, p99",
}
"""What people call the values; nothing where the unit says it all."""


def headlines(note: ScenarioNote) -> list[str]:
    """Return the values that a scenario is about."""
    first = next(iter(note.units))
    return [first, *(key for key in MORE_HEADLINES.get(note.name, ()) if key in note.units)]


def columns(note: ScenarioNote) -> list[str]:
    """Return the values for the table: all but those that only tell of trouble."""
    return [key for key in note.units if key not in DOUBTS]


def label(note: ScenarioNote, key: str) -> str:
    """Say a value's name and unit."""
    name = NAMES.get(key, key.replace("_", " "))
    return f"{name}, {note.units[key]}" if name else note.units[key]
