"""What is written of a Gemini answer."""

import json

from openai.types import CompletionUsage

from gateway.forms.gemini_build import Chunks, completion, usage_fields
from gateway.words.answer import Usage


def test_usage_is_told_as_openai_tells_it() -> None:
    told = usage_fields(Usage(10, 7, 4, 3, audio_input_tokens=2, image_output_tokens=1))
    usage = CompletionUsage.model_validate(told)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (10, 7, 17)
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 4
    assert usage.completion_tokens_details is not None
    assert usage.completion_tokens_details.reasoning_tokens == 3


def test_a_chunk_is_one_event_whatever_is_said() -> None:
    raw = Chunks('i"d', "m", shows_usage=True).delta(0, {"content": "a\r\n\u2028"}, None, "stop")
    assert raw.startswith(b"data: ")
    assert raw.endswith(b"\n\n")
    assert len(raw.splitlines()) == 2
    chunk = json.loads(raw[6:])
    assert (chunk["id"], chunk["usage"]) == ('i"d', None)


def test_a_completion_without_usage_tells_none() -> None:
    assert "usage" not in json.loads(completion("i", "m", [], None))
