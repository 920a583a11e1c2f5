"""Providers of the Responses form: their events pass as they came, and facts are read beside them.

In `tests/wire/responses/native/`: NAME.sse is what a provider sends, NAME.json the facts. The
`first_content` is the piece that is the commit.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forms.responses import AnswerReader, AnswerWriter, read_request
from gateway.forms.responses_native import write_request
from gateway.forms.responses_thoughts import Thought, pack
from gateway.words.answer import Fault, Piece, Usage
from gateway.words.call import Call
from gateway.words.errors import (
    AnswerTooLarge,
    GatewayError,
    UpstreamFault,
    UpstreamMalformed,
    UpstreamTruncated,
)
from gateway.words.target import Origin, Target

WIRE = Path(__file__).parents[1] / "wire" / "responses" / "native"
NAMES = sorted(path.stem for path in WIRE.glob("*.sse"))
LIMIT = 1 << 20
EVENTS, JSON = "text/event-stream; charset=utf-8", "application/json"
TARGET = Target("up", "openai", "chat", Origin("http", "h", 1), "/v1", "large-1")
RESPONSE: dict[str, Any] = {
    "id": "resp_67",
    "object": "response",
    "status": "completed",
    "model": "large-1",
    "output": [{"id": "msg_1", "type": "message", "content": [], "role": "assistant"}],
    "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
}


def asking(operation: str = "chat", *, stream: bool = True, **fields: object) -> Call:
    body = {"model": "smart", "input": "Hello", "stream": stream, **fields}
    return read_request(operation, json.dumps(body).encode(), {b"openai-beta": b"x"})


class Heard:
    """What came of one answer: its pieces, and how it ended."""

    def __init__(self, parts: list[bytes], call: Call, content_type: str = EVENTS) -> None:
        self.reader = reader = AnswerReader(call, 200, content_type, LIMIT, LIMIT)
        self.pieces: list[Piece] = []
        self.error: GatewayError | None = None
        try:
            for part in parts:
                self.pieces += reader.feed(part)
            self.pieces += reader.end()
        except GatewayError as error:
            self.error = error
        self.raw = b"".join(piece.raw for piece in self.pieces)

    def all(self) -> tuple[object, ...]:
        error = (type(self.error), str(self.error))
        reader = self.reader
        return self.pieces, reader.ended, reader.malformed_events, reader.kept, error


def whole(body: object, call: Call | None = None) -> Heard:
    return Heard([json.dumps(body).encode()], call or asking(stream=False), JSON)


@pytest.mark.parametrize("name", NAMES)
def test_events_pass_as_they_came_and_their_facts_are_read(name: str) -> None:
    wire = (WIRE / f"{name}.sse").read_bytes()
    facts = json.loads((WIRE / f"{name}.json").read_text())
    heard = Heard([wire], asking())
    pieces = heard.pieces
    assert all(piece.native for piece in pieces)
    assert len(pieces) == facts["pieces"]
    assert heard.reader.malformed_events == facts["malformed"]
    content = [at for at, piece in enumerate(pieces) if piece.has_content]
    assert (content[0] if content else None) == facts["first_content"]
    usages = [piece.usage for piece in pieces if piece.usage is not None]
    assert (usages[-1] if usages else None) == (facts["usage"] and Usage(*facts["usage"]))
    assert {piece.model for piece in pieces} - {None} == {facts["model"]} - {None}
    faults = [piece.fault for piece in pieces if piece.fault is not None]
    assert faults == ([Fault(*facts["fault"])] if facts["fault"] else [])
    assert heard.reader.kept == facts["kept"]
    assert heard.reader.ended is (heard.error is None)
    assert getattr(heard.error, "code", None) == facts["error"]
    if name != "odd":
        assert heard.raw == wire.replace(b"data: [DONE]\n\n", b"")


@pytest.mark.parametrize("name", NAMES)
def test_a_native_stream_is_the_same_wherever_it_is_cut(name: str) -> None:
    wire = (WIRE / f"{name}.sse").read_bytes()
    call = asking()
    at_once = Heard([wire], call).all()
    for at in range(1, len(wire)):
        assert Heard([wire[:at], wire[at:]], call).all() == at_once, at
    assert Heard([wire[at : at + 1] for at in range(len(wire))], call).all() == at_once


def test_what_no_client_could_read_is_left_out() -> None:
    heard = Heard([(WIRE / "odd.sse").read_bytes()], asking())
    assert b"id: 7" not in heard.raw
    assert b"broken" not in heard.raw
    assert b"event: ping" not in heard.raw
    assert heard.raw.startswith(b": hello\n\n")
    assert heard.pieces[0].comment


def test_a_request_goes_out_as_it_came_in() -> None:
    call = asking(store=False, odd={"a": 1})
    request = write_request(call, TARGET)
    assert (request.method, request.path) == ("POST", "/responses")
    assert json.loads(bytes(request.body)) == {
        "model": "large-1",
        "input": "Hello",
        "stream": True,
        "store": False,
        "odd": {"a": 1},
    }
    assert (b"openai-beta", b"x") in request.headers
    assert (b"accept", b"text/event-stream") in request.headers


@pytest.mark.parametrize(
    ("operation", "path"),
    [("count_input", "/responses/input_tokens"), ("compact", "/responses/compact")],
)
def test_each_operation_has_its_path(operation: str, path: str) -> None:
    request = write_request(asking(operation), TARGET)
    assert request.path == path
    assert (b"accept", b"application/json") in request.headers


def test_what_was_packed_for_a_chat_is_not_told() -> None:
    """Who keeps thoughts encrypted refuses what it has not encrypted itself."""
    said = {"role": "user", "content": "Hi"}
    packed: object = {"type": "reasoning", "encrypted_content": pack(Thought("Hm."))}
    request = write_request(asking(input=[packed, said]), TARGET)
    assert json.loads(request.body)["input"] == [said]
    prompted = read_request("chat", b'{"model":"m","prompt":{"id":"pmpt_1"}}')
    assert "input" not in json.loads(write_request(prompted, TARGET).body)


def test_a_whole_answer_passes_as_it_came() -> None:
    heard = whole(RESPONSE)
    (piece,) = heard.pieces
    assert json.loads(piece.raw) == RESPONSE
    assert (piece.usage, piece.model, piece.has_content) == (Usage(3, 2), "large-1", True)
    assert (heard.reader.ended, heard.reader.kept) == (True, "resp_67")


def test_what_is_not_to_be_kept_is_nobodys() -> None:
    assert whole(RESPONSE, asking(stream=False, store=False)).reader.kept is None
    assert whole({**RESPONSE, "store": False}).reader.kept is None
    assert whole({**RESPONSE, "id": 7}).reader.kept is None
    assert whole(RESPONSE, asking("compact")).reader.kept is None


def test_to_have_input_counted_costs_nothing() -> None:
    counted = {"object": "response.input_tokens", "input_tokens": 11}
    (piece,) = whole(counted, asking("count_input")).pieces
    assert (json.loads(piece.raw), piece.usage) == (counted, Usage())


def test_a_whole_answer_is_told_as_the_stream_that_was_asked_for() -> None:
    heard = whole({**RESPONSE, "status": "incomplete"}, asking())
    (piece,) = heard.pieces
    assert [line for line in piece.raw.split(b"\n") if line.startswith(b"event")] == [
        b"event: response.created",
        b"event: response.output_item.added",
        b"event: response.output_item.done",
        b"event: response.incomplete",
    ]
    assert (piece.usage, heard.reader.ended) == (Usage(3, 2), True)
    assert whole(RESPONSE, asking()).pieces[0].raw.count(b"event: response.completed") == 1


def test_a_failure_told_as_an_answer_is_raised() -> None:
    error = {"code": "server_error", "message": "It broke."}
    for body in ({**RESPONSE, "status": "failed", "error": error}, {"error": error}):
        raised = whole(body).error
        assert isinstance(raised, UpstreamFault)
        assert (raised.message, raised.code) == ("It broke.", "server_error")
    assert isinstance(whole({**RESPONSE, "status": "failed"}).error, UpstreamFault)


@pytest.mark.parametrize(
    "body", [b"[]", b'"x"', b"{}", b'{"output":{}}', b"{", b"\xff", b"[" * 100_000]
)
def test_json_that_is_no_response_is_malformed(body: bytes) -> None:
    assert isinstance(Heard([body], asking(stream=False), JSON).error, UpstreamMalformed)


def test_what_is_not_utf8_is_no_event() -> None:
    heard = Heard([b'event: x\ndata: {"type":"\xff"}\n\n'], asking())
    assert (heard.reader.malformed_events, heard.pieces) == (1, [])
    assert isinstance(heard.error, UpstreamTruncated)


def test_a_half_last_event_is_no_end() -> None:
    begun = (WIRE / "cut_off.sse").read_bytes()
    heard = Heard([begun + b"data: [DONE]"], asking())
    assert isinstance(heard.error, UpstreamTruncated)
    assert not heard.reader.ended


def test_nothing_is_read_behind_the_end() -> None:
    reader = AnswerReader(asking(), 200, EVENTS, LIMIT, LIMIT)
    reader.feed((WIRE / "text.sse").read_bytes())
    assert reader.ended
    assert (reader.feed(b"data: x\n\n"), reader.end()) == ([], [])


def test_r4_an_answer_is_bounded() -> None:
    reader = AnswerReader(asking(), 200, EVENTS, 100, 1000)
    with pytest.raises(AnswerTooLarge):
        reader.feed(b"data: " + b"x" * 2000)


def test_an_error_behind_native_events_is_numbered_on() -> None:
    writer = AnswerWriter(asking())
    pieces = Heard([(WIRE / "cut_off.sse").read_bytes()], asking()).pieces
    assert writer.write(pieces) == b"".join(piece.raw for piece in pieces)
    told = writer.error(UpstreamTruncated("It broke off."))
    first, last, _ = told.split(b"\n\n")
    fields = json.loads(first.partition(b"data: ")[2])
    assert (fields["type"], fields["sequence_number"]) == ("error", 5)
    assert fields["code"] == fields["error"]["code"] == "upstream_truncated"
    failed = json.loads(last.partition(b"data: ")[2])
    assert (failed["type"], failed["sequence_number"]) == ("response.failed", 6)
    assert failed["response"]["id"].startswith("resp_")
    assert failed["response"]["status"] == "failed"
    assert failed["response"]["error"]["code"] == "upstream_truncated"
    assert writer.end() == b""


@pytest.mark.parametrize("raw", [b'data: {"type":"x"}\n\n', b"data: 7\n\n", b"data: {\n\n"])
def test_where_no_response_has_begun_none_has_failed(raw: bytes) -> None:
    writer = AnswerWriter(asking())
    writer.write([Piece(b": hi\n\n", comment=True, native=True), Piece(raw, native=True)])
    assert b"response.failed" not in writer.error(UpstreamTruncated("It broke off."))


VALUES: st.SearchStrategy[object] = (
    st.none() | st.integers() | st.text(max_size=3) | st.just({"id": 1}) | st.just([])
)
HAPPENINGS = st.dictionaries(
    st.sampled_from(["type", "response", "error", "usage", "id", "output", "status"]), VALUES
)


@given(st.lists(HAPPENINGS, max_size=4))
def test_odd_events_raise_nothing_but_the_tree(events: list[dict[str, object]]) -> None:
    wire = b"".join(b"data: %b\n\n" % json.dumps(event).encode() for event in events)
    heard = Heard([wire], asking())
    assert heard.error is None or isinstance(heard.error, GatewayError)
    for event in events:
        whole(event)
        whole(event, asking())
