"""The tables of forms."""

import json
import tracemalloc
from contextlib import suppress
from dataclasses import replace

import pytest

from gateway.endpoints import ENDPOINTS
from gateway.forms import chat, messages, responses
from gateway.forms.table import DOWNSTREAM_FORMS, UPSTREAM_FORMS, upstream_form, write_request
from gateway.words.call import Call, UpstreamRequest
from gateway.words.errors import BadRequest, Unsupported
from gateway.words.target import Origin, Target

TARGET = Target("up", "openai", "chat", Origin("http", "h", 1), "/v1", "m-1")


def asking(**fields: object) -> Call:
    body = {"model": "m", "input": "Hi", **fields}
    return responses.read_request("chat", json.dumps(body).encode())


def written(call: Call, target: Target) -> UpstreamRequest:
    return write_request(upstream_form(call, target), call, target)


def test_a_form_is_found_by_its_name() -> None:
    assert UPSTREAM_FORMS["chat"] is chat
    assert UPSTREAM_FORMS["messages"] is messages
    assert DOWNSTREAM_FORMS["chat"] is chat


def test_every_endpoint_speaks_a_form_of_the_table() -> None:
    assert {endpoint.form for endpoint in ENDPOINTS} <= set(DOWNSTREAM_FORMS)


def test_a_target_is_asked_in_the_calls_own_form_where_it_speaks_that() -> None:
    speaks = replace(TARGET, also=("responses",))
    assert upstream_form(asking(), speaks) is responses
    assert upstream_form(asking(), TARGET) is chat
    assert written(asking(background=True), speaks).path == "/responses"
    assert written(asking(), TARGET).path == "/chat/completions"


def test_what_the_common_form_has_no_word_for_is_refused_or_let_go() -> None:
    call = asking(background=True, tools=[{"type": "web_search"}])
    with pytest.raises(Unsupported) as caught:
        written(call, TARGET)
    assert caught.value.param == "background"
    request = written(call, replace(TARGET, drops=True))
    assert request.dropped == ("background", "tools.web_search")


MODELS = {"bedrock": "anthropic.claude-opus-4-8", "gemini": "gemini-3-flash"}
FLOODS = (
    b'"tools":[{"type":"function","function":{"name":"f","parameters":{"a":[%b]}}}]',
    b'"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"a":[%b]}}}',
    b'"stop":[%b]',
    b'"n":[%b]',
    b'"messages":[{"role":"user","content":"a"},{"role":"assistant","audio":[%b]}]',
    b'"messages":[{"role":"user","content":"a"},{"role":"assistant","function_call":[%b]}]',
    b'"messages":[{"role":"user","content":[{"type":"text","text":"a","cache_control":[%b]}]}]',
    b'"messages":[{"role":"user","content":[{"type":"text","text":"a","other":[%b]}]}]',
)


@pytest.mark.parametrize("form", ["bedrock", "cohere", "gemini", "messages", "ollama"])
@pytest.mark.parametrize("flood", FLOODS)
def test_r15_no_form_builds_a_flood_of_values(form: str, flood: bytes) -> None:
    said = b'"messages":[{"role":"user","content":"a"}],' if b"messages" not in flood else b""
    body = b'{"model":"m",%b%b}' % (said, flood % b",".join([b"[]"] * 300_000))
    origin, model = Origin("http", "h", 1), MODELS.get(form, "m")
    target = Target("up", form, form, origin, "", model, max_tokens=9)
    tracemalloc.start()
    try:
        call = chat.read_request("chat", body)
        with suppress(BadRequest):
            UPSTREAM_FORMS[form].write_request(call, target)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 6 * len(body)
