"""Who may answer: address, credentials, the name of a form. Pure, one small file each.

A provider's module has the three names of `Provider`, checked where it stands in `table.TABLE`.
Settings that every provider takes are `Settings`; a provider with settings of its own extends it.

What stands in `ConductSettings` an operator may say at three levels. Of `[models.NAME]`,
`[providers.NAME]` and `[defaults]` the first that says so counts, key by key; None is what the
level above says.
"""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Final, Literal, Protocol

import msgspec
from msgspec import Meta

from gateway.words.client import Header
from gateway.words.grants import Grant
from gateway.words.secret import Secret
from gateway.words.target import Target
from gateway.words.units import Seconds, Timeout

CLIENT_KEY: Final = Secret("client")
"""What `api_key` is where the provider is shown the caller's own key. Known by being this one."""


class TimeoutSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Clocks in seconds."""

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


class CooldownSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When a home that fails is left alone, and for how long."""

    failures: Annotated[
        Annotated[int, Meta(ge=0, le=1000)] | None,
        Meta(description="So many failures within the window rest a home; 0 is never."),
    ] = None
    window: Annotated[Timeout | None, Meta(description="How long a failure counts.")] = None
    rest: Annotated[
        Timeout | None, Meta(description="How long a home rests before a single call tries it.")
    ] = None


class CacheSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Answers that are kept and told again."""

    ttl: Annotated[
        Seconds | None, Meta(description="How long an answer may be told again; 0 is never.")
    ] = None


class ConductSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a call goes about its targets, as far as every level may say it."""

    retries: Annotated[
        Annotated[int, Meta(ge=0, le=10)] | None,
        Meta(description="Further attempts at one home; never after it was silent."),
    ] = None
    hedge_after: Annotated[
        Seconds | None,
        Meta(
            description="Without content for so long, another home is started beside the first,"
            " and who begins first answers; 0 is never."
        ),
    ] = None
    resume: Annotated[
        Literal["off", "verified"] | None,
        Meta(
            description="`verified`: an answer that broke off is asked for again, and joined where"
            " the two fit; `off`: it stays broken off."
        ),
    ] = None
    resume_attempts: Annotated[
        Annotated[int, Meta(ge=1, le=3)] | None,
        Meta(description="How often one answer may be asked for again."),
    ] = None
    cooldown: Annotated[
        CooldownSettings,
        Meta(description="When a home rests that failed; a name's only home never does."),
    ] = CooldownSettings()
    coalesce: Annotated[
        bool | None, Meta(description="Equal calls that are open at one time share one answer.")
    ] = None
    cache: Annotated[CacheSettings, Meta(description="Answers that are kept and told again.")] = (
        CacheSettings()
    )
    stream_upstream: Annotated[
        bool | None,
        Meta(
            description="A chat that is wanted in one piece is asked for as a stream, and joined,"
            " so that the provider stops when the client leaves."
        ),
    ] = None
    on_unsupported: Annotated[
        Literal["refuse", "drop"] | None,
        Meta(
            description="What becomes of a call with a field that a provider of another form cannot"
            " be told: `refuse`, it is refused by the field's name; `drop`, the field is let go,"
            " and named in `x-gateway-dropped`."
        ),
    ] = None
    honour_client_timeout: Annotated[
        bool | None,
        Meta(
            description="Where a client says how long it waits, in `x-stainless-read-timeout`, it"
            " is told of a timeout before it gives up."
        ),
    ] = None
    on_client_gone: Annotated[
        Literal["cancel", "drain"] | None,
        Meta(
            description="`cancel`: an answer whose client has left is stopped at once. `drain`: it"
            " is read on, within bounds, where the provider bills all of it anyway, so that the"
            " ledger has what it cost."
        ),
    ] = None
    drain_max_seconds: Annotated[
        Timeout | None, Meta(description="For so long an answer is read on, at most.")
    ] = None
    drain_max_tokens: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000_000)] | None,
        Meta(description="So many further events of it are read, at most."),
    ] = None
    timeouts: Annotated[
        TimeoutSettings, Meta(description="The clocks towards providers, each by itself.")
    ] = TimeoutSettings()


class ProbeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A question to a provider now and again, whether it is there, beside all calls."""

    interval: Annotated[Seconds, Meta(description="From one question to the next; 0 is never.")] = (
        0.0
    )
    path: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=1024,
            description="What is asked for with GET, below `base_url`: something cheap. It begins"
            " with `/`.",
        ),
    ] = "/models"
    timeout: Annotated[Timeout, Meta(description="How long an answer may take.")] = 5.0


Models = Annotated[
    list[str] | dict[str, str] | Literal["*"],
    Meta(
        description="The names it answers to: a list; or a table, public name to its own name;"
        ' or `"*"`, whatever it lists.'
    ),
]
"""Which models a provider is asked for."""


class Settings(ConductSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every provider can be told in `[providers.NAME]`, but for the keys that it refuses."""

    REFUSES: ClassVar[frozenset[str]] = frozenset()

    LISTS: ClassVar[str] = "/models"
    """Where its models are listed, behind the path of `base_url`."""

    kind: Annotated[str, Meta(description="The kind of provider; by default the table's name.")] = (
        ""
    )
    base_url: Annotated[
        str, Meta(description="Where its API begins: `http://` or `https://`, host, port, path.")
    ] = ""
    api_key: Annotated[
        Secret | None,
        Meta(
            description='The key that it is shown; local servers need none. `"client"`: the'
            " caller's own, and the gateway's key then comes in `x-gateway-key`."
        ),
    ] = None
    api_keys: Annotated[
        list[Secret], Meta(description="Several keys instead of one; they take turns.")
    ] = msgspec.field(default_factory=list)
    models: Models = msgspec.field(default_factory=list)
    prefix: Annotated[
        str,
        Meta(
            description="Stands before each public name of this provider. With a prefix and no"
            " models, every name that begins with it is asked of this provider."
        ),
    ] = ""
    headers: Annotated[
        dict[str, str], Meta(description="Header fields that are sent with each request to it.")
    ] = msgspec.field(default_factory=dict)
    max_connections: Annotated[
        int, Meta(gt=0, le=1_000_000, description="Open connections to it, idle ones included.")
    ] = 1000
    probe: Annotated[
        ProbeOptions | None,
        Meta(description="Has the provider asked now and again whether it is there."),
    ] = None

    def fitted(self, target: Target) -> Target:
        """Return a target with what this kind's own settings say of it.

        Its origin and path are those of `base_url`.
        """
        return target

    def mistakes(self) -> Iterator[tuple[str, str]]:
        """Yield what no type can say is wrong: the key, and a sentence."""
        yield from ()

    def grant(self) -> Grant | None:
        """Return what is needed to fetch credentials that end; None where it is shown a key."""
        return None


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
