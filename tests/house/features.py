"""What each kind of provider can be told, and what is told of its answers: found by trying.

What is asked is written for a target of each kind, and what comes of it stands in the table; what
is answered is read in the golden wires of its form. So nothing is claimed that does not happen.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Raw

from gateway.forms.chat import read_request
from gateway.forms.table import UPSTREAM_FORMS, upstream_form, write_request
from gateway.providers.table import TABLE
from gateway.words.call import Call, UpstreamRequest
from gateway.words.errors import Unsupported
from gateway.words.target import Origin, Target
from tests.framed import framed_file
from tests.heard import Golden, Heard

Fields = dict[str, Any]

YES: Final = "yes"
TRANSLATED: Final = "translated"
NOT_TOLD: Final = "not told"
REFUSED: Final = "refused"
DROPPED: Final = "refused or dropped"
NO: Final = "no"
MEANING: Final = {
    YES: "it passes as it came",
    TRANSLATED: "it is said, or told, in the other's words",
    NOT_TOLD: "it has no counterpart and no bearing on the answer, and is left out",
    REFUSED: "400, `unsupported_parameter`, before anybody is asked; the call goes to another home",
    DROPPED: 'the same; with `on_unsupported = "drop"` it is left out and named instead',
    NO: "the provider does not tell it, or only where it is asked what the common form cannot ask",
}

KINDS: Final[Mapping[str, tuple[str, Fields]]] = {
    "openai": ("m", {}),
    "azure": ("m", {"base_url": "https://x.openai.azure.com"}),
    "anthropic": ("claude-sonnet-4-5", {}),
    "vertex-anthropic": ("claude-sonnet-4-5", {"project": "p", "location": "global"}),
    "bedrock": ("eu.anthropic.claude-sonnet-4-5-v1:0", {"region": "eu-central-1"}),
    "gemini": ("gemini-2.5-pro", {}),
    "vertex": ("gemini-2.5-pro", {"project": "p"}),
    "cohere": ("command-a-03-2025", {}),
    "ollama-native": ("qwen3:8b", {}),
}
"""Kinds that differ, each with a model and what it needs to be told; all others are as `openai`."""

PNG: Final = "data:image/png;base64,iVBORw0KGgo="
PDF: Final = "data:application/pdf;base64,JVBERi0="
HI: Final = {"role": "user", "content": "Hi"}
PLACE: Final = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL: Final = {"type": "function", "function": {"name": "weather", "parameters": PLACE}}
CALLED: Final = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city":"Ghent"}'},
}


def said(*parts: Fields) -> Fields:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}, *parts]}]}


ASKED: Final[Mapping[str, Fields]] = {
    "system and developer": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": "Be kind."},
            HI,
        ]
    },
    "images inline": said({"type": "image_url", "image_url": {"url": PNG}}),
    "images by address": said({"type": "image_url", "image_url": {"url": "https://x.org/a.png"}}),
    "files": said({"type": "file", "file": {"file_data": PDF, "filename": "a.pdf"}}),
    "audio in": said({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
    "tools": {"tools": [TOOL]},
    "tools one at a time": {"tools": [TOOL], "parallel_tool_calls": False},
    "a tool forced": {"tools": [TOOL], "tool_choice": "required"},
    "a tool forced by name": {
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
    },
    "tool results": {
        "messages": [
            HI,
            {"role": "assistant", "tool_calls": [CALLED]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Rain"},
        ],
        "tools": [TOOL],
    },
    "structured output": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "a", "schema": {**PLACE, "additionalProperties": False}},
        }
    },
    "JSON of any shape": {"response_format": {"type": "json_object"}},
    "reasoning effort": {"reasoning_effort": "low", "max_completion_tokens": 9000},
    "prompt caching marks": said(
        {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}
    ),
    "log-probabilities": {"logprobs": True},
    "temperature": {"temperature": 0.5},
    "stop": {"stop": ["END"]},
    "seed": {"seed": 7},
    "penalties": {"presence_penalty": 0.5, "frequency_penalty": 0.5},
    "several answers": {"n": 2},
    "fields that are not known": {"guided_json": {}},
}
"""What a chat completion is asked with."""

UNMARKED: Final = said({"type": "text", "text": "Hi"})

OPERATIONS: Final[Mapping[str, tuple[str, Fields]]] = {
    "embeddings": ("embeddings", {"input": "Hi"}),
    "rerank": ("rerank", {"query": "Hi", "documents": ["Ho"]}),
    "raw operations": ("image_generation", {"prompt": "A tree"}),
}
"""What is asked beside chat."""

WIRES: Final[Mapping[str, tuple[str, str]]] = {
    "messages": ("sse", "text/event-stream"),
    "gemini": ("sse", "text/event-stream"),
    "bedrock": ("events", "application/vnd.amazon.eventstream"),
    "cohere": ("sse", "text/event-stream"),
    "ollama": ("ndjson", "application/x-ndjson"),
}
"""The golden streams of each form that is not OpenAI's."""


def _holds(mark: bytes) -> Callable[[Heard], bool]:
    return lambda heard: mark in heard.sent


