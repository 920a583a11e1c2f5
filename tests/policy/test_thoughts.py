"""Thoughts that clients drop are found again by the calls of tools that came of them."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.forms.table import UPSTREAM_FORMS
from gateway.policy.thoughts import (
    ENTRY_BYTES,
    MAX_ANSWER_BYTES,
    MAX_BYTES,
    SIGNED_FORMS,
    Notes,
    Thoughts,
)
from gateway.words.answer import Piece
from gateway.words.call import Call
from gateway.words.caller import ANYONE, Caller

ALICE, BOB = Caller("alice", "k1"), Caller("bob", "k2")
SIGNED = [{"type": "reasoning.encrypted", "data": "c2lnbg=="}]
DETAILS = json.dumps(SIGNED).encode()
USER = {"role": "user", "content": "Hello"}


def calling(*ids: object, **more: object) -> dict[str, object]:
    return {"role": "assistant", "tool_calls": [{"id": each} for each in ids], **more}


def asked(*messages: object) -> Call:
    fields = {"messages": Raw(json.dumps(messages).encode())}
    return Call("chat", "chat", "m", False, True, fields)


def filled(thoughts: Thoughts, *messages: object, caller: Caller = ALICE) -> list[Any]:
    call = thoughts.fill(asked(*messages), caller)
    said: list[Any] = json.loads(bytes(call.fields["messages"]))
    return said


def chunk(index: int = 0, **delta: object) -> Piece:
    choice = {"index": index, "delta": delta, "finish_reason": None}
    return Piece(b"data: %b\n\n" % json.dumps({"choices": [choice]}).encode())


def noted(*pieces: Piece, caller: Caller = ALICE) -> Thoughts:
    thoughts = Thoughts()
    notes = Notes(thoughts, caller)
    notes.note(pieces)
    assert len(thoughts) == 0, "an answer that is not whole is not kept"
    notes.end()
    return thoughts


def test_the_forms_that_sign_are_forms() -> None:
    assert set(UPSTREAM_FORMS) >= SIGNED_FORMS


def test_what_was_told_in_a_stream_is_given_back() -> None:
    thoughts = noted(
        chunk(content="Hm"),
        Piece(b": waiting\n\n", comment=True),
        chunk(tool_calls=[{"index": 0, "id": "a", "function": {}}], reasoning_details=SIGNED),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": "{}"}}]),
        chunk(tool_calls=[{"index": 1, "id": "b"}], reasoning_details=[{"type": "more"}]),
    )
    whole = [*SIGNED, {"type": "more"}]
    for message in (calling("a", "b"), calling("b"), calling("x", "a"), calling(None, "a")):
        assert filled(thoughts, USER, message)[1] == {**message, "reasoning_details": whole}


def test_what_was_told_in_one_piece_is_given_back() -> None:
    message = calling("a", reasoning_details=SIGNED)
    body = json.dumps({"choices": [{"index": 0, "message": message}]}).encode()
    assert filled(noted(Piece(body)), calling("a"))[0]["reasoning_details"] == SIGNED


def test_choices_have_thoughts_of_their_own() -> None:
    thoughts = noted(
        chunk(0, tool_calls=[{"id": "a"}], reasoning_details=[{"type": "x"}]),
        chunk(1, tool_calls=[{"id": "b"}], reasoning_details=[{"type": "y"}]),
        chunk(2, tool_calls=[{"id": "c"}]),
        chunk(3, reasoning_details=[{"type": "z"}]),
    )
    assert len(thoughts) == 2
    assert filled(thoughts, calling("b"))[0]["reasoning_details"] == [{"type": "y"}]


@pytest.mark.parametrize(
    "message",
    [
        USER,
        calling("b"),
        calling(),
        {"role": "assistant", "tool_calls": None},
        calling("a", reasoning_details=[{"type": "own"}]),
    ],
)
def test_other_messages_are_left_as_they_are(message: object) -> None:
    thoughts = noted(chunk(tool_calls=[{"id": "a"}], reasoning_details=SIGNED))
    call = asked(message)
    assert thoughts.fill(call, ALICE) is call


def test_a_field_that_says_nothing_is_no_thought() -> None:
    thoughts = noted(chunk(tool_calls=[{"id": "a"}], reasoning_details=SIGNED))
    nothings: list[object] = [None, []]
    for nothing in nothings:
        message = calling("a", reasoning_details=nothing)
        assert filled(thoughts, message)[0]["reasoning_details"] == SIGNED


def test_nobody_is_given_the_thoughts_of_another() -> None:
    thoughts = noted(chunk(tool_calls=[{"id": "a"}], reasoning_details=SIGNED))
    for caller in (BOB, ANYONE, Caller("alice", "k1", team="t"), Caller("alice", "k1", user="u")):
        assert "reasoning_details" not in filled(thoughts, calling("a"), caller=caller)[0]


@pytest.mark.parametrize(
    "messages",
    [
        b"7",
        b'[7,"tool_calls"]',
        b'[{"tool_calls":7}]',
        b'[{"tool_calls":[7]}]',
        b'[{"tool_calls":[{"id":7}]}]',
        b'[{"tool_calls":' + b"[" * 9000,
        b'[{"tool_calls":[]}' + b",{}" * 70_000 + b"]",
    ],
)
def test_odd_messages_are_left_to_others(messages: bytes) -> None:
    thoughts = noted(chunk(tool_calls=[{"id": "a"}], reasoning_details=SIGNED))
    call = Call("chat", "chat", "m", False, True, {"messages": Raw(messages)})
    assert thoughts.fill(call, ALICE) is call
    other = Call("raw", "embeddings", "m", False, True, {})
    assert thoughts.fill(other, ALICE) is other


def test_odd_pieces_are_passed_by() -> None:
    odd = (b'"tool_calls"', b'data: {"tool_calls"\n\n', b'{"choices":7,"tool_calls":0}')
    empty = b'{"choices":[{"tool_calls":0}]}'
    deep = b'{"choices":"tool_calls"' + b"[" * 9000
    assert len(noted(*map(Piece, (*odd, empty, deep, b'data\n\n"tool_calls"')))) == 0


def test_what_was_used_least_goes_first() -> None:
    thoughts = Thoughts(3 * (ENTRY_BYTES + len(DETAILS)))
    for known_as in ("a", "b", "c"):
        thoughts.keep(ALICE, [known_as], DETAILS)
    assert thoughts.find(ALICE, ["a"]) == DETAILS
    thoughts.keep(ALICE, ["d"], DETAILS)
    found = {known_as: thoughts.find(ALICE, [known_as]) for known_as in "abcd"}
    assert found == {"a": DETAILS, "b": None, "c": DETAILS, "d": DETAILS}


def test_what_is_too_large_is_not_kept() -> None:
    thoughts = Thoughts(1000)
    thoughts.keep(ALICE, ["a"], b"x" * 1000)
    assert (len(thoughts), thoughts.held_bytes) == (0, 0)
    long = [{"data": "x" * (MAX_ANSWER_BYTES // 2)}]
    one = chunk(tool_calls=[{"id": "a"}], reasoning_details=long)
    assert len(noted(one)) == 1
    assert len(noted(one, one, one)) == 0


def test_arguments_however_long_have_no_thought_forgotten() -> None:
    begun = chunk(tool_calls=[{"id": "a"}], reasoning_details=SIGNED)
    more = chunk(tool_calls=[{"function": {"arguments": "x" * 1000}}])
    assert len(noted(begun, *[more] * (MAX_ANSWER_BYTES // 1000 + 1))) == 1


def test_calls_without_end_are_not_kept() -> None:
    calls = [chunk(at, tool_calls=[{"id": f"c{at}"}]) for at in range(MAX_ANSWER_BYTES // 256)]
    assert len(noted(chunk(tool_calls=[{"id": "a"}], reasoning_details=SIGNED), *calls)) == 0


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, 600)), max_size=30))
def test_no_more_is_held_than_may_be_and_none_is_counted_twice(
    kept: list[tuple[str, int]],
) -> None:
    thoughts = Thoughts(2000)
    for known_as, size in kept:
        thoughts.keep(ALICE, [known_as], b"x" * size)
        held = [thoughts.find(ALICE, [each]) for each in "abcdef"]
        told = sum(len(each) for each in held if each is not None)
        assert thoughts.held_bytes == told + len(thoughts) * ENTRY_BYTES
        assert thoughts.held_bytes <= 2000


def test_what_an_entry_costs_is_no_less_however_long_its_id() -> None:
    tracemalloc.start()
    try:
        thoughts = Thoughts()
        before = tracemalloc.get_traced_memory()[0]
        for at in range(3000):
            thoughts.keep(ALICE, [f"{at}" + "é" * 2000], b"x%d" % at)
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert taken < thoughts.held_bytes


def test_one_answer_does_not_crowd_out_all_others() -> None:
    thoughts = noted(chunk(tool_calls=[{"id": "a"}], reasoning_details=SIGNED))
    many = [f"b{at}" for at in range(2 * MAX_BYTES // MAX_ANSWER_BYTES)]
    thoughts.keep(BOB, many, b"x" * (MAX_ANSWER_BYTES - ENTRY_BYTES))
    assert thoughts.find(ALICE, ["a"]) is not None
    assert thoughts.find(BOB, many) is not None
    thoughts.keep(BOB, many, b"x" * (MAX_ANSWER_BYTES + 1))
    assert thoughts.find(ALICE, ["a"]) is not None


def test_an_id_that_two_answers_had_means_neither() -> None:
    thoughts = noted(chunk(tool_calls=[{"id": "a"}, {"id": "a"}], reasoning_details=SIGNED))
    again = Notes(thoughts, ALICE)
    again.note([chunk(tool_calls=[{"id": "a"}], reasoning_details=SIGNED)])
    again.end()
    assert filled(thoughts, calling("a"))[0]["reasoning_details"] == SIGNED
    for _ in range(2):
        thoughts.keep(ALICE, ["b", "a"], b'[{"type":"x"}]')
        assert "reasoning_details" not in filled(thoughts, calling("a"))[0]
    assert filled(thoughts, calling("a", "b"))[0]["reasoning_details"] == [{"type": "x"}]
