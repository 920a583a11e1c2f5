"""Ollama's form towards servers: where each operation is asked, and what it is told there."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forms import ollama
from gateway.forms.chat import read_request
from gateway.forms.ollama_answer import NDJSON
from gateway.words.call import Call
from gateway.words.errors import BadRequest, Unsupported
from gateway.words.target import Origin, Target
from tests.heard import Heard, asking, chunks_in

TARGET = Target("up", "ollama-native", "ollama", Origin("http", "h", 1), "", "qwen3:8b")


@pytest.mark.parametrize("stream", [True, False])
def test_a_chat_is_asked_as_lines_where_it_streams(stream: bool) -> None:
    said = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    request = ollama.write_request(read_request("chat", json.dumps(said).encode()), TARGET)
    assert (request.method, request.path) == ("POST", "/api/chat")
    accept = b"application/x-ndjson" if stream else b"application/json"
    assert dict(request.headers) == {b"content-type": b"application/json", b"accept": accept}
    assert json.loads(request.body)["stream"] is stream


def test_what_it_has_not_is_refused() -> None:
    with pytest.raises(Unsupported):
        ollama.write_request(Call("raw", "speech", "m", False, True, {}), TARGET)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.floats(-9, 9) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("messages", "tools", "tool_choice", "stop", "options", "response_format", "think", "seed")


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_whatever_a_client_sends_is_written_or_refused(fields: dict[str, object]) -> None:
    said = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields}
    try:
        request = ollama.write_request(read_request("chat", json.dumps(said).encode()), TARGET)
    except BadRequest:
        return
    json.loads(request.body)


@given(st.binary() | st.text(alphabet='{}[]":,\n19aemnst').map(str.encode))
def test_whatever_a_server_sends_is_read_or_a_failure(wire: bytes) -> None:
    for stream in (True, False):
        Heard(ollama, [wire], asking(stream=stream), NDJSON)


@given(st.lists(st.text(min_size=1), min_size=1), st.integers(min_value=1))
def test_all_that_a_server_says_is_told(texts: list[str], cut: int) -> None:
    lines = [{"message": {"content": text}, "done": False} for text in texts]
    wire = b"".join(json.dumps(line).encode() + b"\n" for line in [*lines, {"done": True}])
    at = cut % len(wire)
    chunks = chunks_in(Heard(ollama, [wire[:at], wire[at:]], asking(), NDJSON).sent)
    told = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert told == "".join(texts)


@given(st.lists(st.text(min_size=1), min_size=1))
def test_all_that_a_client_says_is_told(texts: list[str]) -> None:
    parts = [{"type": "text", "text": text} for text in texts]
    said = {"model": "m", "messages": [{"role": "user", "content": parts}]}
    request = ollama.write_request(read_request("chat", json.dumps(said).encode()), TARGET)
    assert json.loads(request.body)["messages"][0]["content"] == "\n\n".join(texts)
