"""The audit log in the database: what was done on the operator's site, by whom, and from where.

Rows are added and read, never changed and never taken away. They hold no secret, and no text that
a terminal would obey.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Final

from gateway.store.connection import Connection

MOST_LISTED: Final = 200
"""Actions of one listing."""

MOST_TEXT: Final = 256
MOST_DETAIL: Final = 1000
"""Characters of a text, and of the detail."""

_ADD: Final = (
    "INSERT INTO audit (at_ms, who, role, action, subject, detail, address)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_LIST: Final = (
    "SELECT id, at_ms, who, role, action, subject, detail, address FROM audit"
    " WHERE id < ? ORDER BY id DESC LIMIT ?"
)
_ALWAYS: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Action:
    """One deed. `at_ms` is Unix time in milliseconds, `subject` what it was done to."""

    at_ms: int
    who: str
    role: str
    action: str
    subject: str
    detail: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Actions:
    """Some actions, the newest first, each with its number; `before` leads to those before them."""

    listed: Sequence[tuple[int, Action]]
    before: int | None


def note(connection: Connection, action: Action) -> None:
    """Add an action; its texts are cut where they are long. Raises `DatabaseFault`."""
    at_ms, *texts, detail, address = astuple(action)
    row = (at_ms, *(_plain(text, MOST_TEXT) for text in texts), _plain(detail, MOST_DETAIL))
    connection.execute(_ADD, (*row, _plain(address, MOST_TEXT)))


def actions(connection: Connection, limit: int, before: int | None = None) -> Actions:
    """Return the newest actions, of those before a number where one is given.

    Raises `DatabaseFault`.
    """
    most = min(limit, MOST_LISTED)
    last = _ALWAYS if before is None else before
    rows = connection.execute(_LIST, (last, most + 1)).fetchall()
    found = [(int(number), Action(*rest)) for number, *rest in rows[:most]]
    return Actions(found, found[-1][0] if len(rows) > most else None)


def _plain(text: str, most: int) -> str:
    """Return a text bounded, and without what a terminal obeys or a database cannot keep."""
    if len(text) > most:
        text = text[: most - 1] + "…"
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
