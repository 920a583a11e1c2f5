"""Signs people in at an issuer: where browsers are sent, and what a code is exchanged for there.

The authorization code flow of OpenID Connect, with PKCE (RFC 7636). Where its places are an issuer
says itself, unless the configuration does; it is asked for them when somebody first signs in.
"""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Final
from urllib.parse import quote, urlencode

import httpx2
import msgspec
import trio

from gateway.policy.callers import is_loopback
from gateway.upstream.asking import Question, answer_to
from gateway.upstream.issuer_address import address_of, discovery_of
from gateway.upstream.jwks import fetch
from gateway.words.client import Header
from gateway.words.errors import GatewayError, Timeout, UpstreamFailure, UpstreamMalformed
from gateway.words.secret import Secret

TIMEOUT: Final = 10.0
FRESH: Final = 3600.0
"""Seconds for which the issuer's word about its places is kept."""

RETRY: Final = 10.0
"""Seconds for which it is not asked again after it did not say."""

BASIC: Final = "client_secret_basic"
POST: Final = "client_secret_post"


class _Discovered(msgspec.Struct, frozen=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = (BASIC,)


class _Given(msgspec.Struct, frozen=True):
    id_token: str


_read_discovered = msgspec.json.Decoder(_Discovered).decode
_read_given = msgspec.json.Decoder(_Given).decode
_UNREAD: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Places:
    """Where browsers go, and where codes are exchanged. `posts`: the secret goes in the form."""

    authorize_url: str
    token_url: str
    posts: bool = False


@dataclass(frozen=True, slots=True)
class Registration:
    """What the issuer knows the gateway by, and what is known of the issuer.

    Of `places` what is empty is the issuer's own to say.
    """

    issuer: str
    client_id: str
    secret: Secret | None
    places: Places


@dataclass(frozen=True, slots=True)
class Proof:
    """What belongs to one code: who began has the `verifier`, `back` is where the code came."""

    verifier: str
    back: str


class CodeFlow:
    """The flow with one issuer."""

    def __init__(self, registration: Registration, client: httpx2.AsyncClient) -> None:
        """Raises `ValueError` for an issuer or a place that is no address."""
        self._known = registration
        self._client = client
        said = registration.places
        self._places = said if said.authorize_url and said.token_url else None
        self._fixed = self._places is not None
        for url in (said.authorize_url, said.token_url):
            if url:
                address_of(url)
        self._discovery = None if self._fixed else discovery_of(registration.issuer)
        self._asked, self._failure = -inf, ""
        self._turn = trio.Lock()

    async def way_to(self, fields: Mapping[str, str]) -> str:
        """Return where a browser is sent to sign somebody in. Raises `GatewayError`."""
        places = await self._find()
        form = {"response_type": "code", "client_id": self._known.client_id, **fields}
        mark = "&" if "?" in places.authorize_url else "?"
        return f"{places.authorize_url}{mark}{urlencode(form)}"

    async def redeem(self, code: str, proof: Proof) -> bytes:
        """Return the token that a code is exchanged for, unread. Raises `GatewayError`."""
        places = await self._find()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": proof.back,
            "code_verifier": proof.verifier,
            "client_id": self._known.client_id,
        }
        fields: tuple[Header, ...] = ()
        secret = self._known.secret
        if secret is not None and places.posts:
            form["client_secret"] = secret.reveal()
        elif secret is not None:
            fields = ((b"authorization", _basic(self._known.client_id, secret)),)
        question = Question(*address_of(places.token_url), form, fields)
        body = await self._in_time(question)
        try:
            return _read_given(body).id_token.encode()
        except (*_UNREAD, UnicodeEncodeError):
            said = f"The answer of {question.origin} holds no ID token."
            raise UpstreamMalformed(said) from None

    async def _in_time(self, question: Question) -> bytes:
        with trio.move_on_after(TIMEOUT):
            return await answer_to(question, self._client)
        raise Timeout(f"{question.origin} did not answer within {TIMEOUT:g} seconds.")

    async def _find(self) -> Places:
        """Return the places; one asks for all who wait. What was known goes on where it fails."""
        async with self._turn:
            age = trio.current_time() - self._asked
            if not self._fixed and age >= (RETRY if self._failure else FRESH):
                await self._discover()
            if self._places is None:
                raise UpstreamFailure(f"{self._known.issuer} cannot be asked: {self._failure}.")
            return self._places

    async def _discover(self) -> None:
        assert self._discovery is not None
        failure = "it does not answer in time"
        with trio.move_on_after(TIMEOUT):
            try:
                body, _ = await fetch(*self._discovery, self._client)
                self._places = self._read(body)
            except (GatewayError, ValueError) as error:
                failure = str(error).rstrip(".")
            else:
                failure = ""
        # Whoever leaves meanwhile leaves nothing behind: the next one asks.
        self._asked, self._failure = trio.current_time(), failure

    def _read(self, body: bytes) -> Places:
        """Read what the issuer says of itself. Raises `ValueError`."""
        try:
            said = _read_discovered(body)
        except _UNREAD:
            raise ValueError("its configuration names no places to sign in") from None
        if said.issuer != self._known.issuer:
            raise ValueError("its configuration is another issuer's")
        assert self._discovery is not None
        here = is_loopback(self._discovery[0].host)
        for url in (said.authorization_endpoint, said.token_endpoint):
            origin, _ = address_of(url)
            if origin.scheme != "https" and not here:
                raise ValueError("its configuration leads to this machine")
        methods = said.token_endpoint_auth_methods_supported
        own = self._known.places
        return Places(
            own.authorize_url or said.authorization_endpoint,
            own.token_url or said.token_endpoint,
            BASIC not in methods and POST in methods,
        )


def _basic(client_id: str, secret: Secret) -> bytes:
    """Show both as RFC 6749 has it in section 2.3.1: each is encoded by itself first."""
    pair = f"{quote(client_id, safe='')}:{quote(secret.reveal(), safe='')}"
    return b"Basic " + b64encode(pair.encode())
