"""What is said in a request of Anthropic's Messages, said in the chat form."""

import json
from typing import Any

import pytest
from msgspec import Raw

from gateway.forms.messages_build import FORMAT
from gateway.forms.messages_read_turns import MOST_NAMED, said_in
from gateway.forms.messages_thoughts import SEAL, UNSIGNED, seal
from gateway.words.errors import BadRequest

NULL = Raw(b"null")


def said(*turns: Any, system: Any = None) -> tuple[list[Any], list[str]]:
    found = said_in(Raw(json.dumps(system).encode()), Raw(json.dumps(turns).encode()))
    return json.loads(json.dumps(found.messages, default=bytes_of)), list(found.beyond)


def bytes_of(raw: object) -> Any:
    assert isinstance(raw, Raw)
    return json.loads(bytes(raw))


def recalled(*content: Any) -> Any:
    (message,), _ = said({"role": "assistant", "content": list(content)})
    return message


def test_words_of_one_text_are_a_text() -> None:
    assert recalled({"type": "text", "text": "Hi"}) == {"role": "assistant", "content": "Hi"}
    marked = {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}
    assert recalled(marked)["content"] == [marked]
    several = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert recalled(*several)["content"] == several


def test_an_assistant_may_have_said_nothing() -> None:
    assert recalled() == {"role": "assistant", "content": ""}
    use = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    assert recalled(use)["content"] is None


def test_a_thought_that_nobody_has_signed_is_told_as_such() -> None:
    unsigned = [
        {"type": "thinking", "thinking": "One. ", "signature": UNSIGNED},
        {"type": "thinking", "thinking": "Two."},
    ]
    message = recalled(*unsigned, {"type": "text", "text": "So."})
    assert message == {
        "role": "assistant", "content": "So.", "reasoning_content": "One. Two.",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name"), [("reasoning.text", "text"), ("reasoning.summary", "summary")]
)
def test_a_thought_of_another_provider_comes_back_as_it_told_it(kind: str, name: str) -> None:
    detail = {"type": kind, "signature": "s", "format": "other", "index": 0}
    block = {"type": "thinking", "thinking": "Hm.", "signature": seal({**detail, name: ""})}
    assert recalled(block)["reasoning_details"] == [{**detail, name: "Hm."}]


def test_what_another_provider_has_encrypted_comes_back_as_it_was() -> None:
    detail = {"type": "reasoning.encrypted", "data": "zzz", "format": "other"}
    block = {"type": "redacted_thinking", "data": seal(detail)}
    assert recalled(block)["reasoning_details"] == [detail]


def test_a_seal_that_cannot_be_read_is_no_proof() -> None:
    assert "reasoning_details" not in recalled({"type": "redacted_thinking", "data": SEAL + "?"})
    broken = {"type": "thinking", "thinking": "Hm.", "signature": SEAL + "a"}
    assert recalled(broken)["reasoning_content"] == "Hm."


def test_anthropics_own_thoughts_keep_their_proof() -> None:
    message = recalled(
        {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "EmwK"},
        {"type": "redacted_thinking", "data": ""},
    )
    assert message["reasoning_details"] == [
        {
            "type": "reasoning.text",
            "text": "Hm.",
            "signature": "EqQB",
            "format": FORMAT,
            "index": 0,
        },
        {"type": "reasoning.encrypted", "data": "EmwK", "format": FORMAT, "index": 1},
    ]


def test_results_of_tools_stand_before_what_is_said_beside_them() -> None:
    result = {"type": "tool_result", "tool_use_id": "a", "content": "x"}
    text = {"type": "text", "text": "Well?"}
    messages, _ = said({"role": "user", "content": [text, result]})
    assert [message["role"] for message in messages] == ["tool", "user"]


def test_a_result_may_be_of_nothing_or_of_what_is_not_known() -> None:
    reference = {"type": "tool_reference", "tool_name": "f"}
    found = {"type": "tool_result", "tool_use_id": "b", "content": [reference]}
    messages, beyond = said(
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a"}, found]}
    )
    assert [message["content"] for message in messages] == ["", []]
    assert beyond == ["messages.tool_reference"]


def test_what_has_no_place_is_named_once() -> None:
    upload = {"type": "container_upload", "file_id": "f"}
    messages, beyond = said({"role": "user", "content": [upload, upload]})
    assert (messages, beyond) == ([], ["messages.container_upload"])


def test_of_a_flood_of_names_the_first_are_noted() -> None:
    many = [{"type": f"kind-{number}"} for number in range(20_000)]
    odd = {"type": "text", "text": "Hi", **{f"name-{number}": 1 for number in range(20_000)}}
    beyond = said({"role": "user", "content": [*many, odd]})[1]
    assert len(beyond) == MOST_NAMED
    assert beyond[:2] == ["messages.kind-0", "messages.kind-1"]


def test_a_field_that_is_not_known_is_named_and_a_hint_is_not() -> None:
    source = {"type": "url", "url": "https://example.com/a.png"}
    turned: Any = {
        "type": "image",
        "source": source,
        "transformations": [{}],
        "cache_control": None,
    }
    text: Any = {"type": "text", "text": "Hi", "citations": [{}], "novelty": None}
    called = {"type": "tool_use", "id": "a", "name": "f", "input": {}, "caller": {"type": "direct"}}
    messages, beyond = said(
        {"role": "user", "content": [turned, text]}, {"role": "assistant", "content": [called]}
    )
    assert beyond == ["messages.image.transformations"]
    assert messages[0]["content"][0] == {"type": "image_url", "image_url": {"url": source["url"]}}


def test_instructions_may_be_a_text_or_parts_or_nothing() -> None:
    user = {"role": "user", "content": "Hello"}
    assert said(user, system="Be kind.")[0][0] == {"role": "system", "content": "Be kind."}
    parts = [{"type": "text", "text": "Be kind."}]
    assert said(user, system=parts)[0][0]["content"] == parts
    assert said(user, system=[])[0] == said(user)[0] == [user]


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "narrator", "content": "x"},
        {"role": "user"},
        {"role": "user", "content": [{"text": "x"}]},
        {"role": "user", "content": [{"type": "text"}]},
        {"role": "user", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "assistant", "content": [{"type": "tool_result", "tool_use_id": "a"}]},
        {"role": "user", "content": [1]},
        {"role": "user", "content": None},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "a", "name": "f", "input": 1}],
        },
    ],
)
def test_what_is_malformed_is_refused(turn: Any) -> None:
    with pytest.raises(BadRequest):
        said(turn)


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep = b'{"a":' * 50_000 + b"1" + b"}" * 50_000
    block = b'{"type":"tool_use","id":"a","name":"f","input":%b}' % deep
    with pytest.raises(BadRequest):
        said_in(NULL, Raw(b'[{"role":"assistant","content":[%b]}]' % block))


def test_the_input_of_a_call_is_told_on_one_line_as_it_was_written() -> None:
    block = b'{"type":"tool_use","id":"a","name":"f","input":{\n "b" : 1.50,"a":"\\u00e9" }}'
    (message,) = said_in(NULL, Raw(b'[{"role":"assistant","content":[%b]}]' % block)).messages
    calls: Any = message["tool_calls"]
    assert calls[0]["function"]["arguments"] == '{"b":1.50,"a":"\\u00e9"}'


def test_a_flood_is_refused() -> None:
    for name in ("messages", "system"):
        many = Raw(b"[%b]" % b",".join([b"{}"] * 65_537))
        with pytest.raises(BadRequest) as caught:
            said_in(many if name == "system" else NULL, many)
        assert caught.value.param == name
