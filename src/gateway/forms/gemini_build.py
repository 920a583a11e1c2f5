"""Writes what a Gemini model says as the events, or the body, of OpenAI's chat form. Pure.

What an answer has in common with all its events is written once.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from gateway.words.answer import Usage

CREATED: Final = 0
"""The provider does not say when it answered, and a form reads no clock."""

_encode = msgspec.json.Encoder().encode


class Chunks:
    """Writes the chunks of one stream."""

    __slots__ = ("_end", "_head")

    def __init__(self, id: str, model: str, *, shows_usage: bool) -> None:
        """With `shows_usage` every chunk says that its usage is null, as OpenAI's do."""
        self._head = b'data: {"id":%b,"object":"chat.completion.chunk","created":%d,"model":%b' % (
            _encode(id),
            CREATED,
            _encode(model),
        )
        self._end = b'}],"usage":null}\n\n' if shows_usage else b"}]}\n\n"

    def delta(
        self, index: int, delta: object, logprobs: object, finish: str | None = None
    ) -> bytes:
        """Write a chunk of one choice."""
        return b'%b,"choices":[{"index":%d,"delta":%b,"logprobs":%b,"finish_reason":%b%b' % (
            self._head,
            index,
            _encode(delta),
            b"null" if logprobs is None else _encode(logprobs),
            b"null" if finish is None else _encode(finish),
            self._end,
        )

    def word(self, index: int, text: str) -> bytes:
        """Write a chunk of one choice that holds text and nothing else, as `delta` would."""
        said = b'%b,"choices":[{"index":%d,"delta":{"content":%b},"logprobs":null,'
        return (said + b'"finish_reason":null%b') % (self._head, index, _encode(text), self._end)

    def usage(self, usage: Usage) -> bytes:
        """Write the chunk that carries usage; it comes last."""
        return self._head + b',"choices":[],"usage":%b}\n\n' % _encode(usage_fields(usage))


def completion(
    id: str, model: str, choices: Iterable[dict[str, Any]], usage: Usage | None
) -> bytes:
    """Write a whole answer in one piece."""
    head = {"id": id, "object": "chat.completion", "created": CREATED, "model": model}
    counted = {} if usage is None else {"usage": usage_fields(usage)}
    return _encode({**head, "choices": list(choices), **counted})


def usage_fields(usage: Usage) -> dict[str, object]:
    """Return usage as OpenAI tells it: thoughts are parts of the completion."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "audio_tokens": usage.audio_input_tokens,
            "image_tokens": usage.image_input_tokens,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": usage.audio_output_tokens,
            "image_tokens": usage.image_output_tokens,
        },
    }
