"""Providers as they are met: each row of the upstream table, as a way to answer one request."""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.simulation.scripts import (
    FOREVER,
    MOMENTS,
    Framing,
    Leave,
    Part,
    Say,
    Script,
    Telling,
    Wait,
    comment,
    completion,
    dropped,
    end_part,
    named,
    speech,
    stop_part,
    stream,
    telling,
    text,
    usage_part,
)
from tests.simulation.wishes import Wish
from tests.stage import COMPLETION, KEY, STREAM_HEAD, answer, event, fault

Making = Callable[[Random, Wish], Script]

WAYS = ("fin", "close", "rst", "cut")

LONG = (*MOMENTS[1:], 7.0, 61.0, FOREVER)
"""Silences in seconds: some are longer than a clock, some are not, some just as long."""


def _answered(reply: bytes, *outcomes: str, body: bytes | None = None) -> Script:
    return Script((Say(reply),), frozenset(outcomes), body=body)


def completes(lots: Random, wish: Wish) -> Script:
    if not wish.stream:
        body = completion(wish)
        return _answered(answer(200, body), "completed", body=body)
    return telling(lots).say(stream(lots, wish)).end().script("completed")


def without_done(lots: Random, wish: Wish) -> Script:
    parts = [*speech(lots, wish), stop_part()]
    return telling(lots).say(parts).end().script("completed")


def without_any_end(lots: Random, wish: Wish) -> Script:
    return telling(lots).say(speech(lots, wish)).end().script("upstream_truncated")


def says_it_twice(lots: Random, wish: Wish) -> Script:
    after = [end_part(), Part(event("late"), None), Part(b"data: nonsense\n\n", None)]
    told = telling(lots).say(stream(lots, wish))
    if lots.random() < 0.5:
        told.pause(lots.choice((0.1, 3.0, 8.0)))
    return told.say(after[: lots.choice((1, 2, 3))]).end().script("completed")


def never_ends(lots: Random, wish: Wish) -> Script:
    """The last word is said, but the body does not end: the connection is parked."""
    told = telling(lots).say(stream(lots, wish)).pause(lots.choice(LONG))
    return told.end().script("completed")


def is_silent(lots: Random, wish: Wish) -> Script:
    return Script((Wait(FOREVER),), frozenset({"timeout"}))


def is_late(lots: Random, wish: Wish) -> Script:
    first = completes(lots, wish)
    return replace(first, steps=(Wait(lots.choice(LONG)), *first.steps))


def sends_a_head_and_waits(lots: Random, wish: Wish) -> Script:
    told = telling(lots)
    if lots.random() < 0.5:
        told.say([comment(b": processing\n\n")])
    told.pause(lots.choice(LONG))
    return told.say(stream(lots, wish)).end().script("completed")


def stalls(lots: Random, wish: Wish) -> Script:
    parts = stream(lots, wish)
    where = lots.randrange(1, len(parts))
    told = telling(lots).say(parts[:where]).pause(lots.choice(LONG))
    return told.say(parts[where:]).end().script("completed")


def comments_for_ever(lots: Random, wish: Wish) -> Script:
    told = telling(lots).say(speech(lots, wish))
    for _ in range(40):
        told.say([comment(b": still here\n\n")]).pause(2.0)
    return told.say([stop_part(), end_part()]).end().script("completed", "timeout")


def trickles(lots: Random, wish: Wish) -> Script:
    told = telling(lots).say(speech(lots, wish))
    last = event("slow")
    for byte in last[:-1]:
        told.raw(told.framing.frame(bytes([byte]))).pause(1.0)
    return told.say([stop_part(), end_part()]).end().script("timeout", "completed")


def breaks_off(lots: Random, wish: Wish) -> Script:
    """FIN or RST anywhere before the finish, also within an event."""
    parts = speech(lots, wish)
    where = lots.randrange(0, len(parts))
    told = telling(lots).say(parts[:where])
    if lots.random() < 0.5:
        told.half(parts[where])
    told.leave(lots.choice(WAYS))
    return told.script("upstream_truncated", "upstream_error")


