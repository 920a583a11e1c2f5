"""What the operator can set about the admin. Its defaults suit one machine and one operator."""

from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.words.secret import Secret
from gateway.words.units import Port

Text = Annotated[str, Meta(min_length=1, max_length=256)]


class SignInOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Sign-in to the admin by OIDC: who signs people in, and what they are here then."""

    issuer: Annotated[
        Text,
        Meta(
            description="What its tokens say in `iss`, letter by letter. Where it is one of"
            " `[[auth.issuers]]` too, its `claims`, `algorithms` and `leeway` hold here as well."
        ),
    ]
    client_id: Annotated[Text, Meta(description="The name that it knows the gateway by.")]
    client_secret: Annotated[
        Secret | None, Meta(description="What the gateway shows there, where it was given one.")
    ] = None
    name: Annotated[
        str,
        Meta(max_length=64, description="What the button says; by default the issuer's host."),
    ] = ""
    authorize_url: Annotated[
        str,
        Meta(
            description="Where browsers are sent to. Unset: where"
            " `/.well-known/openid-configuration` at the issuer says."
        ),
    ] = ""
    token_url: Annotated[
        str, Meta(description="Where a code is exchanged for a token. Unset: the same.")
    ] = ""
    jwks_url: Annotated[
        str, Meta(description="Where its public keys are, by https. Unset: the same.")
    ] = ""
    scopes: Annotated[
        tuple[Text, ...],
        Meta(max_length=16, description="What is asked for; some issuers want one for groups."),
    ] = ("openid", "profile", "email")
    admins: Annotated[
        tuple[str, ...],
        Meta(description="Groups of its tokens, as `oidc:NAME`, whose members may do everything."),
    ] = ()
    viewers: Annotated[
        tuple[str, ...],
        Meta(
            description="Groups whose members may look at everything. Whoever is in none of these"
            " is a developer, as far as a team has them as `members`, or no team has any."
        ),
    ] = ()


class AdminOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`/metrics` of all workers and the operator's API: a process and a listener of their own."""

    host: Annotated[
        str,
        Meta(
            min_length=1,
            description="The address to listen on. One that is not loopback needs a `key`.",
        ),
    ] = "127.0.0.1"
    port: Annotated[Port, Meta(description="The port; 0 is no admin at all.")] = 4001
    key: Annotated[
        Secret | None,
        Meta(
            description="What the operator signs in with, or shows as `authorization: Bearer …`, at"
            " least 16 characters. Without one a token that opens one session is printed at each"
            " start; `gateway admin` prints another."
        ),
    ] = None
    viewer_key: Annotated[
        Secret | None,
        Meta(description="The same for whoever may look at everything and change nothing."),
    ] = None
    url: Annotated[
        str,
        Meta(
            description="The address by which browsers reach the admin, if a proxy stands in front:"
            " `https://gateway.example.com`. With https its cookies come back over TLS alone."
        ),
    ] = ""
    public_url: Annotated[
        str,
        Meta(
            description="The address by which clients reach the gateway itself, as the pages show"
            " it to them: `https://ai.example.com`. Unset: where it listens."
        ),
    ] = ""
    sign_in: Annotated[
        SignInOptions | None,
        Meta(description="Sign-in by OIDC, beside the key. It needs the extra `oidc`."),
    ] = None
