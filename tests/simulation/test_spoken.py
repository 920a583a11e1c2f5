"""Worlds in which clients speak other forms than chat, and how what they hear is turned back."""

import json

import pytest

from tests.simulation.answers import Reply
from tests.simulation.facts import ERROR, text_in
from tests.simulation.heard import _events, _whole
from tests.simulation.plan import draw_plan
from tests.simulation.schedule import run_schedule
from tests.simulation.spoken import PATHS, SPOKEN, world_of
from tests.stage import DONE


@pytest.mark.parametrize("seed", range(SPOKEN, SPOKEN + 12))
def test_every_promise_holds_in_other_words_too(seed: int) -> None:
    assert run_schedule(seed).problems == []


def test_all_other_forms_are_spoken_in_worlds_without_money() -> None:
    plans = [draw_plan(seed) for seed in range(SPOKEN, SPOKEN + 60)]
    assert {wish.form for plan in plans for wish in plan.chats} == set(PATHS)
    assert all(plan.till is None for plan in plans)
    assert len({world_of(SPOKEN + number) for number in range(60)}) == 60


def test_it_is_otherwise_the_world_that_it_would_be() -> None:
    for seed in range(SPOKEN, SPOKEN + 30):
        other, plain = draw_plan(seed), draw_plan(world_of(seed))
        assert [visit.name for visit in other.visits] == [visit.name for visit in plain.visits]
        assert other.routing == plain.routing
        for wish, same in zip(other.chats, plain.chats, strict=True):
            assert (wish.id, wish.stream, wish.asks) == (same.id, same.stream, same.asks)
            assert wish.wire.split(b"\r\n")[0].split(b" ")[2] == same.wire.split(b"\r\n")[0][-8:]


def told(name: str, **fields: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


def test_a_stream_is_heard_as_chat_would_tell_it() -> None:
    delta = {"type": "text_delta", "text": "hi"}
    body = told("content_block_delta", delta=delta) + told("message_stop")
    heard = b"".join(_events("messages", body + b"event: half"))
    assert (text_in(heard), heard.endswith(DONE)) == ("hi", True)
    body = told("response.output_text.delta", delta="hi") + told("response.completed")
    heard = b"".join(_events("responses", body))
    assert (text_in(heard), heard.endswith(DONE)) == ("hi", True)
    error = b"".join(_events("messages", told("error", error={"message": "no"})))
    assert error.startswith(ERROR)


def test_what_is_none_of_a_forms_events_is_not_taken_for_one() -> None:
    assert b"".join(_events("messages", b"data: {}\n\n")) == b"data: {}\n\n"
    assert b"".join(_events("messages", b": ping\n\n")) == b": ping\n\n"


def test_an_answer_in_one_piece_is_its_text() -> None:
    said = [{"type": "text", "text": "h"}, {"type": "text", "text": "i"}]
    assert _whole("messages", 200, json.dumps({"content": said}).encode()) == b"hi"
    item = {"type": "message", "content": [{"text": "hi"}]}
    body = json.dumps({"output": [{"type": "reasoning"}, item]}).encode()
    assert _whole("responses", 200, body) == b"hi"
    error = {"type": "error", "error": {"type": "t", "message": "no"}}
    whole = json.loads(_whole("messages", 404, json.dumps(error).encode()))
    assert whole["error"].keys() == {"message", "type", "param", "code"}
    assert not Reply(200, {}).streams
