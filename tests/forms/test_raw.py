"""Requests that pass as they are: what is read in them, and what a provider is sent."""

import json
from dataclasses import replace
from typing import Any

import pytest
import trio
from msgspec import Raw

from gateway.forms.multipart import Scanner, content_type_of, part_of
from gateway.forms.raw import (
    UPLOADED,
    read_request,
    read_upload,
    with_model,
    write_request,
)
from gateway.forms.raw_operations import OPERATIONS
from gateway.words.body import LongBody, Span
from gateway.words.call import Call, Upload
from gateway.words.errors import BadRequest, Unsupported
from gateway.words.target import Origin, Target

B = b"b0undary"
TARGET = Target("up", "openai", "chat", Origin("http", "h", 80), "/v1", "own", also=("raw",))


def asked(operation: str, **fields: Any) -> Call:
    return read_request(operation, json.dumps({"model": "m", **fields}).encode())


def form(**fields: str) -> bytes:
    parts = [
        b'--%b\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n'
        % (B, name.encode(), value.encode())
        for name, value in fields.items()
    ]
    file = b'--%b\r\ncontent-disposition: form-data; name="file"; filename="f"\r\n\r\nID3\r\n' % B
    return b"".join([file, *parts]) + b"--%b--\r\n" % B


def uploaded(operation: str, named: str = "", **fields: str) -> Call:
    body = form(**fields)
    scanner = Scanner(B, UPLOADED)
    scanner.feed(body)
    return read_upload(operation, scanner.end(), Upload(B, body), named)


def test_a_request_keeps_what_is_not_known() -> None:
    call = asked("embeddings", input=["a"], later={"x": 1})
    assert (call.form, call.operation, call.model) == ("raw", "embeddings", "m")
    assert (call.stream, call.show_usage) == (False, True)
    sent = write_request(call, TARGET)
    assert (sent.method, sent.path) == ("POST", "/embeddings")
    assert json.loads(sent.body) == {"model": "own", "input": ["a"], "later": {"x": 1}}
    assert dict(sent.headers) == {
        b"content-type": b"application/json",
        b"accept": b"application/json",
    }


def test_the_same_model_is_sent_as_it_was_written() -> None:
    body = b'{"model" : "\\u006d", "input":1e2}'
    sent = write_request(read_request("embeddings", body), replace(TARGET, model="m"))
    assert sent.body == b'{"model":"\\u006d","input":1e2}'


def test_paths_are_those_of_the_table() -> None:
    """R1."""
    for operation, row in OPERATIONS.items():
        call = uploaded(operation, model="m") if row.form else asked(operation)
        assert write_request(call, TARGET).path == row.path


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"\xff{}", b"{}", b'{"model":7}', b'{"model":""}']
)
def test_what_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        read_request("embeddings", body)


@pytest.mark.parametrize("said", [{}, {"model": None}])
def test_a_moderation_without_a_model_is_openai_s_own_default(said: dict[str, Any]) -> None:
    call = read_request("moderation", json.dumps({"input": "x", **said}).encode())
    assert call.model == "omni-moderation-latest"
    sent = write_request(call, replace(TARGET, model="omni-moderation-latest"))
    assert json.loads(sent.body)["model"] == "omni-moderation-latest"


@pytest.mark.parametrize(
    ("operation", "streams"),
    [
        ("completions", True),
        ("image_generation", True),
        ("embeddings", False),
        ("moderation", False),
        ("rerank", False),
    ],
)
def test_only_what_can_stream_streams(operation: str, streams: bool) -> None:
    call = asked(operation, stream=True)
    assert call.stream is streams
    accept = dict(write_request(call, TARGET).headers)[b"accept"]
    assert accept == (b"text/event-stream" if streams else b"application/json")


def test_a_stream_is_a_yes_or_a_no() -> None:
    with pytest.raises(BadRequest) as caught:
        asked("completions", stream="yes")
    assert caught.value.param == "stream"


def test_speech_is_always_told_as_it_is_made() -> None:
    call = asked("speech", input="hi", voice="alloy")
    assert call.stream
    sent = write_request(call, TARGET)
    assert dict(sent.headers)[b"accept"] == b"*/*"
    assert "stream" not in json.loads(sent.body)


def test_a_stream_of_a_completion_reports_its_usage_and_hides_it() -> None:
    call = asked("completions", stream=True, stream_options={"x": 1})
    assert not call.show_usage
    sent = json.loads(write_request(call, TARGET).body)
    assert sent["stream_options"] == {"x": 1, "include_usage": True}
    shown = asked("completions", stream=True, stream_options={"include_usage": True})
    assert shown.show_usage
    assert json.loads(write_request(shown, TARGET).body)["stream_options"] == {
        "include_usage": True
    }


def test_who_reports_usage_unasked_is_not_asked() -> None:
    call = asked("completions", stream=True, stream_options={"include_usage": True})
    sent = write_request(call, replace(TARGET, usage_unasked=True))
    assert "stream_options" not in json.loads(sent.body)


