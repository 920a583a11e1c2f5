"""Answers of Gemini, each golden stream cut at every byte.

In `tests/wire/gemini/`: NAME.sse is what a provider sends, NAME.client what a client of the chat
form gets for it, NAME.json the facts. The `first_content` is the piece that is the commit.
"""

import json
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from google.genai import types
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from gateway.forms.chat import AnswerWriter
from gateway.forms.gemini_answer import AnswerReader
from gateway.forms.gemini_build import Chunks
from gateway.forms.gemini_facts import FAILURES, MOST_PARTS, Response
from gateway.forms.gemini_names import told_name
from gateway.forms.sse import Splitter
from gateway.words.answer import Fault, Piece, Usage
from gateway.words.call import Call
from gateway.words.errors import (
    AnswerTooLarge,
    GatewayError,
    UpstreamFault,
    UpstreamMalformed,
    UpstreamTruncated,
)

WIRE = Path(__file__).parents[1] / "wire" / "gemini"
NAMES = sorted(path.stem for path in WIRE.glob("*.sse"))
UNKNOWN = {"lone_surrogate", "malformed", "of_a_later_day"}
"""Streams that hold what the official SDK's types do not have."""

LIMIT = 1 << 20
EVENTS, JSON = "text/event-stream", "application/json; charset=UTF-8"
TWO_X = {"functionCall": {"name": told_name("2x"), "args": {"a": [1]}}}
USAGE = {"promptTokenCount": 25, "cachedContentTokenCount": 10, "candidatesTokenCount": 15}


def asking(*, stream: bool = True, show_usage: bool = False) -> Call:
    return Call("chat", "chat", "smart", stream, show_usage, {})


def asking_whole(fields: dict[str, object]) -> Call:
    raw = {name: Raw(json.dumps(value).encode()) for name, value in fields.items()}
    return Call("chat", "chat", "smart", False, True, raw)


class Heard:
    """What came of one answer: its pieces, what the client got, how it ended."""

    def __init__(
        self,
        parts: list[bytes],
        call: Call,
        content_type: str = EVENTS,
        kind: type[AnswerReader] = AnswerReader,
    ) -> None:
        reader, writer = kind(call, 200, content_type, LIMIT, LIMIT), AnswerWriter(call)
        self.pieces: list[Piece] = []
        self.error: GatewayError | None = None
        try:
            for part in parts:
                self.pieces += reader.feed(part)
            self.pieces += reader.end()
        except GatewayError as error:
            self.error = error
        self.ended = reader.ended
        self.malformed = reader.malformed_events
        self.sent = writer.write(self.pieces) + (writer.end() if self.ended else b"")

    def all(self) -> tuple[object, ...]:
        error = (type(self.error), str(self.error))
        return self.pieces, self.sent, self.ended, self.malformed, error


class TheLongWay(AnswerReader):
    """A reader that tells each word as it tells all else."""

    def _word(self, response: Response, chunks: Chunks) -> None:
        return None


PARTS = st.fixed_dictionaries(
    {},
    optional={
        "text": st.sampled_from(["", "a", "wörld"]),
        "thought": st.booleans(),
        "thoughtSignature": st.sampled_from(["", "c2lnbg=="]),
        "functionCall": st.just({"name": "f", "args": {}}),
        "inlineData": st.just({"mimeType": "image/png", "data": "AA=="}),
    },
)
CANDIDATES = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(0, 1),
        "content": st.fixed_dictionaries({}, optional={"parts": st.lists(PARTS, max_size=2)}),
        "finishReason": st.sampled_from(["", "STOP", "SAFETY"]),
        "logprobsResult": st.just({"chosenCandidates": [{"token": "a", "logProbability": -1}]}),
        "groundingMetadata": st.just({"groundingChunks": [{"web": {"uri": "http://h/"}}]}),
        "citationMetadata": st.just({"citations": [{"uri": "https://h.example", "endIndex": 1}]}),
    },
)
RESPONSES = st.fixed_dictionaries(
    {"responseId": st.just("r-1")},
    optional={
        "candidates": st.lists(CANDIDATES, max_size=2),
        "promptFeedback": st.just({"blockReason": "SAFETY"}),
        "usageMetadata": st.just({"promptTokenCount": 2}),
    },
)


def saying(*parts: object, **more: object) -> dict[str, object]:
    return {"candidates": [{"content": {"parts": list(parts)}, **more}]}


