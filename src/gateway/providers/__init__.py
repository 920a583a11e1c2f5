"""Who may answer: address, credentials, the name of a form. Pure, one small file each.

A provider's module has the three names of `Provider`, checked where it stands in `table.TABLE`.
Settings that every provider takes are `Settings`; a provider with settings of its own extends it.
"""

from typing import Annotated, ClassVar, Literal, Protocol

import msgspec
from msgspec import Meta

from gateway.words.client import Header
from gateway.words.secret import Secret
from gateway.words.units import Timeout


class TimeoutSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Clocks in seconds; what is not set comes from above (model > provider > defaults)."""

    connect: Annotated[
        Timeout | None, Meta(description="For a connection, the TLS handshake included.")
    ] = None
    first_token: Annotated[
        Timeout | None, Meta(description="Streams only: start of the attempt to first content.")
    ] = None
    idle: Annotated[
        Timeout | None, Meta(description="Between events, after the first content.")
    ] = None
    total: Annotated[
        Timeout | None,
        Meta(description="The whole call; the only clock of a call that does not stream."),
    ] = None


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every provider can be told in `[providers.NAME]`, but for the keys that it refuses."""

    REFUSES: ClassVar[frozenset[str]] = frozenset()

    kind: Annotated[str, Meta(description="The kind of provider; by default the table's name.")] = (
        ""
    )
    base_url: Annotated[
        str, Meta(description="Where its API begins: `http://` or `https://`, host, port, path.")
    ] = ""
    api_key: Annotated[
        Secret | None, Meta(description="The key that it is shown; local servers need none.")
    ] = None
    api_keys: Annotated[
        list[Secret], Meta(description="Several keys instead of one; they take turns.")
    ] = []
    models: Annotated[
        list[str] | dict[str, str] | Literal["*"],
        Meta(
            description="The names it answers to: a list; or a table, public name to its own name;"
            ' or `"*"`, whatever it lists.'
        ),
    ] = []
    prefix: Annotated[
        str,
        Meta(
            description="Stands before each public name of this provider. With a prefix and no"
            " models, every name that begins with it is asked of this provider."
        ),
    ] = ""
    headers: Annotated[
        dict[str, str], Meta(description="Header fields that are sent with each request to it.")
    ] = {}
    max_connections: Annotated[
        int, Meta(gt=0, le=1_000_000, description="Open connections to it, idle ones included.")
    ] = 1000
    timeouts: Annotated[
        TimeoutSettings, Meta(description="Its own clocks; they precede those of `[defaults]`.")
    ] = TimeoutSettings()


class Provider(Protocol):
    """The names of a provider's module."""

    @property
    def FORM(self) -> str:  # noqa: N802 (a constant of the module)
        """The name of the wire form that it speaks."""

    @property
    def Options(self) -> type[Settings]:  # noqa: N802 (a class in the module)
        """What the operator can set; a subclass of `Settings`."""

    def credentials(self, key: Secret | None) -> tuple[Header, ...]:
        """Return the headers that show the key to this provider."""
