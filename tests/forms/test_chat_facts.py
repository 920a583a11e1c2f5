"""The facts that are read beside the bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forms.chat_facts import Chunk, Delta, is_finished, model_of, read_chunk, usage_of
from gateway.words.answer import Piece, Usage


def chunk(data: bytes) -> Chunk:
    read = read_chunk(data)
    assert read is not None
    return read


@pytest.mark.parametrize(
    "said",
    [
        {"content": "x"},
        {"content": [{"type": "text"}]},
        {"reasoning_content": "x"},
        {"reasoning": "x"},
        {"reasoning_details": [{}]},
        {"tool_calls": [{}]},
        {"function_call": {"name": "f"}},
        {"refusal": "no"},
        {"audio": {"id": "a"}},
        {"images": [{}]},
    ],
)
def test_u10_each_kind_of_content_speaks(said: dict[str, object]) -> None:
    """U10 in part."""
    assert Delta(**said).speaks()


@pytest.mark.parametrize(
    "said", [{}, {"content": ""}, {"content": None, "tool_calls": [], "refusal": None}]
)
def test_u10_what_is_empty_is_no_content(said: dict[str, object]) -> None:
    """U10 in part."""
    assert not Delta(**said).speaks()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" ",
        b"{",
        b'{"choices":[]',
        b'{"choices":5,"x":',
        b"[1,2",
        b"[1] 2",
        b"{'a':1}",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":01}',
        b'{"a":"\x01"}',
        b'{"a":"\\x"}',
        b'{"a":"\\ud8"}',
        b'{"a":1,}',
        b"\xef\xbb\xbf{}",
        b"plain",
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"choices":0,"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_u16_what_is_not_json_is_malformed(data: bytes) -> None:
    """U16."""
    assert read_chunk(data) is None


@pytest.mark.parametrize(
    "data",
    [b"null", b"1", b'"x"', b"[]", b"[{}]", b"{}", b'{"choices":null}', b'{"choices":{"a":1}}']
    + [b'{"choices":[%b]}' % odd for odd in (b"1", b'{"index":"0"}', b'{"index":-1}')]
    + [b'{"choices":[%b]}' % odd for odd in (b'{"index":1024}', b'{"delta":"x"}', b"null")],
)
def test_u16_json_of_unexpected_types_is_read_without_facts(data: bytes) -> None:
    """U16."""
    assert chunk(data) == Chunk()


def test_u16_one_field_of_an_unexpected_type_does_not_hide_the_others() -> None:
    """U16."""
    read = chunk(b'{"choices":1,"usage":{"prompt_tokens":3},"error":"e","model":"m"}')
    assert read == Chunk(None, {"prompt_tokens": 3}, "e", "m")
    read = chunk(b'{"choices":[{"delta":{"content":"x"}}],"usage":1e999,"model":1e999}')
    assert read.choices is not None
    assert read.choices[0].delta == Delta(content="x")
    assert (read.usage, read.model) == (None, None)


@pytest.mark.parametrize(("error", "told"), [(b"1e999", True), (b"null", None), (b'"e"', "e")])
def test_an_error_that_cannot_be_read_is_still_an_error(error: bytes, told: object) -> None:
    assert chunk(b'{"choices":1,"error":%b}' % error).error == told


@pytest.mark.parametrize("half", [b"\\ud83d", b"\\uDE00", b"\\ud83d\\ud83d", b"\\\\\\ud83d"])
def test_u16_half_a_surrogate_pair_is_json_and_content(half: bytes) -> None:
    """U16: servers that cut text by UTF-16 units send it, and the SDKs read it."""
    read = chunk(b'{"choices":[{"delta":{"content":"%b"}}],"model":"m"}' % half)
    assert read.choices is not None
    delta = read.choices[0].delta
    assert delta is not None
    assert "\ufffd" in delta.content
    assert read.model == "m"


@pytest.mark.parametrize(
    ("value", "usage"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}, Usage(5, 7)),
        ({"prompt_tokens": 5}, Usage(5, 0)),
        ({"completion_tokens": 7}, Usage(0, 7)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 1},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
            Usage(5, 7, 3, 2),
        ),
        ({"prompt_tokens": 5, "prompt_tokens_details": None}, Usage(5, 0)),
        ({"prompt_tokens": 5, "prompt_tokens_details": [3]}, Usage(5, 0)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(0, 0)),
        ({"prompt_tokens": True, "completion_tokens": 1.0}, None),
        ({"prompt_tokens": -1, "completion_tokens": "7"}, None),
        ({}, None),
        ([], None),
        ("usage", None),
        (None, None),
    ],
)
def test_u27_usage_is_read_where_there_are_counts(value: object, usage: Usage | None) -> None:
    """U27."""
    assert usage_of(value) == usage


@pytest.mark.parametrize("name", ["m", "openai/gpt-4o", "é", "x" * 256])
def test_r10_a_sound_name_of_a_model_is_a_fact(name: str) -> None:
    assert model_of(name) == name


@pytest.mark.parametrize("name", ["", "x" * 257, "é" * 129, "a\nb", "\x1b[31m", "\u2028", 1, None])
def test_r10_an_unsound_name_of_a_model_is_none(name: object) -> None:
    assert model_of(name) is None


@given(
    st.binary(max_size=60) | st.text('{}[]":,choicesudletapn01.-e\\', max_size=60).map(str.encode)
)
def test_reading_never_raises(data: bytes) -> None:
    read = read_chunk(data)
    if read is not None:
        usage_of(read.usage)
        model_of(read.model)


def event(finish: str) -> Piece:
    return Piece(b'data: {"choices":[{"index":0,"finish_reason":%b}]}\n\n' % finish.encode())


@pytest.mark.parametrize(
    ("pieces", "finished"),
    [
        ([event('"stop"')], True),
        ([event('"length"')], True),
        ([event('"content_filter"')], False),
        ([event("null")], False),
        ([event("null"), event('"stop"')], True),
        ([event('"stop"'), Piece(b": hi\n\n", comment=True)], True),
        ([event('"stop"'), Piece(b"data: {}\n\n", usage_only=True)], True),
        ([Piece(b'{"choices":[{"finish_reason":"tool_calls"}]}')], True),
        ([Piece(b'{"choices":[{"finish_reason":"stop"},{}]}')], False),
        ([Piece(b'{"choices":[]}')], False),
        ([Piece(b"no json")], False),
        ([Piece(b": hi\n\n", comment=True)], False),
        ([], False),
    ],
)
def test_an_answer_has_finished_where_its_last_choices_ended_of_their_own_accord(
    pieces: list[Piece], finished: bool
) -> None:
    assert is_finished(pieces) is finished