def _counts(field: str) -> Callable[[Heard], bool]:
    return lambda heard: any(piece.usage and getattr(piece.usage, field) for piece in heard.pieces)


def _signs(heard: Heard) -> bool:
    return b'"signature":"' in heard.sent or b'"reasoning.encrypted"' in heard.sent


ANSWERED: Final[Mapping[str, Callable[[Heard], bool]]] = {
    "text": _holds(b'"delta":{"content":"'),
    "calls of tools": _holds(b'"tool_calls":[{'),
    "thoughts": _holds(b'"reasoning_content":"'),
    "signatures of thoughts": _signs,
    "log-probabilities told": _holds(b'"logprobs":{"content":[{'),
    "refusals": _holds(b'"finish_reason":"content_filter"'),
    "citations": _holds(b'"annotations":[{'),
    "tokens": _counts("input_tokens"),
    "tokens read from a cache": _counts("cached_tokens"),
    "tokens written to a cache": _counts("cache_write_tokens"),
    "tokens of thoughts": _counts("reasoning_tokens"),
    "errors in band": _holds(b'data: {"error":{"message":"'),
}
"""What is told of an answer, and how it shows."""

NATIVE: Final = {"Responses as they came": "responses", "Messages as they came": "messages"}


@dataclass(frozen=True)
class Row:
    """One feature, and what becomes of it with each kind."""

    feature: str
    cells: tuple[str, ...]


@cache
def target_of(kind: str) -> Target:
    """Return a target of this kind."""
    model, given = KINDS[kind]
    settings = msgspec.convert({"kind": kind, **given}, TABLE[kind].Options)
    target = Target(
        *("p", kind, TABLE[kind].FORM, Origin("https", "h", 443), "/v1", model), max_tokens=8192
    )
    return settings.fitted(target)


def chat_call(**fields: Any) -> Call:
    """Return a call for a chat completion."""
    return read_request("chat", json.dumps({"model": "m", "messages": [HI], **fields}).encode())


def other_call(operation: str, fields: Fields) -> Call:
    """Return a call for an operation that has but one form."""
    raw = {name: Raw(json.dumps(value).encode()) for name, value in fields.items()}
    return Call("raw", operation, "m", False, True, {"model": Raw(b'"m"'), **raw})


def written(call: Call, target: Target) -> UpstreamRequest:
    """Write a call in the form in which its target is asked."""
    return write_request(upstream_form(call, target), call, target)


def verdict(call: Call, target: Target, without: Call | None = None) -> str:
    """Say what becomes of a call: `without` is the same one without what is in question."""
    try:
        request = written(call, target)
    except Unsupported:
        try:
            dropped = written(call, replace(target, drops=True)).dropped
        except Unsupported:
            return REFUSED
        assert dropped, "what is let go is named"
        return DROPPED
    if upstream_form(call, target) is UPSTREAM_FORMS[call.form]:
        return YES
    if without is not None and request.body == written(without, target).body:
        return NOT_TOLD
    return TRANSLATED


def asked_rows() -> Iterable[Row]:
    """Yield what becomes of each thing that a client may ask."""
    for feature, fields in ASKED.items():
        plain = chat_call(**(UNMARKED if feature == "prompt caching marks" else {}))
        yield Row(
            feature,
            tuple(verdict(chat_call(**fields), target_of(kind), plain) for kind in KINDS),
        )
    for feature, (operation, fields) in OPERATIONS.items():
        call = other_call(operation, fields)
        yield Row(feature, tuple(verdict(call, target_of(kind)) for kind in KINDS))
    for feature, form in NATIVE.items():
        speaks = (target_of(kind).speaks(form) for kind in KINDS)
        yield Row(feature, tuple(YES if each else TRANSLATED for each in speaks))


def answered_rows() -> Iterable[Row]:
    """Yield what is told of each thing that a provider may answer."""
    forms = [TABLE[kind].FORM for kind in KINDS]
    for feature, shows in ANSWERED.items():
        yield Row(feature, tuple(_told(form, shows) for form in forms))
    yield Row("reasons to end", tuple(_reasons(form) for form in forms))


def _told(form: str, shows: Callable[[Heard], bool]) -> str:
    if form == "chat":
        return YES
    return TRANSLATED if any(map(shows, golden(form))) else NO


def _reasons(form: str) -> str:
    """Name OpenAI's reasons that occur in a form's golden streams."""
    if form == "chat":
        return YES
    words = ("stop", "length", "tool_calls", "content_filter")
    sent = b"".join(heard.sent for heard in golden(form))
    return ", ".join(word for word in words if b'"finish_reason":"%b"' % word.encode() in sent)


@cache
def golden(form: str) -> tuple[Heard, ...]:
    """Read all golden streams of a form."""
    ending, content_type = WIRES[form]
    wires = Golden(UPSTREAM_FORMS[form], form, ending, content_type)
    call = chat_call(stream=True, stream_options={"include_usage": True})
    read = framed_file if ending == "events" else Path.read_bytes
    return tuple(wires.heard([read(wires.file(name))], call) for name in wires.names())
