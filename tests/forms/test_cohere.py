"""Cohere's form towards the provider: where each operation is asked."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.forms import cohere
from gateway.forms.chat import read_request
from gateway.words.call import Call
from gateway.words.errors import BadRequest, Unsupported
from gateway.words.target import Origin, Target
from tests.heard import Heard, asking, chunks_in

TARGET = Target("up", "cohere", "cohere", Origin("http", "h", 1), "", "command-a")


@pytest.mark.parametrize("stream", [True, False])
def test_a_chat_is_asked_as_events_where_it_streams(stream: bool) -> None:
    said = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    request = cohere.write_request(read_request("chat", json.dumps(said).encode()), TARGET)
    assert (request.method, request.path) == ("POST", "/v2/chat")
    accept = b"text/event-stream" if stream else b"application/json"
    assert dict(request.headers) == {b"content-type": b"application/json", b"accept": accept}
    assert json.loads(request.body).get("stream", False) is stream


def test_operations_are_asked_each_at_its_own_path() -> None:
    embed = Call("raw", "embeddings", "m", False, True, {"input": Raw(b'"a"')})
    assert cohere.write_request(embed, TARGET).path == "/v2/embed"
    rank = Call("raw", "rerank", "m", False, True, {"documents": Raw(b'["a"]')})
    assert cohere.write_request(rank, TARGET).path == "/v2/rerank"
    with pytest.raises(Unsupported):
        cohere.write_request(Call("raw", "speech", "m", False, True, {}), TARGET)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.floats(-9, 9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("messages", "tools", "tool_choice", "stop", "documents", "response_format", "top_p", "n")


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_whatever_a_client_sends_is_written_or_refused(fields: dict[str, object]) -> None:
    said = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}
    try:
        request = cohere.write_request(read_request("chat", json.dumps(said).encode()), TARGET)
    except BadRequest:
        return
    json.loads(request.body)


@given(
    st.binary() | st.text(alphabet='{}[]":,\n19adent').map(lambda text: b"data: " + text.encode())
)
def test_whatever_a_provider_sends_is_read_or_a_failure(wire: bytes) -> None:
    for stream in (True, False):
        media = "text/event-stream" if stream else "application/json"
        Heard(cohere, [wire + b"\n\n"], asking(stream=stream), media)


@given(st.lists(st.text(min_size=1), min_size=1), st.integers(min_value=1))
def test_all_that_a_provider_says_is_told(texts: list[str], cut: int) -> None:
    events: list[dict[str, object]] = [
        {"type": "content-delta", "delta": {"message": {"content": {"text": text}}}}
        for text in texts
    ]
    events.append({"type": "message-end", "delta": {"finish_reason": "COMPLETE"}})
    wire = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    at = cut % len(wire)
    heard = Heard(cohere, [wire[:at], wire[at:]], asking(), "text/event-stream")
    told = "".join(chunk.choices[0].delta.content or "" for chunk in chunks_in(heard.sent))
    assert told == "".join(texts)


@given(st.lists(st.text(min_size=1), min_size=1))
def test_all_that_a_client_says_is_told(texts: list[str]) -> None:
    parts = [{"type": "text", "text": text} for text in texts]
    said = {"model": "m", "messages": [{"role": "user", "content": parts}]}
    request = cohere.write_request(read_request("chat", json.dumps(said).encode()), TARGET)
    assert json.loads(request.body)["messages"][0]["content"] == parts
