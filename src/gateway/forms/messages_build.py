"""Writes what a provider of Anthropic's Messages says in OpenAI's chat form. Pure.

A thought goes out as `reasoning_content`; once it is whole, it goes out again with its signature in
`reasoning_details`, so that a client which sends those back has the provider find its own thought
unchanged.
"""

from collections.abc import Sequence
from itertools import starmap
from typing import Final

from msgspec import Raw

from gateway.forms.chat_chunks import Whole, tool_call
from gateway.forms.messages_facts import Block, finish_reason_of
from gateway.words.answer import Usage

FORMAT: Final = "anthropic-claude-v1"
"""Tells the details of this provider's thoughts from those of others."""


def detail_of(index: int, block: Block) -> dict[str, object] | None:
    """Return a thought with what proves that it is the provider's; None where there is no proof."""
    known = {"format": FORMAT, "index": index}
    if block.type == "thinking" and block.signature:
        said = {"type": "reasoning.text", "text": block.thinking}
        return {**said, "signature": block.signature, **known}
    if block.type == "redacted_thinking" and block.data:
        return {"type": "reasoning.encrypted", "data": block.data, **known}
    return None


def completion(
    id: str, model: str, blocks: Sequence[Block], stop_reason: str, usage: Usage | None
) -> bytes:
    """Write a whole answer in one piece."""
    reason = finish_reason_of(stop_reason)
    return Whole(id, model, _message(blocks), reason, usage=usage).written()


def _message(blocks: Sequence[Block]) -> dict[str, object]:
    texts = [block.text for block in blocks if block.type == "text"]
    thoughts = "".join([block.thinking for block in blocks if block.type == "thinking"])
    details = list(starmap(detail_of, enumerate(blocks)))
    proved = [detail for detail in details if detail is not None]
    calls = [
        tool_call(block.id, block.name, arguments_of(block.input))
        for block in blocks
        if block.type == "tool_use"
    ]
    message: dict[str, object] = {"content": "".join(texts) if texts else None}
    if thoughts:
        message["reasoning_content"] = thoughts
    if proved:
        message["reasoning_details"] = proved
    if calls:
        message["tool_calls"] = calls
    return message


def arguments_of(value: Raw) -> str:
    """Return the arguments of a call as OpenAI tells them: a text of JSON."""
    return bytes(value).decode()
