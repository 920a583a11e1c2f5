"""The house's own files, read and parsed once, for those who check them."""

import ast
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Source:
    """One file of Python; `path` is relative to the project, with forward slashes."""

    path: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """Name the room: the folder below `src/gateway`, or nothing for a file at its door."""
        parts = self.path.split("/")
        return parts[2] if len(parts) > 3 else ""

    @property
    def name(self) -> str:
        """Name the file without its folder."""
        return self.path.rpartition("/")[2]

    def functions(self) -> Iterator[tuple[str, Function]]:
        """Yield each function with its name, as in `file.py:Class.method`."""
        yield from _functions(self.tree, f"{self.path}:")

    def at(self, node: ast.AST, problem: str) -> str:
        """Name a place in the file and what is wrong there."""
        return f"{self.path}:{getattr(node, 'lineno', 1)} {problem}"


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield prefix + child.name, child
        inner = f"{prefix}{child.name}." if isinstance(child, Function | ast.ClassDef) else prefix
        yield from _functions(child, inner)


def source(path: str, text: str) -> Source:
    """Parse a file, or what a test puts in its place."""
    text = dedent(text)
    return Source(path, text, ast.parse(text))


@lru_cache
def sources(folder: str) -> tuple[Source, ...]:
    """Return all Python files below a folder of the project."""
    found = tuple(
        source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / folder).rglob("*.py"))
    )
    # Millions of nodes stay until the end: no later look for garbage goes through them.
    gc.collect()
    gc.freeze()
    return found


def dotted(node: ast.AST) -> str:
    """Write `a.b.c` for an attribute of an attribute; nothing for what has no such name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{dotted(value)}.{name}"
        case _:
            return ""


def own_nodes(statements: list[ast.stmt]) -> Iterator[ast.AST]:
    """Yield what is in these statements, without what is in the functions inside them."""
    waiting: list[ast.AST] = [*statements]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)
