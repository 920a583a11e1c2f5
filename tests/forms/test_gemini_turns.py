"""Turns of Gemini: what was said goes there and comes back whole."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.forms.chat_turns import MAX_OBJECTS
from gateway.forms.gemini_answer import AnswerReader
from gateway.forms.gemini_names import told_name
from gateway.forms.gemini_turns import UNSIGNED, turns_of
from gateway.words.call import Call
from gateway.words.errors import BadRequest, Unsupported

USER = {"role": "user", "content": "Hello"}
LIMIT = 1 << 22


def turns(*messages: object, must_sign: bool = True) -> list[dict[str, Any]]:
    raw = Raw(json.dumps(messages).encode())
    contents: list[dict[str, Any]] = turns_of(raw, must_sign=must_sign).contents
    return contents


def called(id: str, name: str = "now", arguments: str = "{}") -> dict[str, object]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


@pytest.mark.parametrize(
    "message",
    [
        {"role": "critic", "content": "Hm"},
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://h/a.png"}}]},
        {"role": "user", "content": [{"type": "image_url"}]},
        {"role": "user", "content": [{"type": "video_url"}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]},
        {"role": "user", "content": [{"type": "input_audio"}]},
        {"role": "assistant", "content": [{"type": "file", "file": {}}]},
        {"role": "assistant", "function_call": {"name": "f"}},
        {"role": "assistant", "audio": {"id": "a"}},
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {}}]},
    ],
)  # fmt: skip
def test_what_cannot_be_said_there_is_refused_by_name(message: object) -> None:
    with pytest.raises(Unsupported) as caught:
        turns(USER, message)
    assert caught.value.param == "messages"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [7],
        [{"role": "system", "content": "Be brief."}],
        [USER, {"role": "assistant", "tool_calls": [called("c", arguments="[]")]}],
        [USER, {"role": "tool", "tool_call_id": "c", "content": "Hm"}],
        [USER, {"role": "tool", "content": "Hm"}],
        [{}] * (MAX_OBJECTS + 1),
    ],
)
def test_what_nobody_could_say_is_refused(messages: list[object]) -> None:
    with pytest.raises(BadRequest) as caught:
        turns(*messages)
    assert not isinstance(caught.value, Unsupported)
    assert caught.value.param == "messages"


def test_messages_nested_too_deeply_are_refused() -> None:
    deep = b'[{"role":"user","audio":' + b"[" * 9000 + b"]" * 9000 + b"}]"
    with pytest.raises(BadRequest):
        turns_of(Raw(deep), must_sign=True)


def test_a_call_without_any_signature_is_marked_where_the_model_wants_one() -> None:
    said = {"role": "assistant", "tool_calls": [called("a"), called("b")]}
    first, second = turns(USER, said)[1]["parts"]
    assert first["thoughtSignature"] == UNSIGNED
    assert "thoughtSignature" not in second
    assert "thoughtSignature" not in turns(USER, said, must_sign=False)[1]["parts"][0]


def test_who_says_nothing_has_no_turn() -> None:
    silent = {"role": "assistant", "content": ""}
    assert turns(silent, USER, silent, USER) == turns(USER, USER)


def test_results_stand_in_a_turn_of_their_own() -> None:
    result = {"role": "tool", "tool_call_id": "a", "content": "Noon"}
    said = {"role": "assistant", "tool_calls": [called("a")]}
    assert [turn["role"] for turn in turns(USER, said, result, result, USER, USER)] == [
        *("user", "model", "user", "user")
    ]


def test_results_are_told_in_the_order_of_their_calls() -> None:
    said = {"role": "assistant", "tool_calls": [called("gcall_a"), called("gcall_b")]}
    results = [
        {"role": "tool", "tool_call_id": each, "name": "now", "content": each}
        for each in ("of another day", "gcall_b", "gcall_a")
    ]
    brief = {"role": "system", "content": "Be brief."}
    first, second, third = turns(USER, said, *results[:2], brief, *results[2:])[2]["parts"]
    assert first == {"functionResponse": {"name": "now", "response": {"output": "gcall_a"}}}
    assert second["functionResponse"]["response"] == {"output": "gcall_b"}
    assert third["functionResponse"]["id"] == "of another day"


@pytest.mark.parametrize("newer", [True, False])
def test_what_a_result_shows_is_a_part_of_it_or_stands_behind_it(newer: bool) -> None:
    said = {"role": "assistant", "tool_calls": [called("a"), called("b")]}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    results = [
        {"role": "tool", "tool_call_id": "b", "content": "Noon"},
        {"role": "tool", "tool_call_id": "a", "content": [picture]},
    ]
    told = turns(USER, said, *results, must_sign=newer)[2]["parts"]
    shown = {"inlineData": {"mimeType": "image/png", "data": "AA=="}}
    first = {"id": "a", "name": "now", "response": {"output": ""}}
    last = {"functionResponse": {"id": "b", "name": "now", "response": {"output": "Noon"}}}
    if newer:
        assert told == [{"functionResponse": {**first, "parts": [shown]}}, last]
    else:
        assert told == [{"functionResponse": first}, shown, last]


def test_an_id_that_comes_again_is_that_of_the_last_call() -> None:
    first = {"role": "assistant", "tool_calls": [called("a", "one")]}
    second = {"role": "assistant", "tool_calls": [called("b", "two"), called("a", "three")]}
    results = [{"role": "tool", "tool_call_id": each, "content": each} for each in "ab"]
    told = turns(USER, first, results[0], second, *results)[4]["parts"]
    assert [part["functionResponse"]["name"] for part in told] == ["two", "three"]


def speech() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Parts as a model says them: thoughts, words, pictures, then calls, signed or not."""
    text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
    sign = st.sampled_from([{}, {"thoughtSignature": "c2lnbg=="}])
    args = st.dictionaries(text, st.integers(0, 9) | text | st.booleans(), max_size=2)
    words = st.builds(lambda said, own: [{"text": said, **own}], text, sign)
    calls = st.lists(
        st.builds(
            lambda name, said, own: {"functionCall": {"name": name, "args": said}, **own},
            *(st.sampled_from(["now", "a/b", "2x"]), args, sign),
        ),
        max_size=3,
    )
    thoughts = st.lists(
        st.builds(lambda said: {"thought": True, "text": said, "thoughtSignature": "dA=="}, text),
        max_size=2,
    )
    blob = {"mimeType": "image/png", "data": "AA=="}
    drawn = st.lists(st.builds(lambda own: {"inlineData": blob, **own}, sign), max_size=2)
    spoken = st.builds(
        lambda *parts: [part for some in parts for part in some],
        *(thoughts, st.just([]) | words, drawn, calls),
    )
    return spoken.filter(bool)


