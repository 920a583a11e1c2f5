"""Which conversation a call belongs to: what is said of it, else how it begins."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.forms.chat_thread import MAX_HASHED_BYTES, MAX_READ_BYTES, THREAD_BYTES, thread_of
from gateway.words.call import Call, Upload

SYSTEM = {"role": "system", "content": "You are brief."}
HELLO = {"role": "user", "content": "Hello."}
ANSWER = {"role": "assistant", "content": "Hi!"}
MORE = {"role": "user", "content": "And then?"}


def of(**fields: object) -> bytes:
    """Return the thread of a call with these fields."""
    return raw(**{name: json.dumps(value).encode() for name, value in fields.items()})


def raw(**fields: bytes) -> bytes:
    call = Call(
        form="chat",
        operation="chat",
        model="m",
        stream=True,
        show_usage=True,
        fields={name: Raw(value) for name, value in fields.items()},
    )
    thread = thread_of(call)
    assert len(thread) == THREAD_BYTES
    return thread


def test_what_the_client_says_counts_first() -> None:
    said = of(prompt_cache_key="k", metadata={"user_id": "u"}, messages=[HELLO])
    assert said == of(prompt_cache_key="k", messages=[MORE])
    assert said != of(prompt_cache_key="other", metadata={"user_id": "u"}, messages=[HELLO])


def test_then_comes_the_user_of_the_metadata() -> None:
    said = of(metadata={"user_id": "u", "more": [1]}, messages=[HELLO])
    assert said == of(metadata={"user_id": "u"}, messages=[MORE])
    assert said != of(prompt_cache_key="u")


def test_a_text_is_the_same_however_it_is_escaped() -> None:
    assert raw(prompt_cache_key=b'"\\u00e9"') == raw(prompt_cache_key='"é"'.encode())


@pytest.mark.parametrize("value", [None, "", 7, ["k"], {"k": "k"}, True])
def test_what_is_no_text_says_nothing(value: object) -> None:
    beginning = of(messages=[HELLO])
    assert of(prompt_cache_key=value, messages=[HELLO]) == beginning
    assert of(metadata={"user_id": value}, messages=[HELLO]) == beginning
    assert of(metadata=value, messages=[HELLO]) == beginning


def test_a_conversation_stays_the_same_while_it_grows() -> None:
    first = of(messages=[SYSTEM, HELLO])
    assert first == of(messages=[SYSTEM, HELLO, ANSWER, MORE])
    assert first != of(messages=[SYSTEM, MORE])
    assert first != of(messages=[HELLO])


def test_instructions_of_both_kinds_count_where_they_lead() -> None:
    developer = {"role": "developer", "content": "Be kind."}
    assert of(messages=[developer, SYSTEM, HELLO]) != of(messages=[SYSTEM, HELLO])
    assert of(messages=[HELLO, ANSWER, SYSTEM]) == of(messages=[HELLO])


def test_what_stands_before_the_first_turn_of_the_user_does_not_count() -> None:
    greeted = of(messages=[SYSTEM, ANSWER, HELLO, ANSWER])
    assert greeted == of(messages=[SYSTEM, HELLO])
    assert greeted == of(messages=[SYSTEM, ANSWER, SYSTEM, HELLO])


def test_only_the_first_messages_are_looked_at() -> None:
    many = [SYSTEM] * 8
    assert of(messages=[*many, HELLO]) == of(messages=[*many, MORE])


def test_only_the_beginning_of_a_long_text_counts() -> None:
    long = "x" * MAX_HASHED_BYTES
    assert of(prompt_cache_key=long + "a") == of(prompt_cache_key=long + "b")
    assert of(prompt_cache_key="a" + long) != of(prompt_cache_key="b" + long)
    first, second = ({"role": "user", "content": long + end} for end in "ab")
    assert of(messages=[first]) == of(messages=[second])
    system = {"role": "system", "content": long}
    assert of(messages=[system, HELLO]) != of(messages=[system, MORE])


def test_very_long_messages_are_known_by_how_they_begin() -> None:
    long = {"role": "user", "content": "x" * MAX_READ_BYTES}
    assert of(messages=[HELLO, long]) == of(messages=[HELLO, long, ANSWER])
    assert of(messages=[HELLO, long]) != of(messages=[MORE, long])
    assert of(metadata={"user_id": "u", "x": "x" * MAX_HASHED_BYTES}) == of()


DEEP = b"[" * 100_000 + b"]" * 100_000
DEEP_USER = b'{"role":"user","x":' + DEEP + b"}"


@pytest.mark.parametrize(
    "value",
    [
        b"null",
        b"7",
        b"{}",
        b"[]",
        b"[null]",
        b'["user"]',
        b'[{"role":7}]',
        b'[{"role":["user"]}]',
        b"[{}]",
        b'"\\ud800"',
        b"[" + DEEP + b"]",
        b"[" + DEEP_USER + b"]",
        b'{"user_id":' + DEEP[:60_000] + b"}",
        b'{"user_id":"\\ud83d"}',
        b"[" + b"{}," * 300_000 + b"{}]",
    ],
)
def test_whatever_stands_there_has_a_thread(value: bytes) -> None:
    for name in ("prompt_cache_key", "metadata", "messages"):
        assert raw(**{name: value}) == raw(**{name: value})


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_have_a_thread(value: bytes) -> None:
    for name in ("prompt_cache_key", "metadata", "messages"):
        raw(**{name: value})


def test_what_is_no_conversation_is_told_apart_by_what_is_asked() -> None:
    def of_input(text: str) -> bytes:
        fields = {"model": Raw(b'"m"'), "input": Raw(json.dumps(text).encode())}
        return thread_of(Call("raw", "embeddings", "m", False, True, fields))

    assert of_input("a") == of_input("a")
    assert of_input("a") != of_input("b")


def test_each_form_with_files_is_by_itself() -> None:
    def of_form(boundary: bytes) -> bytes:
        upload = Upload(boundary, b"")
        return thread_of(Call("raw", "transcription", "m", False, True, {}, upload=upload))

    assert of_form(b"a") == of_form(b"a") != of_form(b"b")


def test_what_was_said_in_another_form_counts_too() -> None:
    native = {"prompt_cache_key": Raw(b'"k"')}
    fields = {"messages": Raw(json.dumps([HELLO]).encode())}
    call = Call("responses", "chat", "m", True, True, fields, native)
    assert thread_of(call) == of(prompt_cache_key="k", messages=[MORE])
