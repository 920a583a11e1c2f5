"""Where the documents of an issuer lie: by TLS alone, but on this machine."""

import re
from typing import Final

from gateway.policy.callers import is_loopback
from gateway.providers.address import parse_base_url
from gateway.words.target import Origin

DISCOVERY: Final = "/.well-known/openid-configuration"

_QUERY = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@/?%-]*")


def address_of(url: str) -> tuple[Origin, str]:
    """Return where a document of an issuer's lies: `https`, unless it is on this machine.

    Raises `ValueError` with a sentence for the operator.
    """
    plain, mark, query = url.partition("?")
    origin, path = parse_base_url(plain)
    if origin.scheme != "https" and not is_loopback(origin.host):
        raise ValueError("does not begin with https://, and leads to another machine")
    if _QUERY.fullmatch(query) is None:
        raise ValueError("has a query with characters that a URL does not hold")
    slash = "/" if plain.endswith("/") or not path else ""
    return origin, f"{path}{slash}{mark}{query}"


def discovery_of(issuer: str) -> tuple[Origin, str]:
    """Return where an issuer says where its keys are. Raises `ValueError`."""
    if "?" in issuer:
        raise ValueError("has a query: name its jwks_url")
    origin, path = parse_base_url(issuer)
    return address_of(f"{origin}{path}{DISCOVERY}")
