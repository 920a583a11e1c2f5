"""The form of Anthropic's Messages: where a request goes, with which headers, and who reads it."""

import json
from dataclasses import replace

import pytest

from gateway.forms import messages
from gateway.forms.chat import read_request
from gateway.forms.messages_answer import AnswerReader
from gateway.forms.messages_framed import FramedReader
from gateway.forms.messages_native import NativeReader
from gateway.words.call import Call
from gateway.words.errors import Busy, Unsupported
from gateway.words.target import Origin, Target

TARGET = Target("up", "anthropic", "messages", Origin("http", "h", 1), "/v1", "claude")
ASKED = b'{"model":"smart","messages":[{"role":"user","content":"Hello"}],"max_tokens":9'
SENT = b'{"model":"claude","messages":[{"role":"user","content":"Hello"}],"max_tokens":9'
HEADERS = {b"anthropic-beta": b"a", b"anthropic-version": b"2026-10-21"}


def own(rest: bytes = b"}", operation: str = "chat") -> Call:
    return messages.read_request(operation, ASKED + rest, HEADERS)


@pytest.mark.parametrize(
    ("rest", "accept"),
    [(b"}", b"application/json"), (b',"stream":true}', b"text/event-stream")],
)
def test_a_request_goes_to_the_messages_of_the_target(rest: bytes, accept: bytes) -> None:
    request = messages.write_request(read_request("chat", ASKED + rest), TARGET)
    assert (request.method, request.path) == ("POST", "/messages")
    assert request.headers == ((b"content-type", b"application/json"), (b"accept", accept))
    assert isinstance(request.body, bytes)
    body = json.loads(request.body)
    assert (body["model"], body["max_tokens"]) == ("claude", 9)
    assert body.get("stream", False) is (accept != b"application/json")


def test_a_client_of_this_form_is_told_on_in_its_own_words() -> None:
    request = messages.write_request(own(b',"odd":1}'), TARGET)
    assert request.body == SENT + b',"odd":1}'
    assert request.headers[2:] == tuple(HEADERS.items())


def test_a_dialect_has_its_own_version() -> None:
    request = messages.write_request(own(), replace(TARGET, dialect="vertex"))
    assert dict(request.headers)[b"anthropic-beta"] == b"a"
    assert b"anthropic-version" not in dict(request.headers)
    assert request.path == "/claude:rawPredict"


def test_tokens_are_counted_at_a_path_of_their_own() -> None:
    assert messages.write_request(own(operation="count_tokens"), TARGET).path == (
        "/messages/count_tokens"
    )


def test_another_form_is_not_asked_for_more_than_a_chat() -> None:
    with pytest.raises(Unsupported):
        messages.write_request(Call("raw", "embeddings", "m", False, True, {}), TARGET)
    common = own().as_common()
    assert not messages.is_native(common)
    with pytest.raises(Unsupported):
        messages.write_request(own(operation="count_tokens").as_common(), TARGET)


def test_an_answer_is_translated_for_all_but_those_who_speak_this_form() -> None:
    limits = (1 << 20, 1 << 20)
    json_type, frames = "application/json", "application/vnd.amazon.eventstream"
    assert isinstance(messages.AnswerReader(own(), 200, json_type, *limits), NativeReader)
    assert isinstance(
        messages.AnswerReader(own().as_common(), 200, json_type, *limits), AnswerReader
    )
    streaming = own(b',"stream":true}')
    assert isinstance(messages.AnswerReader(streaming, 200, frames, *limits), FramedReader)


def test_errors_and_counts_have_anthropics_shape() -> None:
    error = json.loads(messages.write_error(Busy("Full.")))
    assert error["error"] == {"type": "overloaded_error", "message": "Full."}
    assert json.loads(messages.write_count(7)) == {"input_tokens": 7}
