"""What AWS Bedrock's Converse says, written in the chat form."""

import json
from typing import Any

import pytest
from msgspec import Raw
from openai.types.chat import ChatCompletion

from gateway.forms.bedrock_build import SEALED, SIGNED, completion, id_of, image_of, joined
from gateway.forms.bedrock_facts import (
    Block,
    Citation,
    Cited,
    Image,
    Location,
    Reasoning,
    Source,
    Thought,
    Use,
    Web,
    Written,
)
from gateway.words.answer import Usage
from gateway.words.call import Call


def asked(*messages: str) -> Call:
    return Call("chat", "chat", "m", False, True, {"messages": Raw(json.dumps(messages).encode())})


def test_no_two_answers_of_one_conversation_have_one_id() -> None:
    ids = {
        id_of(asked("a"), b"x"),
        id_of(asked("a", "b"), b"x"),
        id_of(asked("a"), b"y"),
        id_of(Call("chat", "chat", "m", False, True, {}), b"x"),
    }
    assert len(ids) == 4
    assert id_of(asked("a"), b"x") in ids


def test_the_id_of_a_huge_question_is_of_its_end_and_its_length() -> None:
    long = "x" * 200_000
    assert id_of(asked("a" + long), b"") != id_of(asked("ab" + long), b"")


def told(*blocks: Block, stop: str = "end_turn", usage: Usage | None = None) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(completion(("chatcmpl-1", "m"), blocks, stop, usage))
    if stop == "end_turn":
        ChatCompletion.model_validate(fields)
    return fields


def message(*blocks: Block) -> dict[str, Any]:
    fields: dict[str, Any] = told(*blocks)["choices"][0]["message"]
    return fields


def test_texts_are_joined_those_with_citations_too() -> None:
    cited = Block(citations_content=Cited([Written("b"), Written("c")]))
    assert message(Block(text="a"), cited, Block(text="d"))["content"] == "abcd"


def test_what_a_text_rests_on_is_told_by_where_it_stands() -> None:
    page = Location(Web("https://example.com/a", "example.com"))
    cited = Cited([Written("wörld")], [Citation("Page", page), Citation("", page), Citation("x")])
    fields = message(Block(text="Hello "), Block(citations_content=cited), Block(text="!"))
    assert fields["content"] == "Hello wörld!"
    where = {"url": "https://example.com/a", "start_index": 6, "end_index": 11}
    assert fields["annotations"] == [
        {"type": "url_citation", "url_citation": {**where, "title": "Page"}},
        {"type": "url_citation", "url_citation": {**where, "title": "example.com"}},
    ]


@pytest.mark.parametrize("place", [None, Location(), Location(Web())])
def test_what_has_no_address_is_not_cited(place: Location | None) -> None:
    cited = Cited([Written("a")], [Citation("Page", place)])
    assert "annotations" not in message(Block(citations_content=cited))


def test_an_image_is_told_as_a_data_url() -> None:
    blank = Block(image=Image("png", Source("")))
    fields = message(Block(image=Image("png", Source("AAEC"))), blank, Block(image=Image("png")))
    url = {"url": "data:image/png;base64,AAEC"}
    assert fields["images"] == [{"type": "image_url", "image_url": url}]
    assert "images" not in message(blank)


@pytest.mark.parametrize("format", ["", "png;x", "a/b"])
def test_an_image_of_no_known_kind_is_not_shown(format: str) -> None:
    assert image_of(format, "AAEC") is None


def test_an_answer_without_words_has_none() -> None:
    assert message() == {"role": "assistant", "content": None, "refusal": None}


def test_calls_of_tools_are_told_and_those_of_the_provider_itself_are_not() -> None:
    own = Block(tool_use=Use("s1", "search", Raw(b"{}"), "server_tool_use"))
    asked_of_client = Block(tool_use=Use("t1", "weather", Raw(b'{"city": "Ghent"}')))
    assert message(own, asked_of_client)["tool_calls"] == [
        {
            "id": "t1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"city": "Ghent"}'},
        }
    ]
    assert "tool_calls" not in message(own)


def test_thoughts_are_told_with_what_proves_them() -> None:
    signed = Block(reasoning_content=Reasoning(reasoning_text=Thought("First.", "sig")))
    unsigned = Block(reasoning_content=Reasoning(reasoning_text=Thought("Then.")))
    sealed = Block(reasoning_content=Reasoning(redacted_content="AAEC"))
    fields = message(signed, unsigned, sealed, Block(text="a"))
    assert fields["reasoning_content"] == "First.Then."
    assert fields["reasoning_details"] == [
        {
            "type": "reasoning.text",
            "text": "First.",
            "signature": "sig",
            "format": SIGNED,
            "index": 0,
        },
        {"type": "reasoning.encrypted", "data": "AAEC", "format": SEALED, "index": 2},
    ]


def test_usage_is_told_where_there_is_one() -> None:
    assert "usage" not in told()
    usage = told(usage=Usage(10, 2, 3, 0, 4))["usage"]
    assert (usage["prompt_tokens"], usage["total_tokens"]) == (10, 12)
    assert usage["prompt_tokens_details"] == {"cached_tokens": 3, "cache_write_tokens": 4}


@pytest.mark.parametrize(
    ("stop", "reason"), [("guardrail_intervened", "content_filter"), ("malformed_tool_use",) * 2]
)
def test_the_reason_is_told_in_the_words_of_the_chat_form(stop: str, reason: str) -> None:
    assert told(stop=stop)["choices"][0]["finish_reason"] == reason


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ([], ""),
        (["", "AAE=", ""], "AAE="),
        (["AAE=", "Ag=="], "AAEC"),
        (["AAE=", "?"], ""),
        (["AAE=", "ä"], ""),
    ],
)
def test_what_is_sealed_in_parts_is_joined_by_its_bytes(parts: list[str], whole: str) -> None:
    assert joined(parts) == whole
