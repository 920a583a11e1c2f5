"""The form of AWS Bedrock's Converse: where a request goes, and what comes through it and back."""

import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from gateway.forms import bedrock
from gateway.forms.chat import read_request
from gateway.forms.event_stream import MEDIA
from gateway.words.call import Call
from gateway.words.errors import BadRequest, Unsupported
from gateway.words.target import Origin, Target
from tests.framed import framed
from tests.judges.bedrock import judge_converse

ASKED = b'{"model":"smart","messages":[{"role":"user","content":"Hello"}]'
CLAUDE = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"
PROFILE = "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/abc123"


def target(model: str) -> Target:
    return Target("up", "bedrock", "bedrock", Origin("http", "h", 1), "", model)


@pytest.mark.parametrize(
    ("rest", "verb", "accept"),
    [
        (b"}", "converse", b"application/json"),
        (b',"stream":true}', "converse-stream", MEDIA.encode()),
    ],
)
@pytest.mark.parametrize(
    ("model", "segment"),
    [
        ("amazon.nova-pro-v1:0", "amazon.nova-pro-v1%3A0"),
        (
            PROFILE,
            "arn%3Aaws%3Abedrock%3Aeu-central-1%3A123456789012%3A"
            "application-inference-profile%2Fabc123",
        ),
        ("a b?c#d%", "a%20b%3Fc%23d%25"),
    ],
)  # fmt: skip
def test_a_request_goes_to_the_model_of_the_target(
    rest: bytes, verb: str, accept: bytes, model: str, segment: str
) -> None:
    request = bedrock.write_request(read_request("chat", ASKED + rest), target(model))
    assert (request.method, request.path) == ("POST", f"/model/{segment}/{verb}")
    assert request.headers == ((b"content-type", b"application/json"), (b"accept", accept))


@pytest.mark.parametrize("model", ["..", ".", "", "a/../b", "../model/x", "a\\..\\b", "a//b"])
def test_no_name_of_a_model_leads_elsewhere(model: str) -> None:
    with pytest.raises(BadRequest):
        bedrock.write_request(read_request("chat", ASKED + b"}"), target(model))


def test_what_the_provider_does_not_do_another_might() -> None:
    call = Call("raw", "embeddings", "m", False, True, {"input": Raw(b'"x"')})
    with pytest.raises(Unsupported):
        bedrock.write_request(call, target("m"))


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(str.strip)
signs = st.text("ABCabc0123+/=", min_size=1, max_size=12)
names = st.text("abcz_09-", min_size=1, max_size=12)
inputs = st.dictionaries(texts, st.one_of(texts, st.integers(-9, 9), st.booleans()), max_size=3)


def block(kind: str, **fields: Any) -> Any:
    return st.fixed_dictionaries({kind: st.fixed_dictionaries(fields)})


thought = block("reasoningText", text=texts, signature=signs)
sealed = st.binary(min_size=1, max_size=9).map(
    lambda raw: {"redactedContent": b64encode(raw).decode()}
)
said = (
    st.tuples(
        st.lists(
            st.fixed_dictionaries({"reasoningContent": st.one_of(thought, sealed)}), max_size=2
        ),
        st.lists(st.fixed_dictionaries({"text": texts}), max_size=1),
        st.lists(block("toolUse", toolUseId=names, name=names, input=inputs), max_size=2),
    )
    .map(lambda parts: [each for part in parts for each in part])
    .filter(bool)
)


def parts_of(index: int, content: dict[str, Any], cut: int) -> list[dict[str, Any]]:
    """Return a block as the provider streams it, in two parts."""

    def delta(told: dict[str, Any]) -> dict[str, Any]:
        return {"contentBlockDelta": {"contentBlockIndex": index, "delta": told}}

    events: list[dict[str, Any]] = []
    match content:
        case {"text": text}:
            events = [delta({"text": text[:cut]}), delta({"text": text[cut:]})]
        case {"reasoningContent": {"redactedContent": data}}:
            events = [delta({"reasoningContent": {"redactedContent": data}})]
        case {"reasoningContent": {"reasoningText": {"text": text, "signature": sign}}}:
            told = ({"text": text[:cut]}, {"text": text[cut:]}, {"signature": sign})
            events = [delta({"reasoningContent": each}) for each in told]
        case {"toolUse": use}:
            begun = {"toolUse": {"toolUseId": use["toolUseId"], "name": use["name"]}}
            arguments = json.dumps(use["input"]) if use["input"] else ""
            start = {"contentBlockIndex": index, "start": begun}
            events = [
                {"contentBlockStart": start},
                delta({"toolUse": {"input": arguments[:cut]}}),
                delta({"toolUse": {"input": arguments[cut:]}}),
            ]
    return [*events, {"contentBlockStop": {"contentBlockIndex": index}}]


def heard(wire: bytes, call: Call) -> dict[str, Any]:
    """Return the message that a client puts together."""
    reader = bedrock.AnswerReader(call, 200, MEDIA, 1 << 20, 1 << 20)
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    for piece in [*reader.feed(wire), *reader.end()]:
        for choice in json.loads(piece.raw.removeprefix(b"data: "))["choices"]:
            delta = choice["delta"]
            message["content"] += delta.get("content") or ""
            message.setdefault("reasoning_details", []).extend(delta.get("reasoning_details", ()))
            for part in delta.get("tool_calls", ()):
                calls = message.setdefault("tool_calls", [])
                if part["index"] == len(calls):
                    calls.append({**part, "function": {**part["function"]}})
                else:
                    calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
    return message


@settings(max_examples=100, deadline=None)
@given(said, st.integers(0, 30))
def test_what_a_provider_says_comes_back_to_it_unchanged(
    content: list[dict[str, Any]], cut: int
) -> None:
    events = [event for at, each in enumerate(content) for event in parts_of(at, each, cut)]
    call = read_request("chat", ASKED + b',"stream":true}')
    message = heard(framed([*events, {"messageStop": {"stopReason": "end_turn"}}]), call)
    user = {"role": "user", "content": "Go on"}
    tools = [{"type": "function", "function": {"name": "f"}}]
    again = {"model": "m", "messages": [user, message, user], "tools": tools}
    request = bedrock.write_request(
        read_request("chat", json.dumps(again).encode()), target(CLAUDE)
    )
    assert isinstance(request.body, bytes)
    body = json.loads(request.body)
    judge_converse(body)
    assert body["messages"][1] == {"role": "assistant", "content": content}
