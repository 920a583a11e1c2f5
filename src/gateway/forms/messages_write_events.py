"""Writes the events of a stream of Anthropic's Messages, each with its name and its data. Pure.

https://docs.claude.com/en/api/messages-streaming
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.words.answer import Usage

PING: Final = b'event: ping\ndata: {"type":"ping"}\n\n'
"""What a client is told while there is nothing to tell."""

STOP: Final = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
"""The last event of a stream."""

_DELTA: Final = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":'
    b'{"type":"%b","%b":%b}}\n\n'
)

_encode = msgspec.json.Encoder().encode


def event(name: str, **fields: object) -> bytes:
    """Write an event of any kind; on one line, whatever white space stands in raw JSON."""
    data = msgspec.json.format(_encode({"type": name, **fields}), indent=-1)
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def message_start(message: Mapping[str, object]) -> bytes:
    """Write the event that opens an answer: the message before anything has been said."""
    return event("message_start", message=message)


def block_start(index: int, block: Mapping[str, object]) -> bytes:
    """Write the event that opens a block."""
    return event("content_block_start", index=index, content_block=block)


def delta(index: int, kind: bytes, text: str) -> bytes:
    """Write what is added to a block: `kind` is the name of the field."""
    return _DELTA % (index, _TYPES[kind], kind, _encode(text))


_TYPES: Final = {
    b"text": b"text_delta",
    b"thinking": b"thinking_delta",
    b"signature": b"signature_delta",
    b"partial_json": b"input_json_delta",
}


def block_stop(index: int) -> bytes:
    """Write the event that closes a block."""
    return b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % index


def message_delta(
    stop_reason: str | None, stop_sequence: str | None, usage: Mapping[str, object]
) -> bytes:
    """Write why the answer has ended, and all that it has used."""
    ended = {"stop_reason": stop_reason, "stop_sequence": stop_sequence}
    return event("message_delta", delta=ended, usage=usage)


def usage_fields(usage: Usage | None) -> dict[str, object]:
    """Return usage as Anthropic tells it: what the cache had, and took, is beside the input."""
    told = usage or Usage()
    read, written = told.cached_tokens, told.cache_write_tokens
    fields: dict[str, object] = {
        "input_tokens": max(0, told.input_tokens - read - written),
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "output_tokens": told.output_tokens,
    }
    if told.reasoning_tokens:
        fields["output_tokens_details"] = {"thinking_tokens": told.reasoning_tokens}
    return fields


def cache_fields(usage: Usage | None) -> dict[str, object]:
    """Return for how long what the cache took is kept; nothing where it took nothing."""
    if usage is None or not usage.cache_write_tokens:
        return {}
    longer = min(usage.cache_write_1h_tokens, usage.cache_write_tokens)
    shorter = usage.cache_write_tokens - longer
    kept = {"ephemeral_5m_input_tokens": shorter, "ephemeral_1h_input_tokens": longer}
    return {"cache_creation": kept}
