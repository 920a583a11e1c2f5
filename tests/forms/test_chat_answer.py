"""Answers of providers, each golden stream cut at every byte.

In `tests/wire/chat/`: NAME.sse is what a provider sends, NAME.client what the client gets for it,
NAME.json the facts. The `first_content` is the number of the piece that is the commit.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forms.chat import AnswerReader, AnswerWriter
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

WIRE = Path(__file__).parents[1] / "wire" / "chat"
NAMES = sorted(path.stem for path in WIRE.glob("*.sse"))
LIMIT = 1 << 20


def call(*, stream: bool = True, show_usage: bool = False) -> Call:
    return Call("chat", "chat", "small", stream, show_usage, {})


def reader(
    content_type: str = "text/event-stream", *, stream: bool = True, limit: int = LIMIT
) -> AnswerReader:
    return AnswerReader(call(stream=stream), 200, content_type, limit, LIMIT)


@dataclass
class Heard:
    """What came of one answer: its pieces, what the client got, how it ended."""

    pieces: list[Piece] = field(default_factory=list)
    sent: bytes = b""
    ended: bool = False
    malformed: int = 0
    error: GatewayError | None = None


def hear(
    parts: list[bytes], content_type: str = "text/event-stream", *, show_usage: bool = False
) -> Heard:
    """Carry an answer as the relay does: pieces as they come, then the last word."""
    asked = call(show_usage=show_usage)
    answer, writer = AnswerReader(asked, 200, content_type, LIMIT, LIMIT), AnswerWriter(asked)
    heard = Heard()
    try:
        for part in parts:
            heard.pieces += answer.feed(part)
        heard.pieces += answer.end()
    except GatewayError as error:
        heard.error = error
    heard.sent = writer.write(heard.pieces)
    if answer.ended:
        heard.sent += writer.end()
    heard.ended = answer.ended
    heard.malformed = answer.malformed_events
    return heard


def same(one: Heard, other: Heard) -> bool:
    ends = [(type(heard.error), str(heard.error)) for heard in (one, other)]
    one_and_other = (one.pieces, one.sent, one.ended, one.malformed)
    return ends[0] == ends[1] and one_and_other == (
        other.pieces,
        other.sent,
        other.ended,
        other.malformed,
    )


def golden(name: str) -> tuple[bytes, bytes, dict[str, Any]]:
    wire, client = (WIRE / f"{name}.sse").read_bytes(), (WIRE / f"{name}.client").read_bytes()
    return wire, client, json.loads((WIRE / f"{name}.json").read_text())


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_passed_on_and_its_facts_are_read(name: str) -> None:
    wire, client, facts = golden(name)
    heard = hear([wire], show_usage=facts["show_usage"])
    assert heard.sent == client
    assert len(heard.pieces) == facts["pieces"]
    assert heard.malformed == facts["malformed"]
    content = [at for at, piece in enumerate(heard.pieces) if piece.has_content]
    assert content[0] == facts["first_content"]
    usages = [piece.usage for piece in heard.pieces if piece.usage is not None]
    assert (usages[-1] if usages else None) == (facts["usage"] and Usage(*facts["usage"]))
    assert {piece.model for piece in heard.pieces} - {None} == {facts["model"]}
    faults = [piece.fault for piece in heard.pieces if piece.fault is not None]
    assert faults == ([Fault(*facts["fault"])] if facts["fault"] else [])
    assert (heard.error.code if heard.error else None) == facts["error"]
    assert heard.ended is (heard.error is None and not faults)


@pytest.mark.parametrize("name", NAMES)
def test_u17_a_stream_is_the_same_wherever_it_is_cut(name: str) -> None:
    """U17."""
    wire, _, facts = golden(name)
    show_usage = facts["show_usage"]
    whole = hear([wire], show_usage=show_usage)
    for at in range(1, len(wire)):
        assert same(hear([wire[:at], wire[at:]], show_usage=show_usage), whole), at
    single = [wire[at : at + 1] for at in range(len(wire))]
    assert same(hear(single, show_usage=show_usage), whole)


@pytest.mark.parametrize("content_type", ["", "application/octet-stream"])
@pytest.mark.parametrize("name", ["plain", "byte_order_mark", "comments", "ids_and_retries"])
def test_u9_a_stream_without_its_content_type_is_known_by_its_first_bytes(
    name: str, content_type: str
) -> None:
    """U9."""
    wire, client, _ = golden(name)
    for at in range(40):
        assert hear([wire[:at], wire[at:]], content_type).sent == client
    assert hear([wire[at : at + 1] for at in range(len(wire))], content_type).sent == client


def official_client(body: bytes) -> openai.OpenAI:
    """Return OpenAI's own client, answered with this stream."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        headers = {"content-type": "text/event-stream; charset=utf-8"}
        return httpx2.Response(200, headers=headers, content=body)

    transport = httpx2.MockTransport(answer)
    http = openai.DefaultHttpxClient(transport=transport)
    return openai.OpenAI(api_key="k", base_url="http://gateway/v1", http_client=http)


