"""What the code must never do: start a process, run a text (S8)."""

import ast

import pytest

from tests.house.source import Source, dotted, source, sources

STARTS_PROCESSES = ("subprocess", "multiprocessing", "pty", "code", "codeop", "runpy", "ctypes")
FORKS = {
    "src/gateway/supervisor.py": "it makes its workers, and the admin, of itself",
}
"""Files that may fork, and why. What comes of it runs the same code."""

EVALUATES = ("eval", "exec", "compile", "os.popen", "os.system", "os.fork")


def starts_or_evaluates(module: Source) -> list[str]:
    """Find what could start a process or run a text."""
    problems = []
    for node in ast.walk(module.tree):
        match node:
            case ast.Import(names=aliases):
                imported = [alias.name for alias in aliases]
            case ast.ImportFrom(module=str(name)):
                imported = [name]
            case ast.Call():
                called = dotted(node.func)
                if called == "os.fork" and module.path in FORKS:
                    continue
                if called in EVALUATES or called.startswith(("os.exec", "os.spawn", "os.posix_s")):
                    problems.append(module.at(node, f"calls {called}"))
                continue
            case _:
                continue
        found = [name for name in imported if name.split(".")[0] in STARTS_PROCESSES]
        problems += [module.at(node, f"imports {name}") for name in found]
    return problems


def test_s8_nothing_starts_a_process_or_runs_a_text() -> None:
    assert [each for module in sources("src") for each in starts_or_evaluates(module)] == []


@pytest.mark.parametrize(
    "text",
    [
        "import subprocess",
        "from multiprocessing import Process",
        "eval(x)",
        "os.execv(a, b)",
        "os.fork()",
    ],
)
def test_s8_a_process_or_a_text_that_runs_is_found(text: str) -> None:
    assert len(starts_or_evaluates(source("src/gateway/relay/carry.py", text))) == 1
