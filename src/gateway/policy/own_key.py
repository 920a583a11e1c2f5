"""A caller's own key with a provider: where it is shown, and how it goes on (`api_key = "client"`).

Such a key is told to the provider whose settings say so and to nobody else. What opens the gateway
itself is never sent on. Pure.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.policy.keys import GATEWAY_FIELD, PREFIX
from gateway.words.client import Header
from gateway.words.errors import OwnKeyMissing
from gateway.words.secret import Secret

MISSING: Final = (
    "This model is asked with your own key of its provider: show that as the provider's clients do,"
    " and the gateway's key, where it wants one, in x-gateway-key."
)
LONGEST_BYTES: Final = 16_384

_KEY_FIELDS: Final = (b"x-api-key", b"api-key", b"x-goog-api-key")
_SENDABLE = re.compile(rb"[\x21-\x7e]{1,%d}" % LONGEST_BYTES)
_TOKEN = re.compile(r"sk-ant-oat.*|ya29\..*|[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
"""What is shown behind `Bearer` also where keys stand in a field of their own: a subscription's
token, Google's, and such as have three parts.
"""


@dataclass(frozen=True, slots=True)
class OwnKey:
    """What a caller shows to a provider. `bearer` says that it stood behind `Bearer`."""

    secret: Secret
    bearer: bool

    def headers(
        self, shows: Callable[[Secret | None], tuple[Header, ...]], *, native: bool
    ) -> tuple[Header, ...]:
        """Return how a provider is shown it. `shows` is how it is shown keys.

        A client that speaks the provider's own form (`native`) knows how; for others a token is
        told from a key by its looks.
        """
        if self.bearer and (native or _TOKEN.fullmatch(self.secret.reveal())):
            return (*shows(None), (b"authorization", b"Bearer " + self.secret.reveal().encode()))
        return shows(self.secret)


def own_key(
    headers: Mapping[bytes, bytes], is_ours: Callable[[bytes], bool] | None
) -> OwnKey | None:
    """Return the key of its own that a request shows; None where it shows none.

    `is_ours` says whether something is made to open this gateway; None where nothing needs to.
    Where keys are needed, what is not beside an `x-gateway-key` is meant for the gateway.
    """
    ours = headers.get(GATEWAY_FIELD)
    if is_ours is not None and ours is None:
        return None
    shown, bearer = _shown(headers)
    if _SENDABLE.fullmatch(shown) is None or shown.startswith(PREFIX.encode()):
        return None
    if (ours is not None and shown == ours.strip()) or (is_ours is not None and is_ours(shown)):
        return None
    return OwnKey(Secret(shown.decode("ascii")), bearer)


def needed(key: OwnKey | None) -> OwnKey:
    """Return the key, where there is one. Raises `OwnKeyMissing`."""
    if key is None:
        raise OwnKeyMissing(MISSING)
    return key


def _shown(headers: Mapping[bytes, bytes]) -> tuple[bytes, bool]:
    """Return what is shown, and whether behind `Bearer`; a field of keys comes first.

    Clients that have both send a placeholder in `authorization`.
    """
    for name in _KEY_FIELDS:
        if name in headers:
            return headers[name].strip(), False
    scheme, _, shown = headers.get(b"authorization", b"").strip().partition(b" ")
    return (shown.strip(), True) if scheme.lower() == b"bearer" else (b"", False)
