"""Signs claims with a private key of ours: the other half of `signatures.py`.

Of joserfc its keys and algorithms are used. This module and `signatures.py` alone import the extra
`oidc`.
"""

from base64 import urlsafe_b64encode
from collections.abc import Mapping

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

_RS256 = JWSRegistry.algorithms["RS256"]


def sign(private_key: str, name: str, claims: Mapping[str, object]) -> str:
    """Return a token (RFC 7519) with these claims, signed with a key of RSA as PEM has it.

    Raises `ValueError` for what is no such key; its message holds nothing of it.
    """
    try:
        key = RSAKey.import_key(private_key)
        head = {"alg": "RS256", "typ": "JWT", **({"kid": name} if name else {})}
        text = f"{_part(head)}.{_part(claims)}"
        signature = _RS256.sign(text.encode(), key)
    except (ValueError, TypeError, JoseError):
        raise ValueError("its private key cannot be used: it is none of RSA in PEM") from None
    return f"{text}.{_encoded(signature)}"


def _part(said: Mapping[str, object]) -> str:
    return _encoded(msgspec.json.encode(said))


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
