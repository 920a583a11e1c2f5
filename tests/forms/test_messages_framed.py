"""Anthropic's Messages within AWS's binary frames, cut at every byte."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic.lib.bedrock._stream_decoder import AWSEventStreamDecoder

from gateway.forms import Reader, messages
from gateway.forms.event_stream import MEDIA
from gateway.forms.sse import Splitter
from gateway.words.answer import Piece, Usage
from gateway.words.call import Call
from gateway.words.errors import (
    AnswerTooLarge,
    GatewayError,
    UpstreamMalformed,
    UpstreamTruncated,
)
from tests.framed import chunk, event, failure

GOLDEN = Path(__file__).parents[1] / "wire" / "messages"
LIMIT = 1 << 20
ASKED = json.dumps(
    {
        "model": "smart",
        "max_tokens": 9,
        "stream": True,
        "messages": [{"role": "user", "content": "Hello"}],
    }
).encode()


def events_of(name: str) -> list[dict[str, Any]]:
    """Return what a model says, as Anthropic's golden streams tell it."""
    found = Splitter(LIMIT).feed((GOLDEN / f"{name}.sse").read_bytes())
    return [json.loads(each.data) for each in found if each.data]


def wire(name: str) -> bytes:
    return b"".join(map(chunk, events_of(name)))


def reader(limit: int = LIMIT) -> Reader:
    return messages.AnswerReader(messages.read_request("chat", ASKED, {}), 200, MEDIA, limit, limit)


def heard(parts: list[bytes]) -> tuple[list[Piece], GatewayError | None, bool, int]:
    read = reader()
    pieces: list[Piece] = []
    try:
        for part in parts:
            pieces += read.feed(part)
        pieces += read.end()
    except GatewayError as error:
        return pieces, error, read.ended, read.malformed_events
    return pieces, None, read.ended, read.malformed_events


def told(pieces: list[Piece]) -> list[dict[str, Any]]:
    found = Splitter(LIMIT).feed(b"".join(piece.raw for piece in pieces))
    for each in found:
        assert each.name.decode() == json.loads(each.data or b"")["type"]
    return [json.loads(each.data or b"") for each in found]


@pytest.mark.parametrize("name", ["text", "tools", "thinking", "refusal"])
def test_a_stream_is_what_anthropic_itself_sends(name: str) -> None:
    pieces, error, ended, malformed = heard([wire(name)])
    assert (error, ended, malformed) == (None, True, 0)
    assert told(pieces) == events_of(name)
    assert all(piece.native for piece in pieces)


def test_it_is_what_anthropics_own_client_makes_of_it() -> None:
    official = list(AWSEventStreamDecoder().iter_bytes(iter([wire("tools")])))
    split = Splitter(LIMIT).feed(b"".join(piece.raw for piece in heard([wire("tools")])[0]))
    assert [(each.event, json.loads(each.data)) for each in official] == [
        (each.name.decode(), json.loads(each.data or b"")) for each in split
    ]


def test_a_framed_stream_is_the_same_wherever_it_is_cut() -> None:
    whole, data = heard([wire("tools")]), wire("tools")
    raw = b"".join(piece.raw for piece in whole[0])
    for at in range(1, len(data), 3):
        pieces, error, ended, malformed = heard([data[:at], data[at:]])
        assert (b"".join(piece.raw for piece in pieces), error, ended, malformed) == (
            raw, None, True, 0,
        )  # fmt: skip
    singly = heard([data[at : at + 1] for at in range(len(data))])
    assert singly[0] == whole[0]


def test_usage_is_read() -> None:
    usages = [piece.usage for piece in heard([wire("text")])[0] if piece.usage is not None]
    assert usages[-1] == Usage(25, 15)


def test_anthropics_own_client_reads_what_is_passed_on() -> None:
    body = b"".join(piece.raw for piece in heard([wire("text")])[0])

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    client = anthropic.Anthropic(
        api_key="none",
        base_url="http://g",
        http_client=httpx2.Client(transport=httpx2.MockTransport(answer)),
    )
    user: Any = {"role": "user", "content": "Hello"}
    with client.messages.stream(model="m", max_tokens=9, messages=[user]) as stream:
        assert stream.get_final_text() == "Hello, wörld"


