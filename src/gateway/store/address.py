"""Reads the address of the shared store. No message repeats the text: it may hold a password."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from gateway.words.secret import Secret

PORT: Final = 6379
LONGEST_URL: Final = 2048
LONGEST_PATH: Final = 107
"""Bytes that a Unix socket's path may have, on Linux."""

_URL = re.compile(
    r"(?P<scheme>redis|rediss|unix)://"
    r"(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@/?#]*))?@)?"
    r"(?P<rest>[^@]*)",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?))"
    r"(?::(?P<port>[0-9]{1,5}))?(?:/(?P<db>[0-9]{1,5})?)?"
)
_SOCKET = re.compile(r"(?P<path>/[^?#]+)(?:\?db=(?P<db>[0-9]{1,5}))?")
_VISIBLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """Where the shared store is, and how to show who we are. It shows no password."""

    host: str = ""
    port: int = PORT
    path: str = ""
    """Of a Unix socket; host and port mean nothing then."""
    tls: bool = False
    db: int = 0
    user: str = ""
    password: Secret | None = None

    def __str__(self) -> str:
        return self.path or f"{self.host}:{self.port}"


def parse_store_url(text: str) -> StoreAddress:
    """Read an address. Raises `ValueError` with a sentence for the operator."""
    if len(text) > LONGEST_URL:
        raise ValueError(f"is longer than {LONGEST_URL} characters")
    match = _URL.fullmatch(text)
    if match is None or _VISIBLE.fullmatch(text) is None:
        raise ValueError(
            "is no address such as redis://host:6379/0, rediss://user:password@host or"
            " unix:///path?db=0; `@`, `/`, `:` and spaces in a password are written as %40, …"
        )
    user, password = unquote(match["user"] or ""), unquote(match["password"] or "")
    if user and not password:
        raise ValueError("names a user but no password: write user:password@, or :password@")
    secret = Secret(password) if password else None
    scheme = match["scheme"].lower()
    if scheme == "unix":
        path, db = _socket(match["rest"])
        return StoreAddress(path=path, db=db, user=user, password=secret)
    host, port, db = _place(match["rest"])
    return StoreAddress(
        host=host, port=port, tls=scheme == "rediss", db=db, user=user, password=secret
    )


def _place(text: str) -> tuple[str, int, int]:
    match = _PLACE.fullmatch(text)
    if match is None:
        raise ValueError("has a malformed host, port or number of a database")
    port = int(match["port"] or PORT)
    if not 0 < port < 65_536:
        raise ValueError("has a port that is not within 1 to 65535")
    return match["six"] or match["name"].lower(), port, int(match["db"] or 0)


def _socket(text: str) -> tuple[str, int]:
    match = _SOCKET.fullmatch(text)
    if match is None:
        raise ValueError("has no absolute path of a socket: unix:///path?db=0")
    path = unquote(match["path"])
    if len(path.encode()) > LONGEST_PATH or "\0" in path:
        raise ValueError(f"has a path that is no socket's: longer than {LONGEST_PATH} bytes")
    return path, int(match["db"] or 0)
