"""Writes events and the object of a response, in OpenAI's Responses form. Pure.

Each event is one line of its type and one line of data, numbered in their order. What all objects
of one answer have in common is written once.

https://developers.openai.com/api/reference/responses
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from gateway.forms.responses_facts import usage_fields
from gateway.words.answer import Usage

_NULL: Final = b"null"

_ECHOED: Final[Mapping[str, bytes]] = {
    "instructions": _NULL,
    "max_output_tokens": _NULL,
    "max_tool_calls": _NULL,
    "metadata": b"{}",
    "parallel_tool_calls": b"true",
    "prompt_cache_key": _NULL,
    "reasoning": b'{"effort":null,"summary":null}',
    "safety_identifier": _NULL,
    "service_tier": b'"default"',
    "temperature": _NULL,
    "text": b'{"format":{"type":"text"}}',
    "tool_choice": b'"auto"',
    "tools": b"[]",
    "top_logprobs": _NULL,
    "top_p": _NULL,
    "user": _NULL,
}
"""What a response repeats of its request, and what it says where the request is silent."""

_FIXED: Final = (
    b'"background":false,"previous_response_id":null,"store":false,"truncation":"disabled"'
)
"""What is so wherever a chat has answered."""

_encode = msgspec.json.Encoder().encode


def compact(raw: bytes) -> bytes:
    """Return JSON on one line, whatever white space stands in it."""
    return msgspec.json.format(raw, indent=-1) if b"\n" in raw or b"\r" in raw else raw


class Sheet:
    """The object of one response, as far as it stays the same."""

    __slots__ = ("_after", "_before", "id")

    def __init__(self, id: str, created: float, model: str, native: Mapping[str, Raw]) -> None:
        self.id = id
        self._before = b'{"id":%b,"object":"response","created_at":%b,"model":%b,%b,' % (
            _encode(id),
            _encode(created),
            _encode(model),
            _FIXED,
        )
        echoed = [
            b'"%b":%b' % (name.encode(), _given(native.get(name), silent))
            for name, silent in _ECHOED.items()
        ]
        self._after = b",".join(echoed) + b"}"

    def write(
        self,
        status: str,
        output: list[bytes],
        usage: Usage | None = None,
        *,
        error: bytes = _NULL,
        incomplete: str | None = None,
    ) -> bytes:
        """Write the object as it is now. `incomplete` is why there is not more."""
        details = {"reason": incomplete} if incomplete else None
        counted = usage_fields(usage) if usage is not None else None
        now = b'"status":"%b","error":%b,"incomplete_details":%b,"output":[%b],"usage":%b,' % (
            status.encode(),
            error,
            _encode(details),
            b",".join(output),
            _encode(counted),
        )
        return self._before + now + self._after


def _given(raw: Raw | None, silent: bytes) -> bytes:
    return silent if raw is None or bytes(raw) == _NULL else compact(bytes(raw))


class Log:
    """The events of one answer, in their order."""

    __slots__ = ("_told", "number")

    def __init__(self) -> None:
        self._told: list[bytes] = []
        self.number = 0

    def tell(self, kind: bytes, rest: bytes) -> None:
        """Add an event. `rest` is what its data says beside its type and its number."""
        self._told.append(write_event(kind, self.number, rest))
        self.number += 1

    def take(self) -> bytes:
        """Return what has been told since the last time."""
        told, self._told = self._told, []
        return b"".join(told)


def write_event(kind: bytes, number: int, rest: bytes) -> bytes:
    """Write one event."""
    told = (kind, kind, number, rest)
    return b'event: %b\ndata: {"type":"%b","sequence_number":%d,%b}\n\n' % told
