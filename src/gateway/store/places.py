"""Reads the address of a database: a file of SQLite's, or a server of PostgreSQL's.

No message repeats the address: it may hold a password (S17).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from gateway.words.secret import Secret

FILE: Final = "sqlite:///"
SERVER: Final = ("postgresql:", "postgres:")
PORT: Final = 5432
LONGEST: Final = 2048
LONGEST_NAME: Final = 63
"""Bytes of PostgreSQL's own names."""

MODES: Final = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""How much TLS is wanted, as PostgreSQL calls it."""

_PARAMETERS: Final = ("sslmode", "sslrootcert", "host")

_URL = re.compile(
    r"postgres(?:ql)?://"
    r"(?:(?P<user>[^:@/?#]*)(?::(?P<password>[^@/?#]*))?@)?"
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?))?"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"/(?P<database>[^/@?#]+)"
    r"(?:\?(?P<parameters>[^@#]*))?"
)
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_PASSWORD = re.compile(r"(?P<before>://[^:@/?#]*):[^/?#]*@")
_ODD = re.compile(r"[^A-Za-z0-9_-]")


class Address(Secret):
    """A database's address. It is shown without its password; one that is no address, not at all.

    It is a secret because it may hold one: what it shows is of use to an operator all the same.
    """

    __slots__ = ()

    def masked(self) -> str:
        """Return what may be shown."""
        text = self.reveal()
        if text.startswith(FILE):
            return text
        return _PASSWORD.sub(r"\g<before>:***@", text) if _URL.fullmatch(text) else super().masked()

    __str__ = masked


@dataclass(frozen=True, slots=True)
class PostgresPlace:
    """A database on a server of PostgreSQL's, and how to show who we are. It shows no password.

    `journals` is what the files are called after in which rows wait while the server is away. It
    does not hold the server's name: a database that has moved is given what waited for it.
    """

    host: str
    database: str
    journals: Path
    port: int = PORT
    user: str = ""
    password: Secret | None = None
    sslmode: str = "prefer"
    sslrootcert: str = ""

    def __str__(self) -> str:
        if self.host.startswith("/"):
            return f"postgresql:///{self.database}?host={self.host}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{host}:{self.port}/{self.database}"


Place = Path | PostgresPlace
"""The file of SQLite's, or where PostgreSQL is."""


def parse_file(text: str, beside: Path) -> Path:
    """Return the file that an address means; a relative one begins in the folder `beside`.

    Raises `ValueError` with a sentence.
    """
    path = text.removeprefix(FILE)
    if path == text or not path or path.endswith("/") or not path.isprintable():
        raise ValueError(
            "is no address such as sqlite:///gateway.db, beside this file, sqlite:////var/lib/"
            "gateway/gateway.db, or postgresql://user@host/database"
        )
    if path.startswith(":") or "?" in path or "#" in path:
        raise ValueError("names no file: an address has no parameters, and memory keeps nothing")
    return beside / path


def parse_server(text: str, folder: Path) -> PostgresPlace:
    """Return the database that an address means, whose journals lie in `folder`.

    Raises `ValueError` with a sentence.
    """
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    match = _URL.fullmatch(text)
    if match is None or _VISIBLE.fullmatch(text) is None:
        raise ValueError(
            "is no address such as postgresql://user:password@host:5432/database; `@`, `/`, `:` and"
            " spaces in a password are written as %40, …"
        )
    said = _parameters(match["parameters"] or "")
    host = match["six"] or (match["name"] or "").lower()
    if bool(host) == bool(said.get("host")):
        raise ValueError(
            "names no server: write postgresql://user@host/database, or for a socket"
            " postgresql://user@/database?host=/run/postgresql"
        )
    port = int(match["port"] or PORT)
    if not 0 < port < 65_536:
        raise ValueError("has a port that is not within 1 to 65535")
    database, user = unquote(match["database"]), unquote(match["user"] or "")
    if max(len(database.encode()), len(user.encode())) > LONGEST_NAME or "\0" in database + user:
        raise ValueError(f"has a name that is longer than {LONGEST_NAME} bytes")
    password = unquote(match["password"] or "")
    return PostgresPlace(
        host=host or said["host"],
        database=database,
        journals=folder / f"{_ODD.sub('_', database)}.postgres",
        port=port,
        user=user,
        password=Secret(password) if password else None,
        sslmode=said.get("sslmode", "prefer"),
        sslrootcert=said.get("sslrootcert", ""),
    )


def secrets_of(address: Secret) -> tuple[Secret, ...]:
    """Return what no log may show of an address: itself and its password, if it has one."""
    match = _URL.fullmatch(address.reveal())
    if match is None or not match["password"]:
        return ()
    return address, Secret(match["password"]), Secret(unquote(match["password"]))


def holds_password(text: str) -> bool:
    """Say whether a text that should be an address may hold a password."""
    return not text.startswith(FILE) and _PASSWORD.search(text) is not None


def _parameters(text: str) -> dict[str, str]:
    """Read what follows the question mark."""
    said: dict[str, str] = {}
    for part in text.split("&") if text else ():
        name, _, value = part.partition("=")
        if name not in _PARAMETERS or name in said or not value:
            raise ValueError(f"has a parameter that is none of {', '.join(_PARAMETERS)}")
        said[name] = unquote(value)
    if said.get("sslmode", "prefer") not in MODES:
        raise ValueError(f"has an sslmode that is none of {', '.join(MODES)}")
    if not said.get("host", "/").startswith("/"):
        raise ValueError("has a host among its parameters that is no absolute path of a folder")
    return said
