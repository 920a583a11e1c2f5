"""What a provider is shown that has no key of ours at hand: fetched credentials, a caller's key.

Who is shown one of our own keys needs none of this: `providers.table.TABLE` says how.
"""

from typing import Final

from gateway.forms.chat_errors import told_in
from gateway.policy.own_key import OwnKey, needed
from gateway.policy.refusals import Verdict, verdict_of
from gateway.policy.scrub import Scrubber
from gateway.providers.table import TABLE
from gateway.relay.house import House
from gateway.words.call import Call, UpstreamRequest
from gateway.words.client import Header
from gateway.words.errors import (
    GatewayError,
    OwnKeyRefused,
    UpstreamAuth,
    UpstreamFailure,
    UpstreamRefused,
)
from gateway.words.target import Target

REFUSES_KEY: Final = frozenset({401, 402, 403, 429})
"""What says something of the key that was shown, or of who holds it; Google says it at 400 too."""


async def credentials_for(
    target: Target, request: UpstreamRequest, own: OwnKey | None, house: House, *, native: bool
) -> tuple[Header, ...]:
    """Return the header fields that show whose request it is.

    `own` is the caller's key; `native` says that the caller speaks the provider's own form. Waits
    only where credentials have not been fetched yet. Raises `NoCredentials`, with the reason, and
    `OwnKeyMissing`.
    """
    shows = TABLE[target.kind].credentials
    if target.client_key:
        return needed(own).headers(shows, native=native)
    if target.grant:
        return (*shows(None), *await house.tokens.credentials(target, request))
    return shows(target.key)


def unless_passed(fields: tuple[Header, ...], call: Call) -> tuple[Header, ...]:
    """Return a provider's fields without those of which the client says its own, as a version."""
    passed = {name for name, _ in call.passed}
    return tuple(field for field in fields if field[0] not in passed)


def scrubber_for(target: Target, own: OwnKey | None, house: House) -> Scrubber:
    """Return who masks secrets in what this target's provider says, the caller's own included."""
    if target.client_key and own is not None:
        return house.scrubber.beside(own.secret)
    return house.scrubber


def told_to_holder(status: int, body: bytes, error: GatewayError) -> GatewayError:
    """Return the error as a caller is told it who has shown a key of its own.

    What the provider says of that key is for its holder to read, in the provider's words; `error`
    is what it would be if the key were ours.
    """
    refused = status in REFUSES_KEY and isinstance(error, UpstreamFailure)
    if not refused and not isinstance(error, UpstreamAuth):
        return error
    told = told_in(body)
    usual = "rate_limit_error" if status == 429 else "authentication_error"
    is_told = isinstance(error, UpstreamRefused)
    return OwnKeyRefused(
        told.message or f"The provider answered with status {status} and no explanation.",
        status=status,
        type=told.type or usual,
        code=told.code,
        param=told.param,
        headers=error.headers if is_told else (),
    )


def blames_holder(error: GatewayError, target: Target) -> bool:
    """Say whether a failure concerns the caller's own key, and so nothing that others share."""
    return target.client_key and (
        isinstance(error, OwnKeyRefused) or verdict_of(error) is Verdict.OTHER_KEY
    )
