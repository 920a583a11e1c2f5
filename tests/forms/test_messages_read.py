"""Requests of clients of Anthropic's Messages: golden pairs, round trips, and what is refused.

In `tests/wire/messages/clients/`: NAME.asked.json is what a client asks, NAME.fields.json the same
in the common form, with the names of what that form has not.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.forms.chat import write_request as write_chat
from gateway.forms.messages_read import read_request
from gateway.forms.messages_request import body_of
from gateway.words.call import Call
from gateway.words.errors import BadRequest
from gateway.words.target import Origin, Target
from tests.judges.anthropic import judge_messages
from tests.judges.openai import judge_chat

CLIENTS = Path(__file__).parents[1] / "wire" / "messages" / "clients"
NAMES = sorted(path.name.removesuffix(".asked.json") for path in CLIENTS.glob("*.asked.json"))
ORIGIN = Origin("http", "h", 1)
CLAUDE = Target("up", "anthropic", "messages", ORIGIN, "/v1", "claude-sonnet-4-5", max_tokens=8192)
GPT = Target("up", "openai", "chat", ORIGIN, "/v1", "gpt-5.2")
BARE: dict[str, Any] = {"model": "m", "max_tokens": 9}


def read(fields: dict[str, Any], **headers: str) -> Call:
    given = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return read_request("chat", json.dumps(fields).encode(), given)


def asking(**more: Any) -> dict[str, Any]:
    return {**BARE, "messages": [{"role": "user", "content": "Hello"}], **more}


def said(call: Call) -> Any:
    return json.loads(bytes(call.fields["messages"]))


def refused(fields: dict[str, Any]) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        read(fields)
    return caught.value


@pytest.mark.parametrize("name", NAMES)
def test_a_request_is_said_in_the_common_form(name: str) -> None:
    asked = json.loads((CLIENTS / f"{name}.asked.json").read_text())
    expected = json.loads((CLIENTS / f"{name}.fields.json").read_text())
    call = read(asked)
    assert {name: json.loads(bytes(raw)) for name, raw in call.fields.items()} == (
        expected["fields"]
    )
    assert [name for name, _ in call.beyond] == expected.get("beyond", [])
    assert call.native is not None
    assert {name: json.loads(bytes(raw)) for name, raw in call.native.items()} == asked


@pytest.mark.parametrize("name", NAMES)
def test_openai_would_take_what_it_is_told(name: str) -> None:
    body = write_chat(read(json.loads((CLIENTS / f"{name}.asked.json").read_text())), GPT).body
    assert isinstance(body, bytes)
    fields = json.loads(body)
    fields.pop("top_k", None)
    judge_chat(fields)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "beyond"])
def test_anthropic_would_take_what_it_is_told_by_way_of_the_common_form(name: str) -> None:
    body, dropped = body_of(read(json.loads((CLIENTS / f"{name}.asked.json").read_text())), CLAUDE)
    judge_messages(json.loads(body))
    assert not dropped


def test_a_stream_is_asked_for_and_its_usage_too() -> None:
    call = read(asking(stream=True))
    assert (call.stream, call.show_usage) == (True, False)
    body = write_chat(call, GPT).body
    assert isinstance(body, bytes)
    assert json.loads(body)["stream_options"] == {"include_usage": True}
    assert not read(asking(stream=False)).stream


def test_who_only_counts_needs_no_room_and_gets_no_stream() -> None:
    fields = {"model": "m", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    call = read_request("count_tokens", json.dumps(fields).encode(), {})
    assert (call.operation, call.stream) == ("count_tokens", False)


def test_header_fields_of_the_form_go_along() -> None:
    headers = {"anthropic_beta": "a,b", "anthropic_version": "2026-10-21", "cookie": "x"}
    assert read(asking(), **headers).passed == (
        (b"anthropic-beta", b"a,b"),
        (b"anthropic-version", b"2026-10-21"),
    )
    assert read(asking()).passed == ()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"max_tokens": 9, "messages": []}, "model"),
        ({"model": "m", "messages": [{"role": "user", "content": "x"}]}, "max_tokens"),
        (asking(max_tokens="9"), "max_tokens"),
        (BARE, "messages"),
        ({**BARE, "messages": []}, "messages"),
        (asking(stream="yes"), "stream"),
    ],
)
def test_what_is_missing_or_malformed_is_refused_by_name(
    fields: dict[str, Any], param: str
) -> None:
    assert refused(fields).param == param


def test_a_mark_of_the_whole_stands_behind_what_was_said_last() -> None:
    mark = {"type": "ephemeral"}
    user = {"role": "user", "content": "Hello"}
    use = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": "x"}
    turns = [user, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    assert said(read({**BARE, "messages": turns, "cache_control": mark}))[-1] == {
        "role": "tool", "tool_call_id": "a", "content": "x", "cache_control": mark,
    }  # fmt: skip
    own = {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    marked = [{"role": "user", "content": [own]}]
    assert said(read({**BARE, "messages": marked, "cache_control": mark}))[-1]["content"] == [own]
    nothing: list[Any] = [{"role": "user", "content": []}]
    assert said(read({**BARE, "messages": nothing, "cache_control": mark})) == []


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
MARKS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"cache_control": {"type": "ephemeral"}}]
)
NAMED = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMED, inner, max_size=3),
    max_leaves=6,
)
FAILURES: st.SearchStrategy[dict[str, Any]] = st.sampled_from([{}, {"is_error": True}])
WORDS = st.builds(lambda text, mark: {"type": "text", "text": text, **mark}, TEXT, MARKS)
PICTURE = st.just(
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}
) | st.just({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}})
PDF = {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}
DOCUMENT = st.just({"type": "document", "source": PDF, "title": "a.pdf"})
THOUGHTS = st.lists(
    st.builds(lambda text: {"type": "thinking", "thinking": text, "signature": "EqQB=="}, TEXT)
    | st.just({"type": "redacted_thinking", "data": "EmwK"}),
    max_size=2,
)


@st.composite
def exchanges(draw: st.DrawFn, number: int) -> list[dict[str, Any]]:
    """A turn of the user, one of the assistant, and the results of what it called."""
    asked = draw(st.lists(WORDS | PICTURE | DOCUMENT, min_size=1, max_size=3))
    uses = [
        {
            "type": "tool_use",
            "id": f"toolu_{number}_{at}",
            "name": draw(NAMED),
            "input": draw(st.dictionaries(NAMED, VALUES, max_size=3)),
            **draw(MARKS),
        }
        for at in range(draw(st.integers(0, 2)))
    ]
    spoken = draw(st.lists(WORDS, min_size=0 if uses else 1, max_size=2))
    turns = [
        {"role": "user", "content": asked},
        {"role": "assistant", "content": [*draw(THOUGHTS), *spoken, *uses]},
    ]
    if uses:
        results = [
            {
                "type": "tool_result",
                "tool_use_id": use["id"],
                **draw(FAILURES),
                "content": draw(st.lists(WORDS | PICTURE, min_size=1, max_size=2)),
                **draw(MARKS),
            }
            for use in uses
        ]
        more = draw(st.lists(WORDS, min_size=1, max_size=1))
        turns += [
            {"role": "user", "content": [*results, *more]},
            {"role": "assistant", "content": draw(st.lists(WORDS, min_size=1, max_size=1))},
        ]
    return turns


TOOL = st.builds(
    lambda name, text, mark: {
        "name": name,
        "description": text,
        "input_schema": {"type": "object", "properties": {name: {"type": "string"}}},
        **mark,
    },
    NAMED, TEXT, MARKS,
)  # fmt: skip
CHOICES = st.sampled_from(
    [
        {},
        {"tool_choice": {"type": "auto"}},
        {"tool_choice": {"type": "any"}},
        {"tool_choice": {"type": "none"}},
        {"tool_choice": {"type": "tool", "name": "f"}},
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
    ]
)
FORMAT = {"type": "json_schema", "schema": {"type": "object"}}
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "system": st.lists(WORDS, min_size=1, max_size=2),
        "temperature": st.sampled_from([0, 0.25, 0.5]),
        "top_p": st.sampled_from([0.5, 0.9]),
        "top_k": st.integers(1, 50),
        "stop_sequences": st.lists(TEXT, min_size=1, max_size=3),
        "metadata": st.just({"user_id": "u-1"}),
        "output_config": st.just({"format": FORMAT}),
        "stream": st.just(True),
    },
)
THINKING = st.sampled_from(
    [{"thinking": {"type": "enabled", "budget_tokens": budget}} for budget in (2048, 8192, 16_384)]
)


@given(st.data(), OPTIONS, st.lists(TOOL, min_size=1, max_size=3), CHOICES)
@settings(max_examples=60, deadline=None)
def test_all_that_the_common_form_can_say_comes_back_as_it_was(
    data: st.DataObject, options: dict[str, Any], tools: list[Any], choice: dict[str, Any]
) -> None:
    turns = [
        turn
        for number in range(data.draw(st.integers(1, 2)))
        for turn in data.draw(exchanges(number))
    ]
    calls = any(block["type"] == "tool_use" for turn in turns for block in turn["content"])
    with_tools = {"tools": tools, **choice} if calls or data.draw(st.booleans()) else {}
    asked = {"model": "m", "max_tokens": 65_536, "messages": turns, **options, **with_tools}
    call = read(asked)
    assert call.beyond == ()
    body, dropped = body_of(call, CLAUDE)
    assert dropped == ()
    assert json.loads(body) == {**asked, "model": CLAUDE.model}


@given(THINKING)
def test_a_budget_for_thoughts_comes_back_as_it_was(thinking: dict[str, Any]) -> None:
    asked = asking(max_tokens=65_536, **thinking)
    assert json.loads(body_of(read(asked), CLAUDE)[0])["thinking"] == thinking["thinking"]
