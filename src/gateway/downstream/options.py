"""What the operator can set about clients. Seconds and bytes; the defaults suit the open net."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.policy.issuers import LEEWAY
from gateway.policy.jwt import ALGORITHMS, Algorithm
from gateway.words.secret import Secret
from gateway.words.units import Bytes, Count, Port, Seconds, Timeout


class TlsFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Certificate and key files, where no proxy in front does this."""

    certificate: Annotated[str, Meta(min_length=1, description="File of the chain, PEM.")]
    key: Annotated[str, Meta(min_length=1, description="File of the private key, PEM.")]


class ListenOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Where to listen."""

    host: Annotated[
        str,
        Meta(
            min_length=1,
            description="The address to listen on. One that is not loopback needs"
            " keys or a database for them, or `auth.required = false`, written out.",
        ),
    ] = "127.0.0.1"
    port: Annotated[Port, Meta(description="The port; 0 lets the system choose.")] = 4000
    unix: Annotated[
        str,
        Meta(description="A socket path instead of host and port, for a proxy on the same host."),
    ] = ""
    tls: Annotated[
        TlsFiles | None,
        Meta(description="Certificate and key; `{}` is none, usually the proxy in front does TLS."),
    ] = None
    workers: Annotated[
        int,
        Meta(
            ge=1,
            le=1024,
            description="Processes that serve, usually one for each core. Above 1 a supervisor"
            " starts them on one port and replaces one that dies.",
        ),
    ] = 1
    max_connections: Annotated[
        Count,
        Meta(description="Open connections of each worker; 0 takes it from the descriptor limit."),
    ] = 0


class HttpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Limits on what a client sends."""

    max_body_bytes: Annotated[
        Bytes, Meta(description="The longest body of a request; above it 413.")
    ] = 33_554_432
    head_timeout: Annotated[Timeout, Meta(description="For a whole request head.")] = 10.0
    body_timeout: Annotated[
        Timeout,
        Meta(
            description="Longest wait for a piece of the body; after that long it must also keep"
            " 16 KiB/s on average."
        ),
    ] = 30.0
    keep_alive: Annotated[
        Timeout, Meta(description="How long an idle connection is kept open.")
    ] = 75.0
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(description="Addresses of proxies whose `X-Forwarded-For` is believed."),
    ] = ("127.0.0.1",)


class CallOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How many calls may be open, and how they end when the gateway stops."""

    max_calls: Annotated[
        Count,
        Meta(
            description="Open calls of each worker; above it 503 with `retry-after`."
            " 0 takes it from the descriptor limit."
        ),
    ] = 0
    drain_delay: Annotated[
        Seconds,
        Meta(
            description="After SIGTERM: readiness is red, calls are still taken,"
            " so that a proxy notices."
        ),
    ] = 0.0
    drain_timeout: Annotated[
        Seconds,
        Meta(description="Then no new connections; open calls may end within this time."),
    ] = 300.0


Text = Annotated[str, Meta(min_length=1, max_length=256)]


class ClaimOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which claims of a token say what. `a.b` is the claim `b` within `a`."""

    team: Annotated[
        Text,
        Meta(
            description="The claim that holds the groups of the user, one or a list of them. The"
            " first of `[teams]` that names one of them in `members` is the user's."
        ),
    ] = "groups"
    user: Annotated[
        Text,
        Meta(description="The claim that names the user. A token without it opens nothing."),
    ] = "sub"
    models: Annotated[
        str,
        Meta(
            max_length=256,
            description="The claim that lists what the user may ask for, as `models` of a key does;"
            " where a token says nothing there, it opens no model. Unset: what the team may.",
        ),
    ] = ""


class IssuerOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One who signs tokens (OIDC, JWT) that are taken instead of a key."""

    issuer: Annotated[
        Text,
        Meta(description="What its tokens say in `iss`, letter by letter; mostly its address."),
    ]
    audience: Annotated[
        Text | Annotated[list[Text], Meta(min_length=1)],
        Meta(description="What its tokens for this gateway say in `aud`, or a list of such."),
    ]
    jwks_url: Annotated[
        str,
        Meta(
            description="Where its public keys are, by https. Unset: where"
            " `/.well-known/openid-configuration` at the issuer says."
        ),
    ] = ""
    claims: Annotated[ClaimOptions, Meta(description="Which claims say what.")] = ClaimOptions()
    algorithms: Annotated[
        tuple[Algorithm, ...],
        Meta(min_length=1, description="The signatures that are taken."),
    ] = ALGORITHMS
    leeway: Annotated[
        float,
        Meta(
            ge=0.0,
            le=300.0,
            description="How far its clock and ours may be apart.",
            extra_json_schema={"x-unit": "seconds"},
        ),
    ] = LEEWAY


class AuthOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether calls must show a virtual key, and what the hashes of keys are made with."""

    required: Annotated[
        bool | None,
        Meta(
            description="Whether a call must show a key. By default it must once there is a key or"
            " an issuer, and always beyond loopback. `false`, written out, lets whoever reaches the"
            " gateway use it without one, also beyond loopback."
        ),
    ] = None
    pepper: Annotated[
        Secret | None,
        Meta(
            description="What the hashes of keys are made with, at least 16 characters:"
            " `openssl rand -hex 32` makes one. It is needed as soon as there are keys, and with"
            " another pepper no key opens anything any more."
        ),
    ] = None
    issuers: Annotated[
        tuple[IssuerOptions, ...],
        Meta(
            description="Who signs tokens that are taken instead of a key, each a table"
            " `[[auth.issuers]]`. They need the extra `oidc`."
        ),
    ] = ()
