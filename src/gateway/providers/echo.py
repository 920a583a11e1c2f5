"""The built-in model: says the last user message back, word by word. No address, no key."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.providers import Settings
from gateway.words.client import Header
from gateway.words.secret import Secret

FORM = "chat"
KIND = MODEL = "echo"


class Options(Settings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The built-in model `echo`: it says the last user message back."""

    REFUSES = frozenset({"api_key", "api_keys", "base_url", "headers", "max_connections", "probe"})

    models: Annotated[
        list[str] | dict[str, str],
        Meta(description="The names it answers to: a list, or a table, public name to `echo`."),
    ] = msgspec.field(default_factory=lambda: [MODEL])
    words_per_second: Annotated[
        float, Meta(gt=0.0, le=1_000_000.0, description="How fast a stream speaks.")
    ] = 50.0


def credentials(key: Secret | None) -> tuple[Header, ...]:
    """Return nothing: there is nobody to show a key to."""
    return ()
