"""The turns of one WebSocket: what a turn need not say again."""

import json
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forms.responses_thread import Thread
from gateway.forms.responses_tools import MAX_OBJECTS
from gateway.words.errors import BadRequest, TooLarge, UnknownResponse

HELLO = {"type": "message", "role": "user", "content": "Hello"}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": []}
SEALED = {**THOUGHT, "encrypted_content": "sealed"}
WORD = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}


def create(**fields: object) -> bytes:
    return json.dumps({"type": "response.create", "model": "m", **fields}).encode()


def asked(thread: Thread, **fields: object) -> dict[str, Any]:
    body = thread.take(create(**fields))
    assert body is not None
    read: dict[str, Any] = json.loads(body)
    return read


def tell(
    thread: Thread,
    *items: object,
    id: str = "resp_1",
    end: str = "completed",
    **response: object,
) -> None:
    for item in items:
        thread.note(json.dumps({"type": "response.output_item.done", "item": item}).encode())
    last = {"type": f"response.{end}", "response": {"id": id, "output": [], **response}}
    thread.note(json.dumps(last).encode())


def test_a_turn_is_asked_as_a_stream_without_what_belongs_to_the_socket() -> None:
    body = asked(Thread(1000), input="Hello", generate=True, stream=False, background=False)
    assert body == {"model": "m", "input": [HELLO], "stream": True}


@pytest.mark.parametrize("end", ["completed", "incomplete"])
def test_a_turn_goes_on_from_the_last_one(end: str) -> None:
    thread = Thread(1000)
    asked(thread, input="Hello")
    tell(thread, THOUGHT, SEALED, WORD, end=end)
    body = asked(thread, input=[{"type": "x"}], previous_response_id="resp_1")
    assert body == {"model": "m", "input": [HELLO, SEALED, WORD, {"type": "x"}], "stream": True}


def test_a_turn_that_failed_is_none_to_go_on_from() -> None:
    thread = Thread(1000)
    asked(thread, input="Hello")
    tell(thread, WORD)
    asked(thread, input="More", previous_response_id="resp_1")
    tell(thread, WORD, id="resp_2", end="failed")
    body = asked(thread, input=[], previous_response_id="resp_1")
    assert body["input"] == [HELLO, WORD]


def test_a_response_that_is_not_known_here_is_left_to_whoever_knows_it() -> None:
    body = asked(Thread(1000), previous_response_id="resp_9", input=None)
    assert body == {"model": "m", "input": [], "previous_response_id": "resp_9", "stream": True}


def test_what_is_laid_down_can_be_gone_on_from() -> None:
    thread = Thread(1000)
    assert thread.take(create(input="Hello", generate=False)) is None
    created, completed = (json.loads(each) for each in thread.lay_down("resp_0", 7))
    assert (created["type"], created["response"]["status"]) == ("response.created", "in_progress")
    assert (completed["type"], completed["sequence_number"]) == ("response.completed", 1)
    assert completed["response"]["created_at"] == 7
    assert asked(thread, previous_response_id="resp_0")["input"] == [HELLO]


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (b"[]", None),
        (b"\xff", None),
        (b"{", None),
        (b'{"type":"response.cancel"}', "type"),
        (create(background=True), "background"),
        (create(input=7), "input"),
        (create(input=[{}] * (MAX_OBJECTS + 1)), "input"),
        (create(**{f"a{number}": 0 for number in range(70_000)}), None),
        (create(previous_response_id=7), "previous_response_id"),
    ],
    ids=[
        *("array", "no text", "no json", "type", "background", "input", "items", "fields"),
        "previous",
    ],
)
def test_what_is_no_turn_is_refused_by_name(message: bytes, param: str | None) -> None:
    with pytest.raises(BadRequest) as caught:
        Thread(1000).take(message)
    assert caught.value.param == param


def test_a_conversation_has_bounds() -> None:
    thread = Thread(100)
    asked(thread, input="x" * 10)
    tell(thread, {"type": "message", "content": "y" * 60})
    with pytest.raises(TooLarge):
        thread.take(create(input=[], previous_response_id="resp_1"))


def test_of_a_message_no_more_is_kept_than_its_items() -> None:
    thread = Thread(10_000)
    message = create(input=[HELLO], instructions="x" * 5000, generate=False)
    held = sys.getrefcount(message)
    thread.take(message)
    thread.lay_down("resp_0", 7)
    assert sys.getrefcount(message) == held
    assert thread.size == len(json.dumps(HELLO))


def test_an_answer_that_is_too_long_is_none_to_go_on_from() -> None:
    thread = Thread(200)
    asked(thread, input="x")
    tell(thread, *[{"type": "message", "content": "y" * 60}] * 5)
    assert thread.size == 0
    assert asked(thread, previous_response_id="resp_1")["previous_response_id"] == "resp_1"


def test_what_goes_on_from_the_unknown_is_unknown_itself() -> None:
    """Of it only the last turn would be said, as if nothing had come before."""
    thread = Thread(1000)
    asked(thread, input="Hello", previous_response_id="resp_9")
    tell(thread, WORD, id="resp_10")
    assert asked(thread, previous_response_id="resp_10")["previous_response_id"] == "resp_10"
    asked(thread, input="Hello", conversation="conv_1")
    tell(thread, WORD, id="resp_11")
    assert asked(thread, previous_response_id="resp_11")["previous_response_id"] == "resp_11"


def test_nothing_is_laid_down_on_the_unknown() -> None:
    with pytest.raises(UnknownResponse):
        Thread(1000).take(create(input="x", previous_response_id="resp_9", generate=False))


def test_who_has_kept_the_thoughts_goes_on_from_them() -> None:
    thread = Thread(1000)
    asked(thread, input="Hello")
    tell(thread, THOUGHT, WORD, store=True)
    assert asked(thread, previous_response_id="resp_1")["previous_response_id"] == "resp_1"
    asked(thread, input="Hello")
    tell(thread, THOUGHT, WORD, store=False)
    assert asked(thread, previous_response_id="resp_1")["input"] == [HELLO, WORD]


def test_items_that_were_told_in_the_end_alone_are_kept() -> None:
    thread = Thread(1000)
    asked(thread, input="Hello")
    tell(thread, output=[WORD])
    assert asked(thread, previous_response_id="resp_1")["input"] == [HELLO, WORD]
    asked(thread, input="Hello")
    tell(thread, output=[7])
    assert asked(thread, previous_response_id="resp_1")["previous_response_id"] == "resp_1"


def test_events_that_cannot_be_read_teach_nothing() -> None:
    thread = Thread(1000)
    asked(thread, input="Hello")
    for data in (b"{", b"7", b'{"type":"response.output_item.done","item":7}'):
        thread.note(data)
    thread.note(b'{"type":"response.completed","response":{"id":""}}')
    tell(thread)
    assert asked(thread, previous_response_id="resp_1")["input"] == [HELLO]


@given(st.binary(max_size=200))
def test_no_bytes_do_harm(data: bytes) -> None:
    thread = Thread(1000)
    thread.note(data)
    with suppress(BadRequest):
        thread.take(data)
