"""Answers written for a client of the Responses form."""

import json
from typing import Any

from gateway.forms import chat
from gateway.forms.chat_build import Stamp, completion
from gateway.forms.responses_read import read_request
from gateway.forms.responses_write import KEEPALIVE, AnswerWriter
from gateway.words.answer import Piece, Usage
from gateway.words.errors import BadRequest, TotalTimeout

STAMP = Stamp("chatcmpl-1", 1731628800, "small-1")


def writer(*, stream: bool = True, **fields: object) -> AnswerWriter:
    body = {"model": "smart", "input": "Hello", "stream": stream, **fields}
    return AnswerWriter(read_request("chat", json.dumps(body).encode()))


def chunk(text: str) -> Piece:
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": None}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return Piece(b"data: %b\n\n" % json.dumps({**head, "choices": [choice]}).encode(), True)


def told(stream: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in stream.split(b"\n") if line.startswith(b"data: ")]


def test_a_whole_answer_is_one_response() -> None:
    usage = Usage(3, 2, 1, 1)
    one = writer(stream=False, instructions="Be brief.", tools=[], temperature=0.5)
    said = one.write([Piece(completion(STAMP, "Hello", usage), True, usage)])
    response = json.loads(said)
    assert (response["id"], response["object"], response["status"]) == (
        "resp_chatcmpl-1",
        "response",
        "completed",
    )
    assert response["output"][0]["content"][0]["text"] == "Hello"
    assert response["usage"] == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 5,
    }
    assert (response["instructions"], response["temperature"]) == ("Be brief.", 0.5)
    assert (response["store"], response["previous_response_id"]) == (False, None)
    assert (one.write([]), one.end(), one.keepalive()) == (b"", b"", b"")
    assert one.error(TotalTimeout("late")) == b""
    assert one.headers == chat.JSON_HEADERS


def test_an_answer_that_cannot_be_read_says_nothing() -> None:
    response = json.loads(writer(stream=False).write([Piece(b'{"choices":5}', True)]))
    assert (response["output"], response["usage"]) == ([], None)


def test_what_nobody_has_written_on_one_line_is_told_on_one() -> None:
    body = b'{"model":"m","input":"Hi","stream":true,"metadata":{\n"a":\r\n"b"}}'
    one = AnswerWriter(read_request("chat", body))
    events = one.write([chunk("Hi")])
    assert told(events)[0]["response"]["metadata"] == {"a": "b"}


def test_an_error_before_any_answer_is_the_first_event() -> None:
    (event,) = told(writer().error(BadRequest("No.", param="input")))
    assert event == {
        "type": "error",
        "sequence_number": 0,
        "code": "invalid_request",
        "message": "No.",
        "param": "input",
        "error": {
            "message": "No.",
            "type": "invalid_request_error",
            "param": "input",
            "code": "invalid_request",
        },
    }


def test_an_error_in_an_answer_is_followed_by_its_failure() -> None:
    one = writer()
    before = told(one.write([chunk("Hi")]))
    error, failed = told(one.error(TotalTimeout("Too late.")))
    assert (error["type"], failed["type"]) == ("error", "response.failed")
    assert [error["sequence_number"], failed["sequence_number"]] == [len(before), len(before) + 1]
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"] == {"code": "total_timeout", "message": "Too late."}


def test_a_waiting_client_is_told_in_a_comment() -> None:
    one = writer()
    assert one.keepalive() == KEEPALIVE
    assert one.headers == chat.STREAM_HEADERS
    assert one.write([Piece(b": ping\n\n", comment=True)]) == b": ping\n\n"


def test_the_usage_that_comes_last_is_told_in_the_end() -> None:
    one = writer()
    one.write([chunk("Hi")])
    one.write([Piece(b'data: {"choices":[],"usage":{}}\n\n', False, Usage(3, 2), True)])
    assert told(one.end())[-1]["response"]["usage"]["total_tokens"] == 5
