"""Writes chat completions for answers that came in another form, event by event or whole. Pure.

What an answer has in common with all its events is written once. `finish_reason` is always there,
and `choices` is empty only beside a usage.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.words.answer import Usage

Fields = Mapping[str, object]

LONGEST_ID: Final = 256
"""Characters of an answer's id. It stands in each chunk: a longer one would make much of little."""

_NO_LOGPROBS = b'},"logprobs":null,"finish_reason":null'

_encode = msgspec.json.Encoder().encode


class Chunks:
    """Writes the chunks of one stream.

    `created` is in seconds of the epoch: 0 where a provider does not say when it answered, since a
    form reads no clock.
    """

    __slots__ = ("_before", "_behind", "_end", "_head")

    def __init__(self, id: str, model: str, created: int = 0, *, shows_usage: bool) -> None:
        """With `shows_usage` every chunk says that its usage is null, as OpenAI's do."""
        self._head = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b' % (
            _encode(id[:LONGEST_ID]),
            created,
            _encode(model),
        )
        self._before = self._head + b',"choices":[{"index":0,"delta":{'
        null = b',"usage":null' if shows_usage else b""
        self._end = b"}]%b}\n\n" % null
        self._behind = _NO_LOGPROBS + self._end

    def role(self) -> bytes:
        """Write the chunk that opens the answer."""
        return self._before + b'"role":"assistant","content":""' + self._behind

    def content(self, text: str, logprobs: Sequence[Fields] | None = None) -> bytes:
        """Write a chunk of text, with what its tokens had for probabilities."""
        said = self._before + b'"content":' + _encode(text)
        if logprobs is None:
            return said + self._behind
        told = _encode({"content": logprobs, "refusal": None})
        return said + b'},"logprobs":' + told + b',"finish_reason":null' + self._end

    def thought(self, text: str) -> bytes:
        """Write a chunk of a thought."""
        return self._before + b'"reasoning_content":' + _encode(text) + self._behind

    def add(self, name: str, value: object) -> bytes:
        """Write a chunk of anything else that a message has."""
        return self._before + b'"%b":' % name.encode() + _encode(value) + self._behind

    def tool(self, index: int, call: Fields) -> bytes:
        """Write the chunk that begins the call of a tool, or holds all of it."""
        return self.add("tool_calls", [{"index": index, **call}])

    def arguments(self, index: int, text: str) -> bytes:
        """Write a part of the arguments of a call."""
        part = b'"tool_calls":[{"index":%d,"function":{"arguments":%b}}]' % (index, _encode(text))
        return self._before + part + self._behind

    def finish(self, reason: str) -> bytes:
        """Write the chunk that says why the answer has ended."""
        return self._before + b'},"logprobs":null,"finish_reason":' + _encode(reason) + self._end

    def usage(self, usage: Usage) -> bytes:
        """Write the chunk that carries usage; it comes last."""
        return self._head + b',"choices":[],"usage":%b}\n\n' % _encode(usage_fields(usage))


class Whole(msgspec.Struct, frozen=True):
    """An answer in one piece, with one choice."""

    id: str
    model: str
    message: Fields
    finish_reason: str
    created: int = 0
    usage: Usage | None = None
    logprobs: Sequence[Fields] | None = None

    def written(self) -> bytes:
        """Write it as OpenAI does."""
        told = None if self.logprobs is None else {"content": self.logprobs, "refusal": None}
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": None, "refusal": None, **self.message},
            "logprobs": told,
            "finish_reason": self.finish_reason,
        }
        head = {"id": self.id, "object": "chat.completion", "created": self.created}
        counted = {} if self.usage is None else {"usage": usage_fields(self.usage)}
        return _encode({**head, "model": self.model, "choices": [choice], **counted})


def tool_call(id: str, name: str, arguments: str) -> dict[str, object]:
    """Return the call of a tool as a message has it."""
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


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