@pytest.mark.parametrize("name", NAMES)
def test_the_official_client_reads_what_is_passed_on(name: str) -> None:
    """U23. What kills its stream is left out; an error in the stream raises, with its words."""
    _, client, facts = golden(name)
    chunks, error = 0, None
    with official_client(client) as official:
        stream = official.chat.completions.create(model="m", messages=[], stream=True)
        try:
            for _ in stream:
                chunks += 1
        except openai.APIError as raised:
            error = raised
    if facts["fault"] is not None:
        assert error is not None
        assert error.message == facts["fault"][0]
        assert str(error.code) == str(facts["fault"][2])
    else:
        assert error is None
        told = [event.data for event in Splitter(LIMIT).feed(client) if event.data is not None]
        assert chunks == len(told) - told.count(b"[DONE]")


@pytest.mark.parametrize(
    "done", [b"data: [DONE]\n\n", b"data:[DONE]\r\n\r\n", b"data: [DONE] \n\n"]
)
def test_the_terminal_event_ends_the_answer_and_is_left_to_the_writer(done: bytes) -> None:
    answer = reader()
    assert answer.feed(done) == []
    assert answer.ended
    assert answer.end() == []


def test_u25_nothing_is_read_after_the_end() -> None:
    """U25: not even what would be too much."""
    answer = reader()
    answer.feed(b"data: [DONE]\n\n")
    assert answer.feed(b'data: {"choices":[]}\n\n') == []
    assert answer.feed(b"x" * (LIMIT + 1)) == []
    assert answer.malformed_events == 0


def test_u26_nothing_is_read_after_an_error_and_the_end_tells_it_again() -> None:
    """U26."""
    answer = reader()
    (piece,) = answer.feed(b'data: {"error":{"message":"Oh","code":7}}\n\ndata: [DONE]\n\n')
    assert piece.fault == Fault("Oh", "upstream_error", "7")
    assert not piece.has_content
    assert answer.feed(b"data: [DONE]\n\n") == []
    assert not answer.ended
    with pytest.raises(UpstreamFault, match="Oh") as caught:
        answer.end()
    assert caught.value.code == "7"


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (b'data: {"error":"text"}', Fault("text", "upstream_error")),
        (b'data: {"error":{"code":"c"}}', Fault("", "upstream_error", "c")),
        (b'data: {"error":{"message":5}}', Fault("5", "upstream_error")),
        (b'data: {"error":{"message":" \\n"}}', Fault("", "upstream_error")),
        (b'data: {"error":[{"message":"a","type":"t"}]}', Fault("a", "t")),
        (b'data: {"error":true}', Fault("", "upstream_error")),
        (b'data: {"choices":1,"error":1e999}', Fault("", "upstream_error")),
        (b'event: error\ndata: {"message":"a","type":"t","code":"c"}', Fault("a", "t", "c")),
        (b'event: error\ndata: {"detail":"a"}', Fault("a", "upstream_error")),
        (b"event: error\ndata: out of memory", Fault("out of memory", "upstream_error")),
        (b'event: error\ndata: "text"', Fault("text", "upstream_error")),
        (b"event: error\ndata: {}", Fault("", "upstream_error")),
    ],
)
def test_u26_an_error_of_another_shape_is_told_in_the_one_that_raises(
    event: bytes, fault: Fault
) -> None:
    """U26."""
    (piece,) = reader().feed(event + b"\n\n")
    assert piece.fault is not None
    message = fault.message or "The provider told an error without saying which."
    assert piece.fault == Fault(message, fault.type, fault.code)
    assert piece.raw.startswith(b"data: ")
    error = {"message": message, "type": fault.type, "param": None, "code": fault.code}
    assert json.loads(piece.raw[6:]) == {"error": error}


