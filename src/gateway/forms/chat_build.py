"""Chat completions that the gateway makes itself, for `echo` and for odd providers. Pure.

Ids and times are arguments. What is built here is what OpenAI's specification demands of a chunk:
`finish_reason` is always there, and `choices` is empty only beside a usage.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from gateway.words.answer import Usage
from gateway.words.errors import BadRequest

DONE = b"data: [DONE]\n\n"
"""The last event of a stream."""

MAX_ECHO_OBJECTS = 65_536

_NULL = Raw(b"null")
_WORDS = re.compile(r"\S+\s*|\s+")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all chunks of one answer have in common; `created` is in seconds of the epoch."""

    id: str
    created: int
    model: str

    def head(self, kind: str) -> dict[str, object]:
        """Return the first fields of an object of this kind."""
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def event(value: object) -> bytes:
    """Write one event; on one line, whatever white space stands in raw JSON."""
    return b"data: %b\n\n" % msgspec.json.format(_encode(value), indent=-1)


def role_chunk(stamp: Stamp) -> bytes:
    """Write the chunk that opens an answer."""
    return _delta_chunk(stamp, {"role": "assistant", "content": ""}, None)


def content_chunk(stamp: Stamp, text: str) -> bytes:
    """Write a chunk of text."""
    return _delta_chunk(stamp, {"content": text}, None)


def finish_chunk(stamp: Stamp, finish_reason: str = "stop") -> bytes:
    """Write the chunk that closes a choice."""
    return _delta_chunk(stamp, {}, finish_reason)


def usage_chunk(stamp: Stamp, usage: Usage) -> bytes:
    """Write the chunk that carries usage; it comes last, and only where it was asked for."""
    head = stamp.head("chat.completion.chunk")
    return event({**head, "choices": [], "usage": _usage_fields(usage)})


def completion(stamp: Stamp, text: str, usage: Usage) -> bytes:
    """Write a whole answer in one piece."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    head = stamp.head("chat.completion")
    return _encode({**head, "choices": [choice], "usage": _usage_fields(usage)})


def _delta_chunk(stamp: Stamp, delta: dict[str, str], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return event({**stamp.head("chat.completion.chunk"), "choices": [choice]})


def _usage_fields(usage: Usage) -> dict[str, object]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


class _Said(msgspec.Struct, gc=False):
    role: Any = None
    content: Raw = _NULL


class _Conversation(msgspec.Struct, gc=False):
    messages: list[_Said] = []


def echo_text(body: bytes) -> str:
    """Return the text of the last user message in a request's body, the texts of its parts joined.

    Empty where no user has spoken. Raises `BadRequest` for a body that is no such request, or that
    holds more than `MAX_ECHO_OBJECTS` objects.
    """
    if body.count(b"{") > MAX_ECHO_OBJECTS:
        raise BadRequest(f"echo reads at most {MAX_ECHO_OBJECTS} objects.", param="messages")
    try:
        messages = msgspec.json.decode(body, type=_Conversation).messages
        spoken = [message.content for message in messages if message.role == "user"]
        return _text_of(msgspec.json.decode(spoken[-1])) if spoken else ""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest("echo cannot read the messages.", param="messages") from error


def _text_of(content: object) -> str:
    """Return a message's text: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def words_of(text: str) -> list[str]:
    """Cut a text into words, each with the white space after it; joined they are the text."""
    return _WORDS.findall(text)


_Calls = list[dict[str, Raw]] | None
_Fields = dict[str, Raw]


class _WholeChoice(msgspec.Struct):
    message: _Fields
    index: int = 0
    logprobs: Raw = _NULL
    finish_reason: str | None = None


class _Completion(msgspec.Struct):
    choices: list[_WholeChoice]
    id: Raw = Raw(b'""')
    created: Raw = Raw(b"0")
    model: Raw = Raw(b'""')
    usage: Raw = _NULL


class _Choices(msgspec.Struct):
    choices: list[_Fields]


def as_stream(body: bytes) -> bytes | None:
    """Turn a whole answer into the stream that was asked for, `[DONE]` and usage included.

    What is not known here goes with the first words. None where the body is no chat completion.
    """
    try:
        whole = msgspec.json.decode(body, type=_Completion)
        if not whole.choices:
            return None
        head: dict[str, object] = {
            "id": whole.id,
            "object": "chat.completion.chunk",
            "created": whole.created,
            "model": whole.model,
        }
        more = _beyond(msgspec.json.decode(body, type=_Fields), _Completion)
        more.pop("error", None)  # there is an answer; in a stream this would end it
        fields = msgspec.json.decode(body, type=_Choices).choices
        events = [
            _opening({**more, **head}, choice, _beyond(said, _WholeChoice))
            for choice, said in zip(whole.choices, fields, strict=True)
        ]
        events += [_closing(head, choice) for choice in whole.choices]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if bytes(whole.usage) != b"null":
        events.append(event({**head, "choices": [], "usage": whole.usage}))
    return b"".join(events) + DONE


def _beyond(fields: _Fields, known: type[msgspec.Struct]) -> _Fields:
    return {name: said for name, said in fields.items() if name not in known.__struct_fields__}


def _opening(head: Mapping[str, object], choice: _WholeChoice, more: _Fields) -> bytes:
    """Write all that a choice says as one chunk; calls of tools get the index that chunks need."""
    delta: dict[str, object] = dict(choice.message)
    calls = msgspec.json.decode(choice.message.get("tool_calls", _NULL), type=_Calls)
    if calls is not None:
        delta["tool_calls"] = [{"index": at, **call} for at, call in enumerate(calls)]
    said = {**more, "index": choice.index, "delta": delta, "logprobs": choice.logprobs}
    return event({**head, "choices": [{**said, "finish_reason": None}]})


def _closing(head: Mapping[str, object], choice: _WholeChoice) -> bytes:
    reason = choice.finish_reason or "stop"
    closed = {"index": choice.index, "delta": {}, "logprobs": None, "finish_reason": reason}
    return event({**head, "choices": [closed]})
