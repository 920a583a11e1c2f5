"""Reads a `base_url`: the one place where an operator's text becomes an upstream address (R1, S14).

No message repeats the text: somebody may have written a password into it.
"""

import re
from ipaddress import IPv6Address
from urllib.parse import unquote

from gateway.words.target import Origin

PORTS = {"http": 80, "https": 443}
MAX_LENGTH = 2048

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_URL = re.compile(r"(?P<scheme>[A-Za-z]+)://(?P<authority>[^/]+)(?P<path>/.*)?")
_AUTHORITY = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_.-]+))(?::(?P<port>[0-9]{1,5}))?"
)
_HOST_NAME = re.compile(r"\w(?:[\w.-]*\w)?", re.ASCII)
_PATH = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")


def parse_base_url(text: str) -> tuple[Origin, str]:
    """Return where a provider listens and the path of its API, without a slash at the end.

    Raises `ValueError` with a sentence for the operator.
    """
    if not text:
        raise ValueError("is empty")
    if len(text) > MAX_LENGTH:
        raise ValueError(f"is longer than {MAX_LENGTH} characters")
    if _VISIBLE.fullmatch(text) is None:
        raise ValueError(
            "holds a space or a character outside ASCII; write a name such as `xn--…` for the host"
        )
    if "?" in text or "#" in text:
        raise ValueError("has a query or a fragment: it ends with the path")
    match = _URL.fullmatch(text)
    scheme = match["scheme"].lower() if match else ""
    if match is None or scheme not in PORTS:
        raise ValueError("does not begin with http:// or https:// and a host")
    return _origin(scheme, match["authority"]), _path(match["path"] or "")


def _origin(scheme: str, authority: str) -> Origin:
    if "@" in authority:
        raise ValueError("holds a user name or password: keys go into `api_key`")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise ValueError("has a malformed host or port")
    port = int(match["port"]) if match["port"] else PORTS[scheme]
    if not 0 < port < 65_536:
        raise ValueError("has a port that is not within 1 to 65535")
    return Origin(scheme, _host(match), port)


def _host(match: re.Match[str]) -> str:
    if match["six"]:
        try:
            return str(IPv6Address(match["six"]))
        except ValueError:
            raise ValueError("has a malformed IPv6 address") from None
    name = match["name"].lower()
    if _HOST_NAME.fullmatch(name) is None or ".." in name:
        raise ValueError("has a malformed host")
    return name


def _path(path: str) -> str:
    stem = path.rstrip("/")
    if _PATH.fullmatch(stem) is None:
        raise ValueError("has a path with characters that a URL does not hold")
    segments = unquote(stem).split("/")[1:]
    if any(segment in {"", ".", ".."} for segment in segments):
        raise ValueError("has a path with an empty segment or one of dots")
    return stem