def breaks_off_after_its_finish(lots: Random, wish: Wish) -> Script:
    told = telling(lots).say([*speech(lots, wish), stop_part()])
    return told.leave(lots.choice(WAYS)).script("completed")


def breaks_off_before_its_head(lots: Random, wish: Wish) -> Script:
    head = answer(200, COMPLETION)
    said = Say(head[: lots.choice((0, 1, 12, 40))])
    way = Leave(lots.choice(WAYS))
    return Script((said, way), frozenset({"upstream_truncated", "upstream_error"}))


def cuts_its_body(lots: Random, wish: Wish) -> Script:
    whole = answer(200, COMPLETION)
    way = Leave(lots.choice(WAYS))
    return Script(
        (Say(whole[: -lots.randrange(1, 60)]), way),
        frozenset({"upstream_truncated", "upstream_error"}),
    )


def bad_chunk(lots: Random, wish: Wish) -> Script:
    told = Telling(lots, Framing()).begin().say(speech(lots, wish))
    return told.raw(lots.choice((b"zz\r\n", b"5\r\nabcdefgh\r\n"))).script("upstream_error")


def refuses(lots: Random, wish: Wish) -> Script:
    status = lots.choice((400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 529))
    fields = (b"retry-after: 7",) if status in {429, 503} else ()
    return replace(refuses_with(status, f"status_{status}", *fields), asks_for=7.0 * bool(fields))


def refuses_with(status: int, code: str, *fields: bytes) -> Script:
    """Answer with this status and code."""
    body = json.dumps({"error": {"message": "no", "type": "t", "code": code}}).encode()
    return _answered(answer(status, body, *fields), "upstream_error")


def repeats_the_key(lots: Random, wish: Wish) -> Script:
    """An error that says our own key back (R11)."""
    error = {"error": {"message": f"bad key {KEY}", "type": KEY, "code": KEY, "param": KEY}}
    body = json.dumps(error).encode()
    if wish.stream and lots.random() < 0.3:
        told = telling(lots).say([*speech(lots, wish), Part(b"data: " + body + b"\n\n", None)])
        return told.end().script("upstream_error")
    return _answered(answer(lots.choice((400, 401, 500)), body), "upstream_error")


def refuses_slowly(lots: Random, wish: Wish) -> Script:
    whole = answer(500, b'{"error": "x"}')
    wait = Wait(lots.choice(LONG))
    return Script((Say(whole[:-3]), wait, Say(whole[-3:])), frozenset({"upstream_error"}))


def redirects(lots: Random, wish: Wish) -> Script:
    reply = answer(302, b"", b"location: http://elsewhere.test/")
    return _answered(reply, "upstream_error")


def says_html(lots: Random, wish: Wish) -> Script:
    media = lots.choice((b"text/html", b"text/event-stream", b"application/json"))
    return _answered(answer(200, b"<html><p>Hello</p></html>", media=media), "upstream_error")


def says_json(lots: Random, wish: Wish) -> Script:
    """A completion in one piece where a stream was asked for: it is told as one."""
    body = completion(wish)
    reply = _answered(answer(200, body), "completed", body=body)
    return replace(reply, exact=not wish.stream)


def says_error_json(lots: Random, wish: Wish) -> Script:
    return _answered(answer(200, b'{"error": {"message": "no"}}'), "upstream_error")


