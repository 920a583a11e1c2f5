"""What pages show of a terminal is what the commands say, where it is the same each time."""

import ast
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
import trio

from tests.docs.pages import Block, pages
from tests.docs.reader import Reader, is_told, transcript

SHOWN: Final = (
    ("README.md", "gateway check"),
    ("docs/routing.md", "gateway explain gpt-5.2"),
)
"""Pages whose first configuration stands before a command that says what they show."""

AWAITS: Final = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

SECRET: Final = "a-key-that-ends-with-0123"
VARIABLES: Final = ("OPENAI_API_KEY", "EU_KEY_A", "EU_KEY_B")


def shown(page: str, command: str) -> list[tuple[str, str]]:
    """Return what a page shows of a command, as often as it does."""
    return [
        (typed, told)
        for block in pages()[page].blocks()
        if block.language == "console"
        for typed, told in transcript(block)
        if typed.startswith(command)
    ]


@pytest.mark.parametrize(("page", "command"), SHOWN)
def test_what_is_shown_is_what_is_said(page: str, command: str, tmp_path: Path) -> None:
    found = shown(page, command)
    first = next(block for block in pages()[page].blocks() if block.language == "toml")
    (tmp_path / "gateway.toml").write_text(first.text)
    reader = Reader(tmp_path, dict.fromkeys(VARIABLES, SECRET))
    assert found
    for typed, told in found:
        printed = reader.types(typed)
        assert is_told(printed, told), printed


@pytest.mark.parametrize(
    ("told", "enough"),
    [("a  b\nc … d\n", True), ("a b c 17 d e", False), ("a b c 17", False), ("…c 17 d", True)],
)
def test_what_is_told_must_be_said(told: str, enough: bool) -> None:
    assert is_told("a  b\nc 17 d  \n", told) is enough


def test_a_transcript_is_read_command_by_command() -> None:
    found = transcript(Block("a.md", 1, ("console",), "$ one\n1\n2\n$ two\n"))
    assert list(pairwise(found)) == [(("one", "1\n2\n"), ("two", ""))]


def test_what_trio_is_said_to_do_it_does() -> None:
    page = pages()["docs/structured-concurrency.md"]
    code = next(block.text for block in page.blocks() if "cancelled_caught" in block.text)
    names: dict[str, Any] = {"trio": trio}
    trio.run(eval, compile(code, page.path, "exec", AWAITS), names)
    link, work = names["link"], names["work"]
    for name, caught in (("link", link.cancelled_caught), ("work", work.cancelled_caught)):
        assert f"{name}.cancelled_caught is {caught}" in code
