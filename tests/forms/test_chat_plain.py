"""What the common form holds beyond OpenAI's own, said so that any server takes it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from msgspec import Raw

from gateway.forms.chat_plain import plain
from gateway.words.errors import BadRequest
from gateway.words.target import Origin, Target

MARK = {"type": "ephemeral"}
SHOWN = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}


TARGET = Target("up", "openai", "chat", Origin("http", "up.test", 80), "/v1", "m")


def told(*messages: Any, target: Target = TARGET, **fields: Any) -> dict[str, Any]:
    given = {"messages": list(messages), **fields}
    raw = {name: Raw(json.dumps(value).encode()) for name, value in given.items()}
    return {name: json.loads(bytes(value)) for name, value in plain(raw, target).items()}


def keeping(*names: str) -> Target:
    return replace(TARGET, keeps=names)


def said(*messages: Any, keeps: tuple[str, ...] = ()) -> list[Any]:
    found: list[Any] = told(*messages, target=keeping(*keeps))["messages"]
    return found


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def tool(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "a", "content": content, **more}


THOUGHT = {
    "role": "assistant",
    "content": "So.",
    "reasoning_content": "Hm.",
    "reasoning_details": [{"type": "reasoning.text"}],
}


@pytest.mark.parametrize(
    ("keeps", "names"),
    [
        ((), set()),
        (("reasoning_content",), {"reasoning_content"}),
        (("reasoning_details", "reasoning_content"), {"reasoning_content", "reasoning_details"}),
    ],
)
def test_thoughts_are_told_to_whoever_knows_them(keeps: tuple[str, ...], names: set[str]) -> None:
    (message,) = said(THOUGHT, keeps=keeps)
    assert message.keys() - {"role", "content"} == names


def test_texts_are_joined_where_there_is_nothing_else() -> None:
    parts = [text("a", cache_control=MARK), text("b")]
    assert said({"role": "system", "content": parts})[0]["content"] == "a\n\nb"
    assert said({"role": "assistant", "content": parts})[0]["content"] == "ab"
    mixed = {"role": "user", "content": [*parts, SHOWN]}
    assert said(mixed)[0]["content"] == [text("a"), text("b"), SHOWN]


def test_marks_stay_for_whoever_knows_them() -> None:
    parts = [text("a", cache_control=MARK), text("b")]
    marked = {"role": "user", "content": parts}
    assert said(marked, keeps=("cache_control",)) == [marked]
    result = said(tool("x", cache_control=MARK), keeps=("cache_control",))[0]
    assert result["content"] == [text("x", cache_control=MARK)]
    assert said(tool("x", cache_control=MARK)) == [tool("x")]


def test_a_call_and_a_tool_bear_no_marks() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [{**call, "cache_control": {}}]}
    assert said(message)[0]["tool_calls"] == [call]
    made = {"type": "function", "function": {"name": "f"}}
    marked = {**made, "cache_control": MARK}
    assert told(message, tools=[marked])["tools"] == [made]
    assert told(message, target=keeping("cache_control"), tools=[marked])["tools"] == [marked]


def test_a_failed_result_says_that_it_failed() -> None:
    assert said(tool("no", is_error=True)) == [tool("Error: no")]
    assert said(tool("An error: no", is_error=True)) == [tool("An error: no")]
    assert said(tool(None, is_error=True)) == [tool("Error: ")]
    assert said(tool("no")) == [tool("no")]


def test_what_a_tool_shows_is_shown_behind_all_results() -> None:
    after = {"role": "user", "content": "Well?"}
    messages = said(tool([text("a"), text("b"), SHOWN]), tool([SHOWN]), after)
    first, second, shown, last = messages
    assert first["content"] == "a\n\nb"
    assert "next message" in second["content"]
    assert shown == {"role": "user", "content": [SHOWN, SHOWN]}
    assert last == after
    assert said(tool([SHOWN]))[-1] == {"role": "user", "content": [SHOWN]}


def test_a_file_gets_a_name() -> None:
    nameless = {"role": "user", "content": [{"type": "file", "file": {"file_data": "data:x"}}]}
    assert said(nameless)[0]["content"][0]["file"]["filename"] == "document.pdf"


def test_a_long_name_of_a_user_is_told_by_its_digest() -> None:
    assert told(user="u" * 64)["user"] == "u" * 64
    digest = told(user="u" * 65)["user"]
    assert len(digest) == 64
    assert digest != told(user="u" * 66)["user"]


def test_what_is_no_name_of_a_user_is_left_to_the_provider() -> None:
    assert told(user=5)["user"] == 5
    assert told(user={"a": 1})["user"] == {"a": 1}


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep = Raw(b'[{"role":"user","content":%b}]' % (b'{"a":' * 100_000 + b"1" + b"}" * 100_000))
    with pytest.raises(BadRequest):
        plain({"messages": deep}, TARGET)


@pytest.mark.parametrize(
    ("kind", "host", "model", "name"),
    [
        ("openai", "api.openai.com", "gpt-4o", "max_completion_tokens"),
        ("openai", "eu.api.openai.com", "gpt-4o", "max_completion_tokens"),
        ("azure", "x.openai.azure.com", "prod", "max_completion_tokens"),
        ("openai", "proxy.test", "gpt-5.2", "max_completion_tokens"),
        ("openrouter", "openrouter.ai", "openai/o3-mini", "max_completion_tokens"),
        ("openai", "up.test", "gpt-oss-20b", "max_tokens"),
        ("deepseek", "api.deepseek.com", "deepseek-chat", "max_tokens"),
        ("vllm", "127.0.0.1", "olmo", "max_tokens"),
    ],
)
def test_how_long_an_answer_may_be_is_told_by_the_name_that_is_known(
    kind: str, host: str, model: str, name: str
) -> None:
    target = replace(TARGET, kind=kind, origin=Origin("https", host, 443), model=model)
    assert told(target=target, max_completion_tokens=9)[name] == 9
    assert told(target=target, max_tokens=9)[name] == 9
