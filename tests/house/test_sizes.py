"""How long things may be. A number changes only with a decision that is written down."""

import ast
from collections.abc import Iterable, Mapping
from statistics import median

from tests.house.source import Function, Source, source, sources

MEDIAN_LINES = 150
FILE_LINES = 400
FORM_LINES = 600
TEST_LINES = 600
STORY_LINES = 120
FUNCTION_LINES = 40
PARAMETERS = 6

STORY = "src/gateway/relay/carry.py"

LONG_FUNCTIONS: dict[str, str] = {}
"""Parsers and pumps that read better whole, and why. Named as `file.py:Class.method`."""


def oversized(files: Mapping[str, int]) -> list[str]:
    """Find files with more lines than theirs may have."""
    return [
        f"{path} has {lines} lines, {allowed(path)} are allowed"
        for path, lines in files.items()
        if lines > allowed(path)
    ]


def allowed(path: str) -> int:
    """Say how many lines a file may have."""
    if path == STORY:
        return STORY_LINES
    if path.startswith("tests/"):
        return TEST_LINES
    return FORM_LINES if path.startswith("src/gateway/forms/") else FILE_LINES


def length(function: Function) -> int:
    """Count the lines of a function without its decorators and its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def parameters(function: Function) -> int:
    """Count what a caller may give; `self` is not given."""
    taken = function.args
    names = [argument.arg for argument in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs)]
    stars = (taken.vararg is not None) + (taken.kwarg is not None)
    return len([name for name in names if name not in {"self", "cls"}]) + stars


def long_functions(modules: Iterable[Source], excused: Mapping[str, str]) -> list[str]:
    """Find functions that are too long or take too much, and excuses that nobody needs."""
    problems, needed = [], set()
    for module in modules:
        for name, function in module.functions():
            if length(function) > FUNCTION_LINES:
                needed.add(name)
                if name not in excused:
                    problems.append(f"{name} has {length(function)} lines")
            if parameters(function) > PARAMETERS:
                problems.append(f"{name} takes {parameters(function)} parameters")
    return problems + [f"{name} needs no excuse" for name in excused if name not in needed]


def test_no_file_is_too_long() -> None:
    modules = (*sources("src"), *sources("tests"))
    assert oversized({module.path: len(module.text.splitlines()) for module in modules}) == []


def test_half_of_the_files_are_short() -> None:
    assert median(len(module.text.splitlines()) for module in sources("src")) <= MEDIAN_LINES


def test_no_function_is_too_long_or_takes_too_much() -> None:
    assert long_functions(sources("src"), LONG_FUNCTIONS) == []


def test_a_file_that_is_too_long_is_found() -> None:
    files = {
        "src/gateway/app.py": 401,
        "src/gateway/forms/chat.py": 600,
        "src/gateway/forms/sse.py": 601,
        "src/gateway/relay/carry.py": 121,
        "src/gateway/relay/start.py": 400,
        "tests/test_security.py": 601,
    }
    assert oversized(files) == [
        "src/gateway/app.py has 401 lines, 400 are allowed",
        "src/gateway/forms/sse.py has 601 lines, 600 are allowed",
        "src/gateway/relay/carry.py has 121 lines, 120 are allowed",
        "tests/test_security.py has 601 lines, 600 are allowed",
    ]


def function_of(lines: int) -> Source:
    """Return a file with one method of so many lines, and a docstring that does not count."""
    head = (
        'class A:\n    @staticmethod\n    def b():\n        """Say.\n\n        More.\n        """\n'
    )
    return source("a.py", head + "        x = 1\n" * (lines - 1))


def test_a_function_that_is_too_long_is_found() -> None:
    assert long_functions([function_of(FUNCTION_LINES)], {}) == []
    assert long_functions([function_of(FUNCTION_LINES + 1)], {}) == ["a.py:A.b has 41 lines"]


def test_an_excused_function_may_be_long_while_it_is() -> None:
    excused = {"a.py:A.b": "a parser"}
    assert long_functions([function_of(FUNCTION_LINES + 1)], excused) == []
    assert long_functions([function_of(FUNCTION_LINES)], excused) == ["a.py:A.b needs no excuse"]


def test_a_function_that_takes_too_much_is_found() -> None:
    six = source("a.py", "class A:\n    def f(self, a, /, b, *c, d, e, **g): ...")
    seven = source("a.py", "async def f(a, b, c, d, *, e, f, g): ...")
    assert long_functions([six], {}) == []
    assert long_functions([seven], {}) == ["a.py:f takes 7 parameters"]
