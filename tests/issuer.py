"""An issuer of tokens: keys made on the spot, tokens that they sign, and its document of keys."""

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx2
import trio
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from tests.stage import TODAY

ISSUER = "https://id.example.com"
JWKS_URL = "https://keys.example.com/jwks.json?v=1"
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


def claims(today: float = TODAY, **more: Any) -> dict[str, Any]:
    """Return the claims of a token that opens the door; what is None is left out."""
    said = {"iss": ISSUER, "aud": "gateway", "sub": "ada", "groups": ["ai-research"]}
    said |= {"iat": int(today), "exp": int(today) + 600} | more
    return {name: value for name, value in said.items() if value is not None}


def part(said: Mapping[str, object] | bytes) -> bytes:
    """Return a part of a token."""
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    return urlsafe_b64encode(data).rstrip(b"=")


@cache
def made(algorithm: str, number: int) -> Any:
    """Make a key, once for all tests."""
    if algorithm in CURVES:
        return ECKey.generate_key(CURVES[algorithm])
    return OKPKey.generate_key("Ed25519") if algorithm == "EdDSA" else RSAKey.generate_key(2048)


class Signer:
    """A pair of keys of an issuer's. `number` tells those of one algorithm apart."""

    def __init__(self, kid: str | None = "k1", algorithm: str = "ES256", number: int = 0) -> None:
        family = "RS256" if algorithm[:2] in {"RS", "PS"} else algorithm
        self.kid, self.algorithm, self.key = kid, algorithm, made(family, number)

    def jwk(self, **more: object) -> dict[str, Any]:
        """Return the public half as it stands in a document of keys."""
        kid = {} if self.kid is None else {"kid": self.kid}
        return dict(self.key.as_dict(private=False)) | {"use": "sig"} | kid | more

    def token(self, said: Mapping[str, Any] | bytes | None = None, **header: object) -> bytes:
        """Sign claims, or whatever bytes; what is None in the header is left out."""
        fields = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid} | header
        first = part({name: value for name, value in fields.items() if value is not None})
        return self.sign(first + b"." + part(claims() if said is None else said))

    def sign(self, text: bytes) -> bytes:
        """Put a signature behind two parts."""
        return text + b"." + part(JWSRegistry.algorithms[self.algorithm].sign(text, self.key))


def unsigned(header: Mapping[str, object], said: Mapping[str, object] | None = None) -> bytes:
    """Return the first two parts of a token."""
    return part(header) + b"." + part(claims() if said is None else said)


def by_secret(secret: bytes, kid: str = "k1") -> bytes:
    """Return a token that is signed with a secret, which an issuer's public key is not."""
    text = unsigned({"alg": "HS256", "typ": "JWT", "kid": kid})
    return text + b"." + part(hmac.digest(secret, text, "sha256"))


def document(*signers: Signer, **more: object) -> bytes:
    """Return a document of keys."""
    return json.dumps({"keys": [signer.jwk() for signer in signers]} | more).encode()


class Place(httpx2.AsyncBaseTransport):
    """Where an issuer's documents are. Each fetch is noted, and answered by what stands here.

    `answer` is a document, a status, a whole response, an error, or None for silence; it comes
    after `delay` seconds. `others` are documents at other paths.
    """

    def __init__(self, answer: bytes | int | httpx2.Response | Exception | None) -> None:
        self.answer = answer
        self.fields: dict[str, str] = {}
        self.others: dict[str, bytes] = {}
        self.delay = 0.0
        self.asked: list[tuple[float, str]] = []
        self.heads: list[httpx2.Headers] = []

    @property
    def times(self) -> list[float]:
        """When it was asked."""
        return [when for when, _ in self.asked]

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append((trio.current_time(), str(request.url)))
        self.heads.append(request.headers)
        await trio.sleep(self.delay)
        answer = self.others.get(request.url.path, self.answer)
        if answer is None:
            await trio.sleep_forever()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx2.Response):
            return answer
        status, body = (answer, b"") if isinstance(answer, int) else (200, answer)
        return httpx2.Response(status, headers=self.fields, stream=httpx2.ByteStream(body or b""))


class Lines:
    """A log of what was told of issuers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warning(self, event: str, **fields: object) -> None:
        self.said.append(f"{event}: {fields['error']}")

    def info(self, event: str, **fields: object) -> None:
        self.said.append(f"{event}: {fields['keys']}")
