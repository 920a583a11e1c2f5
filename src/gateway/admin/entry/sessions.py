"""Sessions of people who have signed in: a signed cookie, and a token against forged requests.

Nothing is kept of them: what a cookie says is believed as long as its signature holds and it is not
too old. The key is made at each start, so that a restart signs everybody out.
"""

import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import msgspec
from itsdangerous import BadData, URLSafeTimedSerializer

from gateway.admin.routes import Identity
from gateway.words.secret import Secret

LIFETIME: Final = 12 * 3600
"""Seconds after which one signs in anew."""

MAX_COOKIE: Final = 2048
"""Characters of a cookie that is looked at."""

PLAIN_NAME: Final = "gateway-session"
SECURE_NAME: Final = "__Host-gateway-session"
"""The cookie's name where browsers come over TLS: none but this host over TLS can have set it."""

_SALT: Final = "gateway.admin.session"


class Session(msgspec.Struct, frozen=True):
    """What a cookie says: who has signed in, and a word that no other session has."""

    who: Identity
    nonce: str


@dataclass(frozen=True, slots=True)
class Sessions:
    """Makes and reads cookies. With `secure` they come back over TLS alone."""

    key: Secret
    secure: bool
    lifetime: int = LIFETIME

    @property
    def name(self) -> str:
        """The name of the cookie."""
        return SECURE_NAME if self.secure else PLAIN_NAME

    def begin(self, who: Identity) -> str:
        """Return what a cookie says from now on."""
        session = Session(who, secrets.token_urlsafe(16))
        return str(self.signer().dumps(msgspec.to_builtins(session)))

    def read(self, cookie: str | None) -> Session | None:
        """Return whose session it is; None where it is forged, too old, or none at all."""
        if not cookie or len(cookie) > MAX_COOKIE:
            return None
        try:
            said = self.signer().loads(cookie, max_age=self.lifetime)
            return msgspec.convert(said, Session)
        except (BadData, msgspec.ValidationError):
            return None

    def token(self, session: Session) -> str:
        """Return what requests of this session that change something must show (R22)."""
        return hmac.new(self._key(b"csrf"), session.nonce.encode(), sha256).hexdigest()

    def admits(self, session: Session, token: str | None) -> bool:
        """Say whether a request shows the token of its session."""
        own = self.token(session).encode()
        return hmac.compare_digest(own, (token or "").encode(errors="replace"))

    def _key(self, what: bytes) -> bytes:
        return hmac.new(self.key.reveal().encode(), what, sha256).digest()

    def signer(self) -> URLSafeTimedSerializer:
        """Return who signs and reads cookies."""
        return URLSafeTimedSerializer(self._key(b"cookie"), salt=_SALT)
