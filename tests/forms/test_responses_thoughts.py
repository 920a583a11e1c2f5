"""Thoughts that travel through a client and come back unchanged."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.forms.responses_thoughts import (
    MARK,
    Thought,
    Unpacking,
    joined,
    pack,
    without_packed,
)
from gateway.words.errors import BadRequest

DETAILS = st.lists(
    st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(0, 9)), max_size=3
)
TEXT = st.none() | st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT, TEXT, DETAILS)
def test_a_thought_comes_back_as_it_was(
    content: str | None, reasoning: str | None, details: list[dict[str, object]]
) -> None:
    thought = Thought(content, reasoning, details)
    packed = pack(thought)
    if packed is None:
        assert thought == Thought()
    else:
        assert Unpacking(1_000).unpack(packed) == thought


def test_what_others_have_encrypted_is_not_read() -> None:
    assert Unpacking(9).unpack("gAAAA") is None
    assert Unpacking(9).unpack("") is None


@pytest.mark.parametrize("text", ["%", "AAAA", "e30", "W10=", "é", "eyJyZWFzb25pbmciOjV9"])
def test_what_was_changed_on_the_way_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        Unpacking(9).unpack(MARK + text)
    assert caught.value.param == "input"


def test_r15_all_thoughts_together_are_bounded() -> None:
    packed = pack(Thought(reasoning_details=[{}]))
    assert packed is not None
    unpacking = Unpacking(5)
    assert unpacking.unpack(packed) == Thought(reasoning_details=[{}])
    with pytest.raises(BadRequest):
        unpacking.unpack(packed)


def test_r15_a_thought_of_very_many_values_is_refused() -> None:
    packed = pack(Thought(reasoning_details=[{str(number): 0 for number in range(40)}]))
    assert packed is not None
    assert Unpacking(12).unpack(packed) is not None
    with pytest.raises(BadRequest):
        Unpacking(9).unpack(packed)


def test_who_encrypts_thoughts_is_not_told_what_was_packed() -> None:
    packed = pack(Thought("Hm."))
    said = {"type": "message", "role": "user", "content": MARK}
    sealed = {"type": "reasoning", "encrypted_content": "gAAA"}
    odd = {"encrypted_content": 7}
    items = [said, {"type": "reasoning", "encrypted_content": packed}, sealed, odd]
    huge = Raw(b'{"encrypted_content":1e999}')
    left = without_packed(Raw(msgspec.json.encode([*items, huge])))
    assert bytes(left) == msgspec.json.encode([said, sealed, odd, huge])


@pytest.mark.parametrize("input", [b'"gw1."', b'[{"encrypted_content":"gAAA"}]', b"null"])
def test_an_input_without_any_is_told_as_it_is(input: bytes) -> None:
    assert bytes(without_packed(Raw(input))) == input


def test_the_parts_of_a_detail_are_joined() -> None:
    parts: list[dict[str, Any]] = [
        {"type": "reasoning.text", "index": 0, "text": "Let ", "signature": None},
        {"type": "reasoning.text", "index": 0, "text": "me.", "format": "x"},
        {"type": "reasoning.text", "index": 0, "signature": "s"},
        {"type": "reasoning.text", "index": 0, "text": "Next"},
        {"type": "reasoning.encrypted", "index": 1, "data": "a"},
        {"type": "reasoning.encrypted", "index": 1, "data": None},
        {"type": "reasoning.text", "text": "of no index"},
        {"type": "reasoning.text", "text": "nor this"},
        {"type": "reasoning.text", "index": 2, "text": "odd"},
        {"type": "reasoning.text", "index": 2, "text": 7},
    ]
    assert joined(parts) == [
        {"type": "reasoning.text", "index": 0, "text": "Let me.", "signature": "s", "format": "x"},
        {"type": "reasoning.text", "index": 0, "text": "Next"},
        {"type": "reasoning.encrypted", "index": 1, "data": "a"},
        {"type": "reasoning.text", "text": "of no index"},
        {"type": "reasoning.text", "text": "nor this"},
        {"type": "reasoning.text", "index": 2, "text": 7},
    ]
