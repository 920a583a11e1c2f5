"""One request as the client meant it, and the request that a provider is sent for it."""

import msgspec
from msgspec import Raw

from gateway.words.client import Header


class Call(msgspec.Struct, frozen=True):
    """A request that has been read: its fields keep their own bytes, so nothing unknown is lost.

    `show_usage` is False where the gateway asks for usage of its own accord and hides it again.
    """

    form: str
    operation: str
    model: str
    stream: bool
    show_usage: bool
    fields: dict[str, Raw]

    def for_model(self, model: str) -> "Call":
        """Return the same request as if it had been made for another model."""
        fields = {**self.fields, "model": Raw(msgspec.json.encode(model))}
        return msgspec.structs.replace(self, model=model, fields=fields)


class UpstreamRequest(msgspec.Struct, frozen=True):
    """What is sent to a provider. `path` follows the target's own path; the body is replayable."""

    method: str
    path: str
    headers: tuple[Header, ...]
    body: bytes
