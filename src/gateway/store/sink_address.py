"""Reads where receipts go besides the ledger. No message repeats the text: it may hold a secret."""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, unquote_to_bytes

from gateway.providers.address import parse_base_url
from gateway.words.secret import Secret
from gateway.words.target import Origin

LONGEST: Final = 2048
FILE: Final = "file://"

_HTTP: Final = re.compile(
    r"(?P<scheme>https?://)(?:(?P<who>[^@/?#]*)@)?(?P<rest>.*)", re.IGNORECASE
)
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_QUERY: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_WANTED: Final = (
    "is no address such as file:///var/log/gateway/receipts.jsonl or https://host/path;"
    " `@`, `/`, `:` and spaces in a password are written as %40, …"
)


@dataclass(frozen=True, slots=True)
class SinkAddress:
    """A file of this machine, or a path at an origin, and how to show who we are.

    It shows no password; `target` is a path with its query, which may hold a token.
    """

    path: str = ""
    origin: Origin | None = None
    target: Secret | None = None
    authorization: Secret | None = None

    def __str__(self) -> str:
        return self.path if self.origin is None else str(self.origin)


def parse_sink(text: str) -> SinkAddress:
    """Read an address. Raises `ValueError` with a sentence for the operator."""
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    if text[: len(FILE)].lower() == FILE:
        return SinkAddress(path=_path(text[len(FILE) :]))
    match = _HTTP.fullmatch(text)
    if match is None or _VISIBLE.fullmatch(text) is None or "#" in text:
        raise ValueError(_WANTED)
    stem, mark, query = match["rest"].partition("?")
    if _QUERY.fullmatch(query) is None:
        raise ValueError("has a query with characters that a URL does not hold")
    origin, path = parse_base_url(match["scheme"] + stem)
    # A slash at the end is the operator's: `/in/` may be another place than `/in`.
    whole = path + ("/" if stem.endswith("/") or not path else "") + mark + query
    return SinkAddress(origin=origin, target=Secret(whole), authorization=_basic(match["who"]))


def secrets_of(address: Secret | None) -> Iterator[Secret]:
    """Yield what of an address nobody may read, for whoever scrubs texts of others (R11)."""
    text = "" if address is None else address.reveal()
    match = _HTTP.fullmatch(text)
    if address is None or match is None:
        return
    _, _, query = match["rest"].partition("?")
    parts = [value for _, value in parse_qsl(query)]
    if match["who"]:
        password = match["who"].partition(":")[2]
        parts += [password, unquote(password)]
        if (shown := _basic(match["who"])) is not None:
            parts.append(shown.reveal().partition(" ")[2])
    if parts:
        yield address
    yield from map(Secret, filter(None, parts))


def _path(text: str) -> str:
    """Return a file's whole path, as it stands there or percent-encoded."""
    try:
        path = unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        path = ""
    if not path.startswith("/") or not path.isprintable() or path.endswith(("/", "/.", "/..")):
        raise ValueError("has no absolute path of a file: file:///var/log/gateway/receipts.jsonl")
    if "?" in text or "#" in text:
        raise ValueError("names no file: an address of a file has no parameters")
    return path


def _basic(who: str | None) -> Secret | None:
    """Return the value of `Authorization` for `user:password`."""
    if not who:
        return None
    user, colon, password = who.partition(":")
    if not colon or not password:
        raise ValueError("names a user but no password: write user:password@, or :password@")
    shown = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return Secret(f"Basic {b64encode(shown).decode()}")
