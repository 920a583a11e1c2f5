"""Anthropic: its own Messages API, and whoever else serves it."""

from typing import Annotated, ClassVar

from msgspec import Meta

from gateway.providers import Settings
from gateway.words.client import Header
from gateway.words.secret import Secret

FORM = "messages"
VERSION = b"2023-06-01"
"""The version of the API that is asked for with each request, the list of models included."""


class Options(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Anthropic, or a server that speaks its Messages API."""

    LISTS: ClassVar[str] = "/models?limit=1000"

    base_url: Annotated[
        str,
        Meta(
            min_length=1,
            description="Where its API begins: `http://` or `https://`, host, port, path.",
        ),
    ] = "https://api.anthropic.com/v1"
    max_tokens: Annotated[
        int,
        Meta(
            gt=0,
            le=10_000_000,
            description="How long an answer may be, in tokens, where the client does not say: the"
            " provider wants to be told. What `reasoning_effort` may take comes on top.",
        ),
    ] = 8192


def credentials(key: Secret | None) -> tuple[Header, ...]:
    """Return the key in the provider's own header, and the version of its API."""
    version = (b"anthropic-version", VERSION)
    return (version,) if key is None else ((b"x-api-key", key.reveal().encode()), version)
