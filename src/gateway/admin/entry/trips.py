"""The way of a browser to an issuer and back: who began it, and that it ends once.

A signed cookie holds the state alone. What else belongs to a trip is derived from the state with a
key that never leaves here: so the browser knows neither the verifier nor whether a nonce is right.
"""

import hmac
import secrets
from typing import Final

from itsdangerous import BadData, URLSafeTimedSerializer

from gateway.admin.entry.reception import Trip, text_of
from gateway.words.secret import Secret

LIFETIME: Final = 600
"""Seconds that somebody has for signing in at the issuer."""

MOST_ENDED: Final = 4_096
"""Trips that are remembered, so that none ends twice. Of more the oldest is forgotten, and nobody
else kept from the way: a code is good only once at the issuer too."""

MAX_COOKIE: Final = 512
STATE_BYTES: Final = 32

_SALT: Final = "gateway.admin.trip"


class Trips:
    """Begins and ends them."""

    def __init__(self, key: Secret) -> None:
        self._key = key.reveal().encode()
        self._ended: dict[str, None] = {}

    def begin(self) -> tuple[Trip, str]:
        """Return a new one, and the cookie by which its browser is known again."""
        trip = self._of(secrets.token_urlsafe(STATE_BYTES))
        return trip, str(self._signer().dumps(trip.state))

    def end(self, cookie: str | None, state: str) -> Trip | None:
        """Return the trip of a browser that has come back; None where it began none such, took too
        long, or has come back before.
        """
        if not cookie or len(cookie) > MAX_COOKIE:
            return None
        try:
            own = self._signer().loads(cookie, max_age=LIFETIME)
        except BadData:
            return None
        if not isinstance(own, str) or not hmac.compare_digest(own.encode(), _bytes(state)):
            return None
        return self._of(own) if self._is_first(own) else None

    def _is_first(self, state: str) -> bool:
        if state in self._ended:
            return False
        self._ended[state] = None
        if len(self._ended) > MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        return True

    def _of(self, state: str) -> Trip:
        return Trip(state, self._derived("nonce", state), self._derived("verifier", state))

    def _derived(self, what: str, state: str) -> str:
        return text_of(hmac.digest(self._key, f"{_SALT}.{what}.{state}".encode(), "sha256"))

    def _signer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(hmac.digest(self._key, _SALT.encode(), "sha256"), salt=_SALT)


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
