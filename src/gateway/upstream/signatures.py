"""The border to joserfc: the public keys of an issuer, and whether one of them has signed.

Of joserfc its keys and algorithms are used, not its reading of tokens: that would read a header a
second time, by rules of its own. A key is made of its public parts alone, and of nothing weak.

This module alone imports the extra `oidc`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
from joserfc.errors import JoseError
from joserfc.jwa import JWSAlgModel
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from gateway.policy.jwt import ALGORITHMS, LONGEST_NAME

MOST_KEYS: Final = 64
SHORTEST_MODULUS: Final = 342
"""Digits of base64url: 2,048 bits. Shorter keys of RSA are not taken."""
LONGEST_MODULUS: Final = 1_366
"""8,192 bits: what is longer keeps the loop waiting for each signature."""
LONGEST_EXPONENT: Final = 6

_CURVES: Final = frozenset({"P-256", "P-384", "P-521", "Ed25519", "Ed448"})
_KINDS: Final[Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]]] = {
    "RSA": RSAKey,
    "EC": ECKey,
    "OKP": OKPKey,
}
_UNREAD: Final = (ValueError, KeyError, OverflowError, RecursionError, JoseError)
"""What reading a key ends with, and making one of odd numbers."""
_VERIFIERS: Final[Mapping[str, JWSAlgModel]] = {
    name: JWSRegistry.algorithms[name] for name in ALGORITHMS
}


class _Key(msgspec.Struct, frozen=True):
    """A key as it stands in a set. What else it says is not read, private parts first of all."""

    kty: str
    use: str = "sig"
    key_ops: tuple[str, ...] = ("verify",)
    kid: str | None = None
    alg: str | None = None
    n: str = ""
    e: str = ""
    crv: str = ""
    x: str = ""
    y: str = ""


class _Set(msgspec.Struct, frozen=True):
    keys: list[msgspec.Raw]


_read_set = msgspec.json.Decoder(_Set).decode
_read_key = msgspec.json.Decoder(_Key).decode


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """One public key. Two are one where they have the same name and say the same."""

    said: tuple[tuple[str, str], ...]
    kid: str | None
    _key: RSAKey | ECKey | OKPKey = field(compare=False, repr=False)

    def fits(self, algorithm: str) -> bool:
        """Say whether the key is one for signatures of this kind."""
        try:
            _VERIFIERS[algorithm].check_key(self._key)
        except JoseError:
            return False
        return True

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Say whether these bytes were signed by whoever has the other half of the key."""
        try:
            return _VERIFIERS[algorithm].verify(signed, signature, self._key)
        except (JoseError, ValueError):
            return False


@dataclass(frozen=True, slots=True)
class IssuerKeys:
    """All keys of an issuer that are of use here."""

    keys: tuple[IssuerKey, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, kid: str | None, algorithm: str) -> IssuerKey | None:
        """Return the key of a name; where a token names none, the only one that fits."""
        fit = [key for key in self.keys if kid in {None, key.kid} and key.fits(algorithm)]
        return fit[0] if len(fit) == 1 or (fit and kid is not None) else None


def read_keys(body: bytes) -> IssuerKeys:
    """Read a set of keys (RFC 7517). Raises `ValueError` where none in it is of use.

    A key that is odd, weak, secret or for something else is passed over.
    """
    try:
        said = _read_set(body).keys[:MOST_KEYS]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("it holds no set of keys") from None
    keys = tuple(key for each in said if (key := _key_of(each)) is not None)
    if not keys:
        raise ValueError("it holds no key that can be used")
    return IssuerKeys(keys)


def _key_of(raw: msgspec.Raw) -> IssuerKey | None:
    try:
        key = _read_key(raw)
        if key.use != "sig" or "verify" not in key.key_ops or len(key.kid or "") > LONGEST_NAME:
            return None
        parts = _public_parts(key)
        said = {**parts, **({} if key.alg is None else {"alg": key.alg})}
        made = _KINDS[key.kty].import_key(dict[str, str | list[str]](said))
    except _UNREAD:
        return None
    return IssuerKey(tuple(said.items()), key.kid, made)


def _public_parts(key: _Key) -> dict[str, str]:
    """Return what the key is made of. Raises `ValueError` for what is weak or takes too long."""
    if key.kty == "RSA":
        modulus = key.n.lstrip("A")
        if not SHORTEST_MODULUS <= len(modulus) <= LONGEST_MODULUS:
            raise ValueError("a key of RSA that is too short or too long")
        if not 0 < len(key.e) <= LONGEST_EXPONENT:
            raise ValueError("an exponent that is too long")
        return {"kty": key.kty, "n": key.n, "e": key.e}
    if key.crv not in _CURVES:
        raise ValueError("a curve that nobody signs with here")
    parts = {"kty": key.kty, "crv": key.crv, "x": key.x}
    return {**parts, "y": key.y} if key.kty == "EC" else parts