TOOLS = [{"type": "function", "function": {"name": name}} for name in ("now", "a/b", "2x")]


def answered(parts: list[dict[str, Any]], *, stream: bool) -> dict[str, Any]:
    """Have a model say this, and return the message that a client puts together of it."""
    told = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP"}
    body = json.dumps({"candidates": [told], "responseId": "r"}).encode()
    call = Call("chat", "chat", "m", stream, False, {"tools": Raw(json.dumps(TOOLS).encode())})
    kind = "text/event-stream" if stream else "application/json"
    reader = AnswerReader(call, 200, kind, LIMIT, LIMIT)
    pieces = reader.feed(b"data: %b\n\n" % body if stream else body) + reader.end()
    if not stream:
        message: dict[str, Any] = json.loads(pieces[0].raw)["choices"][0]["message"]
        return message
    message = {"role": "assistant", "content": "", "tool_calls": [], "reasoning_details": []}
    message["images"] = []
    for piece in pieces:
        delta = json.loads(piece.raw[6:])["choices"][0]["delta"]
        message["content"] += delta.get("content", "")
        for name in ("reasoning_details", "images"):
            message[name] += delta.get(name, [])
        for each in delta.get("tool_calls", []):
            if "id" in each:
                message["tool_calls"].append(each)
            else:
                message["tool_calls"][each["index"]]["function"] |= each["function"]
    return message


@given(speech(), st.booleans())
def test_what_a_model_said_is_given_back_as_it_was(
    parts: list[dict[str, Any]], stream: bool
) -> None:
    renamed = json.loads(json.dumps(parts))
    message = answered(parts, stream=stream)
    given_back = turns(USER, message, must_sign=False)[1]["parts"]
    told = json.loads(json.dumps(given_back, default=lambda raw: json.loads(bytes(raw))))
    for part in renamed:
        if "functionCall" in part:
            part["functionCall"]["name"] = told_name(part["functionCall"]["name"])
    assert told == renamed


@given(st.lists(st.sampled_from(["system", "user", "assistant", "calls"]), min_size=1))
def test_nothing_that_was_said_is_lost(roles: list[str]) -> None:
    messages: list[dict[str, Any]] = [USER]
    for at, role in enumerate(roles):
        if role == "calls":
            ids = [f"{at}a", f"{at}b"]
            messages.append({"role": "assistant", "tool_calls": [called(each) for each in ids]})
            messages += [{"role": "tool", "tool_call_id": each, "content": each} for each in ids]
        else:
            messages.append({"role": role, "content": f"{role} {at}"})
    said = turns_of(Raw(json.dumps(messages).encode()), must_sign=True)
    told: list[object] = []
    for content in said.contents:
        assert isinstance(content["parts"], list)
        told += [
            part.get("text") or (part.get("functionResponse") or {}).get("response")
            for part in content["parts"]
        ]
    expected: list[object] = []
    for message in messages:
        match message["role"]:
            case "tool":
                expected.append({"output": message["content"]})
            case "system":
                assert {"text": message["content"]} in said.system
            case _:
                expected += [None] * len(message.get("tool_calls", ()))
                expected += [message["content"]] if "content" in message else []
    assert told == expected
