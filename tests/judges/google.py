"""Judges requests for Gemini by the types of Google's official SDK: `google-genai` on PyPI.

The SDK has a type for each part of a request's body, and none for the body itself: its fields are
those of the published REST reference.

https://ai.google.dev/api/generate-content
"""

from typing import Any, Final

from google.genai import types

from tests.judges.strictly import Judge, Refused, by_model, only

_CONTENT: Final = by_model(types.Content)

PARTS: Final[dict[str, Judge]] = {
    "systemInstruction": _CONTENT,
    "toolConfig": by_model(types.ToolConfig),
    "generationConfig": by_model(types.GenerationConfig),
}
"""Fields of one thing each."""

LISTS: Final[dict[str, Judge]] = {
    "contents": _CONTENT,
    "tools": by_model(types.Tool),
    "safetySettings": by_model(types.SafetySetting),
}
"""Fields of several."""

TEXTS: Final = ("cachedContent", "serviceTier", "model")
IN_A_CLOUD: Final = ("labels",)
"""What Vertex takes beside."""

ROLES: Final = {"user", "model", "function"}


def judge_generate(body: dict[str, Any], *, vertex: bool = False) -> None:
    """Raise `Refused` for what is no request of `generateContent` or `streamGenerateContent`."""
    only(body, (*PARTS, *LISTS, *TEXTS, *(IN_A_CLOUD if vertex else ())))
    if not body.get("contents"):
        raise Refused("contents: at least one is expected")
    for name in LISTS.keys() & body.keys():
        for each in body[name]:
            LISTS[name](each)
    for name in PARTS.keys() & body.keys():
        PARTS[name](body[name])
    for turn in body["contents"]:
        if turn.get("role", "user") not in ROLES or not turn.get("parts"):
            raise Refused("contents: a turn is of user or model, and has parts")
        for part in turn["parts"]:
            _judge_part(part)


def judge_embed(body: dict[str, Any]) -> None:
    """Raise `Refused` for what is no request of `embedContent`."""
    only(body, ("model", "content", "taskType", "title", "outputDimensionality"))
    if "content" not in body:
        raise Refused("content: it is expected")
    _CONTENT(body["content"])
    if not isinstance(body.get("outputDimensionality", 1), int):
        raise Refused("outputDimensionality: a whole number is expected")


def judge_batch_embed(body: dict[str, Any]) -> None:
    """Raise `Refused` for what is no request of `batchEmbedContents`."""
    only(body, ("requests",))
    if not body.get("requests"):
        raise Refused("requests: at least one is expected")
    for each in body["requests"]:
        if not str(each.get("model", "")).startswith("models/"):
            raise Refused("requests.model: `models/NAME` is expected")
        judge_embed(each)


_KINDS: Final = frozenset(
    {
        *("text", "inlineData", "fileData", "functionCall", "functionResponse"),
        *("executableCode", "codeExecutionResult", "toolCall", "toolResponse"),
    }
)
"""Of these a part has one."""


def _judge_part(part: dict[str, Any]) -> None:
    if len(_KINDS & part.keys()) > 1 or not (_KINDS & part.keys() or "thoughtSignature" in part):
        raise Refused(f"parts: one of {', '.join(sorted(_KINDS))} is expected")
