"""The Gemini form, as providers are asked in it."""

import pytest

from gateway.forms import gemini
from gateway.forms.gemini import path_of, write_request
from gateway.forms.table import UPSTREAM_FORMS
from gateway.words.call import Call
from gateway.words.errors import BadRequest, Unsupported
from tests.forms.test_gemini_request import TARGET, call


def test_it_stands_in_the_table() -> None:
    assert UPSTREAM_FORMS["gemini"] is gemini


@pytest.mark.parametrize(
    ("stream", "verb", "accept"),
    [
        (True, "streamGenerateContent?alt=sse", b"text/event-stream"),
        (False, "generateContent", b"application/json"),
    ],
)
def test_a_request_names_the_model_in_its_path(stream: bool, verb: str, accept: bytes) -> None:
    request = write_request(call(stream=stream), TARGET)
    assert request.method == "POST"
    assert request.path == f"/models/gemini-3-flash-preview:{verb}"
    assert dict(request.headers)[b"accept"] == accept


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-2.5-pro", "/models/gemini-2.5-pro"),
        ("models/gemini-2.5-pro", "/models/gemini-2.5-pro"),
        ("tunedModels/mine", "/tunedModels/mine"),
        ("a/b:c?d#e f%2F", "/models/a%2Fb%3Ac%3Fd%23e%20f%252F"),
    ],
)
def test_a_name_is_one_segment_whatever_stands_in_it(model: str, path: str) -> None:
    assert path_of(model) == path


@pytest.mark.parametrize("model", ["", "..", "../a", "a/./b", "models/", "a\\..\\b", "a//b"])
def test_no_name_leads_elsewhere(model: str) -> None:
    with pytest.raises(BadRequest):
        path_of(model)


def test_other_operations_are_for_others() -> None:
    asked = Call("raw", "moderations", "m", False, True, {})
    with pytest.raises(Unsupported):
        write_request(asked, TARGET)