def test_u26_the_usage_of_an_event_that_tells_an_error_counts() -> None:
    """U26."""
    (piece,) = reader().feed(b'data: {"error":{"message":"x"},"usage":{"prompt_tokens":9}}\n\n')
    assert piece.usage == Usage(9, 0)


def test_u26_an_event_named_error_with_choices_is_a_chunk() -> None:
    """U26."""
    event = b'event: error\ndata: {"choices":[{"delta":{"content":"x"}}]}\n\n'
    (piece,) = reader().feed(event)
    assert (piece.raw, piece.fault, piece.has_content) == (event, None, True)


def test_u22_a_name_without_data_is_no_event_even_if_it_says_error() -> None:
    """U22."""
    answer = reader()
    assert answer.feed(b"event: error\n\nevent: ping\n\n\n\n: \n\n") == [
        Piece(b": \n\n", comment=True)
    ]
    assert answer.malformed_events == 0


def test_u21_a_comment_may_follow_the_byte_order_mark() -> None:
    """U21."""
    assert reader().feed(b"\xef\xbb\xbf: hello\n\n") == [Piece(b": hello\n\n", comment=True)]


def test_u20_an_error_may_be_the_event_that_waited_for_the_end() -> None:
    """U20."""
    answer = reader()
    assert answer.feed(b'data: {"error":{"message":"Oh"}}\r\r') == []
    (piece,) = answer.end()
    assert piece.fault == Fault("Oh", "upstream_error")
    assert not answer.ended


def test_a_comment_begins_with_its_colon() -> None:
    """What waits for events knows it by that; the empty lines before it are nobody's."""
    assert reader().feed(b"\r\n: a\r\n\r\n") == [Piece(b": a\r\n\r\n", comment=True)]


@pytest.mark.parametrize("reason", [b"null", b'""', b"false"])
def test_u24_a_choice_without_a_finish_reason_is_not_finished(reason: bytes) -> None:
    """U24: some providers send an empty one with every chunk."""
    answer = reader()
    (piece,) = answer.feed(b'data: {"choices":[{"finish_reason":%b}]}\n\n' % reason)
    assert not piece.has_content
    with pytest.raises(UpstreamTruncated):
        answer.end()
    assert not answer.ended


def test_u23_a_finished_choice_may_be_mentioned_again() -> None:
    """U23."""
    answer = reader()
    answer.feed(b'data: {"choices":[{"index":2,"finish_reason":"stop"}]}\n\n')
    answer.feed(b'data: {"choices":[{"index":2,"delta":{}}],"usage":{"prompt_tokens":1}}\n\n')
    assert answer.end() == []
    assert answer.ended


@pytest.mark.parametrize(
    "body", [b"", b"\n", b"da", b": only comments\n\n", b'data: {"choices":[]}']
)
def test_u24_a_stream_that_says_nothing_is_truncated(body: bytes) -> None:
    """U24."""
    heard = hear([body], "")
    assert isinstance(heard.error, UpstreamTruncated)


