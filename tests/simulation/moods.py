"""How one of several providers answers: what it said before, its mood, what it was given.

What it says is drawn when it is asked, by lots that depend on the seed, the call, the place and
how often it was asked before, and on nothing that the gateway does.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random

from tests.simulation.personalities import (
    EITHER,
    STREAMS,
    WAYS,
    Making,
    Rows,
    breaks_off,
    breaks_off_before_its_head,
    completes,
    draw_script,
    is_silent,
    refuses_with,
    stalls,
    tells_an_error,
)
from tests.simulation.routing import Place
from tests.simulation.scripts import (
    Framing,
    Part,
    Say,
    Script,
    Step,
    Wait,
    end_part,
    named,
    running,
    speech,
    stop_part,
    stream,
    telling,
    usage_part,
)
from tests.simulation.wishes import Wish
from tests.stage import TODAY, fault

WAITS = (0.3, 1.0, 2.0, 5.0, 40.0)
"""Seconds for which a provider wants to be left alone."""


def is_asked_too_often(lots: Random, wish: Wish) -> Script:
    """429, with a time in milliseconds, in seconds, as a date, or without any (U8)."""
    wait = lots.choice(WAITS)
    fields: tuple[bytes, ...] = ()
    match lots.choice(("ms", "seconds", "date", "none")):
        case "ms":
            fields = (b"retry-after-ms: %d" % (wait * 1000),)
        case "seconds":
            fields = (b"retry-after: %g" % wait,)
        case "date":
            # Whole seconds, and time goes on from the beginning of the world.
            date = format_datetime(datetime.fromtimestamp(TODAY + int(wait), UTC), usegmt=True)
            fields, wait = (b"retry-after: " + date.encode(),), 0.0
        case _:
            wait = 0.0
    return replace(refuses_with(429, "status_429", *fields), asks_for=wait)


def has_no_quota(lots: Random, wish: Wish) -> Script:
    return refuses_with(429, "insufficient_quota")


def fails(lots: Random, wish: Wish) -> Script:
    status = lots.choice((500, 502, 503, 529))
    return refuses_with(status, f"status_{status}")


def finds_it_too_long(lots: Random, wish: Wish) -> Script:
    return refuses_with(400, "context_length_exceeded")


def filters(lots: Random, wish: Wish) -> Script:
    """Before anything else is said, by a status or in the stream."""
    if wish.stream and lots.random() < 0.3:
        told = telling(lots).say([Part(fault("no", "content_filter"), None)])
        return told.end().script("upstream_error")
    return refuses_with(400, "content_filter")


def overloads_at_once(lots: Random, wish: Wish) -> Script:
    """An error told in the stream before any content (U26)."""
    told = telling(lots).say([Part(fault("overloaded", "overloaded_error"), None)])
    return told.end().script("upstream_error")


MANY = (60, 100, 150)
"""Words of an answer that is longer than what is paid for at once."""

BY_WORD = ("alone", "alone", "together")
"""How many words leave; byte by byte they would take all day."""


def is_long(lots: Random, wish: Wish) -> Script:
    """A stream of many words, which tells in the end what it took, if at all."""
    said = speech(lots, wish, MANY)
    told = wish.takes is not None and wish.takes.told
    usage = [usage_part(wish, len(said) - 1)] if told else []
    parts = [*said, stop_part(), *usage, end_part()]
    return telling(lots, BY_WORD).say(parts).end().script("completed")


def tells_as_it_goes(lots: Random, wish: Wish) -> Script:
    """With each word the usage so far; now and then it breaks off, and no more is ever known."""
    said = running(wish, speech(lots, wish, (3, 8, 30, 60)))
    if lots.random() < 0.3:
        told = telling(lots, BY_WORD).say(said[: lots.randrange(1, len(said) + 1)])
        return told.leave(lots.choice(WAYS)).script("upstream_truncated", "upstream_error")
    parts = [*said, stop_part(), end_part()]
    return telling(lots, BY_WORD).say(parts).end().script("completed")


def breaks_off_later(lots: Random, wish: Wish) -> Script:
    """Some words, a pause in which a client may leave, and then it breaks off."""
    said = speech(lots, wish)
    told = telling(lots, BY_WORD).say(said[: lots.randrange(1, len(said)) + 1])
    told.pause(lots.choice((0.1, 0.4, 1.0, 2.0))).leave(lots.choice(WAYS))
    return told.script("upstream_truncated", "upstream_error")


ROUTED: Rows = (
    (6, is_asked_too_often, ("U8",)),
    (1, has_no_quota, ("U8",)),
    (6, fails, ("U7",)),
    (2, finds_it_too_long, ("U6",)),
    (3, filters, ("U6",)),
)
"""How likely, who and for which rows, where another may be asked."""

ROUTED_STREAMS: Rows = ((3, overloads_at_once, ("U26",)),)

PAID_STREAMS: Rows = (
    (25, is_long, ("U27",)),
    (20, tells_as_it_goes, ("U27",)),
    (8, breaks_off_later, ("U13", "U15")),
)
"""The same where it costs money."""

ALL = (*EITHER, *STREAMS, *ROUTED, *ROUTED_STREAMS, *PAID_STREAMS)

STUMBLES: tuple[Making, ...] = (
    fails,
    is_asked_too_often,
    breaks_off_before_its_head,
    is_silent,
)
BREAKS: tuple[Making, ...] = (breaks_off, breaks_off, stalls, tells_an_error)
"""After content, mostly: what can be joined."""

ROWS = {make.__name__: (make, rows) for _, make, rows in ALL}


def draw_told(lots: Random, wish: Wish, place: Place, number: int, turn: int) -> Script:
    """Draw how a place answers when it is asked for a call the n-th time, for any the `turn`-th."""
    varies = 0.4 if place.mood == "breaks" and number else 0.2
    if lots.random() < varies and len(wish.text) > 2:
        where = lots.randrange(1, len(wish.text))
        other = lots.choice(("", f"otherwise {wish.text[where:]}"))
        wish = replace(wish, text=f"{wish.text[:where]}{other}")
    moods: dict[str, Callable[[], Script]] = {
        "sound": lambda: _made(_sound(lots, wish), lots, wish),
        "down": lambda: _made(fails, lots, wish),
        "short": lambda: _made(finds_it_too_long, lots, wish),
        "flaps": lambda: _made(_sound(lots, wish) if turn % 4 > 1 else fails, lots, wish),
        "stumbles": lambda: _made(_stumbling(lots, wish, number), lots, wish),
        "breaks": lambda: _made(_breaking(lots, wish, number), lots, wish),
        "late": lambda: _late(lots, wish),
        "filters": lambda: _made(filters, lots, wish),
    }
    streams = ROUTED_STREAMS if wish.takes is None else (*ROUTED_STREAMS, *PAID_STREAMS)
    return moods.get(place.mood, lambda: draw_script(lots, wish, (ROUTED, streams)))()


def _stumbling(lots: Random, wish: Wish, number: int) -> Making:
    return _sound(lots, wish) if number else lots.choice(STUMBLES)


def _sound(lots: Random, wish: Wish) -> Making:
    if wish.takes is None or not wish.stream:
        return completes
    return lots.choice((completes, is_long, is_long, tells_as_it_goes))


def _breaking(lots: Random, wish: Wish, number: int) -> Making:
    breaks = wish.stream and (not number or lots.random() < 0.5)
    ways = BREAKS if wish.takes is None else (*BREAKS, breaks_off_later, breaks_off_later)
    return lots.choice(ways) if breaks else completes


def _late(lots: Random, wish: Wish) -> Script:
    """Begin to speak when another may, who was asked at the same time or a little later."""
    first = _made(completes, lots, wish)
    steps: list[Step] = [Wait(lots.choice((0.5, 1.0, 1.5, 2.0, 2.5))), *first.steps]
    if wish.stream:
        parts = stream(lots, wish)
        framing = Framing()
        said = framing.frame(b"".join(part.raw for part in parts[:-1]))
        rest = Say(framing.frame(parts[-1].raw), (parts[-1],))
        steps[1:] = [Say(framing.head + said, tuple(parts[:-1])), Wait(0.5), rest, *framing.end()]
    return replace(first, name="is_late", rows=ROWS["is_late"][1], steps=tuple(steps))


def _made(make: Making, lots: Random, wish: Wish) -> Script:
    return named(make(lots, wish), make.__name__, ROWS[make.__name__][1])


def draw_continued(
    lots: Random, wish: Wish, place: Place, beginning: str, otherwise: Callable[[Wish], Script]
) -> Script:
    """Draw how a place answers that was given the beginning of an answer."""
    match place.prefill:
        case "refuses":
            return replace(refuses_with(400, "status_400"), name="refuses", rows=("U6",))
        case "goes on":
            same = wish.text.startswith(beginning)
            rest = (wish.text[len(beginning) :] if same else "") or "and so on."
            return replace(otherwise(replace(wish, text=rest)), beginning=beginning)
        case _:
            return replace(otherwise(wish), overlooked=beginning)


def text_for(lots: Random, call: str) -> str:
    """Draw what is said of a call: no part of it begins as the whole does."""
    count = lots.choice((1, 3, 8, 30))
    return "".join(f"{call} says {index} ü, " for index in range(count))
