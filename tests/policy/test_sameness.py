"""Which calls are the same: as strict as the providers, and no stricter."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.forms import responses
from gateway.forms.chat import read_request
from gateway.policy.sameness import CHANGES_NOTHING, MAX_BYTES, MAX_PARTS, digest
from gateway.words.call import Call, Upload

ALL = b"all"


def call(body: str | bytes) -> Call:
    return read_request("chat", body.encode() if isinstance(body, str) else body)


def asked(**more: Any) -> Call:
    said = [{"role": "user", "content": "hello"}]
    return call(json.dumps({"model": "m", "messages": said} | more))


def message(members: str) -> Call:
    """Return a call with one message of these members, written as they are."""
    return call('{"model": "m", "messages": [{' + members + "}]}")


def same(one: Call, other: Call) -> bool:
    first, second = digest(one, ALL), digest(other, ALL)
    assert first is not None
    assert second is not None
    return first == second


@pytest.mark.parametrize(
    "body",
    [
        '{"messages":[{"content":"h\\u00e9","role":"user"}],"model":"m","x":{"a":1.0,"b":[2]}}',
        '{ "x" : { "b" : [ 2 ] ,\n"a":1.0 }, "model":"\\u006d",'
        ' "messages" : [ {"role":"user","content":"hé"} ] }',
    ],
)
def test_order_white_space_and_spelling_do_not_count(body: str) -> None:
    plain = '{"model":"m","messages":[{"role":"user","content":"hé"}],"x":{"a":1.0,"b":[2]}}'
    assert same(call(body), call(plain))


@pytest.mark.parametrize(
    "more",
    [
        {"temperature": 0},
        {"seed": 1},
        {"n": 1},
        {"stream": True},
        {"model": "other"},
        {"service_tier": "priority"},
        {"messages": [{"role": "user", "content": "hello "}]},
        {"messages": [{"role": "user", "content": "hello"}] * 2},
        {"a_field_that_nobody_knows": None},
    ],
)
def test_whatever_may_change_the_answer_counts(more: dict[str, Any]) -> None:
    assert not same(asked(**more), asked())


@pytest.mark.parametrize("name", sorted(CHANGES_NOTHING))
def test_what_changes_nothing_does_not_count(name: str) -> None:
    assert same(asked(**{name: False if name in {"store", "stream"} else None}), asked())


def test_who_asks_and_what_is_noted_of_it_do_not_count() -> None:
    noted = {"user": "a", "metadata": {"x": "y"}, "safety_identifier": "b", "prompt_cache_key": "c"}
    assert same(asked(**noted), asked())


@pytest.mark.parametrize("stream", [False, None])
def test_not_to_stream_is_one_thing_however_it_is_said(stream: bool | None) -> None:
    assert same(asked(stream=stream), asked())


def test_usage_in_the_stream_does_not_count_for_each_is_shown_what_it_wants() -> None:
    plain = asked(stream=True)
    for options in (None, {}, {"include_usage": True}, {"include_usage": False}):
        assert same(asked(stream=True, stream_options=options), plain)
        assert same(asked(stream_options=options), asked())


def test_other_options_count_where_there_is_a_stream() -> None:
    """They change the events: padding against eavesdroppers, usage in each of them."""
    padded = {"include_obfuscation": True}
    assert not same(asked(stream=True, stream_options=padded), asked(stream=True))
    both = padded | {"include_usage": True}
    assert same(asked(stream=True, stream_options=padded), asked(stream=True, stream_options=both))
    assert same(asked(stream_options=padded), asked())


@pytest.mark.parametrize("store", [True, "yes", 1])
def test_a_call_that_is_to_be_stored_is_shared_with_nobody(store: object) -> None:
    """Its answer is asked for again by its id, at the provider."""
    assert digest(asked(store=store), ALL) is None


def test_s12_calls_of_different_scopes_are_never_the_same() -> None:
    """S12: neither where a scope looks like the beginning of a body."""
    digests = {digest(asked(), scope) for scope in (b"", b"a", b"b", b"ab", b"[")}
    assert len(digests) == 5
    assert None not in digests


def test_form_and_operation_are_part_of_the_call() -> None:
    fields = asked().fields
    calls = [
        Call(form, operation, "m", False, True, fields)
        for form, operation in (("chat", "chat"), ("raw", "chat"), ("chat", "embeddings"))
    ]
    assert len({digest(each, ALL) for each in calls}) == 3


@pytest.mark.parametrize(
    "number",
    ["1e999", "-1e-999", "0.1000000000000000055511151231257827", "1.0", "18446744073709551615"],
)
def test_a_number_counts_as_it_is_written(number: str) -> None:
    """A schema is shown to the model as text, and what a float cannot hold must not be lost."""
    one = message(f'"content": "x", "n": {number}')
    assert same(one, message(f'"n":{number},"content":"x"'))
    assert not same(one, message(f'"content": "x", "n": {number}0'))
    assert not same(message('"n": 1'), message('"n": 1.0'))


@pytest.mark.parametrize(
    "value",
    ["1" * 5000, "[" * 900 + "]" * 900 + "1", '"\\ud800"', "[" * 100_000 + "]" * 100_000, '"\xff"'],
    ids=["a huge number", "no JSON", "half a sign", "too deep", "no text"],
)
def test_what_cannot_be_read_is_shared_with_nobody(value: str) -> None:
    fields = asked().fields | {"x": Raw(value.encode("latin-1"))}
    assert digest(Call("chat", "chat", "m", False, True, fields), ALL) is None


def test_what_is_too_long_or_has_too_many_parts_is_shared_with_nobody() -> None:
    assert digest(asked(x="x" * (MAX_BYTES - 200)), ALL) is not None
    assert digest(asked(x="x" * MAX_BYTES), ALL) is None
    assert digest(asked(x=[0] * (MAX_PARTS - 20)), ALL) is not None
    assert digest(asked(x=[0] * MAX_PARTS), ALL) is None


@pytest.mark.parametrize(
    "members",
    [
        '"content":"a","content":"b"',
        '"content":"a","\\u0063ontent":"b"',
        # What stands in texts must not make up for it.
        '"content":"a","content":"\\u003a\\u0022:"',
        '"content":"a","content":"b","x":"\\u0022\\u003a"',
        '"content":"a\\\\","content":"\\\\\\":"',
    ],
)
def test_s12_a_name_that_stands_twice_makes_a_call_unlike_any_other(members: str) -> None:
    """S12: a provider that takes the first would answer one call, and we give it to the other."""
    assert digest(message(members), ALL) is None


def test_options_that_stand_twice_make_a_call_unlike_any_other() -> None:
    opening = '{"model":"m","messages":[{}],"stream":true,"stream_options":{'
    for options in ('"include_usage":true,"include_usage":true', '"x":1,"x":2'):
        assert digest(call(opening + options + "}}"), ALL) is None


def test_quotes_and_colons_in_texts_do_no_harm() -> None:
    text = '":\\":\\\\":{"a":1}:,[]'
    assert same(asked(x=text), asked(x=text))
    assert not same(asked(x=text), asked(x=text[1:]))


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def shuffled(value: Any) -> Any:
    """Return the same value with its names the other way round."""
    if isinstance(value, dict):
        return {name: shuffled(value[name]) for name in reversed(value)}
    return [shuffled(each) for each in value] if isinstance(value, list) else value


@given(one=VALUES, other=VALUES, indent=st.sampled_from([None, 1]), ascii_only=st.booleans())
def test_two_calls_are_the_same_just_where_their_values_are(
    one: Any, other: Any, indent: int | None, ascii_only: bool
) -> None:
    first = digest(asked(x=one), ALL)
    said = {"x": shuffled(one), "messages": [{"content": "hello", "role": "user"}], "model": "m"}
    written = json.dumps(said, indent=indent, ensure_ascii=ascii_only)
    assert first is not None
    assert digest(call(written), ALL) == first
    differ = json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)
    assert (digest(asked(x=other), ALL) != first) is differ


def test_operations_are_told_apart() -> None:
    fields = {"input": Raw(b'"a"'), "model": Raw(b'"m"')}
    embedded = Call("raw", "embeddings", "m", False, True, fields)
    moderated = msgspec.structs.replace(embedded, operation="moderation")
    assert digest(embedded, ALL) == digest(embedded, ALL) is not None
    assert digest(embedded, ALL) != digest(moderated, ALL)


def test_a_form_with_files_shares_with_nobody() -> None:
    upload = Upload(b"b", b"--b--")
    assert digest(Call("raw", "transcription", "m", False, True, {}, upload=upload), ALL) is None


def test_header_fields_of_a_form_count_as_they_stand() -> None:
    plain = Call("messages", "chat", "m", False, True, {"model": Raw(b'"m"')})
    versions = [
        msgspec.structs.replace(plain, passed=((b"anthropic-version", version),))
        for version in (b"2023-06-01", b"2026-10-21")
    ]
    assert len({digest(each, ALL) for each in (plain, *versions)}) == 3
    assert digest(versions[0], ALL) == digest(msgspec.structs.replace(versions[0]), ALL)


def answered(**more: object) -> Call:
    """Return a call in the form whose answers are kept."""
    body = json.dumps({"model": "m", "input": "hello", **more}).encode()
    return responses.read_request("chat", body)


def test_a_response_that_is_kept_is_nobody_elses() -> None:
    assert same(answered(store=False), answered(store=False, stream=False))
    assert not same(answered(store=False), answered(store=False, input="bye"))
    for more in ({}, {"store": None}, {"store": True}):
        assert digest(answered(**more), ALL) is None
    assert digest(answered(store=False, previous_response_id="resp_1"), ALL) is None


@pytest.mark.parametrize("name", ["metadata", "user", "safety_identifier", "prompt_cache_key"])
def test_a_response_that_repeats_what_was_asked_is_for_whoever_asked_the_same(name: str) -> None:
    value: object = {"a": "b"} if name == "metadata" else "u-1"
    assert not same(answered(store=False), answered(store=False, **{name: value}))
