"""Lines of JSON, as they arrive."""

import pytest

from gateway.forms.lines import Lines
from gateway.words.errors import AnswerTooLarge

WIRE = b'{"a":1}\r\n\n{"b":2}\n \n{"c":3}'


def read(parts: list[bytes], limit: int = 100) -> list[bytes]:
    lines = Lines(limit)
    found = [line for part in parts for line in lines.feed(part)]
    return found + lines.end()


def test_lines_are_the_same_wherever_they_are_cut() -> None:
    expected = [b'{"a":1}', b'{"b":2}', b'{"c":3}']
    for at in range(len(WIRE) + 1):
        assert read([WIRE[:at], WIRE[at:]]) == expected
    assert read([WIRE[at : at + 1] for at in range(len(WIRE))]) == expected


def test_a_line_above_the_limit_is_refused_and_those_before_it_are_given() -> None:
    lines = Lines(8)
    assert lines.feed(b'{"a":1}\n{"long": 12345}\n') == [b'{"a":1}']
    with pytest.raises(AnswerTooLarge):
        lines.feed(b"")


def test_a_line_that_never_ends_is_refused() -> None:
    lines = Lines(8)
    lines.feed(b"12345678")
    with pytest.raises(AnswerTooLarge):
        lines.feed(b"9")