WORD = {"text": "a"}
GROUNDS = {"groundingChunks": [{"web": {"uri": "http://h/"}}]}
CHANCES = {"chosenCandidates": [{"token": "a", "logProbability": -1}]}
SOURCES = {"citations": [{"startIndex": 0, "endIndex": 1, "uri": "https://h.example"}]}


@example([saying(WORD), saying(WORD, WORD), saying({**WORD, "thought": True})], False)
@example([saying(WORD), saying({"functionCall": {"name": "f"}}), saying({})], False)
@example([saying(WORD), saying({**WORD, "inlineData": {"mimeType": "a/b", "data": ""}})], False)
@example([saying(WORD), saying(WORD, citationMetadata=SOURCES), saying()], False)
@example([saying(WORD), saying({**WORD, "thoughtSignature": "c2lnbg=="})], False)
@example([saying(WORD), saying(WORD, groundingMetadata=GROUNDS)], False)
@example([saying(WORD), saying(WORD, logprobsResult=CHANCES), saying(WORD, WORD)], True)
@example([saying(WORD), saying(WORD, finishReason="STOP"), saying(WORD)], True)
@example([saying(WORD), {**saying(WORD), "promptFeedback": {"blockReason": "SAFETY"}}], False)
@given(st.lists(RESPONSES, max_size=6), st.booleans())
def test_a_word_is_told_as_all_else_is(said: list[object], show_usage: bool) -> None:
    wire = [b"data: %b\n\n" % json.dumps(each).encode() for each in said]
    call = asking(show_usage=show_usage)
    assert Heard(wire, call).all() == Heard(wire, call, kind=TheLongWay).all()


def golden(name: str) -> tuple[bytes, bytes, dict[str, Any]]:
    wire, client = (WIRE / f"{name}.sse").read_bytes(), (WIRE / f"{name}.client").read_bytes()
    return wire, client, json.loads((WIRE / f"{name}.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_told_in_the_chat_form_and_its_facts_are_read(name: str) -> None:
    wire, client, facts = golden(name)
    heard = Heard([wire], asking(show_usage=facts["show_usage"]))
    assert heard.sent == client
    assert len(heard.pieces) == facts["pieces"]
    assert heard.malformed == facts["malformed"]
    content = [at for at, piece in enumerate(heard.pieces) if piece.has_content]
    assert (content[0] if content else None) == facts["first_content"]
    usages = [piece.usage for piece in heard.pieces if piece.usage is not None]
    assert (usages[-1] if usages else None) == (facts["usage"] and Usage(*facts["usage"]))
    assert {piece.model for piece in heard.pieces} - {None} == {facts["model"]} - {None}
    faults = [piece.fault for piece in heard.pieces if piece.fault is not None]
    assert faults == ([Fault(*facts["fault"])] if facts["fault"] else [])
    assert (heard.error.code if heard.error else None) == facts["error"]
    assert heard.ended is (heard.error is None)


@pytest.mark.parametrize("name", NAMES)
def test_a_translated_stream_is_the_same_wherever_it_is_cut(name: str) -> None:
    wire, _, facts = golden(name)
    call = asking(show_usage=facts["show_usage"])
    whole = Heard([wire], call).all()
    for at in range(1, len(wire)):
        assert Heard([wire[:at], wire[at:]], call).all() == whole, at
    assert Heard([wire[at : at + 1] for at in range(len(wire))], call).all() == whole


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNKNOWN])
def test_the_golden_streams_are_what_the_official_sdk_reads(name: str) -> None:
    for event in Splitter(LIMIT).feed(golden(name)[0]):
        if event.data is not None and b'"error"' not in event.data:
            types.GenerateContentResponse.model_validate_json(event.data)


