"""Judges requests for Anthropic by the types of its official SDK: `anthropic` on PyPI."""

from typing import Any, Final

from anthropic.types.message_count_tokens_params import MessageCountTokensParams
from anthropic.types.message_create_params import (
    MessageCreateParamsNonStreaming,
    MessageCreateParamsStreaming,
)

from tests.judges.strictly import Refused, by_type

OLDER: Final = ("temperature", "top_p", "top_k")
"""What older models still take, and the SDK's types no longer have."""

_STREAM: Final = by_type(MessageCreateParamsStreaming)
_WHOLE: Final = by_type(MessageCreateParamsNonStreaming)
_COUNT: Final = by_type(MessageCountTokensParams)


def judge_messages(body: dict[str, Any]) -> None:
    """Raise `Refused` for what is no request of `/v1/messages`."""
    for name in OLDER:
        if not isinstance(body.get(name, 0), float | int):
            raise Refused(f"{name}: a number is expected")
    kept = {name: value for name, value in body.items() if name not in OLDER}
    (_STREAM if kept.get("stream") else _WHOLE)(kept)
    _judge_turns(kept["messages"])


def judge_count_tokens(body: dict[str, Any]) -> None:
    """Raise `Refused` for what is no request of `/v1/messages/count_tokens`."""
    _COUNT(body)
    _judge_turns(body["messages"])


def judge_in_a_cloud(body: dict[str, Any], version: str) -> None:
    """Raise `Refused` for what Vertex and Bedrock would not take, whose path says the model."""
    kept = dict(body)
    if kept.pop("anthropic_version", None) != version:
        raise Refused(f"anthropic_version: {version!r} is expected")
    if "model" in kept:
        raise Refused("model: it stands in the path")
    kept.pop("anthropic_beta", None)
    judge_messages({**kept, "model": "in the path"})


def _judge_turns(turns: list[dict[str, Any]]) -> None:
    """Refuse what the API says no to beside its types: an empty text, a result nobody asked for."""
    asked: set[str] = set()
    for turn in turns:
        if not turn["content"]:
            raise Refused("messages: a turn that says nothing")
        blocks = turn["content"] if isinstance(turn["content"], list) else []
        for block in blocks:
            if block["type"] == "text" and not block["text"]:
                raise Refused("messages: an empty text")
            if block["type"] == "tool_result" and block["tool_use_id"] not in asked:
                raise Refused(
                    "messages: the result of a tool that was not called in the turn before"
                )
        asked = {block["id"] for block in blocks if block["type"] == "tool_use"}
