"""What a database is asked: statements that stand in the code, and values beside them (S6)."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.source import Source, dotted, source, sources

SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|VALUES|WHERE|CREATE|ALTER|DROP|PRAGMA)\b")
NUMBERS = ("int", "len")
"""Who makes a number of whatever it is given; a `PRAGMA` takes no parameters."""

TRANSLATES = "_in_its_words"
"""Who writes the marks for values as another driver wants them, and puts no value there."""

PUT_TOGETHER = {
    "src/gateway/store/usage.py": "questions for each thing that usage is told by, at the start",
    "src/gateway/store/search.py": "questions for each index that calls are found by, at the start",
    "src/gateway/store/calls.py": "a statement for each number of rows, at the start",
}
"""Files that put statements together of more than their constants, and of what."""

ALLOWED = re.compile(r"noqa:[^#]*\bS608\b")


def _parts(node: ast.JoinedStr) -> Iterator[ast.expr]:
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            yield part.value


def _is_constant(node: ast.expr) -> bool:
    """Say whether this is a constant of the module, or a number."""
    if isinstance(node, ast.Call):
        return dotted(node.func) in NUMBERS
    return isinstance(node, ast.Name) and node.id.isupper()


def _is_translated(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) == TRANSLATES


def _is_sql(node: ast.JoinedStr) -> bool:
    said = "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
    return SQL.search(said) is not None


def puts_queries_together(module: Source) -> list[str]:
    """Find statements that something other than a constant is put into."""
    problems = []
    for node in ast.walk(module.tree):
        match node:
            case ast.JoinedStr() if _is_sql(node):
                found = not all(map(_is_constant, _parts(node)))
                problem = "puts a statement together"
            case ast.Call(func=ast.Attribute(attr="execute"), args=[given, *_]):
                found = isinstance(given, ast.BinOp | ast.Call) and not _is_translated(given)
                problem = "has a statement made on the spot"
            case _:
                continue
        if found and module.path not in PUT_TOGETHER:
            problems.append(module.at(node, problem))
    return problems


def test_s6_no_statement_is_put_together() -> None:
    """S6: what the linter cannot see either; its own exceptions are those of this page."""
    assert [each for module in sources("src") for each in puts_queries_together(module)] == []
    excused = {module.path for module in sources("src") if ALLOWED.search(module.text)}
    assert excused == set(PUT_TOGETHER)


def test_s6_where_statements_are_put_together_no_function_takes_a_text_from_outside() -> None:
    """S6: they are made as the module is read, when nobody has asked anything yet."""
    for module in sources("src"):
        if module.path in PUT_TOGETHER:
            for name, function in module.functions():
                made = [node for node in ast.walk(function) if isinstance(node, ast.JoinedStr)]
                assert not any(map(_is_sql, made)) or name.endswith(":_question"), name


@pytest.mark.parametrize(
    "text",
    [
        'f"SELECT a FROM b WHERE c = {name}"',
        'f"DELETE FROM b WHERE c = {self.name}"',
        'f"PRAGMA user_version = {number}"',
        'connection.execute("SELECT " + name)',
        'connection.execute("SELECT %s" % name)',
        'connection.execute("SELECT {}".format(name))',
        "self._connection.execute(say(name), ())",
    ],
)
def test_s6_a_statement_that_is_put_together_is_found(text: str) -> None:
    assert len(puts_queries_together(source("src/gateway/store/rows.py", text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        'f"SELECT {_NAMES} FROM calls"',
        'f"PRAGMA busy_timeout = {int(patience * 1000)}"',
        "connection.execute(_QUESTION, (name,))",
        'f"{name} has no row WHEREVER one looks"',
    ],
)
def test_s6_what_stands_in_the_code_is_no_matter(text: str) -> None:
    assert puts_queries_together(source("src/gateway/store/rows.py", text)) == []
