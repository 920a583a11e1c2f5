"""The form of Anthropic's Messages: where a request goes, and with which headers."""

import json

import pytest

from gateway.forms import messages
from gateway.forms.chat import read_request
from gateway.words.target import Origin, Target

TARGET = Target("up", "anthropic", "messages", Origin("http", "h", 1), "/v1", "claude")
ASKED = b'{"model":"smart","messages":[{"role":"user","content":"Hello"}],"max_tokens":9'


@pytest.mark.parametrize(
    ("rest", "accept"),
    [(b"}", b"application/json"), (b',"stream":true}', b"text/event-stream")],
)
def test_a_request_goes_to_the_messages_of_the_target(rest: bytes, accept: bytes) -> None:
    request = messages.write_request(read_request("chat", ASKED + rest), TARGET)
    assert (request.method, request.path) == ("POST", "/messages")
    assert request.headers == ((b"content-type", b"application/json"), (b"accept", accept))
    body = json.loads(request.body)
    assert (body["model"], body["max_tokens"]) == ("claude", 9)
    assert body.get("stream", False) is (accept != b"application/json")
