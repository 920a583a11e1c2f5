"""Imports stand at the top, in the open. Who may import whom is import-linter's to say."""

import ast

from tests.house.source import Source, own_nodes, source, sources

LATE: dict[str, str] = {}
"""Functions, as `file.py:name`, that import a declared optional dependency, and why."""


def hidden(module: Source) -> list[str]:
    """Find imports inside functions, and such as only a type checker sees."""
    problems = []
    for name, function in module.functions():
        late = [
            node
            for node in own_nodes(function.body)
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        if name not in LATE:
            problems += [module.at(node, f"imports inside {function.name}") for node in late]
    for node in ast.walk(module.tree):
        match node:
            case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
                problems.append(module.at(node, "hides an import from the running program"))
            case ast.ImportFrom(module=None) | ast.ImportFrom(level=1 | 2 | 3):
                problems.append(module.at(node, "imports relative to itself"))
    return problems


def test_imports_stand_in_the_open() -> None:
    assert [problem for module in sources("src") for problem in hidden(module)] == []


def test_a_hidden_import_is_found() -> None:
    text = """
        from typing import TYPE_CHECKING
        from . import sibling

        if TYPE_CHECKING:
            import ssl

        def f():
            import json
    """
    assert hidden(source("a.py", text)) == [
        "a.py:9 imports inside f",
        "a.py:3 imports relative to itself",
        "a.py:5 hides an import from the running program",
    ]