def test_the_name_of_the_model_follows_the_events() -> None:
    answer = reader()
    models = [b'"a"', b'"a"', b'"b"', b'"\\n"', b"5", b'"a"']
    pieces = answer.feed(b"".join(b'data: {"model":%b}\n\n' % model for model in models))
    assert [piece.model for piece in pieces] == ["a", "a", "b", None, None, "a"]


def test_u27_only_an_event_with_empty_choices_and_a_usage_is_usage_alone() -> None:
    """U27."""
    bodies = [
        (b'{"choices":[],"usage":{"prompt_tokens":1}}', True),
        (b'{"choices":[],"usage":{}}', True),
        (b'{"choices":[],"usage":null}', False),
        (b'{"choices":[]}', False),
        (b'{"usage":{"prompt_tokens":1}}', False),
        (b'{"choices":null,"usage":{"prompt_tokens":1}}', False),
        (b'{"choices":[{}],"usage":{"prompt_tokens":1}}', False),
    ]
    for body, usage_only in bodies:
        (piece,) = reader().feed(b"data: " + body + b"\n\n")
        assert piece.usage_only is usage_only, body


def test_u27_running_usage_comes_beside_content_and_each_tells_all_so_far() -> None:
    """U27: vLLM and SGLang send it where they are asked, others unasked."""
    pieces = hear([golden("usage_in_every_chunk_cut_off")[0]]).pieces
    assert [(piece.has_content, piece.usage_only, piece.usage) for piece in pieces] == [
        (True, False, Usage(4, 1)),
        (True, False, Usage(4, 2)),
    ]


def test_u28_a_gigantic_event_is_too_large() -> None:
    """U28."""
    answer = reader(limit=100)
    assert len(answer.feed(b": a\n\ndata: " + b"x" * 200)) == 1
    with pytest.raises(AnswerTooLarge, match="event of more than 100 bytes"):
        answer.feed(b"x")


def test_u29_an_endless_stream_is_too_large() -> None:
    """U29."""
    answer = AnswerReader(call(), 200, "text/event-stream", 100, 1000)
    for _ in range(100):
        answer.feed(b": 7 byte\n\n")
    with pytest.raises(AnswerTooLarge, match="more than 1000 bytes"):
        answer.feed(b"x")


def test_odd_indexes_cost_no_memory() -> None:
    answer = reader()
    for index in range(0, 1 << 40, 1 << 31):
        answer.feed(b'data: {"choices":[{"index":%d}]}\n\n' % index)
    assert len(answer._seen) == 1


# What is not a stream of events.

COMPLETION = (
    b'{\n  "id": "chatcmpl-9", "object": "chat.completion", "created": 17, "model": "small-1",\n'
    b'  "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"},'
    b' "finish_reason": "stop"}],\n'
    b'  "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}\n}\n'
)


@pytest.mark.parametrize(
    "content_type",
    ["text/html", "text/html; charset=utf-8", "image/png", "application/xml", "a\r\nb", "text/css"],
)
@pytest.mark.parametrize("stream", [True, False])
def test_u9_another_content_type_is_malformed_at_once(content_type: str, stream: bool) -> None:
    """U9."""
    with pytest.raises(UpstreamMalformed, match="answered 200") as caught:
        reader(content_type, stream=stream)
    assert "\n" not in str(caught.value)


def test_u9_events_are_malformed_where_no_stream_was_asked_for() -> None:
    """U9."""
    with pytest.raises(UpstreamMalformed, match="event-stream"):
        reader("text/event-stream", stream=False)


def parts_of(body: bytes) -> Iterator[list[bytes]]:
    yield from ([body[:at], body[at:]] for at in range(0, len(body), 5))
    yield [body[at : at + 1] for at in range(len(body))]


