"""Reads what a client asks in Anthropic's Messages. Pure.

The call holds the client's own fields as they came, for whoever speaks this form, and the same said
in the common form, for all others. What the common form cannot say stands in `Call.beyond` by its
name: whoever is asked in that form refuses it, or lets it go, as the operator says.

https://docs.claude.com/en/api/messages
"""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw

from gateway.forms.fields import NULL, FieldReader, read_model, read_stream
from gateway.forms.messages_floods import mark_of
from gateway.forms.messages_read_options import options_of
from gateway.forms.messages_read_turns import MOST_NAMED, Message, said_in
from gateway.words.call import COUNT_TOKENS, Call
from gateway.words.client import Header
from gateway.words.errors import BadRequest

FORM: Final = "messages"

_PASSED: Final = (b"anthropic-beta", b"anthropic-version")
"""Header fields that say how the request is to be taken. Its answer is read alike in all versions:
they differ in what may be asked."""

_TRUE: Final = Raw(b"true")
Fields = dict[str, Raw]

_encode = msgspec.json.Encoder().encode
_read_fields = FieldReader("messages", "tools", "system").read
_is_room = msgspec.json.Decoder(Annotated[int, Meta(ge=0)]).decode


def read_request(operation: str, body: bytes, headers: Mapping[bytes, bytes], /) -> Call:
    """Read a client's request. Raises `BadRequest`, with the field's name where there is one."""
    native = _read_fields(body)
    model = read_model(native)
    counts = operation == COUNT_TOKENS
    if not counts:
        _check_room(native)
    stream = read_stream(native) and not counts
    fields, beyond = _common(native)
    if stream:
        fields["stream"] = _TRUE
    return Call(
        form=FORM,
        operation=operation,
        model=model,
        stream=stream,
        show_usage=not stream,
        fields=fields,
        native=native,
        passed=_passed(headers),
        beyond=tuple((name, _why(name)) for name in beyond[:MOST_NAMED]),
    )


def _why(name: str) -> str:
    return f"{name!r} can be told only to a provider that speaks Anthropic's Messages."


def _check_room(native: Fields) -> None:
    if "max_tokens" not in native:
        raise BadRequest(
            "'max_tokens' is missing: the most tokens of an answer.", param="max_tokens"
        )
    try:
        _is_room(native["max_tokens"])
    except msgspec.DecodeError:
        raise BadRequest("'max_tokens' must be a whole number.", param="max_tokens") from None


def _passed(headers: Mapping[bytes, bytes]) -> tuple[Header, ...]:
    """Return the header fields that belong to the request."""
    return tuple((name, headers[name]) for name in _PASSED if headers.get(name))


def _common(native: Fields) -> tuple[Fields, tuple[str, ...]]:
    """Say the request in the common form; name what cannot be said there."""
    if "messages" not in native:
        raise BadRequest("'messages' is missing: an array of objects.", param="messages")
    said = said_in(native.get("system", NULL), native["messages"])
    options, beyond = options_of(native)
    mark = mark_of(native.get("cache_control", NULL))
    if mark is not None:
        _mark_last(said.messages, mark)
    fields = {"model": native["model"], "messages": Raw(_encode(said.messages)), **options}
    return fields, (*said.beyond, *beyond)


def _mark_last(messages: list[Message], mark: Raw) -> None:
    """Mark the end of what was said, which is where a mark of the whole request belongs."""
    last = messages[-1] if messages else {}
    content = last.get("content")
    if isinstance(content, str) and content and last["role"] != "tool":
        content = last["content"] = [{"type": "text", "text": content}]
    if isinstance(content, list) and content:
        content[-1].setdefault("cache_control", mark)
    else:
        last.setdefault("cache_control", mark)
