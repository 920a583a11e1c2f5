"""Answers in one piece, block by block."""

from typing import Any

import msgspec
import pytest
from anthropic.types import ContentBlock
from pydantic import TypeAdapter

from gateway.forms.messages_build import FORMAT
from gateway.forms.messages_thoughts import UNSIGNED, unseal
from gateway.forms.messages_write_facts import Choice
from gateway.forms.messages_write_whole import blocks_of
from gateway.words.errors import UpstreamMalformed


def blocks(**message: Any) -> list[dict[str, Any]]:
    told = blocks_of("c", msgspec.convert({"message": message}, Choice))
    found: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(told))
    known: TypeAdapter[Any] = TypeAdapter(ContentBlock)
    for block in found:
        known.validate_python(block)
    return found


def test_an_answer_may_say_nothing() -> None:
    assert blocks() == blocks(content="", tool_calls=[]) == blocks_of("c", Choice()) == []


def test_a_refusal_is_words() -> None:
    assert blocks(refusal="No.") == [{"type": "text", "text": "No."}]


def test_thoughts_without_a_proof_are_one() -> None:
    (block,) = blocks(reasoning="Hm.")
    assert block == {"type": "thinking", "thinking": "Hm.", "signature": UNSIGNED}
    assert blocks(reasoning_content="Hm.", reasoning_details=[{"type": "odd"}]) == [block]


def test_anthropics_own_thoughts_are_told_as_they_were() -> None:
    details = [
        {"type": "reasoning.text", "text": "Hm.", "signature": "EqQB", "format": FORMAT},
        {"type": "reasoning.encrypted", "data": "EmwK", "format": FORMAT},
    ]
    assert blocks(reasoning_content="Hm.", reasoning_details=details, content="So.") == [
        {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"},
        {"type": "redacted_thinking", "data": "EmwK"},
        {"type": "text", "text": "So."},
    ]


def test_thoughts_of_others_are_sealed() -> None:
    details: list[dict[str, Any]] = [
        {"type": "reasoning.summary", "summary": "I think."},
        {"type": "reasoning.encrypted", "data": "zzz", "format": "other"},
        {"type": "reasoning.text", "text": "Hm.", "signature": "s", "format": "other"},
        {"type": "reasoning.encrypted"},
        {"type": "reasoning.text", "text": 3},
    ]
    summary, hidden, signed = blocks(reasoning_details=details)
    assert summary["signature"] == UNSIGNED
    assert unseal(hidden["data"]) == details[1]
    assert unseal(signed["signature"]) == {**details[2], "text": ""}
    assert signed["thinking"] == "Hm."


def test_a_call_without_an_id_or_arguments_gets_them() -> None:
    (first, second) = blocks(tool_calls=[{"function": {"name": "f"}}, {"id": "b"}])
    assert first == {"type": "tool_use", "id": "toolu_c_0", "name": "f", "input": {}}
    assert (second["id"], second["name"]) == ("b", "")


@pytest.mark.parametrize("arguments", ["{", "[]", "3", '{"a":' * 100_000])
def test_arguments_that_are_no_object_cannot_be_told(arguments: str) -> None:
    with pytest.raises(UpstreamMalformed, match="'f'"):
        blocks(tool_calls=[{"id": "a", "function": {"name": "f", "arguments": arguments}}])
