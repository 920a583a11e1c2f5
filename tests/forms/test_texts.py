"""The texts within JSON of any form, and what nobody can look into."""

import json
from typing import Any

import pytest

from gateway.forms.texts import MOST_PARTS, STRIDE, Document, Unreadable


def document(value: Any) -> Document:
    found = Document(json.dumps(value).encode())
    for _ in found.find():
        pass
    return found


def texts(value: Any) -> list[str]:
    return [leaf.text for leaf in document(value).leaves]


def test_texts_are_found_in_their_order_and_words_of_the_form_are_none() -> None:
    said = {
        "messages": [
            {"role": "system", "content": "one", "name": "ann"},
            {"role": "user", "content": [{"type": "text", "text": "two"}, "three"]},
            {
                "role": "assistant",
                "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": ""},
        ],
        "temperature": 0.25,
        "seed": 12345678901,
        "stream": True,
        "stop": None,
    }
    found = document(said)
    assert [leaf.text for leaf in found.leaves] == ["one", "ann", "two", "three", "f", "{}"]
    assert [leaf.json for leaf in found.leaves] == [False] * 5 + [True]
    assert found.leaves[0].path == ("messages", 0, "content")
    assert not found.unseen


def test_a_word_of_the_form_that_may_be_a_text_is_looked_at() -> None:
    assert texts({"id": "a b", "type": "x" * 200, "role": "user"}) == ["a b", "x" * 200]


def test_where_anything_may_stand_names_and_numbers_are_looked_at_too() -> None:
    said = {
        "metadata": {"id": "x", "n": 4111111111111111, "few": 12, "yes": True, "deep": [{"k": "v"}]}
    }
    assert texts(said) == ["id", "n", "few", "yes", "deep", "x", "4111111111111111", "k", "v"]
    named = [leaf.is_name for leaf in document(said).leaves]
    assert named == [True] * 5 + [False, False, True, False]


def test_what_is_put_in_place_of_a_text_is_written() -> None:
    found = document({"input": {"a": "b", "n": 4111111111111111}, "x": ["y"]})
    for leaf in sorted(found.leaves, key=lambda each: each.is_name):
        leaf.put(leaf.text.upper())
    assert json.loads(found.written()) == {
        "input": {"A": "B", "N": "4111111111111111"},
        "x": ["Y"],
    }


def test_two_names_that_become_one_lose_nothing() -> None:
    found = document({"input": {"a": 1, "b": 2}})
    for leaf in found.leaves:
        leaf.put("m")
    assert sorted(json.loads(found.written())["input"].values()) == [1, 2]


@pytest.mark.parametrize(
    "value",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "AAAA"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}},
        {"type": "image_generation_call", "result": "AAAA"},
        {"audio": {"data": "AAAA"}},
        {"data": [{"b64_json": "AAAA"}]},
        {"type": "file", "source": {"type": "text"}, "file": {"file_data": "AAAA"}},
        {"image_url": {"url": "data:image/png;base64,AAAA"}},
        {"output": {"type": "computer_screenshot", "image_url": "data:image/png;base64,AAAA"}},
        {"partial_image_b64": "AAAA", "partial_image_index": 0},
        {"prompt": [1, 2]},
        {"input": [[1, 2], [3]]},
    ],
)
def test_what_cannot_be_looked_into_is_known(value: Any) -> None:
    found = document(value)
    assert (found.unseen, [leaf.text for leaf in found.leaves]) == (True, [])


def test_what_is_said_beside_something_attached_is_looked_at() -> None:
    value = {"type": "file", "file": {"filename": "a.txt", "file_data": "AA"}, "title": "t"}
    assert texts(value) == ["a.txt", "t"]
    assert texts({"type": "image_url", "image_url": {"url": "http://h/?q=x"}}) == ["http://h/?q=x"]


def test_a_document_of_text_is_a_text() -> None:
    found = document({"type": "document", "source": {"type": "text", "data": "said"}})
    assert (found.unseen, [leaf.text for leaf in found.leaves]) == (False, ["said"])


def test_in_a_schema_a_kind_of_file_is_none() -> None:
    assert not document({"parameters": {"type": "file", "data": "said"}}).unseen
    assert not document({"type": "tool_use", "input": {"input": [1, 2], "image_url": "x"}}).unseen


def test_what_a_provider_has_sealed_is_passed_over() -> None:
    assert texts({"signature": "AAAA", "encrypted_content": "not sealed"}) == ["not sealed"]
    assert texts({"type": "redacted_thinking", "data": "AAAA"}) == []
    assert texts({"prompt": [], "input": [[]]}) == []


def test_of_a_name_that_stands_twice_what_was_looked_at_is_sent() -> None:
    raw = b'{"a":{"content":"bad","content":"good"}}'
    assert Document(raw).seen() == b'{"a":{"content":"good"}}'
    once = b'{ "a": {"content": "x: \\" {y:"}, "f": 1.50}'
    assert Document(once).seen() is once


def test_half_a_pair_is_looked_at_as_what_it_is_taken_for() -> None:
    assert texts({"a": "x\ud83d"}) == ["x\ufffd"]


@pytest.mark.parametrize(
    "raw", [b"{", b'{"a":"\xff"}', b"[" * 100_000, b"[" + b"1," * MOST_PARTS + b"1]"]
)
def test_what_cannot_be_read_is_told(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        Document(raw)


def test_signs_within_a_text_are_no_values() -> None:
    assert texts({"a": ',{["' * MOST_PARTS}) == [',{["' * MOST_PARTS]


@pytest.mark.parametrize(
    "value",
    [[1] * 4 * STRIDE, ["a"] * 4 * STRIDE, {"input": dict.fromkeys(map(str, range(STRIDE)), 1)}],
)
def test_all_others_have_their_turn_while_texts_are_looked_for(value: Any) -> None:
    assert len(list(Document(json.dumps(value).encode()).find())) >= 2


def test_numbers_keep_how_they_are_written() -> None:
    raw = b'{"a":[1.50,123456789012345678901234567890,-0.0,1e3]}'
    assert Document(raw).written() == raw
