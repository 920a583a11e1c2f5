"""Hears the first word of a service that tells its log how it fares, and ends it then.

Credentials and the keys of issuers are fetched by services that run for ever. To fetch them as the
gateway does, the service itself is run, until it says how that went.
"""

from collections.abc import Awaitable, Callable

import trio


class Heard:
    """A log that ends its service with the first line; `reason` is why that failed, if it did."""

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.reason: str | None = None
        self.fields: dict[str, object] = {}

    def info(self, event: str, **fields: object) -> None:
        """Hear that it went well."""
        self.fields = fields
        self.scope.cancel()

    def warning(self, event: str, **fields: object) -> None:
        """Hear that it did not."""
        self.reason = str(fields.get("error") or event)
        self.fields = fields
        self.scope.cancel()

    async def from_service(self, serve: Callable[[], Awaitable[object]], patience: float) -> None:
        """Run a service until it has spoken, for so many seconds at most."""
        with trio.move_on_after(patience) as waiting, self.scope:
            await serve()
        if waiting.cancelled_caught:
            self.reason = f"no answer within {patience:g} seconds"
