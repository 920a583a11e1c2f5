"""What is read in a chat's answer, however odd it is."""

import json

from hypothesis import given
from hypothesis import strategies as st

from gateway.forms.responses_facts import Chunk, chunks_of, read_chunk, usage_fields, usage_of
from gateway.words.answer import Usage


def chunk(**delta: object) -> bytes:
    return json.dumps({"id": "c", "choices": [{"index": 0, "delta": delta}]}).encode()


def content_of(read: Chunk | None) -> str | None:
    assert read is not None
    assert read.choices
    assert read.choices[0].delta is not None
    return read.choices[0].delta.content


def test_one_event_or_several_are_read() -> None:
    one = b"data: %b\n\n" % chunk(content="a")
    assert [content_of(read) for read in chunks_of(one)] == ["a"]
    assert [content_of(read) for read in chunks_of(one * 2)] == ["a", "a"]
    assert [content_of(read) for read in chunks_of(one.replace(b"\n", b"\r\n"))] == ["a"]
    assert chunks_of(b"data: [DONE]\n\n: comment\n\ndata: {\n\nevent: x\n\n") == []


def test_half_a_surrogate_pair_is_read_as_what_it_is_not() -> None:
    assert content_of(read_chunk(chunk(content="a").replace(b'"a"', b'"a\\ud83d"'))) == "a\ufffd"


def test_what_is_not_as_expected_says_nothing_and_the_rest_is_read() -> None:
    read = read_chunk(chunk(content=5, refusal="No.", tool_calls={"a": 1}))
    assert read is not None
    assert read.choices
    said = read.choices[0].delta
    assert said is not None
    assert (said.content, said.refusal, said.tool_calls) == (None, "No.", None)
    odd = read_chunk(b'{"choices":[{"index":"x","finish_reason":5,"delta":[1]},7]}')
    assert odd is not None
    assert odd.choices
    (choice,) = odd.choices
    assert (choice.index, choice.finish_reason, choice.delta) == (0, None, None)


def test_thoughts_among_the_parts_of_a_content_are_thoughts() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}, 7]},
        {"type": "thinking", "thinking": " So."},
        {"type": "text", "text": "42"},
        {"type": "image"},
        "x",
    ]
    read = read_chunk(chunk(content=parts))
    assert content_of(read) == "42"
    assert read is not None
    assert read.choices
    assert read.choices[0].delta is not None
    assert read.choices[0].delta.reasoning_content == "Hm. So."


def test_what_is_no_answer_is_not_read() -> None:
    for data in (b"[]", b"{", b"\xff", b"[" * 100_000, b'{"choices":5}'):
        assert read_chunk(data) is None


def test_usage_is_read_and_told_alike() -> None:
    usage = Usage(20, 7, 4, 3, 2)
    assert usage_of(usage_fields(usage)) == usage
    assert usage_of({"input_tokens": 1}) == Usage(1)
    for odd in (None, 5, {}, {"input_tokens": -1}, {"input_tokens": "x"}):
        assert usage_of(odd) is None


VALUES = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)
DELTAS = st.dictionaries(
    st.sampled_from(["content", "refusal", "reasoning", "reasoning_details", "tool_calls"]), VALUES
)


@given(DELTAS)
def test_odd_deltas_are_read_as_far_as_they_go(delta: dict[str, object]) -> None:
    assert read_chunk(chunk(**delta)) is not None
