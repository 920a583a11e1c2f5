"""The log: events with fields, on stderr, by a thread of its own. It never makes a call wait."""

import math
import os
import time
import traceback
from collections.abc import Callable
from typing import Self, TextIO

from gateway.policy.scrub import Scrubber
from gateway.telemetry.last_lines import LastLine
from gateway.telemetry.lines import Entry, Line, Plain, Render, json_lines, text_lines
from gateway.telemetry.options import LogOptions
from gateway.telemetry.writer import Writer

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}

MAX_FIELD = 2000
"""Characters of one field."""

MAX_BLOCK = 65_536
"""Characters of a text of many lines: a live tree, the stacks of all threads."""

MAX_TRACE = 16_000
"""Characters of one traceback: its beginning and, which says more, its end."""

FLUSH_PATIENCE = 2.0
"""Seconds that a sink is given at exit."""


class Log:
    """Where the house tells what happens. Leaving its `with` writes out what waits.

    No call waits, but for `exception` and at most `writer.LOCK_PATIENCE`.
    """

    def __init__(self, writer: Writer, level: str, now_ns: Callable[[], int]) -> None:
        self._writer = writer
        self._threshold = LEVELS[level]
        self._now_ns = now_ns

    @property
    def lost(self) -> int:
        """How many lines never reached the sink, because it was blocked, full or closed."""
        return self._writer.lost

    def last(self) -> list[LastLine]:
        """Return the last lines that tell of trouble, or of the process itself."""
        return self._writer.last.all()

    def know(self, scrubber: Scrubber) -> None:
        """Mask these secrets from now on, whoever wrote them."""
        self._writer.scrubber = scrubber

    def wants(self, level: str) -> bool:
        """Say whether lines of this level are written."""
        return LEVELS[level] >= self._threshold

    def debug(self, event: str, **fields: object) -> None:
        self._say("debug", event, fields)

    def info(self, event: str, **fields: object) -> None:
        self._say("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        self._say("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        self._say("error", event, fields)

    def exception(self, event: str, error: BaseException, **fields: object) -> None:
        """Tell of a bug with its traceback, at once: the line is out before this returns.

        A sink that takes nothing now gets it next, before all that waits. No local variables.
        """
        known = {name: plain(value) for name, value in fields.items()}
        self._writer.put_urgent(
            Line(self._now_ns(), "error", event, {**known, "exception": trace(error)})
        )

    def block(self, level: str, event: str, name: str, text: str, **fields: object) -> None:
        """Tell of something in many lines: below its line for people, as a field in JSON.

        `name` is one of `lines.BLOCKS`.
        """
        if self.wants(level):
            known = {field: plain(value) for field, value in fields.items()}
            whole = text if len(text) <= MAX_BLOCK else text[:MAX_BLOCK] + "…"
            self._writer.put(Line(self._now_ns(), level, event, {**known, name: whole}))

    def put(self, level: str, make: Callable[[int], Entry]) -> None:
        """Hand over an entry that is worked out in the writer's thread, if its level is written."""
        if self.wants(level):
            self._writer.put(make(self._now_ns()))

    def close(self, patience: float = FLUSH_PATIENCE) -> bool:
        """Write what waits. Return False if the sink took none of it for `patience` seconds."""
        return self._writer.close(patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _say(self, level: str, event: str, fields: dict[str, object]) -> None:
        if LEVELS[level] >= self._threshold:
            known = {name: plain(value) for name, value in fields.items()}
            self._writer.put(Line(self._now_ns(), level, event, known))


def plain(value: object) -> Plain:
    """Return what may wait in a queue: a value without references, bounded. Never raises."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, bytes):
        text = value.decode(errors="backslashreplace")
    else:
        try:
            text = str(value)
        except Exception as error:  # to log must not fail where it would have helped
            text = f"{type(value).__name__} without a text: {type(error).__name__}"
    return text if len(text) <= MAX_FIELD else text[:MAX_FIELD] + "…"


def trace(error: BaseException) -> str:
    """Write a traceback, bounded, without local variables."""
    text = "".join(traceback.format_exception(error)).rstrip("\n")
    if len(text) <= MAX_TRACE:
        return text
    half = MAX_TRACE // 2
    return f"{text[:half]}\n  … {len(text) - MAX_TRACE} characters left out …\n{text[-half:]}"


def open_log(
    options: LogOptions,
    stream: TextIO,
    level: str = "info",
    scrubber: Scrubber | None = None,
    now_ns: Callable[[], int] = time.time_ns,
    turns: int | None = None,
) -> Log:
    """Begin to log on a stream: text where it is a terminal, JSON elsewhere, or as set.

    `turns` is a descriptor by which processes that share the stream take turns at it.
    The log takes a descriptor of its own, so that nobody else can close it, and leaves the stream
    alone.
    """
    render = renderer(options, stream)
    writer = Writer(os.dup(stream.fileno()), render, scrubber or Scrubber(), now_ns, turns)
    return Log(writer, level, now_ns)


def renderer(options: LogOptions, stream: TextIO) -> Render:
    """Return the form of the log's lines on a stream: text where it is a terminal, or as set."""
    form = options.log_format
    if form == "auto":
        form = "text" if stream.isatty() else "json"
    coloured = stream.isatty() and "NO_COLOR" not in os.environ
    return json_lines() if form == "json" else text_lines(coloured=coloured)
