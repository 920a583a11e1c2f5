"""Who may answer: address, a way to show credentials, the name of a form. Pure, one small file each.

A provider's module has the three names of `Provider`, checked where it stands in `table.TABLE`.
Settings that every provider takes are `Settings`; a provider with settings of its own extends it.
"""

from typing import ClassVar, Protocol

import msgspec

from gateway.words.client import Header
from gateway.words.secret import Secret


class TimeoutSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Clocks in seconds; what is not set comes from the level above (model > provider > defaults)."""

    connect: float | None = None
    first_token: float | None = None
    idle: float | None = None
    total: float | None = None


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every provider can be told in `[providers.NAME]`."""

    kind: str = ""
    base_url: str = ""
    api_key: Secret | None = None
    api_keys: list[Secret] = []
    models: list[str] | dict[str, str] | str = []
    prefix: str = ""
    headers: dict[str, str] = {}
    max_connections: int = 1000
    timeouts: TimeoutSettings = TimeoutSettings()


class Provider(Protocol):
    """The names of a provider's module."""

    FORM: ClassVar[str]
    Options: ClassVar[type[Settings]]

    def credentials(self, key: Secret | None) -> tuple[Header, ...]:
        """Return the headers that show the key to this provider."""
