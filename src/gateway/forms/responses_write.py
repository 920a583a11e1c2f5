"""Writes an answer for a client of OpenAI's Responses form. Pure.

What a provider of this form has said passes as it came; a chat's answer is translated.
"""

from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms import chat
from gateway.forms.responses_answer import Answer
from gateway.forms.responses_build import write_event
from gateway.forms.responses_facts import Chunk, chunks_of, read_chunk
from gateway.forms.sse import BOM, Splitter
from gateway.words.answer import Piece, Usage
from gateway.words.call import Call
from gateway.words.client import Header
from gateway.words.errors import GatewayError

KEEPALIVE: Final = b": keepalive\n\n"


class _Begun(msgspec.Struct, gc=False):
    """The first event of a provider's own: the response as it begins."""

    response: dict[str, Raw] | None = None


_encode = msgspec.json.Encoder().encode
_decode_begun = msgspec.json.Decoder(_Begun).decode
_decode = msgspec.json.Decoder(dict[str, dict[str, Any]]).decode


class AnswerWriter:
    """Writes one answer (see `forms.Writer`).

    Each event is a line of its type and one line of data: `event: TYPE`, `data: {…}`.
    """

    __slots__ = ("_answer", "_call", "_first", "_passed", "_usage")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._answer = Answer(call)
        self._passed = 0
        self._first = b""
        self._usage: Usage | None = None

    @property
    def headers(self) -> tuple[Header, ...]:
        return chat.STREAM_HEADERS if self._call.stream else chat.JSON_HEADERS

    def write(self, pieces: list[Piece]) -> bytes:
        """Return what the client is sent for these pieces, which are all of one form."""
        for piece in pieces:
            self._usage = piece.usage or self._usage
        if pieces and pieces[0].native:
            told = [piece.raw for piece in pieces if not piece.comment]
            self._passed += len(told)
            self._first = self._first or (told[0] if told else b"")
            return b"".join([piece.raw for piece in pieces])
        if not self._call.stream:
            return self._write_whole(b"".join([piece.raw for piece in pieces]))
        return b"".join([self._translate(piece) for piece in pieces])

    def end(self) -> bytes:
        """Return the event that says how the answer has ended, with all of it."""
        if self._passed or not self._call.stream:
            return b""
        self._answer.end(self._usage)
        return self._answer.log.take()

    def keepalive(self) -> bytes:
        """Return a comment: the only thing that no client takes for an event."""
        return KEEPALIVE if self._call.stream else b""

    def error(self, error: GatewayError) -> bytes:
        """Return the error as an event that says so, and the failure of a response that has begun.

        Clients read the one or the other. OpenAI's raise what has an object `error`.
        """
        if not self._call.stream:
            return b""
        told = _decode(chat.write_error(error))["error"]
        fields = {name: told[name] for name in ("code", "message", "param")}
        rest = _encode({**fields, "error": told})[1:-1]
        number = self._passed or self._answer.log.number
        said = write_event(b"error", number, rest)
        if not self._answer.has_begun:
            return said + self._fail(number + 1, told)
        self._answer.log.number += 1
        self._answer.fail(told["code"] or "server_error", told["message"], self._usage)
        return said + self._answer.log.take()

    def _fail(self, number: int, told: dict[str, Any]) -> bytes:
        """Return the failure of a response that a provider of this form has begun, if it has."""
        begun = _begun_in(self._first)
        if begun is None:
            return b""
        error = {"code": told["code"] or "server_error", "message": told["message"]}
        response = {**begun, "status": "failed", "error": error}
        return write_event(b"response.failed", number, _encode({"response": response})[1:-1])

    def _translate(self, piece: Piece) -> bytes:
        if piece.comment:
            return piece.raw
        for chunk in chunks_of(piece.raw):
            self._answer.take(chunk)
        return self._answer.log.take()

    def _write_whole(self, body: bytes) -> bytes:
        """Return a whole answer as the object of a response."""
        if not body:
            return b""
        self._answer.take(read_chunk(body.removeprefix(BOM)) or Chunk())
        return self._answer.end(self._usage)


def _begun_in(raw: bytes) -> dict[str, Raw] | None:
    """Return the response that an event says has begun; None where it says nothing of one."""
    for event in Splitter(len(raw)).feed(raw):
        try:
            return _decode_begun(event.data or b"").response
        except (msgspec.DecodeError, RecursionError):
            pass
    return None