def says_nonsense(lots: Random, wish: Wish) -> Script:
    wire = lots.choice((b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 20\r\n\r\n", b"HTTP/3 200 OK\r\n\r\n"))
    return _answered(wire, "upstream_error")


def malformed_events(lots: Random, wish: Wish) -> Script:
    parts = stream(lots, wish)
    for _ in range(lots.choice((1, 3))):
        raw = lots.choice((b"data: {not json\n\n", b"data: \xff\xfe\n\n", b": \xff\n\n"))
        parts.insert(lots.randrange(0, len(parts)), dropped(raw))
    return telling(lots).say(parts).end().script("completed")


def odd_lines(lots: Random, wish: Wish) -> Script:
    """Comments, marks, events without data, other line ends: U19, U20, U22."""
    parts = stream(lots, wish)
    for _ in range(3):
        part = lots.choice(
            (
                comment(b": OPENROUTER PROCESSING\n\n"),
                dropped(b"id: 7\nretry: 10\n\n"),
                Part(b"id: 7\n" + event("marked"), event("marked"), content=True),
                dropped(b"event: ping\n\n"),
                text(event("crlf").replace(b"\n", b"\r\n"), content=True),
                text(b'data: {"choices":\ndata: []}\n\n'),
                text(b"event: x\n" + event("named"), content=True),
            )
        )
        parts.insert(lots.randrange(0, len(parts) - 1), part)
    return telling(lots).say(parts).end().script("completed")


def tells_an_error(lots: Random, wish: Wish) -> Script:
    raw = fault(f"overloaded {wish.id}")
    parts = [*speech(lots, wish)[: lots.choice((0, 1, 9))], Part(raw, None)]
    told = telling(lots).say(parts)
    if lots.random() < 0.5:
        told.say([Part(end_part().raw, None)])
    return told.end().script("upstream_error")


def is_gigantic(lots: Random, wish: Wish) -> Script:
    size = lots.choice((5_000, 60_000, 400_000))
    big = text(event("x" * size), content=True)
    parts = [*speech(lots, wish), big, stop_part(), end_part()]
    script = telling(lots).say(parts).end().script("completed")
    return replace(script, bulk=len(big.raw))


def is_endless(lots: Random, wish: Wish) -> Script:
    told = telling(lots)
    for index in range(400):
        part = text(event(f"{index} "), content=True)
        told.steps += [Say(told.framing.frame(part.raw), (part,)), Wait(1.0)]
    return told.script("timeout", "upstream_truncated", "upstream_error")


def informs_first(lots: Random, wish: Wish) -> Script:
    hint = b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
    first = completes(lots, wish)
    return replace(first, steps=(Say(hint * lots.choice((1, 3, 8))), *first.steps))


def leaves_something_over(lots: Random, wish: Wish) -> Script:
    """Bytes behind the end of the body: the connection must not be used again (U38)."""
    first = completes(lots, wish)
    return replace(first, steps=(*first.steps, Say(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n")))


def answers_early(lots: Random, wish: Wish) -> Script:
    body = b'{"error": {"message": "too long"}}'
    script = _answered(answer(413, body, b"connection: close"), "upstream_error")
    more: tuple[Leave, ...] = (Leave("close"),) if lots.random() < 0.5 else ()
    return replace(script, reads="head", steps=(*script.steps, *more))


def reads_slowly(lots: Random, wish: Wish) -> Script:
    return replace(completes(lots, wish), reads="slow")


def never_reads(lots: Random, wish: Wish) -> Script:
    """It takes the head of the request, and never all of a long body."""
    return Script((), frozenset({"timeout"}), reads="never")


def closes_after(lots: Random, wish: Wish) -> Script:
    """A kept connection that is closed a moment later, perhaps just as it is used again (U5)."""
    first = completes(lots, wish)
    pause = Wait(lots.choice((0.0, 0.01, 0.5, 2.0)))
    return replace(first, steps=(*first.steps, pause, Leave(lots.choice(("close", "rst", "cut")))))


def hangs_up_when_used_again(lots: Random, wish: Wish) -> Script:
    """A kept connection that is closed just as it is used again (U5), or a little later."""
    script = replace(completes(lots, wish), stale=lots.choice(WAYS))
    later = 0.0 if wish.takes is None else lots.choice((0.0, 0.1, 0.5))
    return replace(script, stale_after=later)


def odd_headers(lots: Random, wish: Wish) -> Script:
    lines = (b"set-cookie: a=b", b"x-ratelimit-remaining: 3", b"keep-alive: timeout=5")
    if not wish.stream:
        body = completion(wish)
        return _answered(answer(200, body, *lines), "completed", body=body)
    head = STREAM_HEAD[:-2] + b"\r\n".join((*lines, b"", b""))
    told = Telling(lots, Framing(head=head)).begin()
    return told.say(stream(lots, wish)).end().script("completed")


def encodes(lots: Random, wish: Wish) -> Script:
    return _answered(answer(200, b"\x1f\x8b", b"content-encoding: gzip"), "upstream_error")


def usage_everywhere(lots: Random, wish: Wish) -> Script:
    parts = stream(lots, wish)
    numbers = {"prompt_tokens": 1, "completion_tokens": 1}
    raw = event("u", usage=numbers)
    parts.insert(2, Part(raw, raw, content=True, usage=(1, 1)))
    parts.insert(-1, usage_part(wish, sum(part.content for part in parts)))
    return telling(lots).say(parts).end().script("completed")


EITHER: tuple[tuple[int, Making, tuple[str, ...]], ...] = (
    (20, completes, ("U17", "U18")),
    (2, is_silent, ("U10",)),
    (4, is_late, ("U10", "U12")),
    (3, breaks_off_before_its_head, ("U13", "U15")),
    (5, refuses, ("U6", "U7", "U8")),
    (2, repeats_the_key, ("U4", "U6")),
    (1, refuses_slowly, ("U7",)),
    (1, redirects, ("U33",)),
    (2, says_html, ("U9",)),
    (2, says_json, ("U9",)),
    (1, says_error_json, ("U9",)),
    (2, says_nonsense, ("U37",)),
    (2, informs_first, ("U32",)),
    (2, leaves_something_over, ("U38",)),
    (2, answers_early, ("U35",)),
    (2, reads_slowly, ("U36",)),
    (1, never_reads, ("U36",)),
    (5, closes_after, ("U5",)),
    (5, hangs_up_when_used_again, ("U5",)),
    (2, odd_headers, ("U34",)),
    (1, encodes, ("U31",)),
    (1, cuts_its_body, ("U14",)),
)
"""How likely, who, and for which rows: whatever was asked for."""

STREAMS: tuple[tuple[int, Making, tuple[str, ...]], ...] = (
    (3, without_done, ("U23",)),
    (3, without_any_end, ("U24",)),
    (3, says_it_twice, ("U25",)),
    (3, never_ends, ("U25",)),
    (3, sends_a_head_and_waits, ("U10", "U22")),
    (5, stalls, ("U11",)),
    (2, comments_for_ever, ("U11", "U22")),
    (2, trickles, ("U30",)),
    (5, breaks_off, ("U13", "U15")),
    (3, breaks_off_after_its_finish, ("U14", "U15", "U23")),
    (2, bad_chunk, ("U14",)),
    (4, malformed_events, ("U16",)),
    (4, odd_lines, ("U19", "U20", "U22")),
    (4, tells_an_error, ("U26",)),
    (3, is_gigantic, ("U28",)),
    (1, is_endless, ("U12", "U29")),
    (2, usage_everywhere, ("U27",)),
)
"""The same for those who answer in a stream."""


Rows = tuple[tuple[int, Making, tuple[str, ...]], ...]


def draw_script(lots: Random, wish: Wish, more: tuple[Rows, Rows] = ((), ())) -> Script:
    """Draw how a provider answers; `more` ways for whatever was asked for, and for streams."""
    rows = (*EITHER, *more[0], *STREAMS, *more[1]) if wish.stream else (*EITHER, *more[0])
    ((_, make, which),) = lots.choices(rows, [weight for weight, _, _ in rows])
    return named(make(lots, wish), make.__name__, which)
