"""The admin's door: who may come in, told by digests alone, and which web pages may not."""

import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import urlsplit

from gateway.admin.routes import Identity
from gateway.policy.callers import host_name, is_of_another_site, means_here
from gateway.words.secret import Secret

MAX_SHOWN = 1024
"""Characters of a credential that is looked at."""

SAFE = frozenset({"GET", "HEAD"})
"""Methods that change nothing, whoever sends them."""


class Asked(NamedTuple):
    """What a browser says of a request beside what is asked; empty where it says nothing."""

    method: str
    host: str | None
    fetch_site: str | None = None
    fetch_mode: str | None = None
    origin: str | None = None


class Door:
    """Knows the digests of the credentials that open it. Without one it opens to nobody."""

    def __init__(
        self,
        credentials: Iterable[tuple[Secret, Identity]],
        *,
        loopback_only: bool,
        url: str = "",
        made: Secret | None = None,
    ) -> None:
        """`loopback_only`: a `Host` must mean this machine (R27). With `url`, the address by which
        browsers come, it may be that one's too. `made` is the one that chance has made. Refuses an
        empty secret (S18).
        """
        known = [(secret.reveal(), who) for secret, who in credentials]
        if not all(value for value, _ in known):
            raise ValueError("an empty secret would open the admin to everybody")
        self._known = [(digest_of(value), who) for value, who in known]
        self._loopback_only = loopback_only
        self._url = url or None
        self._host = host_name(urlsplit(url).netloc) if url else None
        self._made = b"" if made is None else digest_of(made.reveal())

    def who(self, shown: str) -> Identity | None:
        """Return whose credential this is; takes as long for any (R12)."""
        digest = digest_of(shown if len(shown) <= MAX_SHOWN else "")
        # All are compared, so that the time does not tell which of them it was.
        found = [who for own, who in self._known if hmac.compare_digest(own, digest)]
        return found[0] if found else None

    def bearer(self, authorization: str | None) -> Identity | None:
        """Return who shows a credential in a field `authorization`."""
        return self.who(_shown_in(authorization))

    def needs_no_guard(self, authorization: str) -> bool:
        """Say whether this shows what no number of tries finds: it opens whatever others try."""
        return hmac.compare_digest(self._made, digest_of(_shown_in(authorization)))

    def shuts_out(self, asked: Asked) -> bool:
        """Say whether a web page of another site could have sent this request (R22, R27).

        A link that is followed to here is none: it shows no cookie, so it finds the sign-in.
        """
        site = asked.fetch_site
        if site is not None and is_of_another_site(site.encode(errors="replace")):
            followed = asked.method in SAFE and (asked.fetch_mode or "").lower() == "navigate"
            if not followed:
                return True
        if not self._loopback_only or means_here(asked.host):
            return False
        return self._host is None or host_name(asked.host or "") != self._host

    def is_own(self, asked: Asked) -> bool:
        """Say whether a page of this very site sent it, as far as browsers tell; what tells
        nothing of itself is no browser.
        """
        if asked.fetch_site is not None:
            return asked.fetch_site.strip().lower() == "same-origin"
        if asked.origin is None or asked.origin == self._url:
            return True
        return _place_of(asked.origin) == asked.host


def _shown_in(authorization: str | None) -> str:
    scheme, _, shown = (authorization or "").partition(" ")
    return shown.strip()[: MAX_SHOWN + 1] if scheme.lower() == "bearer" else ""


def _place_of(origin: str) -> str:
    """Return host and port of an `Origin`; empty where that names none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def digest_of(shown: str) -> bytes:
    """Return what is compared of a credential."""
    return sha256(shown.encode(errors="surrogatepass")).digest()
