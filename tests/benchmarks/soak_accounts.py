"""Three accounts of one plain call of a soak, as they are where all went well."""

from collections.abc import Iterable
from typing import Any

import msgspec

from benchmarks.soak.books import Books
from benchmarks.soak.plan import Plan, planned
from benchmarks.soak.records import Began, Ended, Line, Seen

SEED = 7
STREAM, ANSWER = 0, 2
"""Numbers of calls: the first of a run are plain, and to the first provider."""

FIRST, LAST = 10.0, 11.0
"""When each call begins and ends."""


def plan(number: int = STREAM) -> Plan:
    """Return what was to happen."""
    return planned(SEED, number)


def seen(number: int = STREAM, **changes: Any) -> Seen:
    """Return what its client saw."""
    stream = plan(number).play.stream
    whole = Seen(
        number=number,
        began=FIRST,
        ended=LAST,
        status=200,
        events=plan(number).play.events,
        bytes=500,
        done=stream,
        end="whole",
    )
    return msgspec.structs.replace(whole, **changes)


def left(number: int = STREAM, **changes: Any) -> Seen:
    """Return what its client saw that left after an event."""
    return seen(number, **{"end": "left", "left_at": 10.5, "done": False, "events": 1, **changes})


def line(number: int = STREAM, **changes: Any) -> Line:
    """Return its line in the log."""
    return {
        "level": "info",
        "event": "request",
        "request_id": plan(number).id,
        "phase": "finishing",
        "outcome": "completed",
        "cause": None,
        "tokens_out": plan(number).play.events or 1,
        "malformed_events": 0,
        **changes,
    }


def gone(number: int = STREAM, *, phase: str = "streaming") -> Line:
    """Return the line of a call whose client has left."""
    return line(number, outcome="client_gone", cause="client_gone", phase=phase)


def notes(number: int = STREAM, how: str = "played", at: float = 10.9) -> list[Began | Ended]:
    """Return what its provider noted."""
    return [Began(1, number, plan(number).id, 10.1), Ended(1, number, at, how)]


def books(
    seen: Iterable[Seen] = (), lines: Iterable[Line] = (), taken: Iterable[Began | Ended] = ()
) -> Books:
    """Return books in which all this was written, before any is judged."""
    found = Books(SEED)
    for each in seen:
        found.saw(each)
    for told in lines:
        found.logged(told)
    for note in taken:
        found.took(0, note)
    return found


def unexplained(found: Books) -> list[str]:
    """Judge all, and return what cannot be explained."""
    found.judge()
    assert found.unexplained == len(found.samples)
    return [each.what for each in found.samples]
