"""The facts that are read beside the bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

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
            Usage(5, 7, 3, 2, audio_input_tokens=1),
        ),
        ({"prompt_tokens": 5, "prompt_tokens_details": None}, Usage(5, 0)),
        ({"prompt_tokens": 5, "prompt_tokens_details": [3]}, Usage(5, 0)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(0, 0)),
        ({"prompt_tokens": True, "completion_tokens": 1.0}, None),
        ({"prompt_tokens": -1, "completion_tokens": "7"}, None),
        ({"total_tokens": 12}, None),
        ({"prompt_tokens": 2**70, "completion_tokens": 7}, Usage(2**70, 7)),
        ({}, None),
        ([], None),
        ("usage", None),
        (None, None),
    ],
)
def test_u27_usage_is_read_where_there_are_counts(value: object, usage: Usage | None) -> None:
    """U27."""
    assert usage_of(value) == usage


def test_u27_every_part_that_costs_otherwise_is_read() -> None:
    """U27."""
    said = {
        "prompt_tokens": 1000,
        "completion_tokens": 500,
        "total_tokens": 1500,
        "prompt_tokens_details": {
            "cached_tokens": 100,
            "cache_write_tokens": 200,
            "audio_tokens": 30,
            "image_tokens": 40,
            "text_tokens": 930,
        },
        "completion_tokens_details": {
            "reasoning_tokens": 50,
            "audio_tokens": 60,
            "image_tokens": 70,
            "accepted_prediction_tokens": 1,
        },
    }
    assert usage_of(said) == Usage(1000, 500, 100, 50, 200, 0, 30, 60, 40, 70)


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        # DeepSeek
        (
            {
                "prompt_tokens": 320,
                "completion_tokens": 9,
                "total_tokens": 329,
                "prompt_cache_hit_tokens": 300,
                "prompt_cache_miss_tokens": 20,
            },
            Usage(320, 9, 300),
        ),
        (
            {"completion_tokens": 9, "prompt_cache_hit_tokens": 300, "prompt_cache_miss_tokens": 2},
            Usage(302, 9, 300),
        ),
        # Moonshot
        ({"prompt_tokens": 50, "completion_tokens": 5, "cached_tokens": 10}, Usage(50, 5, 10)),
        # Anthropic behind a server that counts the cache into the prompt, as OpenAI does
        (
            {
                "prompt_tokens": 130,
                "completion_tokens": 25,
                "total_tokens": 155,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 20,
                "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 15},
            },
            Usage(130, 25, 100, 0, 20, 15),
        ),
        # the same, as LiteLLM tells it
        (
            {
                "prompt_tokens": 130,
                "completion_tokens": 25,
                "total_tokens": 155,
                "prompt_tokens_details": {
                    "cached_tokens": 100,
                    "cache_creation_tokens": 20,
                    "cache_creation_token_details": {"ephemeral_1h_input_tokens": 15},
                },
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 20,
            },
            Usage(130, 25, 100, 0, 20, 15),
        ),
        # Anthropic behind a server that leaves the cache beside the prompt, and says so or not
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 25,
                "total_tokens": 155,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 20,
            },
            Usage(130, 25, 100, 0, 20),
        ),
        (
            {"prompt_tokens": 10, "completion_tokens": 25, "cache_read_input_tokens": 100},
            Usage(110, 25, 100),
        ),
    ],
)
def test_u27_what_a_cache_had_is_part_of_the_input(said: object, usage: Usage) -> None:
    """U27."""
    assert usage_of(said) == usage


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        # xAI counts thoughts beside the completion
        (
            {
                "prompt_tokens": 32,
                "completion_tokens": 9,
                "total_tokens": 135,
                "completion_tokens_details": {"reasoning_tokens": 94},
                "prompt_tokens_details": {"cached_tokens": 6},
            },
            Usage(32, 103, 6, 94),
        ),
        # and where a cache has had as many, it is taken for thoughts
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 9,
                "total_tokens": 159,
                "completion_tokens_details": {"reasoning_tokens": 50},
                "prompt_tokens_details": {"cached_tokens": 50},
            },
            Usage(100, 59, 50, 50),
        ),
        # both beside
        (
            {
                "prompt_tokens": 10,
                "completion_tokens": 9,
                "total_tokens": 79,
                "completion_tokens_details": {"reasoning_tokens": 20},
                "cache_read_input_tokens": 40,
            },
            Usage(50, 29, 40, 20),
        ),
        # Gemini names them nowhere
        (
            {"prompt_tokens": 21, "completion_tokens": 4, "total_tokens": 81},
            Usage(21, 60, 0, 56),
        ),
        # Perplexity leaves them out of the total
        (
            {
                "prompt_tokens": 33,
                "completion_tokens": 7163,
                "total_tokens": 7196,
                "reasoning_tokens": 73995,
            },
            Usage(33, 7163 + 73995, 0, 73995),
        ),
        # SGLang has them in the completion
        (
            {
                "prompt_tokens": 33,
                "completion_tokens": 70,
                "total_tokens": 103,
                "reasoning_tokens": 60,
            },
            Usage(33, 70, 0, 60),
        ),
        ({"completion_tokens": 7, "total_tokens": 12}, Usage(5, 7)),
        ({"completion_tokens": 7, "total_tokens": 1}, Usage(0, 7)),
        ({"prompt_tokens": 5, "total_tokens": 12}, Usage(5, 7, 0, 7)),
        ({"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 1}, Usage(5, 7)),
    ],
)
def test_u27_thoughts_are_part_of_the_output(said: object, usage: Usage) -> None:
    """U27."""
    assert usage_of(said) == usage


def test_u27_a_cache_that_is_more_than_a_whole_prompt_is_not_believed() -> None:
    """U27."""
    said = {
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 6},
    }
    assert usage_of(said) == Usage(5, 7, 6)


@pytest.mark.parametrize("odd", [-1, 1.5, 1.0, "7", True, [3], {"a": 1}, None])
def test_u27_an_odd_count_does_not_hide_the_others(odd: object) -> None:
    """U27."""
    said = {
        "prompt_tokens": 9,
        "completion_tokens": 7,
        "total_tokens": odd,
        "cost": odd,
        "prompt_tokens_details": {
            "cached_tokens": 3,
            "audio_tokens": odd,
            "cache_creation_token_details": {"ephemeral_1h_input_tokens": odd},
        },
        "completion_tokens_details": odd,
    }
    assert usage_of(said) == Usage(9, 7, 3)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
COUNT_NAMES = (
    *("prompt_tokens", "completion_tokens", "total_tokens", "cached_tokens", "reasoning_tokens"),
    *("prompt_cache_hit_tokens", "prompt_cache_miss_tokens", "cache_read_input_tokens"),
    *("cache_creation_input_tokens", "cache_write_tokens", "audio_tokens", "image_tokens"),
    *("cache_creation_tokens", "ephemeral_1h_input_tokens"),
)
HOLDER_NAMES = (
    *("prompt_tokens_details", "completion_tokens_details", "cache_creation"),
    "cache_creation_token_details",
)
COUNTED = st.dictionaries(st.sampled_from(COUNT_NAMES), st.integers(0, 10**6) | JSON)
HELD = st.dictionaries(st.sampled_from(HOLDER_NAMES), COUNTED | JSON)


@given(st.builds(lambda counts, parts: {**counts, **parts}, COUNTED, HELD))
def test_u27_whatever_a_usage_holds_its_counts_are_no_less_than_nothing(
    said: dict[str, object],
) -> None:
    """U27."""
    usage = usage_of(said)
    if usage is not None:
        assert all(type(count) is int and count >= 0 for count in astuple(usage))


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
