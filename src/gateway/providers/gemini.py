"""Gemini, as Google AI Studio serves it: its own API, with a key."""

from typing import Annotated, ClassVar

from msgspec import Meta

from gateway.providers import Models, Settings
from gateway.words.client import Header
from gateway.words.secret import Secret

FORM = "gemini"


class Options(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Google's Gemini API, as AI Studio gives out keys for it."""

    LISTS: ClassVar[str] = "/models?pageSize=1000"

    base_url: Annotated[
        str,
        Meta(
            min_length=1,
            description="Where its API begins: `http://` or `https://`, host, port, path.",
        ),
    ] = "https://generativelanguage.googleapis.com/v1beta"
    models: Models = "*"


def credentials(key: Secret | None) -> tuple[Header, ...]:
    """Return the key in the provider's own header."""
    return () if key is None else ((b"x-goog-api-key", key.reveal().encode()),)
