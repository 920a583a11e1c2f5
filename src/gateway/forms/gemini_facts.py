"""What the gateway reads in an answer of Gemini. Pure.

A typed partial decode: each event of a stream is a whole answer, of what came since the last one;
what is not known here is not built.

https://ai.google.dev/api/generate-content#generatecontentresponse
"""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Raw

from gateway.forms.chat_facts import MAX_CHOICES
from gateway.forms.decoded import decoded
from gateway.words.answer import Usage

_NULL: Final = Raw(b"null")


class FunctionCall(msgspec.Struct, gc=False):
    """A call of a tool; it always comes whole."""

    id: str | None = None
    name: str = ""
    args: Raw = _NULL


class Blob(msgspec.Struct, rename="camel", gc=False):
    """What the model drew or spoke, in base64."""

    mime_type: str = ""
    data: str = ""


class Part(msgspec.Struct, rename="camel", gc=False):
    """One part of what was said; at most one of its kinds is there."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: FunctionCall | None = None
    inline_data: Blob | None = None


class Content(msgspec.Struct, gc=False):
    """What a candidate has said."""

    parts: list[Part] | None = None


class Candidate(msgspec.Struct, rename="camel", gc=False):
    """One of the answers that are told side by side."""

    index: Annotated[int, Meta(ge=0, lt=MAX_CHOICES)] = 0
    content: Content | None = None
    finish_reason: str | None = None
    finish_message: str | None = None
    logprobs_result: Raw = _NULL
    grounding_metadata: Raw = _NULL
    citation_metadata: Raw = _NULL


class PromptFeedback(msgspec.Struct, rename="camel", gc=False):
    """Why the prompt is not answered at all."""

    block_reason: str | None = None
    block_reason_message: str | None = None


class Response(msgspec.Struct, rename="camel", gc=False):
    """An answer, whole or a part of it."""

    candidates: list[Candidate] | None = None
    prompt_feedback: PromptFeedback | None = None
    usage_metadata: Any = None
    model_version: str | None = None
    response_id: str | None = None
    error: Raw = _NULL


MOST_PARTS: Final = 16_384
"""Parts of one event or body; each becomes a chunk, which is many times as long (R15)."""

_decode = msgspec.json.Decoder(Response).decode


def read_response(data: bytes) -> Response | None:
    """Read an event's data or a whole body, which is UTF-8 already; None if it cannot be (U16)."""
    return decoded(_decode, data)


def has_too_many_parts(response: Response) -> bool:
    """Say whether there are more parts than a model says at once."""
    contents = [each.content for each in response.candidates or () if each.content is not None]
    return sum(len(content.parts or ()) for content in contents) > MOST_PARTS


_FINISH_REASONS: Final = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(
        (
            *("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"),
            *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
            *("MODEL_ARMOR", "ESCALATION"),
        ),
        "content_filter",
    ),
}

_ITS_OWN: Final = "upstream_error"
_OURS: Final = "invalid_request_error"

FAILURES: Final = {
    "MALFORMED_FUNCTION_CALL": (_ITS_OWN, "malformed_function_call"),
    "UNEXPECTED_TOOL_CALL": (_ITS_OWN, "unexpected_tool_call"),
    "TOO_MANY_TOOL_CALLS": (_ITS_OWN, "too_many_tool_calls"),
    "MALFORMED_RESPONSE": (_ITS_OWN, "malformed_response"),
    "MISSING_THOUGHT_SIGNATURE": (_OURS, "missing_thought_signature"),
    "NO_IMAGE": (_ITS_OWN, "no_image"),
    "IMAGE_OTHER": (_ITS_OWN, "image_other"),
    "OTHER": (_ITS_OWN, "stopped_without_a_reason"),
    "PUP_LIMITED_DISABLED": (_ITS_OWN, "account_deactivated"),
}
"""Reasons that are failures, with the type and code by which they are told: no good end."""


def finish_reason_of(reason: str, *, calls: bool) -> str:
    """Return OpenAI's word for why an answer has ended; `calls` says that it calls tools.

    A word that is not known stays as it is: nobody may take it for a good end.
    """
    told = _FINISH_REASONS.get(reason, reason)
    return "tool_calls" if calls and told == "stop" else told


class Count:
    """Keeps account of an answer's tokens. What is reported is cumulative: the last word counts.

    Thoughts stand beside the words, and what built-in tools found beside the prompt; to the house
    they are parts of output and input.
    """

    __slots__ = ("_parts", "_said")

    def __init__(self) -> None:
        self._said: dict[str, int] = {}
        self._parts: dict[tuple[str, str], int] = {}

    def note(self, report: object) -> Usage | None:
        """Take a report in; return what there was so far, None where nothing has been said."""
        if isinstance(report, dict):
            for key, value in report.items():
                if key in _COUNTS:
                    if type(value) is int and value >= 0:
                        self._said[key] = value
                elif key in _DETAILS and isinstance(value, list):
                    self._note_parts(key, value)
        return self.usage()

    def _note_parts(self, side: str, parts: list[object]) -> None:
        for part in parts:
            if isinstance(part, dict) and part.get("modality") in _KINDS:
                count = part.get("tokenCount")
                if type(count) is int and count >= 0:
                    self._parts[side, part["modality"]] = count

    def usage(self) -> Usage | None:
        """Return the tokens so far; None where nothing has been said."""
        if not self._said:
            return None
        said, part = self._said.get, self._parts.get
        thoughts = said("thoughtsTokenCount", 0)
        asked = said("promptTokenCount", 0) + said("toolUsePromptTokenCount", 0)
        told = said("candidatesTokenCount", 0) + thoughts
        cached = said("cachedContentTokenCount", 0)
        if not self._parts:
            return Usage(asked, told, cached, thoughts)
        return Usage(
            input_tokens=asked,
            output_tokens=told,
            cached_tokens=cached,
            reasoning_tokens=thoughts,
            audio_input_tokens=part((_PROMPT, "AUDIO"), 0),
            audio_output_tokens=part((_CANDIDATES, "AUDIO"), 0),
            image_input_tokens=part((_PROMPT, "IMAGE"), 0),
            image_output_tokens=part((_CANDIDATES, "IMAGE"), 0),
        )


_PROMPT: Final = "promptTokensDetails"
_CANDIDATES: Final = "candidatesTokensDetails"
_KINDS: Final = ("AUDIO", "IMAGE")
_DETAILS: Final = frozenset({_PROMPT, _CANDIDATES})
_COUNTS: Final = frozenset(
    {
        "promptTokenCount",
        "toolUsePromptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "cachedContentTokenCount",
    }
)
