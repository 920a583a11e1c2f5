"""Judges requests for OpenAI by the types of its official SDK: `openai` on PyPI."""

from typing import Any, Final

from openai.types.audio.speech_create_params import SpeechCreateParams
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from openai.types.completion_create_params import (
    CompletionCreateParamsNonStreaming as LegacyWhole,
)
from openai.types.completion_create_params import CompletionCreateParamsStreaming as LegacyStream
from openai.types.embedding_create_params import EmbeddingCreateParams
from openai.types.image_generate_params import (
    ImageGenerateParamsNonStreaming,
    ImageGenerateParamsStreaming,
)
from openai.types.moderation_create_params import ModerationCreateParams
from openai.types.responses.response_create_params import (
    ResponseCreateParamsNonStreaming,
    ResponseCreateParamsStreaming,
)

from tests.judges.strictly import Judge, by_type

Pair = tuple[Judge, Judge]

CHAT: Final[Pair] = (
    by_type(CompletionCreateParamsNonStreaming),
    by_type(CompletionCreateParamsStreaming),
)
RESPONSES: Final[Pair] = (
    by_type(ResponseCreateParamsNonStreaming),
    by_type(ResponseCreateParamsStreaming),
)
COMPLETIONS: Final[Pair] = (by_type(LegacyWhole), by_type(LegacyStream))
IMAGES: Final[Pair] = (
    by_type(ImageGenerateParamsNonStreaming),
    by_type(ImageGenerateParamsStreaming),
)
"""Each of what does not stream, and of what does."""

judge_embeddings: Final = by_type(EmbeddingCreateParams)
judge_moderations: Final = by_type(ModerationCreateParams)
judge_speech: Final = by_type(SpeechCreateParams)


def judge_chat(body: dict[str, Any]) -> None:
    """Raise `Refused` for what is no request of `/v1/chat/completions`."""
    _judge(CHAT, body)


def judge_responses(body: dict[str, Any]) -> None:
    """Raise `Refused` for what is no request of `/v1/responses`."""
    _judge(RESPONSES, body)


def judge_completions(body: dict[str, Any]) -> None:
    """Raise `Refused` for what is no request of `/v1/completions`."""
    _judge(COMPLETIONS, body)


def judge_images(body: dict[str, Any]) -> None:
    """Raise `Refused` for what is no request of `/v1/images/generations`."""
    _judge(IMAGES, body)


def _judge(judges: Pair, body: dict[str, Any]) -> None:
    whole, stream = judges
    (stream if body.get("stream") else whole)(body)
