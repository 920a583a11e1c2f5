"""Wire forms, each known once. Pure: no I/O, no clock.

A form has two halves of three names each: what is spoken with providers, and what with clients. Its
module has one or both, and is checked against each where it stands in a typed table:

    UpstreamForm    write_request   Call, target            -> UpstreamRequest
                    AnswerReader    bytes of a provider     -> Pieces
                    read_error      a provider's error      -> GatewayError

    DownstreamForm  read_request    bytes of a client       -> Call
                    AnswerWriter    Pieces                  -> bytes for a client
                    write_error     GatewayError            -> bytes for a client

The common form is OpenAI's chat: a call holds its fields and a piece its bytes, whichever form a
client or a provider speaks. Where both ends speak one other form nothing is translated: the call
holds the client's own fields beside (`Call.native`), and the pieces are as they came
(`Piece.native`).
"""

from collections.abc import Mapping
from typing import Protocol

from gateway.words.answer import Piece
from gateway.words.call import Call, UpstreamRequest
from gateway.words.client import Header
from gateway.words.errors import GatewayError
from gateway.words.target import Target


class Reader(Protocol):
    """Reads one answer of a provider, as its bytes arrive."""

    @property
    def malformed_events(self) -> int:
        """Events dropped because they were not UTF-8 or not JSON (U16)."""

    @property
    def ended(self) -> bool:
        """True once the terminal event has been read, or the body of a one-piece answer."""

    def feed(self, data: bytes) -> list[Piece]:
        """Read bytes; return the pieces that they complete. Bytes after the end are ignored.

        Raises `AnswerTooLarge`, `UpstreamMalformed`.
        """

    def end(self) -> list[Piece]:
        """Say that the provider's body has ended; sets `ended` or raises `UpstreamTruncated`."""


class Writer(Protocol):
    """Writes one answer for a client."""

    @property
    def headers(self) -> tuple[Header, ...]:
        """The form's headers: content type, and for streams what keeps proxies from buffering."""

    def write(self, pieces: list[Piece]) -> bytes:
        """Return what the client is sent for these pieces; may be empty."""

    def end(self) -> bytes:
        """Return the form's own last words, such as `data: [DONE]`."""

    def keepalive(self) -> bytes:
        """Return what tells a waiting client that it is not forgotten; empty if there is none."""

    def error(self, error: GatewayError) -> bytes:
        """Return the error as it is told inside a stream that has begun."""


class UpstreamForm(Protocol):
    """What a form's module has towards providers."""

    def write_request(self, call: Call, target: Target) -> UpstreamRequest:
        """Write the call for one target of this form.

        Raises `Unsupported` for what a provider of this form cannot be told, `BadRequest` for what
        nobody could be.
        """

    def AnswerReader(  # noqa: N802 (a class in the module)
        self,
        call: Call,
        status: int,
        content_type: str,
        max_event_bytes: int,
        max_answer_bytes: int,
    ) -> Reader:
        """Begin to read an answer. Raises `UpstreamMalformed` for a foreign content type."""

    def read_error(self, status: int, headers: tuple[Header, ...], body: bytes) -> GatewayError:
        """Read a provider's error answer into the tree."""


class DownstreamForm(Protocol):
    """What a form's module has towards clients."""

    def read_request(self, operation: str, body: bytes, headers: Mapping[bytes, bytes], /) -> Call:
        """Read what a client sent; of its header fields those that belong to the form.

        Raises `BadRequest`.
        """

    def AnswerWriter(self, call: Call) -> Writer:  # noqa: N802 (a class in the module)
        """Begin to write an answer."""

    def write_error(self, error: GatewayError) -> bytes:
        """Write an error as the body of an answer."""
