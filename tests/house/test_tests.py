"""How tests are written: names are sentences, nothing sleeps for long, nothing is patched over."""

import ast

from tests.house.source import Source, dotted, source, sources

WORDS = 3
"""A sentence has at least so many after `test`."""

LONGEST_SLEEP = 0.05
"""Seconds of real time."""

PATCHERS = {"monkeypatch.setattr", "monkeypatch.setitem", "mocker.patch", "patch", "patch.object"}

PATCHED: dict[str, str] = {
    "tests/house/test_leaks.py:test_a_running_thread_is_a_leak": "a check that waits a second",
}
"""Functions, as `file.py:name`, that patch what has no seam, and why."""


def unspoken(module: Source) -> list[str]:
    """Find tests whose name is no sentence."""
    return [
        module.at(function, f"{function.name} is no sentence")
        for _, function in module.functions()
        if function.name.startswith("test_") and function.name.count("_") < WORDS
    ]


def sleepers(module: Source) -> list[str]:
    """Find sleeps in real time that are longer than needed."""
    return [
        module.at(node, "sleeps for long")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and dotted(node.func) == "time.sleep"
        and not (
            isinstance(node.args[0], ast.Constant)
            and isinstance(node.args[0].value, int | float)
            and node.args[0].value <= LONGEST_SLEEP
        )
    ]


def patches(module: Source) -> list[str]:
    """Find what is patched where a fake could be passed through a seam."""
    return [
        module.at(node, f"{function.name} patches")
        for name, function in module.functions()
        if name not in PATCHED
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and dotted(node.func) in PATCHERS
    ]


def test_names_are_sentences() -> None:
    assert [problem for module in sources("tests") for problem in unspoken(module)] == []


def test_nothing_sleeps_for_long() -> None:
    assert [problem for module in sources("tests") for problem in sleepers(module)] == []


def test_nothing_is_patched_over() -> None:
    assert [problem for module in sources("tests") for problem in patches(module)] == []


BAD = """
    def test_it():
        time.sleep(1)
        time.sleep(delay)
        monkeypatch.setattr(x, "y", z)

    async def test_a_silent_target_is_passed_over():
        time.sleep(0.01)
        with pytest.raises(ValueError):
            f()
"""


def test_a_bad_test_is_found() -> None:
    module = source("a.py", BAD)
    assert unspoken(module) == ["a.py:2 test_it is no sentence"]
    assert sleepers(module) == ["a.py:3 sleeps for long", "a.py:4 sleeps for long"]
    assert patches(module) == ["a.py:5 test_it patches"]
