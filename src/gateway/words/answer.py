"""What comes back: pieces of an answer with the facts the gateway reads in them."""

from typing import Final, Protocol

import msgspec

from gateway.words.client import Header

MOST_TOKENS: Final = 2**40
"""A provider that reports absurd usage is taken to have reported so much."""


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens as the provider reported them: input and output are wholes, all others are parts.

    Of the input, `cached_tokens` were read from the provider's cache and `cache_write_tokens` were
    written to it, none of them both; `cache_write_1h_tokens` are those of the written ones that it
    keeps for an hour. Of the output, `reasoning_tokens` are thoughts. Audio and images are parts of
    their side too, whatever the cache had of them.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    image_input_tokens: int = 0
    image_output_tokens: int = 0


class Fault(msgspec.Struct, frozen=True):
    """An error that a provider told in the middle of its stream."""

    message: str
    type: str
    code: str | None = None


class Piece(msgspec.Struct, frozen=True, gc=False):
    """One part of an answer: the provider's own bytes, and the facts read beside them.

    `raw` holds whole events of the form (framing included), or a whole body where the call does
    not stream. `usage_only` marks the event that exists only to carry usage, `comment` what is
    no event at all. `native` says that `raw` is of the client's own form; else it is of the common
    one.
    """

    raw: bytes
    has_content: bool = False
    usage: Usage | None = None
    usage_only: bool = False
    fault: Fault | None = None
    model: str | None = None
    comment: bool = False
    native: bool = False


class Answer(Protocol):
    """An answer that has begun. It owns its socket: leaving its `async with` closes it at once."""

    @property
    def status(self) -> int:
        """The HTTP status that the client is given."""

    @property
    def headers(self) -> tuple[Header, ...]:
        """The headers that pass to the client, by allow-list."""

    @property
    def ended(self) -> bool:
        """True once the provider has said its last word."""

    async def next(self) -> list[Piece]:
        """Return the pieces of one read; with `ended` set they are the last.

        Raises the tree of `words.errors` when the provider fails.
        """

    async def __aenter__(self) -> "Answer": ...

    async def __aexit__(
        self, kind: object, error: BaseException | None, trace: object, /
    ) -> None: ...
