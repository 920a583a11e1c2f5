"""Server-sent events: the same however they are cut, as the specification says, within a limit."""

import re

from gateway.forms.sse import BOM, Event, Splitter
from gateway.words.errors import AnswerTooLarge
from tests.fuzz.cuts import cut, head_off

LONGEST = 1 << 20


def events(data: bytes) -> None:
    """Oracle: the whole is the sum of its events, by WHATWG's letter, and cuts change nothing."""
    seed, data = head_off(data)
    limit, stream = head_off(data)
    whole, rest = _read([stream], LONGEST)
    assert b"".join(event.raw for event in whole) + rest == stream
    assert _read(cut(stream, seed), LONGEST) == (whole, rest)
    told = [(event.name, event.data) for event in whole if event.data is not None]
    assert told == by_the_letter(stream[: len(stream) - len(rest)])
    _check_limit(cut(stream, seed), limit + 1, whole)


def _read(parts: list[bytes], limit: int) -> tuple[list[Event], bytes]:
    splitter = Splitter(limit)
    found = [event for part in parts for event in splitter.feed(part)]
    return found + splitter.end(), splitter.rest


def _check_limit(parts: list[bytes], limit: int, whole: list[Event]) -> None:
    """With a limit, the events before the first that is too long pass, and nothing else is kept."""
    splitter, passed, refused = Splitter(limit), list[Event](), False
    for part in parts:
        try:
            passed += splitter.feed(part)
        except AnswerTooLarge:
            refused = True
        assert len(splitter.rest) <= limit
    try:
        passed += splitter.end()
    except AnswerTooLarge:
        refused = True
    assert passed == whole[: len(passed)]
    assert all(len(event.raw) <= limit for event in passed)
    assert refused or passed == whole


def by_the_letter(stream: bytes) -> list[tuple[bytes, bytes]]:
    """Read whole events line by line, as the specification has it: their names and data."""
    dispatched, name, data = [], b"", list[bytes]()
    for line in re.split(rb"\r\n|\r|\n", stream.removeprefix(BOM))[:-1]:
        field, _, value = line.partition(b":")
        if line == b"":
            if data:
                dispatched.append((name, b"\n".join(data)))
            name, data = b"", []
        elif field == b"event":
            name = value.removeprefix(b" ")
        elif field == b"data":
            data.append(value.removeprefix(b" "))
    return dispatched
