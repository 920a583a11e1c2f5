"""What may not be said: to a terminal by a room, about a machine by anyone."""

import ast
from pathlib import Path

from tests.house.source import ROOT, Source, source, sources

PRINTING_ROOMS = {"commands"}

# In pieces, so that this file does not find itself.
UNSAID = [f"/{'work'}/", f"/{'tmp'}/venv", f"{'shared'}/design"]

PAPERS = ("src", "tests", "docs", "deploy", "benchmarks", "newsfragments", ".ci")
SUFFIXES = {"", ".conf", ".json", ".md", ".py", ".service", ".sh", ".toml", ".txt", ".yaml"}


def prints(module: Source) -> list[str]:
    """Find what speaks to a person from a room that has none before it."""
    if module.room in PRINTING_ROOMS:
        return []
    return [
        module.at(node, "prints")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"breakpoint", "input", "print"}
    ]


def unsaid(path: str, text: str) -> list[str]:
    """Find words that belong to one machine."""
    return [
        f"{path}:{number} names {word}"
        for number, line in enumerate(text.splitlines(), 1)
        for word in UNSAID
        if word in line
    ]


def papers() -> list[Path]:
    """Return all texts of the project."""
    found = [path for folder in PAPERS for path in sorted((ROOT / folder).rglob("*"))]
    found += sorted(ROOT.glob("*.*"))
    return [path for path in found if path.is_file() and path.suffix in SUFFIXES]


def test_only_commands_print() -> None:
    assert [problem for module in sources("src") for problem in prints(module)] == []


def test_no_text_speaks_of_one_machine() -> None:
    problems = []
    for path in papers():
        text = path.read_text(encoding="utf-8", errors="replace")
        problems += unsaid(path.relative_to(ROOT).as_posix(), text)
    assert problems == []


def test_all_texts_are_looked_at() -> None:
    looked_at = {path.relative_to(ROOT).as_posix() for path in papers()}
    assert {"pyproject.toml", "noxfile.py", "README.md", "tests/house/test_words.py"} <= looked_at


def test_a_print_is_found() -> None:
    text = "def f():\n    print('x')\n    log.print('y')"
    assert prints(source("src/gateway/relay/carry.py", text)) == [
        "src/gateway/relay/carry.py:2 prints"
    ]
    assert prints(source("src/gateway/commands/serve.py", text)) == []


def test_a_word_of_one_machine_is_found() -> None:
    assert unsaid("a.md", f"see\n{UNSAID[0]}main") == [f"a.md:2 names {UNSAID[0]}"]
    assert unsaid("a.md", "the work of the gateway") == []
