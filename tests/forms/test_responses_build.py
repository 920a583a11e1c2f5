"""Events and the object of a response."""

import json

from msgspec import Raw
from openai.types.responses import Response

from gateway.forms.responses_build import Log, Sheet, compact, write_event
from gateway.words.answer import Usage


def test_an_event_is_a_line_of_its_type_and_one_of_data() -> None:
    assert write_event(b"x.y", 3, b'"a":1') == (
        b'event: x.y\ndata: {"type":"x.y","sequence_number":3,"a":1}\n\n'
    )


def test_events_are_numbered_and_taken_once() -> None:
    log = Log()
    log.tell(b"a", b'"b":1')
    log.tell(b"a", b'"b":2')
    assert log.take() == write_event(b"a", 0, b'"b":1') + write_event(b"a", 1, b'"b":2')
    assert (log.take(), log.number) == (b"", 2)


def test_a_response_says_what_it_was_asked_for() -> None:
    native = {"tools": Raw(b'[ \n{"type":"function","name":"f","parameters":{},"strict":true}]')}
    sheet = Sheet("resp_1", 5, "m", {**native, "top_p": Raw(b"0.5"), "user": Raw(b"null")})
    said = json.loads(sheet.write("completed", [], Usage(1, 2)))
    assert said["tools"][0]["name"] == "f"
    assert (said["top_p"], said["user"], said["tool_choice"]) == (0.5, None, "auto")
    Response.model_validate(said)


def test_a_response_says_why_there_is_not_more() -> None:
    said = json.loads(Sheet("resp_1", 5, "m", {}).write("incomplete", [b"{}"], incomplete="x"))
    assert (said["incomplete_details"], said["output"], said["usage"]) == (
        {"reason": "x"},
        [{}],
        None,
    )


def test_json_is_put_on_one_line() -> None:
    assert compact(b'{"a": 1}') == b'{"a": 1}'
    assert b"\n" not in compact(b'{"a":\n1}')
