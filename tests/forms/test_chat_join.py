"""Chunks that are joined are the completion that the provider would have told in one piece."""

import json
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from gateway.forms.chat_build import as_stream
from gateway.forms.chat_join import MAX_CALLS, MAX_VALUES, Joiner
from gateway.forms.sse import Splitter
from gateway.words.errors import UpstreamMalformed

HEAD = {"id": "c-1", "object": "chat.completion.chunk", "created": 7, "model": "m-1"}


def chunk(delta: dict[str, Any] | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    return {"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": None, **more}


def stop(reason: str = "stop", index: int = 0) -> dict[str, Any]:
    return chunk(index=index, finish_reason=reason)


def joined(*choices: dict[str, Any], **head: Any) -> dict[str, Any]:
    """Join one event for each choice."""
    joiner = Joiner()
    for choice in choices:
        joiner.add(json.dumps({**HEAD, "choices": [choice], **head}).encode())
    whole: dict[str, Any] = json.loads(joiner.completion())
    return whole


def message(*deltas: dict[str, Any]) -> dict[str, Any]:
    whole = joined(*map(chunk, deltas), stop())
    said: dict[str, Any] = whole["choices"][0]["message"]
    return said


def texts(*parts: str) -> list[dict[str, Any]]:
    return [{"content": part} for part in parts]


def test_texts_are_joined_and_the_head_is_that_of_a_completion() -> None:
    joiner = Joiner()
    for choices in ([chunk({"role": "assistant", "content": ""})], [chunk({"content": "He"})]):
        event = {**HEAD, "choices": choices, "usage": None, "obfuscation": "xyz"}
        joiner.add(json.dumps(event).encode())
    for choices in ([chunk({"content": "y"})], [stop()]):
        joiner.add(json.dumps({**HEAD, "choices": choices, "service_tier": "default"}).encode())
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    joiner.add(json.dumps({**HEAD, "choices": [], "usage": usage}).encode())
    body = joiner.completion()
    assert json.loads(body) == {
        **HEAD,
        "object": "chat.completion",
        "service_tier": "default",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hey", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": usage,
    }
    ChatCompletion.model_validate_json(body, strict=True)


def test_several_choices_are_told_apart_and_stand_in_order() -> None:
    whole = joined(chunk({"content": "b"}, 1), chunk({"content": "a"}), stop("length", 1), stop())
    assert [
        (choice["index"], choice["message"]["content"], choice["finish_reason"])
        for choice in whole["choices"]
    ] == [(0, "a", "stop"), (1, "b", "length")]


def call(index: int, **said: Any) -> dict[str, Any]:
    return {"tool_calls": [{"index": index, **said}]}


def function(**said: str) -> dict[str, Any]:
    return {"function": said}


def test_calls_of_tools_are_known_by_their_index() -> None:
    said = message(
        {"role": "assistant", "content": ""},
        call(1, id="b", type="function", **function(name="time", arguments="")),
        call(0, id="a", type="function", **function(name="weather", arguments="")),
        call(0, **function(arguments='{"city":')),
        call(1, **function(arguments="{}")),
        call(0, **function(arguments='"Ghent"}')),
    )
    assert said == {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "tool_calls": [
            {
                "id": "a",
                "type": "function",
                "function": {"name": "weather", "arguments": '{"city":"Ghent"}'},
            },
            {"id": "b", "type": "function", "function": {"name": "time", "arguments": "{}"}},
        ],
    }


@pytest.mark.parametrize(
    ("names", "name"), [(["weather", "weather"], "weather"), (["get_", "weather"], "get_weather")]
)
def test_a_name_that_is_said_again_is_not_said_twice(names: list[str], name: str) -> None:
    said = message(*(call(0, **function(name=each, arguments="")) for each in names))
    assert said["tool_calls"][0]["function"]["name"] == name


def test_calls_of_one_index_are_told_apart_by_their_names_and_ids() -> None:
    """Gemini's servers of OpenAI's form number all of them 0; vLLM's make an id for each part."""
    said = message(
        call(0, id="a", **function(name="weather", arguments="{")),
        call(0, id="made-up", **function(arguments="}")),
        call(0, id="b", **function(name="weather", arguments="")),
        call(0, id="b", **function(name="weather", arguments="{}")),
        call(0, **function(arguments=" ")),
    )
    functions = [each["function"] for each in said["tool_calls"]]
    assert functions == [
        {"name": "weather", "arguments": "{}"},
        {"name": "weather", "arguments": "{} "},
    ]


def test_a_call_without_an_index_is_one_of_its_own_and_stays_as_it_is() -> None:
    said = message({"tool_calls": [{"id": "z"}, "odd"]}, call(0, id="a"))
    assert said["tool_calls"] == [{"id": "a"}, {"id": "z"}, "odd"]


def test_the_old_call_of_a_function_is_joined_too() -> None:
    said = message(
        {"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "{}"}}
    )
    assert said["function_call"] == {"name": "f", "arguments": "{}"}


def test_thoughts_refusals_and_what_is_not_known_are_kept() -> None:
    said = message(
        {"reasoning_content": "Let me "},
        {"reasoning_content": "see."},
        {"content": "", "reasoning": ""},
        {"refusal": "I can"},
        {"refusal": "not."},
        {"annotations": [{"type": "url_citation"}], "images": None, "mood": {"is": "so "}},
        {"annotations": [{"type": "url_citation"}], "mood": {"is": "so"}, "level": 3},
    )
    assert said == {
        "role": "assistant",
        "content": None,
        "refusal": "I cannot.",
        "reasoning_content": "Let me see.",
        "reasoning": None,
        "annotations": [{"type": "url_citation"}] * 2,
        "images": None,
        "mood": {"is": "so so"},
        "level": 3,
    }


def test_parts_of_thoughts_are_joined_by_their_index_and_type() -> None:
    text: dict[str, Any] = {"type": "reasoning.text", "index": 0, "format": "f"}
    said = message(
        {"reasoning_details": [{**text, "text": "One "}]},
        {"reasoning_details": [{**text, "text": "two"}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "index": 0, "data": "x"}]},
        {"reasoning_details": [{"type": "reasoning.text", "index": 0, "signature": "s"}]},
    )
    assert said["reasoning_details"] == [
        {**text, "text": "One two", "signature": "s"},
        {"type": "reasoning.encrypted", "index": 0, "data": "x"},
    ]


def test_log_probabilities_are_put_one_behind_the_other_as_they_were_written() -> None:
    joiner = Joiner()
    for written in ("-1e-05", "-0.10"):
        token = '{"token":"a","logprob":' + written + ',"bytes":[97],"top_logprobs":[]}'
        joiner.add(
            b'{"choices":[{"index":0,"delta":{},"logprobs":{"content":[%b],"refusal":null}}]}'
            % token.encode()
        )
    body = joiner.completion()
    assert (b'"logprob":-1e-05' in body, b'"logprob":-0.10' in body) == (True, True)
    (choice,) = json.loads(body)["choices"]
    assert [len(choice["logprobs"]["content"]), choice["logprobs"]["refusal"]] == [2, None]


def test_what_stands_beside_a_delta_is_told_as_it_was_told_last() -> None:
    whole = joined(
        chunk({"content": "a"}, content_filter_results={"hate": {"severity": "safe"}}),
        chunk({"content": "b"}, content_filter_results={"hate": {"severity": "low"}}),
        {**stop("content_filter"), "content_filter_results": {}},
    )
    (choice,) = whole["choices"]
    assert choice["content_filter_results"] == {"hate": {"severity": "low"}}
    assert choice["finish_reason"] == "content_filter"


def test_an_empty_text_that_is_all_stays_empty() -> None:
    assert message({"content": ""})["content"] == ""
    assert message({})["content"] is None


def test_content_in_parts_is_a_list_of_parts() -> None:
    thought = {"type": "thinking", "thinking": "Hm"}
    text = {"type": "text", "text": "Hi"}
    assert message({"content": [thought]}, {"content": [text]})["content"] == [thought, text]
    assert message({"content": "a"}, {"content": [text]})["content"] == [text]
    assert message({"content": [text]}, {"content": "a"})["content"] == "a"


def test_half_a_character_finds_its_other_half_in_the_next_chunk() -> None:
    joiner = Joiner()
    for half in (rb"\ud83d", rb"\ude00", rb" \ud83d!"):
        joiner.add(b'{"choices":[{"delta":{"content":"%b"},"n":1.50}]}' % half)
    body = joiner.completion()
    (choice,) = json.loads(body)["choices"]
    assert choice["message"]["content"] == "😀 \ufffd!"
    assert b'"n":1.50' in body


@pytest.mark.parametrize(
    "data",
    [
        *(b"[1]", b"null", b'"text"', b'["\\ud83d"]', b"{}"),
        b'{"choices":{"index":0}}',
        b'{"choices":[1,null]}',
        b'{"choices":[{"index":-1},{"index":1024},{"index":true},{"index":"0"}]}',
    ],
)
def test_what_is_no_chunk_adds_nothing(data: bytes) -> None:
    joiner = Joiner()
    joiner.add(data)
    with pytest.raises(UpstreamMalformed, match="without an answer"):
        joiner.completion()
    joiner.add(b'{"choices":[{"index":null,"delta":{"content":"Hi"}}]}')
    assert len(json.loads(joiner.completion())["choices"]) == 1


def test_u9_a_stream_without_a_choice_is_no_answer() -> None:
    """U9: a client that looks at the first choice would find none."""
    joiner = Joiner()
    joiner.add(json.dumps({**HEAD, "choices": [], "usage": {"prompt_tokens": 3}}).encode())
    with pytest.raises(UpstreamMalformed):
        joiner.completion()


def deep(levels: int, name: str = "delta") -> bytes:
    return b'{"choices":[{"%b":%b1%b}]}' % (name.encode(), b'{"a":' * levels, b"}" * levels)


UNWRITABLE = 900 if sys.version_info < (3, 12) else 200_000
"""Levels that can be read once and not be written again; later Pythons can where they can read."""


@pytest.mark.parametrize(
    "data", [b"{", b"\xff", b'{"a":"\\ud83d', deep(200_000), deep(900), deep(UNWRITABLE, "x")]
)
def test_r16_what_cannot_be_joined_is_refused(data: bytes) -> None:
    """R16: no depth and no odd byte ends in anything but an error of ours."""
    joiner = Joiner()
    with pytest.raises(UpstreamMalformed):
        for _ in range(2):
            joiner.add(data)
        joiner.completion()


def test_r16_parts_that_are_known_by_an_index_have_a_bound() -> None:
    """R16: each is looked for among the others."""
    joiner = Joiner()
    calls = [{"index": index} for index in range(MAX_CALLS)]
    joiner.add(json.dumps({"choices": [chunk({"tool_calls": calls})]}).encode())
    joiner.add(json.dumps({"choices": [chunk(call(MAX_CALLS - 1, id="last"))]}).encode())
    with pytest.raises(UpstreamMalformed, match=str(MAX_CALLS)):
        joiner.add(json.dumps({"choices": [chunk(call(MAX_CALLS))]}).encode())


def test_r15_what_takes_much_more_than_its_bytes_is_bounded() -> None:
    """R15: thousands of small values in each of thousands of events."""
    joiner = Joiner()
    values = b'{"choices":[{"delta":{"x":[%b{}]}}]}' % (b"{}," * 1000)
    for _ in range(2):
        joiner.add(values)
    with pytest.raises(UpstreamMalformed, match="too much"):
        joiner.add(b"[" * (MAX_VALUES - 4000))


TEXT = st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
CALLS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.text("abc", min_size=1, max_size=3),
            "type": st.just("function"),
            "function": st.fixed_dictionaries(
                {"name": st.text("xyz", min_size=1, max_size=3), "arguments": st.text(max_size=5)}
            ),
        }
    ),
    min_size=1,
    max_size=3,
)


