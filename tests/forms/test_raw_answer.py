"""Answers that pass as they are, each golden stream cut at every byte.

In `tests/wire/raw/`: NAME.sse is what a provider sends, NAME.client what a client gets for it,
NAME.json the facts. The name begins with the operation.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai.types import ImageEditStreamEvent, ImageGenStreamEvent
from openai.types.audio import TranscriptionStreamEvent
from pydantic import TypeAdapter

from gateway.forms import Reader
from gateway.forms.raw import AnswerReader, AnswerWriter
from gateway.forms.raw_answer import HELD_BYTES, Passing
from gateway.forms.raw_operations import OPERATIONS
from gateway.forms.sse import Splitter
from gateway.words.answer import Piece, Usage
from gateway.words.call import Call
from gateway.words.errors import (
    AnswerTooLarge,
    GatewayError,
    UpstreamFault,
    UpstreamMalformed,
    UpstreamTruncated,
)

WIRE = Path(__file__).parents[1] / "wire" / "raw"
NAMES = sorted(path.stem for path in WIRE.glob("*.sse"))
TYPES: dict[str, TypeAdapter[Any]] = {
    "image_edit": TypeAdapter(ImageEditStreamEvent),
    "image_generation": TypeAdapter(ImageGenStreamEvent),
    "transcription": TypeAdapter(TranscriptionStreamEvent),
}
LIMIT = 1 << 20
EVENTS, JSON = "text/event-stream; charset=utf-8", "application/json"


def operation_of(name: str) -> str:
    return max((each for each in OPERATIONS if name.startswith(each)), key=len)


def asking(operation: str, *, stream: bool = False, format: str = "") -> Call:
    fields = {"response_format": msgspec.Raw(json.dumps(format).encode())} if format else {}
    return Call("raw", operation, "smart", stream, True, fields)


class Heard:
    """What came of one answer: its pieces, what the client got, how it ended."""

    def __init__(self, parts: list[bytes], call: Call, content_type: str = EVENTS) -> None:
        self.reader: Reader = AnswerReader(call, 200, content_type, LIMIT, 16 * LIMIT)
        self.pieces: list[Piece] = []
        self.error: GatewayError | None = None
        writer = AnswerWriter(call)
        said = []
        try:
            for part in parts:
                said += [self._take(self.reader.feed(part), writer.write)]
            if not self.reader.ended:
                said.append(self._take(self.reader.end(), writer.write))
            said.append(writer.end())
        except GatewayError as error:
            self.error = error
        self.client = b"".join(said)
        self.headers = writer.headers
        if isinstance(self.reader, Passing):
            self.headers = (*self.headers, *self.reader.headers)

    def _take(self, pieces: list[Piece], write: Any) -> bytes:
        self.pieces += pieces
        told: bytes = write(pieces)
        return told

    @property
    def usage(self) -> Usage | None:
        return next((each.usage for each in reversed(self.pieces) if each.usage), None)

    def facts(self) -> dict[str, Any]:
        spoken = [index for index, piece in enumerate(self.pieces) if piece.has_content]
        faults = [piece.fault.message for piece in self.pieces if piece.fault is not None]
        return {
            "usage": None if self.usage is None else msgspec.to_builtins(self.usage),
            "contents": len(spoken),
            "first_content": spoken[0] if spoken else None,
            "malformed": self.reader.malformed_events,
            "models": sorted({piece.model for piece in self.pieces if piece.model}),
            "fault": faults[0] if faults else None,
            "ended": self.reader.ended,
            "error": None if self.error is None else type(self.error).__name__,
        }


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_gives_the_same_pieces_wherever_it_is_cut(name: str) -> None:
    """T1."""
    wire = (WIRE / f"{name}.sse").read_bytes()
    call = asking(operation_of(name), stream=True)
    wanted = json.loads((WIRE / f"{name}.json").read_text())
    client = (WIRE / f"{name}.client").read_bytes()
    for cut in range(len(wire) + 1):
        heard = Heard([part for part in (wire[:cut], wire[cut:]) if part], call)
        assert (heard.facts(), heard.client) == (wanted, client), f"cut at {cut}"


@pytest.mark.parametrize("name", NAMES)
def test_the_golden_streams_are_of_the_official_types(name: str) -> None:
    kind = TYPES.get(operation_of(name))
    for event in Splitter(LIMIT).feed((WIRE / f"{name}.sse").read_bytes()):
        data = event.data or b""
        if kind is not None and data.startswith(b'{"') and b'"error"' not in data:
            kind.validate_json(data)


@pytest.mark.parametrize("name", NAMES)
def test_no_beginning_of_a_stream_is_taken_for_the_whole(name: str) -> None:
    """U14."""
    wire = (WIRE / f"{name}.sse").read_bytes()
    call = asking(operation_of(name), stream=True)
    wanted = json.loads((WIRE / f"{name}.json").read_text())
    if not wanted["ended"]:
        return
    last = wire.rstrip().rfind(b"\n\n" if b"\r" not in wire else b"\r\n\r\n")
    if name.startswith("completions") or name.endswith("of_two"):
        last = wire.find(b"\n\n") + 2
    for cut in range(last):
        heard = Heard([wire[:cut]], call)
        assert isinstance(heard.error, UpstreamTruncated), f"cut at {cut}"


WHOLE: dict[str, tuple[dict[str, Any], Usage | None]] = {
    "embeddings": (
        {
            "object": "list",
            "data": [],
            "model": "e",
            "usage": {"prompt_tokens": 8, "total_tokens": 8},
        },
        Usage(8, 0),
    ),
    "moderation": ({"id": "modr-1", "model": "omni", "results": []}, None),
    "rerank": ({"results": [], "usage": {"total_tokens": 815}}, Usage(815)),
    "image_generation": (
        {
            "created": 1,
            "data": [{"b64_json": "AAAA"}],
            "usage": {
                "total_tokens": 100,
                "input_tokens": 50,
                "output_tokens": 50,
                "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
                "output_tokens_details": {"text_tokens": 5, "image_tokens": 45},
            },
        },
        Usage(50, 50, image_input_tokens=40, image_output_tokens=45),
    ),
    "image_variation": ({"created": 1, "data": [{"url": "https://x"}]}, None),
    "transcription": (
        {
            "text": "hello",
            "usage": {
                "type": "tokens",
                "input_tokens": 14,
                "input_token_details": {"text_tokens": 4, "audio_tokens": 10},
                "output_tokens": 45,
                "total_tokens": 59,
            },
        },
        Usage(14, 45, audio_input_tokens=10),
    ),
    "translation": ({"text": "hello"}, None),
    "completions": (
        {
            "object": "text_completion",
            "choices": [{"text": "hi", "index": 0, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
        },
        Usage(5, 7),
    ),
}


@pytest.mark.parametrize("operation", WHOLE)
def test_json_passes_as_it_came_and_its_usage_is_read(operation: str) -> None:
    told, usage = WHOLE[operation]
    body = json.dumps(told, indent=1).encode()
    for cut in range(len(body) + 1):
        heard = Heard([body[:cut], body[cut:]], asking(operation), JSON)
        assert (heard.error, heard.client, heard.usage) == (None, body, usage)
        assert heard.headers == ((b"content-type", b"application/json"),)
        assert [piece.has_content for piece in heard.pieces] == [True]


@pytest.mark.parametrize("stream", [False, True])
def test_json_keeps_what_the_chat_form_would_rewrite(stream: bool) -> None:
    body = b'{ "results": [{"document": {"content": ["a", "b"]}}] }'
    operation = "image_generation" if stream else "rerank"
    heard = Heard([body], asking(operation, stream=stream), JSON)
    assert (heard.error, heard.client) == (None, body)


@pytest.mark.parametrize("operation", WHOLE)
def test_json_that_is_cut_is_not_told(operation: str) -> None:
    """U14."""
    body = json.dumps(WHOLE[operation][0]).encode()
    for cut in range(len(body)):
        heard = Heard([body[:cut]], asking(operation), JSON)
        assert isinstance(heard.error, UpstreamMalformed)
        assert heard.client == b""


def test_an_error_in_an_answer_that_says_200_is_raised() -> None:
    body = b'{"error":{"message":"no","type":"t","code":"c"}}'
    heard = Heard([body], asking("embeddings"), JSON)
    assert isinstance(heard.error, UpstreamFault)
    assert (heard.error.message, heard.error.code) == ("no", "c")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("media", ["text/html", "text/html; charset=utf-8", "image/svg+xml"])
def test_an_answer_of_a_foreign_kind_is_refused(operation: str, media: str) -> None:
    with pytest.raises(UpstreamMalformed):
        Heard([b"<html>"], asking(operation), media).reader.end()
    with pytest.raises(UpstreamMalformed):
        Heard([b"<html>"], asking(operation, stream=True), media)


def _long(usage: bytes) -> bytes:
    numbers = b",".join([b"0.123456"] * (HELD_BYTES // 8))
    return b'{"data":[{"embedding":[' + numbers + b']}],"usage":' + usage + b"}\n"


def test_long_json_passes_before_it_is_whole() -> None:
    body = _long(b'{"prompt_tokens":7,"total_tokens":7,"x":{}}')
    parts = [body[at : at + 65_536] for at in range(0, len(body), 65_536)]
    heard = Heard(parts, asking("embeddings"), JSON)
    assert (heard.error, heard.client, heard.usage) == (None, body, Usage(7))
    assert [piece.has_content for piece in heard.pieces].count(True) == 1
    assert len(heard.pieces) > 2
    assert isinstance(heard.reader, Passing)
    assert heard.reader.needs_end


@pytest.mark.parametrize("usage", [b"null", b'{"prompt_tokens":NaN}', b'{"a":{"b":' * 3, b"{}"])
def test_long_json_may_say_nothing_of_its_usage(usage: bytes) -> None:
    heard = Heard([_long(usage)], asking("embeddings"), JSON)
    assert heard.usage is None


def test_long_json_that_is_cut_is_not_told_as_whole() -> None:
    """U14."""
    heard = Heard([_long(b"null")[:-9]], asking("embeddings"), JSON)
    assert isinstance(heard.error, UpstreamTruncated)


def test_long_json_is_an_object() -> None:
    heard = Heard([b"[" + b"1," * HELD_BYTES], asking("embeddings"), JSON)
    assert isinstance(heard.error, UpstreamMalformed)


def test_json_is_bounded() -> None:
    body = _long(b"null")
    heard = Heard([body] * 4, asking("embeddings"), JSON)
    assert isinstance(heard.error, AnswerTooLarge)


@pytest.mark.parametrize(
    ("media", "told"),
    [
        ("audio/mpeg", b"audio/mpeg"),
        ("Audio/PCM; rate=24000", b"audio/pcm; rate=24000"),
        ("application/octet-stream", b"application/octet-stream"),
        ("", b"application/octet-stream"),
    ],
)
def test_sound_passes_part_by_part(media: str, told: bytes) -> None:
    heard = Heard([b"ID3\xff", b"\x00<"], asking("speech", stream=True), media)
    assert (heard.error, heard.client) == (None, b"ID3\xff\x00<")
    assert heard.headers == ((b"content-type", told), (b"x-content-type-options", b"nosniff"))
    assert [piece.raw for piece in heard.pieces] == [b"ID3\xff", b"\x00<"]
    assert [piece.has_content for piece in heard.pieces] == [True, False]
    assert isinstance(heard.reader, Passing)
    assert heard.reader.needs_end


def test_no_sound_is_no_answer_but_no_words_are() -> None:
    heard = Heard([], asking("speech", stream=True), "audio/mpeg")
    assert isinstance(heard.error, UpstreamMalformed)
    silence = Heard([], asking("transcription", format="text"), "text/plain")
    assert (silence.error, silence.client) == (None, b"")


def test_sound_is_bounded() -> None:
    heard = Heard([b"\0" * LIMIT] * 17, asking("speech", stream=True), "audio/mpeg")
    assert isinstance(heard.error, AnswerTooLarge)
    assert len(heard.client) == 16 * LIMIT


@pytest.mark.parametrize("media", ["audio/mpeg\r\nx: y", "audio/<b>", "audio/mpeg; a=" + "b" * 99])
def test_a_content_type_that_is_no_plain_one_is_refused(media: str) -> None:
    with pytest.raises(UpstreamMalformed):
        AnswerReader(asking("speech", stream=True), 200, media, LIMIT, LIMIT)


@pytest.mark.parametrize(
    ("media", "told"),
    [
        ("text/plain; charset=utf-8", b"text/plain; charset=utf-8"),
        ("text/vtt", b"text/vtt"),
        ("", b"text/plain; charset=utf-8"),
    ],
)
def test_text_that_was_asked_for_passes_part_by_part(media: str, told: bytes) -> None:
    heard = Heard([b"Hel", b"lo\n"], asking("transcription", format="text"), media)
    assert (heard.error, heard.client) == (None, b"Hello\n")
    assert heard.headers[0] == (b"content-type", told)


def test_json_may_come_where_text_was_asked_for() -> None:
    heard = Heard([b'{"text":"a"}'], asking("transcription", format="srt"), JSON)
    assert (heard.error, heard.client) == (None, b'{"text":"a"}')
    assert heard.headers == ((b"content-type", b"application/json"),)


def test_text_that_nobody_asked_for_is_no_answer() -> None:
    heard = Heard([b"Hello"], asking("transcription", format="json"), "text/plain")
    assert isinstance(heard.error, UpstreamMalformed)


@pytest.mark.parametrize("operation", ["image_generation", "transcription", "speech"])
def test_json_in_place_of_a_stream_passes_as_json(operation: str) -> None:
    body = b'\xef\xbb\xbf{"text":"a","usage":{"input_tokens":1,"output_tokens":2}}'
    for cut in range(len(body) + 1):
        parts = [part for part in (body[:cut], body[cut:]) if part]
        heard = Heard(parts, asking(operation, stream=True), JSON)
        assert (heard.error, heard.usage) == (None, Usage(1, 2))
        assert heard.client == body.removeprefix(b"\xef\xbb\xbf")
        assert heard.headers == ((b"content-type", b"application/json"),)


def test_events_are_told_as_events() -> None:
    wire = (WIRE / "speech.sse").read_bytes()
    heard = Heard([wire], asking("speech", stream=True))
    assert dict(heard.headers)[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert dict(heard.headers)[b"x-accel-buffering"] == b"no"


def test_which_streams_say_their_last_word() -> None:
    for name, needs in (("speech", False), ("transcription", False), ("image_generation", True)):
        heard = Heard([(WIRE / f"{name}.sse").read_bytes()], asking(name, stream=True))
        assert isinstance(heard.reader, Passing)
        assert heard.reader.needs_end is needs


def test_a_whole_completion_is_told_as_the_stream_that_was_asked_for() -> None:
    body = json.dumps(WHOLE["completions"][0], indent=1).encode()
    heard = Heard([body], asking("completions", stream=True), JSON)
    assert (heard.error, heard.usage) == (None, Usage(5, 7))
    event, done = Splitter(LIMIT).feed(heard.client)
    assert json.loads(event.data or b"") == WHOLE["completions"][0]
    assert done.data == b"[DONE]"


def test_json_that_is_no_completion_is_not_told_as_one() -> None:
    heard = Heard([b'{"choices":[]}'], asking("completions", stream=True), JSON)
    assert isinstance(heard.error, UpstreamMalformed)