@pytest.mark.parametrize(
    ("name", "said", "kind"),
    [
        ("throttlingException", "Slow", "rate_limit_error"),
        ("serviceUnavailableException", "No", "overloaded_error"),
        ("modelTimeoutException", "Slow", "timeout_error"),
        ("internalServerException", "Oh", "api_error"),
        ("modelStreamErrorException", "Oh", "api_error"),
        ("validationException", "Oh", "invalid_request_error"),
        ("validationException", "Input is too long.", "invalid_request_error"),
    ],
)
def test_an_exception_is_an_error_of_messages(name: str, said: str, kind: str) -> None:
    pieces, error, ended, _ = heard([wire("cut_off") + failure(name, {"message": said})])
    assert pieces[-1].fault is not None
    assert pieces[-1].fault.message == said
    (error_event,) = told(pieces[-1:])
    assert (error_event["error"]["type"], error_event["error"]["message"]) == (kind, said)
    assert error is not None
    assert not ended


@pytest.mark.parametrize(
    ("name", "said", "code"),
    [
        ("validationException", "Too many input tokens.", "context_length_exceeded"),
        ("validationException", "Oh", None),
        ("throttlingException", "Slow", "rate_limit_exceeded"),
        ("accessDeniedException", "No", "permission_denied"),
    ],
)
def test_an_exception_has_the_code_that_routing_knows(
    name: str, said: str, code: str | None
) -> None:
    (piece,) = heard([failure(name, {"message": said})])[0]
    assert piece.fault is not None
    assert piece.fault.code == code


def test_what_is_not_known_is_left_out() -> None:
    odd = b"".join(
        (
            event("initial-response", {}),
            event("chunk", {"p": "x"}),
            event("chunk", {"bytes": "?"}),
            event("chunk", {"bytes": b64encode(b"[]").decode()}),
            event("chunk", {"bytes": b64encode(b"{").decode()}),
        )
    )
    pieces, error, ended, malformed = heard([odd + wire("text")])
    assert (error, ended, malformed) == (None, True, 4)
    assert told(pieces) == events_of("text")


@pytest.mark.parametrize("kind", ["ping\ndata: x", "a b", ""])
def test_no_event_breaks_out_of_its_frame(kind: str) -> None:
    said = json.dumps({"type": kind, "x": 1}, indent=1).encode()
    odd = event("chunk", {"bytes": b64encode(said).decode()})
    pieces = reader().feed(wire("cut_off") + odd)
    raw = b"".join(piece.raw for piece in pieces)
    found = Splitter(LIMIT).feed(raw)
    assert json.loads(found[-1].data or b"") == {"type": kind, "x": 1}
    assert len(found) == len(events_of("cut_off")) + 1


def test_a_stream_that_breaks_off_is_cut() -> None:
    assert isinstance(heard([wire("cut_off")])[1], UpstreamTruncated)
    assert isinstance(heard([wire("text")[:-200] + b"\x00" * 200])[1], UpstreamMalformed)


def test_what_comes_behind_the_end_is_not_read() -> None:
    read = reader()
    read.feed(wire("text"))
    assert read.ended
    assert (read.feed(b"\x00" * 20), read.end()) == ([], [])


def test_an_event_above_the_limit_is_refused() -> None:
    with pytest.raises(AnswerTooLarge):
        reader(100).feed(chunk({"type": "ping", "x": "x" * 100}))


def test_a_client_of_the_chat_form_is_told_in_translation() -> None:
    call = Call("chat", "chat", "smart", True, False, {})
    read = messages.AnswerReader(call, 200, MEDIA, LIMIT, LIMIT)
    pieces = read.feed(wire("text"))
    assert read.ended
    assert not any(piece.native for piece in pieces)
    assert any(b'"content":"Hel"' in piece.raw for piece in pieces)