@pytest.mark.parametrize(
    "content_type",
    ["text/event-stream", "Text/Event-Stream;charset=utf-8", "", "text/plain", "application/json"],
)
@pytest.mark.parametrize("page", [b"<html>", b"\r\n <!DOCTYPE html>", b"\xef\xbb\xbf<p>"])
def test_u9_a_page_of_html_is_malformed_whatever_it_is_called(
    page: bytes, content_type: str
) -> None:
    """U9."""
    for parts in parts_of(page):
        heard = hear(parts, content_type)
        assert isinstance(heard.error, UpstreamMalformed), parts
        assert heard.pieces == []


@pytest.mark.parametrize(
    "body", [b"Bad gateway", b"dato: x\n\n", b"\n" * 100, b"\xef\xbb\xbfdat\n"]
)
def test_u9_what_is_neither_events_nor_json_is_malformed(body: bytes) -> None:
    """U9."""
    for parts in parts_of(body):
        assert isinstance(hear(parts, "text/plain").error, UpstreamMalformed), parts


@pytest.mark.parametrize("body", [b"\n" * 100, b"note: x\n\n"])
def test_a_declared_stream_may_begin_with_anything(body: bytes) -> None:
    wire, client, _ = golden("plain")
    heard = hear([*(body[at : at + 1] for at in range(len(body))), wire])
    assert heard.sent.lstrip(b"\n") == client
    assert heard.ended


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x+json", "", "text/event-stream"]
)
@pytest.mark.parametrize("show_usage", [True, False])
def test_a_whole_answer_is_told_as_the_stream_that_was_asked_for(
    content_type: str, show_usage: bool
) -> None:
    """U9."""
    for parts in parts_of(COMPLETION):
        heard = hear(parts, content_type, show_usage=show_usage)
        assert heard.ended
        assert heard.error is None
        first, second, last = heard.pieces
        assert first.has_content
        assert json.loads(first.raw[6:])["choices"][0]["delta"]["content"] == "Hello"
        assert json.loads(second.raw[6:])["choices"][0]["finish_reason"] == "stop"
        assert (last.usage, last.usage_only) == (Usage(3, 1), True)
        assert heard.sent.count(b"data: ") == (4 if show_usage else 3)
        assert heard.sent.endswith(b"\n\ndata: [DONE]\n\n")
        assert {piece.model for piece in heard.pieces} == {"small-1"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error":{"message":"Overloaded","type":"t","code":"c"}}', "Overloaded"),
        (b'[{"error":{"message":"Overloaded"}}]', "not a JSON object"),
        (b'{"object":"error","message":"Overloaded"}', "Overloaded"),
        (b'{"detail":"Not authorised"}', "Not authorised"),
        (b'{"choices":[],"error":"Overloaded"}', "Overloaded"),
        (b'{"choices":[]}', "no chat completion"),
        (b"{}", "no chat completion"),
        (b'{"choices":[{"message":', "not a JSON object"),
        (b'{"a":"\xff"}', "not a JSON object"),
    ],
)
def test_u9_json_that_is_no_answer_is_an_error_with_its_words(body: bytes, message: str) -> None:
    """U9."""
    heard = hear([body], "application/json")
    assert heard.error is not None
    assert message in heard.error.message
    kind = UpstreamMalformed if "JSON" in message or "chat" in message else UpstreamFault
    assert isinstance(heard.error, kind)
    assert heard.error.status == 502
    assert (heard.pieces, heard.ended) == ([], False)


def test_u28_json_in_place_of_a_stream_is_bounded_like_an_event() -> None:
    """U28."""
    answer = reader("application/json", limit=100)
    answer.feed(b"{" + b" " * 99)
    with pytest.raises(AnswerTooLarge, match="more than 100 bytes in one piece"):
        answer.feed(b" ")


# Answers in one piece.