@st.composite
def completions(draw: st.DrawFn) -> dict[str, Any]:
    choices = []
    for index in range(draw(st.integers(1, 3))):
        said: dict[str, Any] = {"role": "assistant", "content": draw(TEXT), "refusal": draw(TEXT)}
        if draw(st.booleans()):
            said["tool_calls"] = draw(CALLS)
        reason = draw(st.sampled_from(["stop", "length", "tool_calls"]))
        choice = {"index": index, "message": said, "logprobs": None, "finish_reason": reason}
        choices.append(choice)
    usage = {"prompt_tokens": 1, "completion_tokens": draw(st.integers(0, 9))}
    head = {"id": "c", "object": "chat.completion", "created": 5, "model": "m"}
    return {**head, "choices": choices, "usage": usage}


def events_of(whole: dict[str, Any]) -> Sequence[bytes]:
    stream = as_stream(json.dumps(whole).encode())
    assert stream is not None
    events = Splitter(len(stream)).feed(stream)
    return [event.data for event in events if event.data and event.data != b"[DONE]"]


@given(completions())
def test_a_completion_that_is_told_as_a_stream_and_joined_is_the_same(
    whole: dict[str, Any],
) -> None:
    joiner = Joiner()
    for data in events_of(whole):
        joiner.add(data)
    assert json.loads(joiner.completion()) == whole
