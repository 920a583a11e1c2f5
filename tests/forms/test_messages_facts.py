"""Facts of Anthropic's Messages: events, reasons to stop, tokens."""

from typing import get_args

import pytest
from anthropic.types import StopReason

from gateway.forms.messages_facts import Count, finish_reason_of, read_happening, read_message
from gateway.words.answer import Usage

DEEP = b'{"error":' + b"[" * 100_000


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"type":7}', b'{"delta":[]}', DEEP])
def test_what_cannot_be_read_is_nothing(data: bytes) -> None:
    assert read_happening(data) is None


def test_half_a_surrogate_pair_is_read_as_a_sign_for_it() -> None:
    message = read_message(rb'{"content":[{"text":"\ud83d \ude00 \ud83d\ude00 \\ud83d"}]}')
    assert message is not None
    assert message.content is not None
    assert message.content[0].text == "\ufffd \ufffd \U0001f600 \\ud83d"


def test_only_what_has_ended_of_its_own_accord_stops() -> None:
    reasons = {reason: finish_reason_of(reason) for reason in get_args(StopReason)}
    assert reasons == {
        "end_turn": "stop",
        "max_tokens": "length",
        "stop_sequence": "stop",
        "tool_use": "tool_calls",
        "pause_turn": "length",
        "refusal": "content_filter",
        "model_context_window_exceeded": "length",
    }
    assert finish_reason_of("bored") == "bored"


def test_the_last_word_on_tokens_counts_and_what_it_leaves_out_stays() -> None:
    count = Count()
    assert count.note(None) is None
    kept = {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2}
    first = {"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation": kept}
    count.note({**first, "cache_creation_input_tokens": 3, "output_tokens": 1})
    count.note({"output_tokens": 5, "input_tokens": None, "cache_read_input_tokens": "many"})
    details = {"thinking_tokens": 4}
    usage = count.note({"output_tokens": 50, "output_tokens_details": details, "new": 1})
    assert usage == Usage(113, 50, 100, 4, 3, 2)


@pytest.mark.parametrize("odd", [7, [], "", {}, {"input_tokens": -1}, {"output_tokens": True}])
def test_a_report_that_is_none_says_nothing(odd: object) -> None:
    assert Count().note(odd) is None


def test_parts_are_no_more_than_their_wholes() -> None:
    odd = {"output_tokens": 1, "output_tokens_details": {"thinking_tokens": 9}}
    assert Count().note({**odd, "cache_creation": {"ephemeral_1h_input_tokens": 5}}) == Usage(
        output_tokens=1, reasoning_tokens=1
    )
