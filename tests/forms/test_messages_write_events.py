"""Single events of a stream of Anthropic's Messages."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.forms.messages_write_events import cache_fields, delta, event, usage_fields
from gateway.forms.sse import Splitter
from gateway.words.answer import Usage


def test_an_event_is_on_one_line_whatever_stands_in_it() -> None:
    told = event("x", raw=Raw(b'{\n "a":\n 1}'))
    (found,) = Splitter(1000).feed(told)
    assert (found.name, json.loads(found.data or b"")) == (b"x", {"type": "x", "raw": {"a": 1}})


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_stays_what_it_is(text: str) -> None:
    (found,) = Splitter(1 << 20).feed(delta(3, b"text", text))
    fields = json.loads(found.data or b"")
    assert fields["delta"] == {"type": "text_delta", "text": text}
    assert fields["index"] == 3


def test_the_caches_tokens_are_beside_the_input() -> None:
    assert usage_fields(Usage(100, 5, 60, 2, 30)) == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 60,
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 2},
    }
    assert usage_fields(Usage(1, 0, 60))["input_tokens"] == 0
    assert set(usage_fields(None).values()) == {0}


@pytest.mark.parametrize(
    ("usage", "kept"),
    [(None, None), (Usage(9), None), (Usage(9, cache_write_tokens=5), (5, 0)),
     (Usage(9, cache_write_tokens=5, cache_write_1h_tokens=9), (0, 5))],
)  # fmt: skip
def test_for_how_long_the_cache_keeps_what_it_took(
    usage: Usage | None, kept: tuple[int, int] | None
) -> None:
    told = cache_fields(usage).get("cache_creation")
    if kept is None:
        assert told is None
    else:
        assert isinstance(told, dict)
        assert tuple(told.values()) == kept
