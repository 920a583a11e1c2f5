"""Facts in answers of Gemini, however odd those are."""

import pytest
from google.genai import types

from gateway.forms.gemini_facts import FAILURES, Count, finish_reason_of, read_response
from gateway.words.answer import Usage

UNSAID = {"FINISH_REASON_UNSPECIFIED"}


@pytest.mark.parametrize("reason", sorted(set(types.FinishReason.__members__) - UNSAID))
def test_every_reason_that_the_sdk_knows_is_an_end_or_a_failure(reason: str) -> None:
    told = finish_reason_of(reason, calls=False)
    assert (told in {"stop", "length", "content_filter"}) is not (reason in FAILURES)
    assert (told == "stop") is (reason == "STOP")


def test_an_end_with_calls_of_tools_says_so() -> None:
    assert finish_reason_of("STOP", calls=True) == "tool_calls"
    assert finish_reason_of("MAX_TOKENS", calls=True) == "length"
    assert finish_reason_of("PONDERED", calls=True) == "PONDERED"


@pytest.mark.parametrize(
    "data",
    [b"", b"7", b"[]", b"{", b'{"candidates":7}', b'{"candidates":[{"index":-1}]}', b"[" * 9000],
)
def test_what_cannot_be_read_is_none(data: bytes) -> None:
    assert read_response(data) is None


def test_half_a_surrogate_pair_is_replaced() -> None:
    wire = rb'{"candidates":[{"content":{"parts":[{"text":"\ud83d\ude00\ud800\\ud800"}]}}]}'
    response = read_response(wire)
    assert response is not None
    assert response.candidates is not None
    assert response.candidates[0].content is not None
    assert response.candidates[0].content.parts is not None
    assert response.candidates[0].content.parts[0].text == "\U0001f600\ufffd\\ud800"


def test_the_last_word_on_tokens_counts() -> None:
    count = Count()
    assert count.note(None) is None
    assert count.note({"promptTokenCount": 5}) == Usage(5, 0)
    assert count.note({"candidatesTokenCount": 2, "thoughtsTokenCount": 3}) == Usage(5, 5, 0, 3)
    assert count.note({"promptTokenCount": 6}) == Usage(6, 5, 0, 3)


@pytest.mark.parametrize("value", ["5", -1, 1.5, True, None, [5]])
def test_what_is_no_count_is_passed_over(value: object) -> None:
    count = Count()
    assert count.note({"promptTokenCount": value, "novel": 7, "promptTokensDetails": 7}) is None
    details = [7, {"modality": "AUDIO"}, {"modality": ["AUDIO"], "tokenCount": 4}]
    assert count.note({"promptTokenCount": 1, "promptTokensDetails": details}) == Usage(1, 0)
