"""Reads a JSON Web Token as far as that goes without a key (RFC 7519). Pure.

Nothing of what is read here is true before somebody has checked the signature. A token brings no
key and names no address: `jwk`, `jku`, `x5c` and `x5u` of its header are never looked at, and what
its header calls critical is refused, for nothing beyond this page is understood.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

import msgspec

from gateway.policy.keys import GATEWAY_FIELD

LONGEST_BYTES: Final = 16_384
LONGEST_NAME: Final = 256

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]

ALGORITHMS: Final[tuple[Algorithm, ...]] = get_args(Algorithm)
"""Those with a public key; with a shared secret, or with none, nobody is known for certain."""

_PART: Final = rb"[A-Za-z0-9_-]+"
_TOKEN = re.compile(_PART + rb"\." + _PART + rb"\." + _PART)
_KINDS: Final = frozenset({"", "jwt", "at+jwt"})
"""What `typ` may say. Tokens that are made for something else, as for a logout, open nothing."""


class _Header(msgspec.Struct, frozen=True):
    alg: str
    kid: str | None = None
    typ: str = ""
    crit: msgspec.Raw | None = None
    b64: msgspec.Raw | None = None


class _Claims(msgspec.Struct, frozen=True):
    iss: str
    aud: str | list[str]
    exp: float
    nbf: float = 0.0
    iat: float = 0.0


_read_header = msgspec.json.Decoder(_Header).decode
_read_claims = msgspec.json.Decoder(_Claims).decode
_read_all = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says. Times are Unix time; `signed` are the bytes that `signature` is of.

    `kid` is None where the token names no key; it counts from `begins` on, until `expires`.
    """

    algorithm: str
    kid: str | None
    issuer: str
    audience: tuple[str, ...]
    begins: float
    expires: float
    claims: Mapping[str, object] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def token_in(headers: Mapping[bytes, bytes]) -> bytes | None:
    """Return what a request shows as a token; None where it shows none.

    It stands in `x-gateway-key`, else in `authorization` behind `Bearer`, and nowhere else: three
    parts of base64url with dots between them. What is too long is none.
    """
    scheme, _, shown = headers.get(b"authorization", b"").strip().partition(b" ")
    if GATEWAY_FIELD in headers:
        scheme, shown = b"bearer", headers[GATEWAY_FIELD]
    shown = shown.strip()
    if len(shown) > LONGEST_BYTES or _TOKEN.fullmatch(shown) is None or scheme.lower() != b"bearer":
        return None
    return shown


def read_token(token: bytes) -> Token | None:
    """Read a token; None for what is none, or asks for what is not understood here.

    Of two claims of one name the last counts (RFC 7519, section 4).
    """
    signed, _, last = token.rpartition(b".")
    first, _, second = signed.partition(b".")
    try:
        header = _read_header(_decoded(first))
        payload = _decoded(second)
        claims, everything = _read_claims(payload), _read_all(payload)
        signature = _decoded(last)
    except (ValueError, RecursionError):
        return None
    kind = header.typ.lower().removeprefix("application/")
    if header.crit is not None or header.b64 is not None or kind not in _KINDS:
        return None
    if header.kid is not None and len(header.kid) > LONGEST_NAME:
        return None
    return Token(
        algorithm=header.alg,
        kid=header.kid,
        issuer=claims.iss,
        audience=(claims.aud,) if isinstance(claims.aud, str) else tuple(claims.aud),
        begins=max(claims.nbf, claims.iat),
        expires=claims.exp,
        claims=everything,
        signed=signed,
        signature=signature,
    )


def _decoded(part: bytes) -> bytes:
    """Return the bytes of a part, which has one spelling. Raises `ValueError`."""
    data = urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    if urlsafe_b64encode(data).rstrip(b"=") != part:
        raise ValueError("not base64url as it is written")
    return data
