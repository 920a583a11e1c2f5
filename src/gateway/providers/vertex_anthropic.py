"""Anthropic's models on Google's Vertex AI: Messages, with the model in the path."""

from dataclasses import replace
from typing import Annotated, ClassVar

from msgspec import Meta

from gateway.providers.google_cloud import CloudSettings, credentials
from gateway.words.target import Target

__all__ = ["FORM", "Options", "credentials"]

FORM = "messages"


class Options(CloudSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Anthropic's models on Vertex AI, asked in Anthropic's Messages."""

    PLACE: ClassVar[str] = "/publishers/anthropic/models"

    max_tokens: Annotated[
        int,
        Meta(
            gt=0,
            le=10_000_000,
            description="How long an answer may be, in tokens, where the client does not say: the"
            " provider wants to be told. What `reasoning_effort` may take comes on top.",
        ),
    ] = 8192

    def fitted(self, target: Target) -> Target:
        """Return a target with its address, and how long its answers may be."""
        return replace(super().fitted(target), max_tokens=self.max_tokens)
