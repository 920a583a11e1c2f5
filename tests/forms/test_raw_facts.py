"""Usage in answers that pass as they are."""

from typing import Any

import pytest

from gateway.forms.raw_facts import has_text, read_said, reported, usage_in
from gateway.words.answer import Usage


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 8, "total_tokens": 8}, Usage(8)),
        ({"input_tokens": 3, "output_tokens": 4}, Usage(3, 4)),
        ({"total_tokens": 9}, Usage(9)),
        ({"total_tokens": 9, "output_tokens": 2}, Usage(7, 2)),
        (
            {
                "input_tokens": 3,
                "output_tokens": 4,
                "input_tokens_details": {"cached_tokens": 1, "image_tokens": 2},
                "output_tokens_details": {"reasoning_tokens": 1, "audio_tokens": 3},
            },
            Usage(3, 4, 1, 1, audio_output_tokens=3, image_input_tokens=2),
        ),
        ({"type": "duration", "seconds": 9}, None),
        ({"input_tokens": -1}, None),
        ({"input_tokens": "many"}, None),
        ({}, None),
        (None, None),
        ([1], None),
    ],
)
def test_a_usage_object_is_read(told: Any, usage: Usage | None) -> None:
    assert reported(told) == usage


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"type":"a.done","usage":{"total_tokens":1}}', ("a.done", Usage(1))),
        (b'{"type":7}', ("", None)),
        (b"[]", ("", None)),
        (b"\xff", ("", None)),
        (b'{"type":' + b"[" * 100_000, ("", None)),
    ],
)
def test_an_event_says_what_it_is(data: bytes, said: tuple[str, Usage | None]) -> None:
    assert read_said(data) == said


@pytest.mark.parametrize(
    ("tail", "usage"),
    [
        (b'..."}],"usage" : {"total_tokens":5,"more":{}} ,"x":1}', Usage(5)),
        (b'"usage":{"total_tokens":1},"usage":{"total_tokens":2}}', Usage(2)),
        (b'"usage":{"total_tokens":5', None),
        (b'"usage":{bad}}', None),
        (b'"usage":{"a":"\xff"}}', None),
        (b'"usage":null}', None),
        (b"", None),
    ],
)
def test_usage_is_found_at_the_end_of_a_long_answer(tail: bytes, usage: Usage | None) -> None:
    assert usage_in(tail) == usage


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'{"choices":[{"text":""},{"text":"a"}]}', True),
        (b'{"choices":[{"text":""},{"index":1}]}', False),
        (b'{"choices":null}', False),
        (b"{}", False),
        (b"", False),
    ],
)
def test_a_part_of_a_completion_holds_text_or_none(data: bytes, text: bool) -> None:
    assert has_text(data) is text
