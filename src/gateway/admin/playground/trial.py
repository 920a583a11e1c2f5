"""One call from the playground: what is asked, and the events in which it is answered.

They are the provider's own, as they come, behind one of ours that says how the answer began; or one
that says why there is none. A key that is given is used for this call and kept nowhere.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.admin.playground.approach import Approach, Told
from gateway.admin.routes import Identity, Refusal

MOST_ANSWER_BYTES: Final = 4_194_304
MOST_ERROR_BYTES: Final = 65_536
MOST_MESSAGES: Final = 256

PATH: Final = "/v1/chat/completions"

_OTHER = re.compile(r"[^A-Za-z0-9_.:=/@+-]")
_KEPT = 58
"""Characters of a name in a tag, which may have 64 with what stands before."""

_OK: Final = 200


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked of a model. `key` is a virtual key of one's own, which an admin need not give.

    It is shown to the gateway with this call, and neither kept nor logged.
    """

    model: Annotated[str, Meta(min_length=1, max_length=256)]
    messages: Annotated[list[Message], Meta(min_length=1, max_length=MOST_MESSAGES)]
    temperature: Annotated[float, Meta(ge=0.0, le=2.0)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    key: Annotated[str, Meta(max_length=256, pattern=r"^[!-~]*$(?!\n)")] = ""


class _Usage(msgspec.Struct, frozen=True):
    include_usage: bool = True


class _Asked(msgspec.Struct, frozen=True):
    """The same in the words of the public API."""

    model: str
    messages: list[Message]
    temperature: float | UnsetType = UNSET
    max_tokens: int | UnsetType = UNSET
    stream: bool = True
    stream_options: _Usage = _Usage()


class Trial:
    """A call from its question to its end; `close` leaves it, wherever it is."""

    def __init__(self, approach: Approach, question: Question, who: Identity) -> None:
        self._approach = approach
        self._question = question
        self._tag = tag_of(who)
        self._told: Told | None = None
        self._refusal: Refusal | None = None
        self._bytes = 0
        self._over = False

    async def next(self) -> bytes:
        """Wait for the next events; b"" is the end. Raises nothing but Cancelled."""
        if self._over:
            return b""
        try:
            if self._refusal is not None:
                raise self._refusal
            return await (self._begin() if self._told is None else self._go_on(self._told))
        except Refusal as refusal:
            return self._fail(refusal.status, refusal.code, refusal.message)

    def refuse(self, refusal: Refusal) -> None:
        """Have it told this, in place of being asked."""
        self._refusal = refusal

    def close(self) -> None:
        """Leave: the call ends, and with it what the provider was asked. May be called again."""
        self._over = True
        if self._told is not None:
            self._told.close()

    async def _begin(self) -> bytes:
        fields = (
            (b"content-type", b"application/json"),
            (b"x-gateway-tags", self._tag),
            self._approach.shown(self._question.key),
        )
        told = self._told = await self._approach.ask("POST", PATH, fields, _asked(self._question))
        said = {
            "status": told.status,
            "request_id": told.field(b"x-request-id"),
            "attempts": told.field(b"x-gateway-attempts"),
        }
        if told.status != _OK:
            body = await told.whole(MOST_ERROR_BYTES)
            self._over = True
            return event("failure", said | {"body": body.decode(errors="replace")})
        return event("answer", said)

    async def _go_on(self, told: Told) -> bytes:
        part = await told.receive()
        self._bytes += len(part)
        if self._bytes > MOST_ANSWER_BYTES:
            told.close()
            text = f"The answer is longer than {MOST_ANSWER_BYTES} bytes; the rest is not shown."
            return self._fail(502, "answer_too_long", text)
        self._over = not part
        return part

    def _fail(self, status: int, code: str, message: str) -> bytes:
        self._over = True
        # An event that broke off in its middle must not swallow this one.
        return b"\n\n" + event("failure", {"status": status, "code": code, "message": message})


def event(name: str, said: Mapping[str, object]) -> bytes:
    """Write an event of our own."""
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(said))


def tag_of(who: Identity) -> bytes:
    """Return the tag under which the ledger knows whose question it was."""
    return f"by:{_OTHER.sub('_', who.name)[:_KEPT]}".encode()


def _asked(question: Question) -> bytes:
    return msgspec.json.encode(
        _Asked(
            question.model,
            question.messages,
            UNSET if question.temperature is None else question.temperature,
            UNSET if question.max_tokens is None else question.max_tokens,
        )
    )
