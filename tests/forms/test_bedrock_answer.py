"""Answers of AWS Bedrock's Converse, each golden stream cut at every byte.

In `tests/wire/bedrock/`: NAME.events is what a provider sends, NAME.client what a client of the
chat form gets for it, NAME.json the facts. The `first_content` is the piece that is the commit.
"""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import EventStreamJSONParser
from msgspec import Raw

from gateway.forms.bedrock import AnswerReader
from gateway.forms.bedrock_answer import MOST_OPEN
from gateway.forms.bedrock_names import told_name
from gateway.forms.chat import AnswerWriter
from gateway.forms.chat_resume import Delivered, Join
from gateway.forms.event_stream import MEDIA
from gateway.words.answer import Fault, Piece, Usage
from gateway.words.call import Call
from gateway.words.errors import (
    AnswerTooLarge,
    GatewayError,
    UpstreamFault,
    UpstreamMalformed,
    UpstreamTruncated,
)
from tests.framed import event, failure, framed, framed_file, message

WIRE = Path(__file__).parents[1] / "wire" / "bedrock"
NAMES = sorted(path.stem for path in WIRE.glob("*.events"))
UNKNOWN = {"of_a_later_day", "sealed_in_parts"}
"""Streams that hold what the service model does not have."""

LIMIT = 1 << 20
JSON = "application/json"
ASKED = {"messages": Raw(b'[{"role":"user","content":"Hello"}]')}
WHOLE: dict[str, Any] = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hello"}]}},
    "stopReason": "end_turn",
    "usage": {
        "inputTokens": 25,
        "outputTokens": 15,
        "totalTokens": 140,
        "cacheReadInputTokens": 100,
    },
    "metrics": {"latencyMs": 551},
}


def asking(*, stream: bool = True, show_usage: bool = False) -> Call:
    return Call("chat", "chat", "smart", stream, show_usage, dict(ASKED))


class Heard:
    """What came of one answer: its pieces, what the client got, how it ended."""

    def __init__(self, parts: list[bytes], call: Call, content_type: str = MEDIA) -> None:
        reader, writer = AnswerReader(call, 200, content_type, LIMIT, LIMIT), AnswerWriter(call)
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


def golden(name: str) -> tuple[bytes, bytes, dict[str, Any]]:
    wire, client = framed_file(WIRE / f"{name}.events"), (WIRE / f"{name}.client").read_bytes()
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


def parsed(wire: bytes) -> list[dict[str, Any]]:
    """Return what botocore itself reads in a stream."""
    model = ServiceModel(Loader().load_service_model("bedrock-runtime", "service-2"))
    shape, buffer = model.shape_for("ConverseStreamOutput"), EventStreamBuffer()
    buffer.add_data(wire)
    parser = EventStreamJSONParser()
    return [parser.parse(each.to_response_dict(), shape) for each in buffer]


def as_json(value: object) -> Any:
    """Return what was parsed as it stood on the wire."""
    match value:
        case bytes():
            return b64encode(value).decode()
        case dict():
            return {key: as_json(each) for key, each in value.items()}
        case list():
            return [as_json(each) for each in value]
        case _:
            return value


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNKNOWN])
def test_the_golden_streams_are_what_the_official_sdk_reads(name: str) -> None:
    lines = [json.loads(line) for line in (WIRE / f"{name}.events").read_text().splitlines()]
    for line, read in zip(lines, parsed(golden(name)[0]), strict=True):
        ((kind, fields),) = line.items()
        if kind.endswith("Exception"):
            assert read["Error"] == {"Code": kind, "Message": fields["message"]}
        else:
            assert as_json(read[kind]) == {key: fields[key] for key in fields if key != "p"}


