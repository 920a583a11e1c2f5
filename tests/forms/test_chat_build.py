"""Answers that the gateway makes itself are answers that OpenAI's own client can read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.forms import chat_build
from gateway.forms.chat_build import MAX_ECHO_OBJECTS, Stamp, as_stream, echo_text, words_of
from gateway.words.answer import Usage
from gateway.words.errors import BadRequest

STAMP = Stamp("chatcmpl-1", 1731628800, "echo")


def chunk_in(event: bytes) -> ChatCompletionChunk:
    assert event.startswith(b"data: ")
    assert event.endswith(b"\n\n")
    assert event.count(b"\n") == 2
    data = json.loads(event[6:])
    for choice in data["choices"]:
        assert "finish_reason" in choice
    return ChatCompletionChunk.model_validate(data, strict=True)


def test_each_chunk_is_one_that_the_client_knows() -> None:
    role = chunk_in(chat_build.role_chunk(STAMP))
    assert (role.id, role.created, role.model) == ("chatcmpl-1", 1731628800, "echo")
    assert role.choices[0].delta.role == "assistant"
    content = chunk_in(chat_build.content_chunk(STAMP, 'a "b"\n\u2028é'))
    assert content.choices[0].delta.content == 'a "b"\n\u2028é'
    assert content.choices[0].finish_reason is None
    assert chunk_in(chat_build.finish_chunk(STAMP)).choices[0].finish_reason == "stop"
    assert chunk_in(chat_build.finish_chunk(STAMP, "length")).choices[0].finish_reason == "length"


def test_the_usage_chunk_alone_has_no_choices() -> None:
    chunk = chunk_in(chat_build.usage_chunk(STAMP, Usage(5, 7, 3, 2)))
    assert chunk.choices == []
    usage = chunk.usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (5, 7, 12)


def test_a_whole_answer_is_one_that_the_client_knows() -> None:
    body = chat_build.completion(STAMP, "Hello", Usage(1, 2))
    whole = ChatCompletion.model_validate_json(body, strict=True)
    assert whole.object == "chat.completion"
    assert whole.choices[0].message.content == "Hello"
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage is not None
    assert whole.usage.total_tokens == 3


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([{"role": "user", "content": "Hello"}], "Hello"),
        (
            [
                {"role": "user", "content": "first"},
                {"role": "user", "content": "last"},
                {"role": "assistant", "content": "no"},
            ],
            "last",
        ),
        (
            [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "one"},
                        {"type": "image_url", "image_url": {"url": "data:,"}},
                        {"type": "text", "text": "two"},
                        "three",
                        {"type": "text", "text": 4},
                    ],
                }
            ],
            "one\ntwo",
        ),
        ([{"role": "user"}], ""),
        ([{"role": "user", "content": None}], ""),
        ([{"role": "user", "content": 5}], ""),
        ([{"role": ["user"], "content": "x"}], ""),
        ([{"role": "system", "content": "x"}], ""),
        ([{}], ""),
    ],
)
def test_echo_hears_the_last_user_message(messages: list[object], text: str) -> None:
    assert echo_text(json.dumps({"model": "echo", "messages": messages}).encode()) == text


def test_echo_hears_nothing_where_nothing_was_said() -> None:
    assert not echo_text(b"{}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"messages":5}',
        b'{"messages":[5]}',
        b'{"messages":[{"role":"user","content":"\xff"}]}',
        b'{"messages":[{"role":"user","content":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
    ],
)
def test_echo_refuses_what_it_cannot_read(body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        echo_text(body)
    assert caught.value.param == "messages"


def test_echo_refuses_a_flood_of_objects() -> None:
    flood = b'{"messages":[' + b"{}," * MAX_ECHO_OBJECTS + b"{}]}"
    with pytest.raises(BadRequest, match="at most"):
        echo_text(flood)
    many = b'{"messages":[' + b"{}," * 60_000 + b'{"role":"user","content":"heard"}]}'
    assert echo_text(many) == "heard"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("one", ["one"]),
        ("one two", ["one ", "two"]),
        (" one\n\ntwo ", [" ", "one\n\n", "two "]),
        ("  ", ["  "]),
    ],
)
def test_a_text_is_cut_into_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text())
def test_words_put_together_are_the_text(text: str) -> None:
    assert "".join(words_of(text)) == text


def streamed(completion: dict[str, object]) -> list[ChatCompletionChunk]:
    stream = as_stream(json.dumps(completion, indent=2).encode())
    assert stream is not None
    events = stream.split(b"\n\n")
    assert events[-2:] == [b"data: [DONE]", b""]
    return [chunk_in(event + b"\n\n") for event in events[:-2]]


def test_a_whole_answer_becomes_the_stream_that_was_asked_for() -> None:
    calls = [
        {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\n}"}},
        {"id": "call_2", "type": "function", "function": {"name": "g", "arguments": ""}},
    ]
    message = {"role": "assistant", "content": "Text", "refusal": None, "reasoning": "Why"}
    chunks = streamed(
        {
            "id": "chatcmpl-9",
            "object": "chat.completion",
            "created": 17,
            "model": "m",
            "choices": [
                {"index": 0, "message": message, "logprobs": None, "finish_reason": "length"},
                {"index": 1, "message": {"role": "assistant", "tool_calls": calls}},
            ],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        }
    )
    assert {(chunk.id, chunk.created, chunk.model) for chunk in chunks} == {("chatcmpl-9", 17, "m")}
    first, second, third, fourth, last = chunks
    assert first.choices[0].delta.content == "Text"
    assert first.choices[0].delta.model_extra == {"reasoning": "Why"}
    assert first.choices[0].finish_reason is None
    tool_calls = second.choices[0].delta.tool_calls
    assert tool_calls is not None
    assert [(call.index, call.id) for call in tool_calls] == [(0, "call_1"), (1, "call_2")]
    assert tool_calls[0].function is not None
    assert tool_calls[0].function.arguments == "{\n}"
    assert (third.choices[0].index, third.choices[0].finish_reason) == (0, "length")
    assert (fourth.choices[0].index, fourth.choices[0].finish_reason) == (1, "stop")
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == 3


def test_what_is_not_known_of_a_whole_answer_goes_with_its_first_words() -> None:
    choice = {"message": {"content": "x"}, "content_filter_results": {"hate": {}}}
    head = {"object": "chat.completion", "system_fingerprint": "fp", "citations": ["u"]}
    first, last = streamed({**head, "choices": [choice], "error": {"message": "none"}})
    assert (first.object, first.system_fingerprint) == ("chat.completion.chunk", "fp")
    assert first.model_extra == {"citations": ["u"]}
    assert first.choices[0].model_extra == {"content_filter_results": {"hate": {}}}
    assert (last.model_extra, last.choices[0].model_extra) == ({}, {})


def test_an_answer_without_usage_or_tools_has_no_chunk_for_them() -> None:
    message = {"role": "assistant", "content": "x", "tool_calls": None}
    chunks = streamed({"choices": [{"message": message}], "usage": None})
    assert len(chunks) == 2
    assert chunks[0].choices[0].delta.tool_calls is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"choices":[]}',
        b'{"choices":null}',
        b'{"choices":[{"text":"x"}]}',
        b'{"choices":[{"message":"x"}]}',
        b'{"choices":[{"message":{"tool_calls":5}}]}',
        b'{"choices":[{"message":{"tool_calls":[5]}}]}',
        b'{"choices":[{"message":{"\xff":1}}]}',
        b'{"choices":[{"message":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}]}",
    ],
)
def test_what_is_no_whole_answer_becomes_no_stream(body: bytes) -> None:
    assert as_stream(body) is None
