"""Writes what a provider of Anthropic's Messages says in OpenAI's chat form. Pure.

What an answer has in common with all its events is written once. A thought goes out as
`reasoning_content`; once it is whole, it goes out again with its signature in `reasoning_details`,
so that a client which sends those back has the provider find its own thought unchanged.
"""

from collections.abc import Sequence
from itertools import starmap
from typing import Final

import msgspec
from msgspec import Raw

from gateway.forms.messages_facts import Block, finish_reason_of
from gateway.words.answer import Usage

FORMAT: Final = "anthropic-claude-v1"
"""Tells the details of this provider's thoughts from those of others."""

CREATED: Final = 0
"""The provider does not say when it answered, and a form reads no clock."""

LONGEST_ID: Final = 256
"""Characters of an answer's id. It stands in each chunk: a longer one would make much of little."""

_encode = msgspec.json.Encoder().encode


class Chunks:
    """Writes the chunks of one stream."""

    __slots__ = ("_before", "_behind", "_end", "_head")

    def __init__(self, id: str, model: str, *, shows_usage: bool) -> None:
        """With `shows_usage` every chunk says that its usage is null, as OpenAI's do."""
        self._head = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b' % (
            _encode(id[:LONGEST_ID]),
            CREATED,
            _encode(model),
        )
        self._before = self._head + b',"choices":[{"index":0,"delta":{'
        null = b',"usage":null' if shows_usage else b""
        self._end = b"}]%b}\n\n" % null
        self._behind = b'},"logprobs":null,"finish_reason":null' + self._end

    def role(self) -> bytes:
        """Write the chunk that opens the answer."""
        return self._before + b'"role":"assistant","content":""' + self._behind

    def content(self, text: str) -> bytes:
        """Write a chunk of text."""
        return self._before + b'"content":' + _encode(text) + self._behind

    def thought(self, text: str) -> bytes:
        """Write a chunk of a thought."""
        return self._before + b'"reasoning_content":' + _encode(text) + self._behind

    def details(self, detail: dict[str, object]) -> bytes:
        """Write a whole thought with its signature."""
        return self._before + b'"reasoning_details":' + _encode([detail]) + self._behind

    def tool(self, index: int, block: Block) -> bytes:
        """Write the chunk that begins the call of a tool."""
        call = {"index": index, **tool_call(block, "")}
        return self._before + b'"tool_calls":' + _encode([call]) + self._behind

    def arguments(self, index: int, text: str) -> bytes:
        """Write a part of the arguments of a call."""
        part = b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (index, _encode(text))
        return self._before + part + self._behind

    def finish(self, stop_reason: str) -> bytes:
        """Write the chunk that says why the answer has ended."""
        reason = _encode(finish_reason_of(stop_reason))
        return self._before + b'},"logprobs":null,"finish_reason":' + reason + self._end

    def usage(self, usage: Usage) -> bytes:
        """Write the chunk that carries usage; it comes last."""
        return self._head + b',"choices":[],"usage":%b}\n\n' % _encode(usage_fields(usage))


def tool_call(block: Block, arguments: str) -> dict[str, object]:
    """Return the call of a tool."""
    function = {"name": block.name, "arguments": arguments}
    return {"id": block.id, "type": "function", "function": function}


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
    choice = {
        "index": 0,
        "message": _message(blocks),
        "logprobs": None,
        "finish_reason": finish_reason_of(stop_reason),
    }
    head = {"id": id, "object": "chat.completion", "created": CREATED, "model": model}
    counted = {} if usage is None else {"usage": usage_fields(usage)}
    return _encode({**head, "choices": [choice], **counted})


def _message(blocks: Sequence[Block]) -> dict[str, object]:
    texts = [block.text for block in blocks if block.type == "text"]
    thoughts = "".join([block.thinking for block in blocks if block.type == "thinking"])
    details = list(starmap(detail_of, enumerate(blocks)))
    proved = [detail for detail in details if detail is not None]
    calls = [
        tool_call(block, arguments_of(block.input)) for block in blocks if block.type == "tool_use"
    ]
    message: dict[str, object] = {
        "role": "assistant",
        "content": "".join(texts) if texts else None,
        "refusal": None,
    }
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


def usage_fields(usage: Usage) -> dict[str, object]:
    """Return usage as OpenAI tells it: the cache's tokens are parts of the prompt's."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
