"""Who may call while there are no keys, and where a request came from. Pure."""

import ipaddress
import re
from collections.abc import Container
from functools import lru_cache

from gateway.words.errors import Forbidden

_HOST = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?", re.ASCII
)
_FOREIGN_SITES = frozenset({b"cross-site", b"same-site"})
MAX_FORWARDED_BYTES = 512


@lru_cache(maxsize=256)
def host_name(host: str) -> str | None:
    """Return the name or address of a Host field, without port; None where it is malformed."""
    match = _HOST.fullmatch(host)
    if match is None:
        return None
    name = match["name"]
    if name.startswith("["):
        name = name[1:-1]
        try:
            ipaddress.IPv6Address(name)
        except ValueError:
            return None
    return name.lower()


@lru_cache(maxsize=256)
def is_loopback(name: str) -> bool:
    """Say whether a name or address can only mean this machine."""
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_of_another_site(fetch_site: bytes) -> bool:
    """Say whether a browser's `Sec-Fetch-Site` tells of a page that is not our own."""
    return fetch_site.strip().lower() in _FOREIGN_SITES


def means_here(host: str | None) -> bool:
    """Say whether a `Host` can only mean this machine; no browser sends none."""
    if host is None:
        return True
    name = host_name(host)
    return name is not None and is_loopback(name)


def refuse_web_pages(host: str | None, fetch_site: bytes | None, *, open_use: bool) -> None:
    """Refuse what a web page in somebody's browser could have sent to a keyless gateway (R27).

    A page of another origin is told apart by `Sec-Fetch-Site`; a rebound DNS name by its `Host`,
    which must mean this machine unless the operator wrote out `auth.required = false` (`open_use`).
    Raises `Forbidden`.
    """
    if fetch_site is not None and is_of_another_site(fetch_site):
        raise Forbidden("This gateway has no keys, so it does not answer requests of web pages.")
    if not open_use and not means_here(host):
        raise Forbidden(
            "This gateway has no keys, so it answers only requests whose Host is a loopback name "
            "or address. Set auth.required = false to open it to whoever can reach it."
        )


def client_address(peer: str, forwarded_for: bytes | None, trusted: Container[str]) -> str:
    """Return where a request came from: `X-Forwarded-For` counts only from trusted proxies (R9).

    The list is read from the right; the first address that is no trusted proxy is the client.
    """
    if forwarded_for is None or peer not in trusted or len(forwarded_for) > MAX_FORWARDED_BYTES:
        return peer
    address = peer
    for part in reversed(forwarded_for.split(b",")):
        try:
            address = str(ipaddress.ip_address(part.strip().decode("ascii")))
        except ValueError:
            return address
        if address not in trusted:
            return address
    return address
