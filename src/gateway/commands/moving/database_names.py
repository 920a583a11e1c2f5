"""Names that LiteLLM's keys, teams and users get here: clean, and each but once. Pure."""

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Final

from gateway.commands.moving.saying import is_like_a_key
from gateway.config.names import LONGEST_BYTES, check_name
from gateway.policy.keys import INNER

LONGEST: Final = LONGEST_BYTES - 32
"""Bytes, so that there is room for what makes it unique."""

MOST_PAIRS: Final = 32
LONGEST_VALUE: Final = 256
"""Characters of what is to be known of a key."""

_TELLING: Final = ("key", "secret", "token", "password", "credential", "auth")


def cleaned(name: str | None) -> str:
    """Return a name without what nobody can see, in its one spelling; empty where none is left."""
    seen = "".join(char for char in name or "" if char.isprintable())
    text = unicodedata.normalize("NFC", seen).strip()
    short = text.encode("utf-8", "ignore")[:LONGEST].decode("utf-8", "ignore").strip()
    try:
        check_name(short)
    except ValueError:
        return ""
    return short


class Names:
    """Gives names that nobody has."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = {*taken, INNER}

    def give(self, wanted: str, told_apart_by: str) -> str:
        """Return the wanted name, or where somebody has it the same with something behind it."""
        found, more = wanted, 0
        while found in self._taken:
            more += 1
            behind = told_apart_by if more == 1 else f"{told_apart_by}-{more}"
            found = f"{wanted}-{behind}"
        self._taken.add(found)
        return found


def metadata_of(said: object) -> tuple[dict[str, str], list[str]]:
    """Return what is to be known of a key, and the names of what is not taken over.

    Texts, numbers and switches are; what holds more, or may be a secret by its name or by its
    looks, is not.
    """
    taken: dict[str, str] = {}
    if not isinstance(said, Mapping):
        return taken, ["all of it"] if said else []
    left: list[str] = []
    for name, value in said.items():
        text = _plain(value)
        clean = cleaned(name)
        telling = any(word in clean.lower() for word in _TELLING)
        if value in (None, "", [], {}):
            continue
        if text is None or clean != name or telling or len(taken) >= MOST_PAIRS:
            left.append(clean or "?")
        else:
            taken[clean] = text
    return taken, left


def _plain(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        return None
    text = str(value)
    if isinstance(value, str) and is_like_a_key(text):
        return None
    return text if text.isprintable() and len(text) <= LONGEST_VALUE else None
