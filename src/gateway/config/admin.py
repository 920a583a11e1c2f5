"""Checks that the admin opens no door by mistake."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from gateway.admin.options import AdminOptions
from gateway.config.server import takes_loopback
from gateway.downstream.options import ListenOptions
from gateway.policy.callers import host_name, is_loopback

SHORTEST_KEY = 16
"""Characters: a key that can be guessed is none (S18)."""

EXPOSED = (
    "is not loopback, and there is no admin.key: whoever reaches it could watch and stop calls."
    " Set a key, or port = 0 for no admin"
)
SHORT = f"is shorter than {SHORTEST_KEY} characters; `openssl rand -hex 32` makes a good one"
URL = "is no address of a site, as https://gateway.example.com is: without a path"
SHARED = "is the port of [server] too; choose another, or 0 for no admin"


def faults(admin: AdminOptions, listen: ListenOptions) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the admin's options: the key, and a sentence about it."""
    for name, key in (("key", admin.key), ("viewer_key", admin.viewer_key)):
        if key is not None and len(key.reveal()) < SHORTEST_KEY:
            yield name, SHORT
    for name, url in (("url", admin.url), ("public_url", admin.public_url)):
        if url and not is_site(url):
            yield name, URL
    if admin.port == 0:
        return
    if admin.key is None and not is_loopback(admin.host.lower()):
        yield "host", EXPOSED
    if not listen.unix and listen.port == admin.port and _meet(admin.host, listen.host):
        yield "port", SHARED


def is_site(url: str) -> bool:
    """Say whether this is a scheme, a host and perhaps a port, and nothing else."""
    try:
        parts = urlsplit(url)
        named = host_name(parts.netloc) is not None and parts.port != 0
    except ValueError:
        return False
    return named and parts.scheme in {"http", "https"} and url == f"{parts.scheme}://{parts.netloc}"


def _meet(one: str, other: str) -> bool:
    """Say whether two hosts have an address in common, as far as one can tell without asking."""
    if one.lower() == other.lower():
        return True
    return takes_loopback(one.lower()) and takes_loopback(other.lower())