def official_client(body: bytes) -> openai.OpenAI:
    """Return OpenAI's own client, answered with this stream."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="k", base_url="http://h/v1", http_client=http)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "of_a_later_day"])
def test_openais_own_client_reads_what_it_gets(name: str) -> None:
    client = golden(name)[1]
    stream = official_client(client).chat.completions.create(
        model="smart", messages=[{"role": "user", "content": "Hello"}], stream=True
    )
    if b'data: {"error"' in client:
        with pytest.raises(openai.APIError):
            list(stream)
        return
    for chunk in stream:
        ChatCompletionChunk.model_validate_json(chunk.model_dump_json(exclude_unset=True))


def whole(*parts: object, **more: object) -> dict[str, Any]:
    candidate = {"content": {"parts": list(parts), "role": "model"}, "finishReason": "STOP"}
    return {
        "candidates": [{**candidate, **more}],
        "usageMetadata": USAGE,
        "modelVersion": "gemini-3",
        "responseId": "r",
    }


def told(response: object, **fields: object) -> dict[str, Any]:
    """Return the completion that comes of an answer in one piece."""
    heard = Heard([json.dumps(response, indent=2).encode()], asking_whole(fields), JSON)
    assert heard.error is None
    assert heard.ended
    completion: dict[str, Any] = json.loads(heard.sent)
    ChatCompletion.model_validate(completion)
    return completion


def test_an_answer_in_one_piece_is_a_completion() -> None:
    completion = told(
        whole(
            {"text": "Hm. ", "thought": True},
            {"text": "Well.", "thought": True, "thoughtSignature": "dA=="},
            {"text": "Hel"},
            {"text": "lo", "thoughtSignature": "dw=="},
            {**TWO_X, "thoughtSignature": "eA=="},
            {"functionCall": {"id": "fc", "name": "now"}},
        ),
        tools=[{"type": "function", "function": {"name": "2x"}}, {"type": "custom"}],
    )
    choice = completion["choices"][0]
    message, made = choice["message"], choice["message"]["tool_calls"][0]["id"]
    assert (choice["finish_reason"], completion["id"]) == ("tool_calls", "r")
    assert (message["content"], message["refusal"]) == ("Hello", None)
    assert message["reasoning_content"] == "Hm. Well."
    assert message["tool_calls"] == [
        {"id": made, "type": "function", "function": {"name": "2x", "arguments": '{"a":[1]}'}},
        {"id": "fc", "type": "function", "function": {"name": "now", "arguments": "{}"}},
    ]
    details = message["reasoning_details"]
    assert [detail.get("id") for detail in details] == [None, None, made]
    assert [detail["index"] for detail in details] == [0, 1, 2]
    assert completion["usage"]["prompt_tokens"] == 25
    assert completion["usage"]["prompt_tokens_details"]["cached_tokens"] == 10


def test_all_candidates_are_told() -> None:
    one, two = whole({"text": "A"}), whole({"text": "B"}, index=1)
    choices = told({**one, "candidates": [*one["candidates"], *two["candidates"]]})["choices"]
    assert [(each["index"], each["message"]["content"]) for each in choices] == [(0, "A"), (1, "B")]


def test_a_prompt_that_is_not_answered_is_a_refusal() -> None:
    why = {"blockReason": "SAFETY", "blockReasonMessage": "Not that."}
    choice = told({"promptFeedback": why})["choices"][0]
    assert (choice["finish_reason"], choice["message"]["refusal"]) == (
        "content_filter",
        "Not that.",
    )
    assert choice["message"]["content"] is None


def test_answers_without_ids_have_ids_of_their_own_each_time_the_same() -> None:
    response = whole({"functionCall": {"name": "now"}}, {"functionCall": {"name": "now"}})
    del response["responseId"]
    first, again = (told(response, messages=["a"]) for _ in range(2))
    other = told(response, messages=["b"])
    assert first == again
    calls = [each["id"] for each in first["choices"][0]["message"]["tool_calls"]]
    more = [each["id"] for each in other["choices"][0]["message"]["tool_calls"]]
    assert len({*calls, *more, first["id"], other["id"]}) == 6


def test_an_answer_in_one_piece_is_told_as_the_stream_that_was_asked_for() -> None:
    body = json.dumps(whole({"text": "Hello"})).encode()
    heard = Heard([body], asking(show_usage=True), JSON)
    assert heard.ended
    assert b'"content":"Hello"' in heard.sent
    assert heard.sent.endswith(b"data: [DONE]\n\n")
    assert heard.pieces[-1].usage == Usage(25, 15, 10)


@pytest.mark.parametrize("reason", sorted(FAILURES))
def test_a_failure_is_never_a_good_end(reason: str) -> None:
    kind, code = FAILURES[reason]
    one = Heard([json.dumps(whole(finishReason=reason)).encode()], asking(stream=False), JSON)
    event = b"data: %b\n\n" % json.dumps(whole(finishReason=reason)).encode()
    many = Heard([event], asking())
    for error in (one.error, many.error):
        assert isinstance(error, UpstreamFault)
        assert (error.type, error.code) == (kind, code)
    assert not many.ended
    assert many.pieces[-1].usage is not None


@pytest.mark.parametrize(
    ("body", "error", "code"),
    [
        (b"{}", UpstreamMalformed, "upstream_malformed"),
        (b"[]", UpstreamMalformed, "upstream_malformed"),
        (b"\xff{", UpstreamMalformed, "upstream_malformed"),
        (b'{"candidates":[]}', UpstreamMalformed, "upstream_malformed"),
        (b'{"candidates":[{"content":{}}]}', UpstreamMalformed, "upstream_malformed"),
        (b'{"promptFeedback":{}}', UpstreamMalformed, "upstream_malformed"),
        (b'{"a":"\\"error\\""}', UpstreamMalformed, "upstream_malformed"),
        (b"[" * 9000, UpstreamMalformed, "upstream_malformed"),
        (b'{"error":{"status":"UNAVAILABLE"}}', UpstreamFault, "overloaded"),
        (b'[{"error":{"status":"INTERNAL"}}]', UpstreamFault, "server_error"),
        (b"x" * (LIMIT + 1), AnswerTooLarge, "upstream_answer_too_large"),
    ],
)
def test_what_is_no_answer_is_an_error(body: bytes, error: type[GatewayError], code: str) -> None:
    heard = Heard([body], asking(stream=False), JSON)
    assert type(heard.error) is error
    assert heard.error is not None
    assert heard.error.code == code


def test_a_stream_that_says_nothing_is_cut() -> None:
    for wire in (
        b"",
        b": waiting\n\n",
        b"data: [DONE]",
        b"data: [DONE]\n\n",
        b'data: {"usageMetadata":{}}\n\n',
    ):
        assert isinstance(Heard([wire], asking()).error, UpstreamTruncated)


def test_nothing_is_read_behind_an_error_or_behind_the_end() -> None:
    reader = AnswerReader(asking(), 200, EVENTS, LIMIT, LIMIT)
    reader.feed(golden("text")[0])
    assert reader.end() != []
    assert reader.end() == reader.feed(golden("text")[0]) == []
    reader = AnswerReader(asking(), 200, EVENTS, LIMIT, LIMIT)
    reader.feed(golden("error_first")[0])
    with pytest.raises(UpstreamFault):
        reader.end()


def test_a_candidate_that_has_ended_is_heard_no_more() -> None:
    event = b"data: %b\n\n" % json.dumps(whole({"text": "Hello"})).encode()
    assert Heard([event, event], asking()).sent.count(b"Hello") == 1


def test_an_error_whose_event_ends_with_the_body_is_still_told() -> None:
    reader = AnswerReader(asking(), 200, EVENTS, LIMIT, LIMIT)
    assert reader.feed(b'data: {"error":{"message":"Gone"}}\r\r') == []
    assert [piece.fault for piece in reader.end()] == [Fault("Gone", "upstream_error", None)]
    assert not reader.ended


@pytest.mark.parametrize("stream", [True, False])
def test_no_more_is_said_at_once_than_may_be(stream: bool) -> None:
    for more in (0, 1):
        body = json.dumps(whole(*[{"text": "a"}] * (MOST_PARTS + more))).encode()
        wire = b"data: %b\n\n" % body if stream else body
        heard = Heard([wire], asking(stream=stream), EVENTS if stream else JSON)
        assert isinstance(heard.error, AnswerTooLarge) is bool(more)


def odd() -> st.SearchStrategy[Any]:
    """Values as no provider of a sound mind sends them, under names that are read."""
    names = st.sampled_from(
        [
            *("candidates", "content", "parts", "text", "thought", "thoughtSignature", "index"),
            *("functionCall", "name", "args", "inlineData", "finishReason", "usageMetadata"),
            *("promptFeedback", "blockReason", "error", "logprobsResult", "groundingMetadata"),
            *("groundingChunks", "groundingSupports", "segment", "startIndex", "citationMetadata"),
            *("citations", "uri", "responseId", "modelVersion", "chosenCandidates", "details"),
        ]
    )
    bare = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    bare |= st.sampled_from(["STOP", "OTHER", "SAFETY", "u", 0, 1])
    return st.recursive(
        bare, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=5)
    )


@given(st.lists(odd(), max_size=3), st.booleans())
def test_whatever_is_sent_nothing_but_the_tree_is_raised(events: list[Any], stream: bool) -> None:
    bodies = [json.dumps(each).encode() for each in events]
    wire = b"".join(b"data: %b\n\n" % body for body in bodies) if stream else b"".join(bodies)
    heard = Heard([wire], asking(stream=stream), EVENTS if stream else JSON)
    assert heard.ended is (heard.error is None)
