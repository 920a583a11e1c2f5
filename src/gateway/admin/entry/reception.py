"""Signs people in at an issuer: what it is asked, and whom its answer stands for. No Quart here."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NoReturn

from gateway.admin.routes import Identity, Refusal, Role
from gateway.policy.jwt import LONGEST_BYTES, Token, read_token
from gateway.policy.sign_in import Reception
from gateway.store.line import Journal
from gateway.upstream.code_flow import CodeFlow, Proof
from gateway.upstream.jwks import Jwks
from gateway.words.errors import Busy, GatewayError

NOT_TAKEN: Final = "What the issuer said could not be accepted. Begin again."
UNKNOWN: Final = (
    "You are known to the issuer, but no group of yours opens anything here. Ask whoever runs this"
    " gateway."
)


@dataclass(frozen=True, slots=True)
class Trip:
    """One sign-in. `challenge` is what the issuer is told of the verifier (RFC 7636)."""

    state: str
    nonce: str
    verifier: str

    @property
    def challenge(self) -> str:
        return text_of(sha256(self.verifier.encode()).digest())


def text_of(data: bytes) -> str:
    """Write bytes as a URL can hold them."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


@dataclass(frozen=True, slots=True)
class SignIn:
    """Sign-in at one issuer. `keys` must be served; `today` is Unix time."""

    name: str
    scope: str
    reception: Reception
    flow: CodeFlow
    keys: Jwks
    today: Callable[[], float]
    log: Journal

    @property
    def issuer(self) -> str:
        """The name that the issuer has in its tokens."""
        return self.reception.issuer.name

    async def way_to(self, trip: Trip, back: str) -> str:
        """Return where a browser goes to sign somebody in. Raises `Refusal`."""
        fields = {
            "scope": self.scope,
            "redirect_uri": back,
            "state": trip.state,
            "nonce": trip.nonce,
            "code_challenge": trip.challenge,
            "code_challenge_method": "S256",
        }
        try:
            return await self.flow.way_to(fields)
        except GatewayError as error:
            self._lose(error)

    async def welcome(self, code: str, trip: Trip, back: str) -> Identity:
        """Return who has signed in. Raises `Refusal`; of a token nothing is told."""
        try:
            said = await self.flow.redeem(code, Proof(trip.verifier, back))
        except GatewayError as error:
            self._lose(error)
        token = read_token(said) if len(said) <= LONGEST_BYTES else None
        if token is None:
            self._refuse("it is no token that is understood here")
        if not self.reception.accepts(token, trip.nonce, self.today()):
            self._refuse(
                "it is another issuer's, for somebody else, for another sign-in or expired"
            )
        await self._check_signature(token)
        guest = self.reception.guest_of(token.claims)
        if guest is None:
            self.log.warning("sign-in refused", reason="no group of the user's opens anything")
            raise Refusal(403, "not_a_member", UNKNOWN)
        return Identity(Role(guest.rank), guest.name, guest.user, guest.team)

    async def _check_signature(self, token: Token) -> None:
        try:
            key = await self.keys.find(token.kid, token.algorithm)
        except Busy as busy:
            self._lose(busy)
        if key is None or not key.verifies(token.algorithm, token.signed, token.signature):
            self._refuse("no key of the issuer has signed it")

    def _refuse(self, reason: str) -> NoReturn:
        self.log.warning("sign-in refused", reason=f"the token: {reason}")
        raise Refusal(403, "sign_in_refused", NOT_TAKEN)

    def _lose(self, error: GatewayError) -> NoReturn:
        self.log.warning("sign-in refused", reason=str(error))
        text = f"The issuer cannot sign you in now: {error}"
        raise Refusal(502, "issuer_away", text) from None
