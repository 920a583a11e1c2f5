"""OpenAI's chat completions, as a client asks and as a client is answered."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from openai.types import Model

from gateway.forms import chat
from gateway.forms.chat import MAX_FIELDS
from gateway.words.answer import Piece, Usage
from gateway.words.call import Call
from gateway.words.client import Header
from gateway.words.errors import (
    BadRequest,
    GatewayError,
    Internal,
    UnknownModel,
    Unsupported,
    UpstreamAuth,
    UpstreamMalformed,
    UpstreamRefused,
)
from gateway.words.target import Origin, Target

MESSAGES = b'"messages":[{"role":"user","content":"Hello"}]'


def target(model: str) -> Target:
    return Target("p", "openai", "chat", Origin("http", "localhost", 80), "/v1", model)


def read(rest: bytes = b"", model: bytes = b'"small"') -> Call:
    return chat.read_request("chat", b'{"model":%b,%b%b}' % (model, MESSAGES, rest))


def refused(body: bytes) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        chat.read_request("chat", body)
    error = caught.value
    assert error.status == 400
    assert error.__cause__ is None
    assert error.message.endswith(".")
    return error


def test_a_request_is_read_and_keeps_all_its_fields() -> None:
    call = read(b',"stream":true,"top_k":5,"guided_json":{"a" : 1.50}', b'"r\\u00e9al"')
    assert (call.form, call.operation, call.model) == ("chat", "chat", "réal")
    assert call.stream
    assert not call.show_usage
    assert list(call.fields) == ["model", "messages", "stream", "top_k", "guided_json"]
    assert bytes(call.fields["guided_json"]) == b'{"a" : 1.50}'


@pytest.mark.parametrize(
    ("rest", "stream", "show_usage"),
    [
        (b"", False, True),
        (b',"stream":false', False, True),
        (b',"stream":null', False, True),
        (b',"stream":true', True, False),
        (b',"stream":true,"stream_options":null', True, False),
        (b',"stream":true,"stream_options":{}', True, False),
        (b',"stream":true,"stream_options":{"include_usage":false}', True, False),
        (b',"stream":true,"stream_options":{"include_usage":true,"x":1}', True, True),
        (b',"stream_options":{"include_usage":true}', False, True),
    ],
)
def test_usage_is_shown_where_it_was_asked_for(rest: bytes, stream: bool, show_usage: bool) -> None:
    call = read(rest)
    assert (call.stream, call.show_usage) == (stream, show_usage)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "empty"),
        (b" ", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"{'model':'x'}", "not valid JSON"),
        (b'{"model":"x"} x', "not valid JSON"),
        (b'{"model":"x","temperature":NaN}', "not valid JSON"),
        (b'{"model":"x","temperature":-Infinity}', "not valid JSON"),
        (b'{"model":"x","messages":[{"content":"\\ud83d"}]}', "not valid JSON"),
        (b'{"model":"\\udc00"}', "not valid JSON"),
        (b'{"model":"\\ud800\\ud800"}', "not valid JSON"),
        (b'{"\\ud83d":1}', "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b'{"model":"\xff"}', "not UTF-8"),
        (b'{"model":"x","note":"\xed\xa0\x80"}', "not UTF-8"),
        (b'{"\xc3":1}', "not UTF-8"),
        (b"[]", "JSON object"),
        (b"null", "JSON object"),
        (b'"model"', "JSON object"),
        (b"12", "JSON object"),
        (b"[" * 100_000 + b"]" * 100_000, "JSON object"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
        (b'{"a":' + b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused_with_the_reason(body: bytes, words: str) -> None:
    error = refused(body)
    assert words in error.message
    assert error.param is None


def test_a_refusal_does_not_repeat_the_body() -> None:
    for cut in range(2, 40):
        assert "hidden" not in refused(b'{"hidden":"hidden","hidden":[hidden]}'[:cut]).message


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"model":"x"}', "messages"),
        (b'{"model":"x","messages":[]}', "messages"),
        (b'{"model":"x","messages":null}', "messages"),
        (b'{"model":"x","messages":{}}', "messages"),
        (b'{"model":"x","messages":"Hello"}', "messages"),
        (b'{"model":"x","messages":["Hello"]}', "messages"),
        (b'{"model":"x","messages":[{},null]}', "messages"),
        (b'{"model":"x","messages":[{},[]]}', "messages"),
        (b"{%b}" % MESSAGES, "model"),
        (b'{"model":null,%b}' % MESSAGES, "model"),
        (b'{"model":5,%b}' % MESSAGES, "model"),
        (b'{"model":["x"],%b}' % MESSAGES, "model"),
        (b'{"model":"x","stream":1,%b}' % MESSAGES, "stream"),
        (b'{"model":"x","stream":"true",%b}' % MESSAGES, "stream"),
        (b'{"model":"x","stream_options":true,%b}' % MESSAGES, "stream_options"),
        (b'{"model":"x","stream_options":[],%b}' % MESSAGES, "stream_options"),
        (
            b'{"model":"x","stream_options":{"include_usage":1},%b}' % MESSAGES,
            "stream_options",
        ),
        (
            b'{"model":"x","stream_options":{"include_usage":null},%b}' % MESSAGES,
            "stream_options",
        ),
    ],
)
def test_a_field_of_the_wrong_type_is_named(body: bytes, param: str) -> None:
    error = refused(body)
    assert error.param == param
    assert f"'{param}'" in error.message


@pytest.mark.parametrize(
    "model",
    ["", "x" * 257, "é" * 129, "a\nb", "\x00", "\x7f", "\x85", "\x1b[0m", "a\u2028b"],
)
def test_r10_a_model_that_is_too_long_or_holds_controls_is_refused(model: str) -> None:
    """R10."""
    error = refused(b'{"model":%b,%b}' % (json.dumps(model).encode(), MESSAGES))
    assert error.param == "model"
    assert "256 bytes" in error.message


@pytest.mark.parametrize("model", ["x", "é" * 128, "org/model:tag", " ", "\U0001f468"])
def test_r10_any_other_name_of_a_model_is_taken(model: str) -> None:
    """R10."""
    assert read(model=json.dumps(model).encode()).model == model


def test_r15_of_fields_with_one_name_the_last_is_read_and_passed_on() -> None:
    """R15."""
    call = read(b',"model":"other"')
    assert call.model == "other"
    assert chat.write_request(call, target("other")).body.count(b"model") == 1


def test_r15_a_flood_of_fields_is_refused_before_it_is_built() -> None:
    """R15."""
    flood = b",".join(b'"%x":1' % number for number in range(MAX_FIELDS))
    assert "fields" in refused(b'{"model":"x",%b,%b}' % (MESSAGES, flood)).message
    twice = b'"messages":[{%b}],' % flood * 2
    assert "fields" in refused(b'{%b"model":"x"}' % twice).message
    assert "JSON object" in refused(b"[%b]" % (b'{"a":1},' * 100_000)).message
    assert "not valid JSON" in refused(b"{%b}" % (b'"a":x,' * 100_000)).message


def test_r15_what_is_said_may_be_as_long_as_it_likes() -> None:
    """R15."""
    said = b":{}" * 1_000_000
    body = b'{"model":"x","messages":[{"content":"%b"}],"tools":[{"a":"%b"}]}' % (said, said)
    assert len(chat.read_request("chat", body).fields) == 3


def test_r15_of_a_flood_of_messages_only_the_first_is_looked_at() -> None:
    """G10, R15."""
    many = b'{"model":"x","messages":[%b{}]}'
    for last in (b"", b"5,"):
        assert chat.read_request("chat", many % (b"{}," * 200_000 + last)).model == "x"
    for first in (b"5,", b"[],"):
        assert refused(many % (first + b"{}," * 200_000)).param == "messages"
    assert refused(b'{"model":"x","messages":[],"tools":[%b{}]}' % (b"{}," * 200_000)).param


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
FIELDS = st.dictionaries(
    st.sampled_from(["model", "messages", "stream", "stream_options", "tools", "x"]), JSON_VALUES
)


@given(st.binary(max_size=50) | FIELDS.map(lambda fields: json.dumps(fields).encode()))
def test_any_body_is_a_call_or_a_bad_request(body: bytes) -> None:
    try:
        call = chat.read_request("chat", body)
    except BadRequest as error:
        told = json.loads(chat.write_error(error))["error"]["code"]
    else:
        told = json.loads(chat.write_request(call, target("m")).body)["model"]
    assert told in {"m", "invalid_request"}


@given(
    st.dictionaries(st.text(max_size=5), JSON_VALUES),
    st.booleans(),
    st.none()
    | st.fixed_dictionaries({}, optional={"include_usage": st.booleans(), "x": JSON_VALUES}),
)
def test_a_round_trip_changes_the_model_and_asks_for_usage(
    fields: dict[str, object], stream: bool, options: dict[str, object] | None
) -> None:
    fields |= {"model": "a", "messages": [{}], "stream": stream, "stream_options": options}
    call = chat.read_request("chat", json.dumps(fields).encode())
    written = json.loads(chat.write_request(call, target("b")).body)
    if stream:
        fields["stream_options"] = {**(options or {}), "include_usage": True}
    assert written == {**fields, "model": "b"}


ODD_BUT_JSON = b'{ "model" : "m\\u0061" ,"messages":[ {"n":1e2, "n":1.0} ],"seed":01}'.replace(
    b"01", b"1E0"
)


def test_values_keep_their_own_bytes() -> None:
    call = chat.read_request("chat", ODD_BUT_JSON)
    same = b'{"model":"m\\u0061","messages":[ {"n":1e2, "n":1.0} ],"seed":1E0}'
    assert chat.write_request(call, target("ma")).body == same
    other = same.replace(b'"m\\u0061"', '"é\\""'.encode())
    assert chat.write_request(call, target('é"')).body == other


def test_a_stream_is_always_asked_for_its_usage_and_keeps_its_other_options() -> None:
    asked = b',"stream":true,"stream_options":{ "include_usage" :true}'
    assert asked in chat.write_request(read(asked), target("small")).body
    for options, written in [
        (b"", b'{"include_usage":true}'),
        (b',"stream_options":null', b'{"include_usage":true}'),
        (
            b',"stream_options":{"include_obfuscation": false,"include_usage":false}',
            b'{"include_obfuscation":false,"include_usage":true}',
        ),
    ]:
        call = read(b',"stream":true' + options)
        body = chat.write_request(call, target("small")).body
        assert body.endswith(b',"stream":true,"stream_options":%b}' % written)
        assert call.fields.get("stream_options") != written, "the call itself stays as it was"


@pytest.mark.parametrize("shown", [b"", b',"stream_options":{"include_usage":true}'])
def test_a_server_that_can_is_asked_to_report_usage_with_every_event(shown: bytes) -> None:
    runs = replace(target("small"), running_usage=True)
    body = json.loads(chat.write_request(read(b',"stream":true' + shown), runs).body)
    assert body["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert b"stream_options" not in chat.write_request(read(b""), runs).body
    own = b',"stream":true,"stream_options":{"continuous_usage_stats":false}'
    body = json.loads(chat.write_request(read(own), runs).body)
    assert body["stream_options"]["continuous_usage_stats"] is False, "the client's word stands"


def test_a_server_that_reports_usage_unasked_is_not_asked_for_it() -> None:
    unasked = replace(target("small"), usage_unasked=True)
    for shown in (b"", b',"stream_options":{"include_usage":true}'):
        body = json.loads(chat.write_request(read(b',"stream":true' + shown), unasked).body)
        assert "stream_options" not in body


def test_a_field_goes_by_the_name_that_the_server_knows() -> None:
    own = replace(target("small"), renames=(("max_completion_tokens", "max_tokens"),))
    body = json.loads(chat.write_request(read(b',"max_completion_tokens":7'), own).body)
    assert (body["max_tokens"], "max_completion_tokens" in body) == (7, False)
    assert b"max_tokens" not in chat.write_request(read(b""), own).body
    both = chat.write_request(read(b',"max_tokens":5,"max_completion_tokens":null'), own)
    assert json.loads(both.body)["max_tokens"] == 5


@pytest.mark.parametrize(
    ("rest", "accept"), [(b"", b"application/json"), (b',"stream":true', b"text/event-stream")]
)
def test_an_upstream_request_says_where_and_what_it_wants(rest: bytes, accept: bytes) -> None:
    request = chat.write_request(read(rest), target("small"))
    assert (request.method, request.path) == ("POST", "/chat/completions")
    assert request.headers == ((b"content-type", b"application/json"), (b"accept", accept))


def test_what_is_no_chat_is_not_asked_here() -> None:
    with pytest.raises(Unsupported):
        chat.write_request(structs.replace(read(), operation="rerank"), target("small"))


def writer(*, stream: bool = True, show_usage: bool = False) -> chat.AnswerWriter:
    return chat.AnswerWriter(Call("chat", "chat", "m", stream, show_usage, {}))


def test_c24_a_stream_asks_proxies_to_keep_nothing() -> None:
    """C24."""
    assert dict(writer().headers) == {
        b"content-type": b"text/event-stream; charset=utf-8",
        b"cache-control": b"no-cache, no-transform",
        b"x-accel-buffering": b"no",
    }
    assert writer(stream=False).headers == ((b"content-type", b"application/json"),)


def test_usage_that_was_not_asked_for_is_held_back() -> None:
    pieces = [Piece(b"a"), Piece(b"b", usage=Usage(1, 2), usage_only=True), Piece(b"c")]
    assert writer().write(pieces) == b"ac"
    assert writer(show_usage=True).write(pieces) == b"abc"
    assert writer(stream=False, show_usage=True).write(pieces) == b"abc"
    assert writer().write([]) == b""


def test_a_stream_has_last_words_and_a_keepalive() -> None:
    assert writer().end() == b"data: [DONE]\n\n"
    assert writer().keepalive() == b": keepalive\n\n"


def test_an_answer_in_one_piece_has_no_words_of_its_own() -> None:
    one = writer(stream=False)
    assert one.end() == one.keepalive() == one.error(Internal("Oh")) == b""


def test_an_error_inside_a_stream_is_one_event() -> None:
    event = writer().error(Internal("two\nlines"))
    assert re.fullmatch(rb"data: [^\n\r]+\n\n", event)
    assert event[6:-2] == chat.write_error(Internal("two\nlines"))


@pytest.mark.parametrize(
    "error", [UnknownModel("No \ud83d", param="model"), UpstreamMalformed("é"), Internal("")]
)
def test_an_error_is_written_with_all_four_keys(error: GatewayError) -> None:
    told = json.loads(chat.write_error(error))["error"]
    assert list(told) == ["message", "type", "param", "code"]
    assert told["message"] == error.message.replace("\ud83d", "?")
    assert (told["type"], told["param"], told["code"]) == (error.type, error.param, error.code)


@pytest.mark.parametrize(
    "error",
    [
        {"message": "no", "code": "content_policy_violation"},
        {"message": "Your input was flagged by moderation.", "code": 403},
    ],
)
def test_a_403_about_what_was_asked_is_no_refusal_of_our_key(error: dict[str, object]) -> None:
    body = json.dumps({"error": error}).encode()
    told = chat.read_error(403, (), body)
    assert (type(told), told.status, told.message) == (UpstreamRefused, 403, error["message"])
    assert isinstance(chat.read_error(401, (), body), UpstreamAuth)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_u6_a_refusal_of_our_key_does_not_repeat_what_the_provider_said(status: int) -> None:
    """U6."""
    body = b'{"error":{"message":"Incorrect API key: sk-secret","code":"sk-secret"}}'
    error = chat.read_error(status, ((b"retry-after", b"sk-secret"),), body)
    assert isinstance(error, UpstreamAuth)
    assert str(status) in error.message
    assert b"secret" not in chat.write_error(error)
    assert error.headers == ()
    assert (error.status, error.code) == (502, "upstream_auth_error")


@pytest.mark.parametrize("status", [100, 204, 301, 302, 307, 399, 600])
def test_u33_a_redirect_is_not_followed(status: int) -> None:
    """U33."""
    headers = ((b"location", b"http://elsewhere/"), (b"retry-after", b"1"))
    error = chat.read_error(status, headers, b"")
    assert isinstance(error, UpstreamMalformed)
    assert str(status) in error.message
    assert "elsewhere" not in error.message


@pytest.mark.parametrize("status", [400, 404, 408, 409, 422, 429, 500, 503, 529, 599])
def test_u6_an_error_status_is_passed_on_with_its_words(status: int) -> None:
    """U6."""
    body = b'{"error":{"message":"Oh","type":"t","param":"p","code":"c"}}'
    error = chat.read_error(status, (), body)
    assert isinstance(error, UpstreamRefused)
    told = (error.status, error.message, error.type, error.param, error.code)
    assert told == (status, "Oh", "t", "p", "c")


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, "invalid_request_error"), (429, "rate_limit_error"), (500, "upstream_error")],
)
@pytest.mark.parametrize("body", [b"", b"<html>secret page</html>", b"{}"])
def test_u6_an_error_without_words_gets_plain_ones(status: int, kind: str, body: bytes) -> None:
    """U6."""
    error = chat.read_error(status, (), body)
    assert (error.status, error.type, error.code) == (status, kind, None)
    assert error.message == f"The provider answered with status {status} and no explanation."


def test_u8_what_tells_when_to_come_back_is_passed_on() -> None:
    """U8 in part."""
    passed: tuple[Header, ...] = (
        (b"retry-after", b"7"),
        (b"retry-after-ms", b"700"),
        (b"x-should-retry", b"true"),
        (b"x-ratelimit-remaining-tokens", b"0"),
        (b"x-ratelimit-reset-requests", b"6m0s"),
    )
    dropped: tuple[Header, ...] = (
        (b"set-cookie", b"a=b"),
        (b"server", b"x"),
        (b"content-type", b"application/json"),
        (b"x-ratelimit", b"1"),
        (b"x-ratelimit-reset", b"1\r\nset-cookie: a"),
        (b"x-ratelimit-a b", b"1"),
    )
    assert chat.read_error(429, dropped + passed, b"").headers == passed


def test_the_official_client_reads_the_list_of_models() -> None:
    listed = json.loads(chat.write_models(["echo", "org/model", "é"]))
    assert listed["object"] == "list"
    models = [Model.model_validate(model, strict=True) for model in listed["data"]]
    assert [model.id for model in models] == ["echo", "org/model", "é"]
    assert Model.model_validate_json(chat.write_model("echo"), strict=True) == models[0]
    assert json.loads(chat.write_models([])) == {"object": "list", "data": []}
