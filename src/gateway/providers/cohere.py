"""Cohere: its own API, version 2."""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from msgspec import Meta

from gateway.providers import Models, Settings
from gateway.words.client import Header
from gateway.words.secret import Secret

FORM = "cohere"


class Options(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Cohere, asked by its own API: chat, embeddings, the ranking of documents."""

    LISTS: ClassVar[str] = "/v1/models?page_size=1000"

    base_url: Annotated[
        str,
        Meta(min_length=1, description="Where the server listens, without `/v1` or `/v2`."),
    ] = "https://api.cohere.com"
    models: Models = "*"

    def mistakes(self) -> Iterator[tuple[str, str]]:
        """Yield what cannot be."""
        if self.base_url.rstrip("/").endswith(("/v1", "/v2")):
            yield "base_url", "ends with the path of an API: write where the server listens"


def credentials(key: Secret | None) -> tuple[Header, ...]:
    """Return the key as a bearer token."""
    if key is None:
        return ()
    return ((b"authorization", b"Bearer " + key.reveal().encode()),)