def official_client(body: bytes) -> openai.OpenAI:
    """Return OpenAI's own client, answered with this stream."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    client = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="none", base_url="http://g/v1", http_client=client, max_retries=0)


@pytest.mark.parametrize("name", NAMES)
def test_openais_own_client_reads_what_is_written(name: str) -> None:
    _, client, facts = golden(name)
    speaker = official_client(client)
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    if facts["fault"]:
        with pytest.raises(openai.APIError) as caught:
            list(speaker.chat.completions.create(**asked))
        assert caught.value.code == facts["fault"][2]
        return
    chunks = list(speaker.chat.completions.create(**asked))
    assert len({chunk.id for chunk in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"


def whole(fields: dict[str, Any], *, stream: bool = False) -> Heard:
    return Heard([json.dumps(fields).encode()], asking(stream=stream, show_usage=not stream), JSON)


def test_an_answer_in_one_piece_is_a_chat_completion() -> None:
    heard = whole(WHOLE)
    (piece,) = heard.pieces
    assert piece.has_content
    assert piece.usage == Usage(125, 15, 100)
    assert heard.ended
    fields = json.loads(heard.sent)
    assert (fields["model"], fields["object"]) == ("smart", "chat.completion")
    assert fields["choices"][0]["message"]["content"] == "Hello"
    assert fields["choices"][0]["finish_reason"] == "stop"


def test_an_answer_in_one_piece_is_the_same_wherever_it_is_cut() -> None:
    body = json.dumps(WHOLE).encode()
    expected = whole(WHOLE).all()
    for at in range(len(body)):
        call = asking(stream=False, show_usage=True)
        assert Heard([body[:at], body[at:]], call, JSON).all() == expected


def test_a_whole_answer_is_told_as_the_stream_that_was_asked_for() -> None:
    heard = whole(WHOLE, stream=True)
    assert heard.ended
    assert heard.sent.count(b"data: ") == 3
    assert heard.sent.endswith(b"data: [DONE]\n\n")
    assert heard.pieces[-1].usage == Usage(125, 15, 100)
    assert heard.pieces[-1].usage_only
    assert whole({**WHOLE, "usage": None}, stream=True).ended


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"{",
        b'{"output":{}}',
        b'{"output":{"message":{}},"stopReason":"end_turn"}',
        b'{"output":{"message":{"content":[]}}}',
        b'{"output":{"message":{"content":[{"text":"\xff"}]}},"stopReason":"end_turn"}',
        b'{"output":' * 5000,
    ],
)
def test_what_is_no_message_is_malformed(body: bytes) -> None:
    heard = Heard([body], asking(stream=False), JSON)
    assert isinstance(heard.error, UpstreamMalformed)


@pytest.mark.parametrize(
    ("content_type", "stream"), [("text/html", True), (MEDIA, False), ("", False)]
)
def test_another_kind_of_content_is_malformed(content_type: str, stream: bool) -> None:
    with pytest.raises(UpstreamMalformed):
        AnswerReader(asking(stream=stream), 200, content_type, LIMIT, LIMIT)


def test_half_a_pair_of_surrogates_is_told_as_a_replacement() -> None:
    payload = b'{"contentBlockIndex":0,"delta":{"text":"a\\ud800"}}'
    wire = message({":event-type": "contentBlockDelta", ":message-type": "event"}, payload)
    heard = Heard([wire], asking())
    assert '"content":"a\ufffd"'.encode() in heard.pieces[-1].raw


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"\xff", b'{"delta":7}'])
def test_a_payload_that_cannot_be_read_is_malformed_and_left_out(payload: bytes) -> None:
    odd = message({":event-type": "contentBlockDelta", ":message-type": "event"}, payload)
    heard = Heard([odd], asking())
    assert (heard.pieces, heard.malformed) == ([], 1)


def test_a_stream_that_breaks_in_its_framing_is_malformed() -> None:
    wire, client, _ = golden("text")
    heard = Heard([wire[:-1] + b"!"], asking())
    assert isinstance(heard.error, UpstreamMalformed)
    assert not heard.ended
    assert client.startswith(heard.sent)


@pytest.mark.parametrize("lost", [1, 40])
def test_a_stream_that_ends_within_its_account_is_whole(lost: int) -> None:
    heard = Heard([golden("text")[0][:-lost]], asking())
    assert (heard.error, heard.ended) == (None, True)
    assert all(piece.usage is None for piece in heard.pieces)


def test_a_stream_that_ends_within_its_words_is_cut_off() -> None:
    heard = Heard([golden("text")[0][:400]], asking())
    assert isinstance(heard.error, UpstreamTruncated)


def test_an_event_above_the_limit_and_an_answer_without_end_are_refused() -> None:
    big = event("contentBlockDelta", {"delta": {"text": "x" * 300}})
    with pytest.raises(AnswerTooLarge):
        AnswerReader(asking(), 200, MEDIA, 300, LIMIT).feed(big)
    with pytest.raises(AnswerTooLarge):
        AnswerReader(asking(), 200, MEDIA, LIMIT, 300).feed(big)
    with pytest.raises(AnswerTooLarge):
        AnswerReader(asking(stream=False), 200, JSON, LIMIT, 300).feed(b" " * 301)


@pytest.mark.parametrize(("parts", "told_again"), [(2, True), (4, False)])
def test_a_thought_too_large_for_one_event_is_not_told_again(parts: int, told_again: bool) -> None:
    part = {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "x" * 100}}}
    sign = {"contentBlockIndex": 0, "delta": {"reasoningContent": {"signature": "s"}}}
    wire = event("contentBlockDelta", part) * parts + event("contentBlockDelta", sign)
    reader = AnswerReader(asking(), 200, MEDIA, 300, LIMIT)
    pieces = reader.feed(wire + event("contentBlockStop", {"contentBlockIndex": 0}))
    assert sum(b"reasoning_content" in piece.raw for piece in pieces) == parts
    assert (b"reasoning_details" in pieces[-1].raw) is told_again


def test_what_comes_behind_the_end_is_not_read() -> None:
    wire, client, _ = golden("text")
    heard = Heard([wire + wire, wire], asking())
    assert heard.sent == client


def test_an_error_ends_the_stream_and_is_raised_at_its_end() -> None:
    told = failure("serviceUnavailableException", {"message": "Later"})
    reader = AnswerReader(asking(), 200, MEDIA, LIMIT, LIMIT)
    (piece,) = reader.feed(told + golden("text")[0])
    assert piece.fault == Fault("Later", "ServiceUnavailableException", "overloaded")
    assert reader.feed(golden("text")[0]) == []
    with pytest.raises(UpstreamFault):
        reader.end()


def test_what_an_answer_had_cost_is_told_with_its_error() -> None:
    usage = {"usage": {"inputTokens": 3, "outputTokens": 1}}
    wire = event("metadata", usage) + failure("throttlingException", {})
    assert Heard([wire], asking()).pieces[-1].usage == Usage(3, 1)


def test_an_account_without_tokens_ends_the_answer() -> None:
    wire = framed([{"messageStop": {"stopReason": "end_turn"}}, {"metadata": {"metrics": {}}}])
    heard = Heard([wire], asking())
    assert heard.ended
    assert len(heard.pieces) == 2


def test_arguments_of_a_tool_that_was_not_begun_are_left_out() -> None:
    part = {"contentBlockIndex": 3, "delta": {"toolUse": {"input": "{}"}}}
    heard = Heard([event("contentBlockDelta", part)], asking())
    assert len(heard.pieces) == 1


def test_a_tool_is_called_by_its_own_name_again() -> None:
    name = "mcp.server/weather"
    tools = Raw(json.dumps([{"type": "function", "function": {"name": name}}]).encode())
    use = {"toolUseId": "t1", "name": told_name(name), "input": {}}
    for stream in (True, False):
        call = Call("chat", "chat", "smart", stream, True, {**ASKED, "tools": tools})
        begun = {"contentBlockIndex": 0, "start": {"toolUse": use}}
        said = {"message": {"content": [{"toolUse": use}]}}
        whole = json.dumps({**WHOLE, "output": said}).encode()
        wire, kind = (event("contentBlockStart", begun), MEDIA) if stream else (whole, JSON)
        assert f'"name":"{name}"'.encode() in Heard([wire], call, kind).sent


def test_a_stream_that_broke_off_is_joined_where_another_says_the_same() -> None:
    delivered = Delivered()
    delivered.note(Heard([golden("cut_off")[0]], asking()).pieces)
    assert (delivered.text, delivered.resumable) == ("Hel", True)
    join = Join(delivered.text, prefilled=False, answer_id=delivered.id)
    sent = AnswerWriter(asking()).write(join.feed(Heard([golden("text")[0]], asking()).pieces))
    assert '"content":"lo, wörld"'.encode() in sent


def in_parts(index: int, **delta: object) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": index, "delta": delta})


def calling(index: int, id: str) -> bytes:
    start = {"toolUse": {"toolUseId": id, "name": "look"}}
    return event("contentBlockStart", {"contentBlockIndex": index, "start": start})


def stop(index: int) -> bytes:
    return event("contentBlockStop", {"contentBlockIndex": index})


def test_blocks_that_come_side_by_side_are_told_each_as_one() -> None:
    wire = b"".join(
        (
            in_parts(0, reasoningContent={"text": "Hm"}),
            calling(1, "one"),
            in_parts(1, toolUse={"input": '{"a":'}),
            calling(2, "two"),
            in_parts(0, reasoningContent={"signature": "proof"}),
            in_parts(1, toolUse={"input": "1}"}),
            in_parts(3, text="Hello"),
            in_parts(1, toolUse={"input": ""}),
            *map(stop, (0, 2, 1, 3, 7)),
            in_parts(2, toolUse={"input": "too late"}),
            event("messageStop", {"stopReason": "tool_use"}),
        )
    )
    sent = b"data: " + Heard([wire], asking()).sent.partition(b"data: ")[2]
    client = official_client(sent)
    asked: Any = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    told = [
        chunk.choices[0].delta.model_dump() for chunk in client.chat.completions.create(**asked)
    ]
    calls = [call for delta in told for call in delta["tool_calls"] or ()]
    arguments = [
        "".join(c["function"]["arguments"] for c in calls if c["index"] == i) for i in (0, 1)
    ]
    assert arguments == ['{"a":1}', "{}"]
    (thought,) = [each for delta in told for each in delta.get("reasoning_details") or ()]
    assert (thought["text"], thought["signature"], thought["index"]) == ("Hm", "proof", 0)


def test_a_block_that_begins_anew_is_another() -> None:
    wire = in_parts(0, reasoningContent={"text": "Hm"}) + calling(0, "one") + stop(0)
    sent = Heard([wire], asking()).sent
    assert b"reasoning_details" not in sent
    assert b'"arguments":"{}"' in sent


def test_thoughts_of_all_open_blocks_together_are_held_within_the_limit() -> None:
    reader = AnswerReader(asking(), 200, MEDIA, 300, LIMIT)
    for index in range(4):
        reader.feed(in_parts(index, reasoningContent={"signature": "x" * 100}))
    told = [bool(reader.feed(stop(index))) for index in range(4)]
    assert told == [True, True, True, False]
    reader.feed(in_parts(5, reasoningContent={"signature": "x" * 100}))
    assert reader.feed(stop(5))


def test_blocks_without_end_are_malformed() -> None:
    reader = AnswerReader(asking(), 200, MEDIA, LIMIT, LIMIT)
    with pytest.raises(UpstreamMalformed):
        reader.feed(b"".join(in_parts(index, text="") for index in range(MOST_OPEN + 1)))


@pytest.mark.parametrize("odd", [{"inputTokens": -1}, {"outputTokens": None}, 7])
def test_an_account_that_cannot_be_read_costs_nobody_the_answer(odd: object) -> None:
    heard = whole({**WHOLE, "usage": odd})
    assert heard.ended
    assert heard.pieces[0].usage is None
    ended = {"messageStop": {"stopReason": "end_turn"}}
    assert Heard([framed([ended, {"metadata": {"usage": odd}}])], asking()).malformed == 0
