"""The versions of the database: one script of SQL for each, which leads forward from the last."""

import sqlite3
from collections.abc import Iterator
from functools import cache
from importlib import resources

from gateway.store.connection import Kind


@cache
def scripts(kind: Kind) -> tuple[str, ...]:
    """Return the scripts in their order: the first makes version 1."""
    folder = resources.files("gateway.store") / "migrations" / kind
    found = {file.name: file for file in folder.iterdir() if file.name.endswith(".sql")}
    return tuple(found[name].read_text(encoding="utf-8") for name in sorted(found))


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script, so that each can be done inside one transaction."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if ";" in line and sqlite3.complete_statement(statement):
            yield statement
            statement = ""
