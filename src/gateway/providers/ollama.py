"""Ollama by its own API, which tells more than OpenAI's form: thoughts, probabilities, options.

Its kind is `ollama-native`; that of the name `ollama` is the same server, asked in OpenAI's form.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar

from msgspec import Meta

from gateway.providers import Models, Settings
from gateway.words.client import Header
from gateway.words.secret import Secret

FORM = "ollama"
KIND = "ollama-native"


class Options(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A server of Ollama, asked by its own API."""

    LISTS: ClassVar[str] = "/v1/models"

    base_url: Annotated[
        str,
        Meta(min_length=1, description="Where the server listens, without `/api` or `/v1`."),
    ] = "http://127.0.0.1:11434"
    models: Models = "*"

    def mistakes(self) -> Iterator[tuple[str, str]]:
        """Yield what cannot be."""
        if self.base_url.rstrip("/").endswith(("/v1", "/api")):
            yield "base_url", "ends with the path of an API: write where the server listens"


def credentials(key: Secret | None) -> tuple[Header, ...]:
    """Return the key as a bearer token, which only Ollama's own cloud asks for."""
    if key is None:
        return ()
    return ((b"authorization", b"Bearer " + key.reveal().encode()),)
