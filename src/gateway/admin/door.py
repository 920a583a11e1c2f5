"""The admin's door: who may come in, told by digests alone, and which web pages may not."""

import hmac
from collections.abc import Iterable
from hashlib import sha256

from gateway.policy.callers import is_of_another_site, means_here
from gateway.words.secret import Secret

MAX_SHOWN = 1024
"""Characters of a credential that is looked at."""


class Door:
    """Knows the digests of the credentials that open it. Without one it opens to nobody."""

    def __init__(self, secrets: Iterable[Secret], *, loopback_only: bool) -> None:
        """`loopback_only`: a `Host` must mean this machine (R27). Refuses an empty secret (S18)."""
        values = [secret.reveal() for secret in secrets]
        if not all(values):
            raise ValueError("an empty secret would open the admin to everybody")
        self._digests = [_digest(value) for value in values]
        self._loopback_only = loopback_only

    def admits(self, authorization: str | None) -> bool:
        """Say whether a field `authorization` shows a credential. Takes as long for any (R12)."""
        scheme, _, shown = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or len(shown) > MAX_SHOWN:
            shown = ""
        digest = _digest(shown.strip())
        # All are compared, so that the time does not tell which of them it was.
        return sum(hmac.compare_digest(own, digest) for own in self._digests) > 0

    def is_for_pages(self, host: str | None, fetch_site: str | None) -> bool:
        """Say whether a web page of another site could have sent this request (R22, R27)."""
        if fetch_site is not None and is_of_another_site(fetch_site.encode(errors="replace")):
            return True
        return self._loopback_only and not means_here(host)


def _digest(shown: str) -> bytes:
    return sha256(shown.encode(errors="surrogatepass")).digest()
