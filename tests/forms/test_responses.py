"""The form's six names, and that its errors are OpenAI's."""

import json

from gateway.forms import chat, responses
from gateway.words.errors import BadRequest


def test_both_halves_are_there() -> None:
    assert all(hasattr(responses, name) for name in responses.__all__)
    assert len(responses.__all__) == 6


def test_an_error_has_openais_shape() -> None:
    error = json.loads(responses.write_error(BadRequest("No.", param="input")))["error"]
    assert error == {
        "message": "No.",
        "type": "invalid_request_error",
        "param": "input",
        "code": "invalid_request",
    }
    assert responses.read_error is chat.read_error
