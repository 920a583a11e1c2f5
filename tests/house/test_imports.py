"""Imports stand at the top, in the open. Who may import whom is import-linter's to say."""

import ast
from collections.abc import Iterable, Mapping

from tests.house.source import Source, dotted, own_nodes, source, sources

LATE = {
    "src/gateway/__main__.py:LazyGroup.get_command": "a typing error costs no import of the house",
    "src/gateway/commands/moving/document.py:_from_yaml": "what reads YAML is an extra",
    "src/gateway/commands/job.py:Job._administer": "no worker imports Quart, only the admin",
    "src/gateway/config/guards.py:engine": "what reads expressions is an extra",
    "src/gateway/store/database.py:_postgres": "what talks to PostgreSQL is an extra",
    "src/gateway/store/database.py:connect_foreign": "what talks to PostgreSQL is an extra",
    "src/gateway/store/shared.py:opener": "what talks to Valkey is an extra",
    "src/gateway/telemetry/traces.py:the_wire": "what speaks OTLP is an extra",
    "src/gateway/upstream/grants.py:chain": "what finds AWS's keys is an extra",
    "src/gateway/upstream/grants.py:signer": "what signs is an extra",
    "src/gateway/upstream/issuers.py:reader": "what checks signatures is an extra",
}
"""Functions, as `file.py:name`, that import when they run, and why."""


def hidden(modules: Iterable[Source], excused: Mapping[str, str]) -> list[str]:
    """Find imports inside functions, and such as only a type checker sees."""
    problems, needed = [], set()
    for module in modules:
        for name, function in module.functions():
            late = [node for node in own_nodes(function.body) if imports(node)]
            needed |= {name} if late else set()
            if name not in excused:
                problems += [module.at(node, f"imports inside {function.name}") for node in late]
        for node in ast.walk(module.tree):
            match node:
                case ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"):
                    problems.append(module.at(node, "hides an import from the running program"))
                case ast.ImportFrom(level=1 | 2 | 3):
                    problems.append(module.at(node, "imports relative to itself"))
    return problems + [f"{name} needs no excuse" for name in excused if name not in needed]


def imports(node: ast.AST) -> bool:
    """Say whether this statement or call brings in a module."""
    if isinstance(node, ast.Call):
        return dotted(node.func).endswith(("import_module", "__import__"))
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_imports_stand_in_the_open() -> None:
    assert hidden(sources("src"), LATE) == []


def test_a_hidden_import_is_found() -> None:
    text = """
        from typing import TYPE_CHECKING
        from . import sibling

        if TYPE_CHECKING:
            import ssl

        def f():
            import json

        def g():
            importlib.import_module("json")
    """
    found = [
        "a.py:9 imports inside f",
        "a.py:12 imports inside g",
        "a.py:3 imports relative to itself",
        "a.py:5 hides an import from the running program",
    ]
    assert hidden([source("a.py", text)], {}) == found
    assert hidden([source("a.py", text)], {"a.py:f": "optional"}) == found[1:]


def test_an_excuse_that_is_no_longer_needed_is_found() -> None:
    module = source("a.py", "import json\ndef f(): ...")
    assert hidden([module], {"a.py:f": "optional"}) == ["a.py:f needs no excuse"]