TOO_DEEP = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", ""]
)
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_an_answer_in_one_piece_keeps_its_bytes(content_type: str, mark: bytes) -> None:
    for parts in parts_of(mark + COMPLETION):
        answer = reader(content_type, stream=False)
        assert [piece for part in parts for piece in answer.feed(part)] == []
        assert not answer.ended
        (piece,) = answer.end()
        assert piece == Piece(mark + COMPLETION, True, Usage(3, 1), model="small-1")
        assert answer.ended
        assert answer.end() == []
        assert answer.feed(b"more") == []


def test_an_answer_in_one_piece_needs_no_fields_that_the_house_knows() -> None:
    answer = reader("application/json", stream=False)
    answer.feed(b' {"output": 1e999, "error": null}')
    assert answer.end() == [Piece(b' {"output": 1e999, "error": null}', True)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"[]",
        b'"x"',
        b"null",
        b"{",
        b'{"a":1}}',
        b'{"a":"\xff"}',
        b"<p>",
        b"OK",
        TOO_DEEP,
    ],
)
def test_an_answer_in_one_piece_that_is_no_json_object_is_malformed(body: bytes) -> None:
    answer = reader("application/json", stream=False)
    answer.feed(body)
    with pytest.raises(UpstreamMalformed, match="not a JSON object"):
        answer.end()
    assert not answer.ended


def test_an_error_with_status_200_is_an_error() -> None:
    answer = reader("application/json", stream=False)
    answer.feed(b'{"error":{"message":"No provider","code":503},"user_id":"u"}')
    with pytest.raises(UpstreamFault, match="No provider") as caught:
        answer.end()
    assert caught.value.code == "503"


def test_an_error_beside_an_answer_is_passed_on_with_it() -> None:
    body = b'{"choices":[{"finish_reason":"error"}],"error":{"message":"late"}}'
    answer = reader("application/json", stream=False)
    answer.feed(body)
    assert answer.end() == [Piece(body, True)]


def test_u28_an_answer_in_one_piece_is_bounded() -> None:
    """U28."""
    answer = AnswerReader(call(stream=False), 200, "application/json", 10, 1000)
    answer.feed(b"x" * 1000)
    with pytest.raises(AnswerTooLarge):
        answer.feed(b"x")


# Whatever comes.

PIECES = [b"data: ", b"\n\n", b"\r\n\r\n", b"[DONE]", b'{"choices":[', b"]}", b'{"error":', b'"x"}']
PIECES += [
    b'{"delta":{"content":"a"}}',
    b'{"finish_reason":"stop"}',
    b"event: error\n",
    b": c",
    b"\xff",
]
PIECES += [b"id: 1\n", b"\xef\xbb\xbf", b"{", b"<", b"\\ud800"]
STREAMS = st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=20).map(b"".join)
TYPES = st.sampled_from(["text/event-stream", "", "application/json"])
BOUNDED = (AnswerTooLarge, UpstreamMalformed, UpstreamTruncated, UpstreamFault)


@given(STREAMS, TYPES, st.lists(st.integers(0, 100), max_size=5))
def test_any_bytes_are_pieces_or_an_error_of_the_tree_however_they_are_cut(
    stream: bytes, content_type: str, cuts: list[int]
) -> None:
    whole = hear([stream], content_type)
    assert whole.error is None or isinstance(whole.error, BOUNDED)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    parts = [stream[begin:end] for begin, end in pairwise(edges)]
    assert same(hear(parts, content_type), whole)


@given(STREAMS, st.booleans())
def test_what_is_passed_on_can_be_decoded_and_tells_its_end_once(
    stream: bytes, show_usage: bool
) -> None:
    heard = hear([stream], show_usage=show_usage)
    text = heard.sent.decode()
    assert text.endswith("data: [DONE]\n\n") is heard.ended
    assert text.count("data: [DONE]") == int(heard.ended)
    for piece in heard.pieces:
        assert piece.raw.endswith((b"\n\n", b"\n\r\n", b"\n\r", b"\r\r", b"\r\n\n", b"\r\r\n"))