def test_what_is_not_in_the_table_is_not_asked() -> None:
    with pytest.raises(Unsupported):
        write_request(Call("raw", "chat", "m", False, True, {}), TARGET)


def test_the_model_of_a_form_is_replaced_in_its_place() -> None:
    call = uploaded("transcription", model="whisper", language="de")
    assert (call.model, call.stream, call.show_usage) == ("whisper", False, True)
    sent = write_request(call, TARGET)
    assert sent.body == form(model="own", language="de")
    assert dict(sent.headers)[b"content-type"] == content_type_of(B)
    assert dict(sent.headers)[b"accept"] == b"application/json"


def test_nothing_that_was_said_of_the_old_model_is_said_of_the_new_one() -> None:
    """OkHttp says how long each part is."""
    head = b"content-length: 7\r\ncontent-type: text/plain\r\ncontent-disposition: form-data;"
    body = b'--%b\r\n%b name="model"\r\n\r\nwhisper\r\n--%b--\r\n' % (B, head, B)
    scanner = Scanner(B, UPLOADED)
    scanner.feed(body)
    call = read_upload("transcription", scanner.end(), Upload(B, body))
    told = b"--%b\r\n%b\r\n--%b--\r\n" % (B, part_of("model", "own"), B)
    assert write_request(call, TARGET).body == told


def test_the_model_of_a_path_is_put_before_a_form_that_names_none() -> None:
    call = uploaded("transcription", "whisper", language="de")
    assert call.model == "whisper"
    sent = write_request(call, TARGET)
    assert sent.body.endswith(form(language="de"))
    scanner = Scanner(B, UPLOADED)
    scanner.feed(sent.body)
    assert scanner.end().values == {"model": "own"}


def test_the_model_of_a_path_is_before_that_of_a_form() -> None:
    call = uploaded("transcription", "whisper", model="other")
    assert call.model == "whisper"
    assert write_request(call, TARGET).body == form(model="own")


def test_the_model_of_a_path_takes_the_place_of_no_empty_one() -> None:
    """R2: an empty value has no place, and two fields of the name would be read in two ways."""
    with pytest.raises(BadRequest) as caught:
        uploaded("transcription", "whisper", model="")
    assert caught.value.param == "model"


def test_a_form_without_a_model_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        uploaded("transcription")
    assert caught.value.param == "model"


def test_a_boundary_cannot_be_a_model() -> None:
    """R2: the value of the field would be the mark before the next."""
    call = uploaded("transcription", "--" + B.decode())
    with pytest.raises(BadRequest):
        write_request(call, replace(TARGET, model="--" + B.decode()))


@pytest.mark.parametrize(
    ("said", "streams"),
    [("true", True), ("True", True), ("1", True), ("false", False), ("", False)],
)
def test_a_form_asks_for_a_stream_in_words(said: str, streams: bool) -> None:
    fields = {"model": "m", "stream": said}
    assert uploaded("transcription", **fields).stream is streams
    assert uploaded("translation", **fields).stream is False


def test_a_form_that_asks_in_other_words_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        uploaded("image_edit", model="m", stream="perhaps")
    assert caught.value.param == "stream"


@pytest.mark.parametrize(("said", "raw"), [("3", b"3"), ("007", b"7"), ("x", b'"x"'), ("²", None)])
def test_a_form_s_numbers_are_numbers(said: str, raw: bytes | None) -> None:
    fields = uploaded("image_edit", model="m", n=said).fields
    assert raw is None or bytes(fields["n"]) == raw
    assert bytes(fields["model"]) == b'"m"'


class Stored:
    """Holds bytes as a file would."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def read(self, at: int, size: int) -> bytes:
        await trio.lowlevel.checkpoint()
        return self.data[at : at + size]


async def test_a_long_form_is_not_read_to_be_written() -> None:
    body = form(model="whisper")
    scanner = Scanner(B, UPLOADED)
    scanner.feed(body)
    upload = Upload(B, Span(Stored(body), 0, len(body)))
    call = read_upload("transcription", scanner.end(), upload)
    sent = write_request(call, TARGET)
    assert sent.body == b""
    assert isinstance(sent.long_body, LongBody)
    for size in (1, 7, 1000):
        read = b""
        while part := await sent.long_body.read(len(read), size):
            read += part
        assert read == form(model="own")
        assert len(read) == len(sent.long_body)


def test_a_path_s_model_is_put_in_json_whatever_it_says() -> None:
    assert json.loads(with_model(b'{"input":"x"}', "m")) == {"input": "x", "model": "m"}
    assert json.loads(with_model(b'{"model":7}', "m")) == {"model": "m"}
    for model in ("", "a\nb", "x" * 257):
        with pytest.raises(BadRequest):
            with_model(b"{}", model)
    with pytest.raises(BadRequest):
        with_model(b"[]", "m")


def test_another_model_may_take_the_place_of_a_form_s() -> None:
    call = uploaded("transcription", model="whisper").for_model("other")
    assert (call.model, call.fields["model"]) == ("other", Raw(b'"other"'))
    assert call.upload is not None
