"""The last lines of a process's log, for whoever looks at it from afar: few, short, scrubbed.

They are noted where a line is rendered, in the writer's thread, so that no call waits. Whether the
sink then takes the line makes no difference: who cannot read the log looks here.
"""

from collections import deque
from collections.abc import Callable
from threading import RLock
from typing import Final

import msgspec
from msgspec import structs

from gateway.telemetry.lines import Line, printable

MOST: Final = 150
"""Lines of the house that are kept."""

MOST_REQUESTS: Final = 50
"""Requests that went wrong: however many those are, they leave the other lines their room."""

MAX_EVENT: Final = 200
MAX_SAID: Final = 1000
"""Characters of a line's event, and of its fields together. So all of them are 250 KB at most."""

REQUEST: Final = "request"
"""The event of the access log, of which there is one for each request."""

LOUD: Final = frozenset({"warning", "error"})


class LastLine(msgspec.Struct, frozen=True, gc=False):
    """One line: when, how loud, what happened, and its fields in words. It is safe to show.

    One that says the same as the line before it is that line again, at its latest time.
    """

    at_ms: int = 0
    level: str = "info"
    event: str = ""
    said: str = ""
    times: int = 1


class LastLines:
    """Keeps warnings, errors, and what the process itself did; no request that went well."""

    def __init__(self) -> None:
        self._lines: deque[LastLine] = deque(maxlen=MOST)
        self._requests: deque[LastLine] = deque(maxlen=MOST_REQUESTS)
        # A bug is noted by whoever found it. A finalizer that logs may come in between, and may.
        self._turn = RLock()

    def note(self, line: Line, scrub: Callable[[str], str]) -> None:
        """Keep a line, if it is one to be kept. May be called from any thread."""
        of_a_request = line.event == REQUEST
        if line.level not in LOUD and (line.level != "info" or of_a_request):
            return
        if line.speak is not None:
            said = scrub(printable(line.speak(line.fields)))
        else:
            said = " ".join(
                f"{name}={scrub(printable(str(value)))}"
                for name, value in line.fields.items()
                if value is not None
            )
        at_ms = line.at_ns // 1_000_000
        event = _bounded(scrub(printable(line.event)), MAX_EVENT)
        found = LastLine(at_ms, line.level, event, _bounded(said, MAX_SAID))
        with self._turn:
            _add(self._requests if of_a_request else self._lines, found)

    def all(self) -> list[LastLine]:
        """Return them, the oldest first."""
        # To copy a deque runs none of Python's own code, so no other thread comes in between.
        every = [*self._lines.copy(), *self._requests.copy()]
        return sorted(every, key=lambda line: line.at_ms)


def _add(lines: deque[LastLine], line: LastLine) -> None:
    last = lines[-1] if lines else None
    if last is not None and _what(last) == _what(line):
        lines[-1] = structs.replace(line, times=last.times + 1)
    else:
        lines.append(line)


def _what(line: LastLine) -> tuple[str, str, str]:
    return line.level, line.event, line.said


def _bounded(text: str, most: int) -> str:
    """Return the beginning and the end: of a traceback the end says more."""
    if len(text) <= most:
        return text
    half = (most - 3) // 2
    return f"{text[:half]} … {text[-half:]}"
