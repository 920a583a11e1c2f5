"""Reads the file of another gateway into plain values, within bounds. Any file gives no more."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Final

from gateway.config.files import read_whole
from gateway.config.mistakes import quoted

MOST: Final = 100_000
"""Values of a document, each as often as it is meant."""

DEEPEST: Final = 32

NO_YAML: Final = "YAML needs the extra `migrate`: pip install 'nursery-gateway[migrate]'"

Document = dict[str, object]


class Unreadable(Exception):
    """A file that is not what it should be: a sentence for a person, without any value of it."""


def read_document(path: Path) -> Document:
    """Read a file of YAML, or of JSON where its name says so. Raises `Unreadable`."""
    try:
        text = read_whole(path).data.decode("utf-8-sig")
        value = _from_json(text) if path.suffix.lower() == ".json" else _from_yaml(text)
        return document_of(value)
    except UnicodeDecodeError:
        raise Unreadable(f"{path}: is not UTF-8") from None
    except ValueError as error:
        raise Unreadable(f"{path}: {error}") from None


def document_of(value: object) -> Document:
    """Return a table of plain values: texts, numbers, lists, tables. Raises `ValueError`."""
    if not isinstance(value, dict) or not value:
        raise ValueError("is no table of settings")
    found = _Plain().table(value, 0)
    assert isinstance(found, dict)
    return found


class _Plain:
    """Copies values, and counts them."""

    def __init__(self) -> None:
        self._count = 0

    def table(self, value: Mapping[object, object], depth: int) -> Document:
        found: Document = {}
        for key, part in value.items():
            name = key if isinstance(key, str) else _key(key)
            if name in found:
                raise ValueError(f"has {quoted(name)} twice in one table")
            found[name] = self.of(part, depth + 1)
        return found

    def of(self, value: object, depth: int) -> object:
        self._count += 1
        if self._count > MOST:
            raise ValueError(f"holds more than {MOST} values")
        if depth > DEEPEST:
            raise ValueError(f"is nested deeper than {DEEPEST} levels")
        match value:
            case None | str() | bool() | int() | float():
                return value
            case dict():
                return self.table(value, depth)
            case list() | tuple():
                return [self.of(part, depth + 1) for part in value]
            case date():  # A version as 2024-10-21 is a date to YAML.
                return value.isoformat()
            case _:
                raise ValueError("holds a value that is neither a text, a number, nor a table")


def _key(key: object) -> str:
    if key is None or isinstance(key, bool | int | float | date):
        return str(key).lower() if isinstance(key, bool) else str(key)
    raise ValueError("has a key that is no text")


def _from_json(text: str) -> object:
    try:
        value: object = json.loads(text, object_pairs_hook=_pairs)
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error.msg} at line {error.lineno}") from None
    except RecursionError:
        raise ValueError(f"is nested deeper than {DEEPEST} levels") from None
    return value


def _pairs(pairs: list[tuple[str, object]]) -> Document:
    table: Document = {}
    for name, value in pairs:
        if name in table:
            raise ValueError(f"has {quoted(name)} twice in one table")
        table[name] = value
    return table


def _from_yaml(text: str) -> object:
    try:
        from gateway.commands.moving.yaml_text import read_yaml  # noqa: PLC0415 (an extra)
    except ImportError:
        raise ValueError(NO_YAML) from None
    return read_yaml(text, MOST)
