"""Gemini on Google's Vertex AI: the same API, in a project and at a location."""

from typing import ClassVar

from gateway.providers.google_cloud import CloudSettings, credentials

__all__ = ["FORM", "Options", "credentials"]

FORM = "gemini"


class Options(CloudSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Google's models on Vertex AI, asked by the Gemini API."""

    PLACE: ClassVar[str] = "/publishers/google"
