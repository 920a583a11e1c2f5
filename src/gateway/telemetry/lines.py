"""How a line of the log looks: JSON for machines, text for people. Runs in the writer's thread."""

import codecs
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, Protocol

import msgspec
from structlog.dev import Column, ConsoleRenderer, KeyValueColumnFormatter

Plain = str | int | float | bool | None
"""What a field may hold. Nothing else waits in the queue: an exception keeps its frames alive."""


_escaped = codecs.getencoder("unicode_escape")
"""Looked up now: that reads a file, and a line may be written where no descriptor is left."""

BLOCKS = ("tree", "stacks")
"""Fields of many lines, which stand below their line where people read it."""


class Line(NamedTuple):
    """One line. `speak` tells its fields as a person would, where text has better words."""

    at_ns: int
    level: str
    event: str
    fields: Mapping[str, Plain]
    speak: Callable[[Mapping[str, Plain]], str] | None = None

    def line(self) -> "Line":
        """Return itself: a line is an entry that has nothing left to work out."""
        return self


class Entry(Protocol):
    """What waits in the queue: something that becomes a line in the writer's thread."""

    def line(self) -> Line:
        """Work out the line."""


Render = Callable[[Line], str]


def printable(text: str) -> str:
    """Escape whatever could move a cursor, break a line or turn the writing round (R20)."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else _escaped(sign)[0].decode() for sign in text)


def _printable_lines(text: Plain) -> str:
    return "\n".join(map(printable, str(text).split("\n")))


def stamp(at_ns: int) -> str:
    """Write a moment as ISO 8601 in UTC, with milliseconds."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return f"{_second(seconds)}.{rest // 1_000_000:03d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def json_lines() -> Render:
    """Return the renderer for machines: one object a line, ASCII, nothing left to escape."""
    quickly = msgspec.json.Encoder().encode
    escaping = json.JSONEncoder(separators=(",", ":")).encode

    def render(line: Line) -> str:
        event = {
            "timestamp": stamp(line.at_ns),
            "level": line.level,
            "event": line.event,
            **line.fields,
        }
        try:
            text = quickly(event)
        except (OverflowError, UnicodeEncodeError):  # a huge number, half a surrogate pair
            return escaping(event)
        # JSON lets DEL pass as it is; a terminal does not.
        return text.decode() if text.isascii() and b"\x7f" not in text else escaping(event)

    return render


def text_lines(*, coloured: bool) -> Render:
    """Return the renderer for people: time, level and event in columns, then what else is known."""
    style = ConsoleRenderer.get_default_column_styles(coloured)
    levels = ConsoleRenderer.get_default_level_styles(coloured)

    def show(field: object) -> str:
        shown = printable(str(field))
        return f'"{shown}"' if " " in shown or not shown else shown

    def level(key: str, value: object) -> str:
        return f"{levels[str(value)]}{value!s:<7}{style.reset}"

    def column(key: str, before: str, shape: Callable[[object], str]) -> Column:
        return Column(key, KeyValueColumnFormatter(None, before, style.reset, shape))

    fields = KeyValueColumnFormatter(style.kv_key, style.kv_value, style.reset, show)
    renderer = ConsoleRenderer(
        sort_keys=False,
        columns=[
            column("timestamp", style.timestamp, str),
            Column("level", level),
            column("event", "", lambda event: printable(str(event))),
            Column("", fields),
        ],
    )

    def render(line: Line) -> str:
        event = {"timestamp": stamp(line.at_ns), "level": line.level}
        if line.speak is not None:
            return renderer(None, line.level, {**event, "event": line.speak(line.fields)})
        known = {key: field for key, field in line.fields.items() if field is not None}
        if "exception" in known:
            known["exception"] = _printable_lines(known["exception"])
        blocks = [_printable_lines(known.pop(name)) for name in BLOCKS if name in known]
        text = renderer(None, line.level, {**event, "event": line.event, **known})
        return "\n".join([text, *blocks])

    return render
