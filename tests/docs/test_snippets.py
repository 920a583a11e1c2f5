"""No snippet that does not run: each fenced block of each page is looked at by what it is.

What a block is says the word behind its fence; `configurations.py` has the kinds of TOML.
"""

import ast
import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from configparser import ConfigParser, Error
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.docs.configurations import STANDS_FOR, merged, written, wrong_toml
from tests.docs.pages import Block, Page, blocks, pages
from tests.docs.shell import commands, judge, said, wrong_shell

AWAITS: Final = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

OTHERS: Final = frozenset({"", "csv", "diff", "dockerfile", "http", "lua", "sql", "text"})
"""What is there to be read, and cannot be run."""


def wrong_python(block: Block) -> list[str]:
    """Compile it; what runs against a gateway is run by `test_start.py` and `test_howto.py`."""
    try:
        compile(block.text, block.place, "exec", AWAITS)
    except SyntaxError as error:
        return [f"{block.place}: {error}"]
    return []


def wrong_json(block: Block) -> list[str]:
    """Read each document of a block: one on several lines, or one on each."""
    try:
        json.loads(block.text)
    except ValueError as whole:
        try:
            for line in block.text.splitlines():
                json.loads(line)
        except ValueError:
            return [f"{block.place}: {whole}"]
    return []


def wrong_yaml(block: Block) -> list[str]:
    """Read it, safely."""
    try:
        list(yaml.safe_load_all(block.text))
    except yaml.YAMLError as error:
        return [f"{block.place}: {error}"]
    return []


def wrong_ini(block: Block) -> list[str]:
    """Read it as a unit of systemd, whose keys may stand twice."""
    try:
        ConfigParser(strict=False, interpolation=None, allow_no_value=True).read_string(block.text)
    except Error as error:
        return [f"{block.place}: {error}"]
    return []


def wrong_nginx(block: Block) -> list[str]:
    """See that each directive ends, and each brace has its other one."""
    bare = re.sub(r"#.*", "", block.text)
    lines = [line.strip() for line in bare.splitlines() if line.strip()]
    problems = [
        f"{block.place}: {line} does not end"
        for line in lines
        if not line.endswith((";", "{", "}"))
    ]
    if bare.count("{") != bare.count("}"):
        problems.append(f"{block.place}: braces do not match")
    return problems


JUDGES: Final[Mapping[str, Callable[[Block], list[str]]]] = {
    "python": wrong_python,
    "json": wrong_json,
    "yaml": wrong_yaml,
    "ini": wrong_ini,
    "nginx": wrong_nginx,
    "sh": wrong_shell,
    "console": wrong_shell,
}


def test_each_configuration_loads(tmp_path: Path) -> None:
    found = blocks("toml")
    problems = [problem for block in found for problem in wrong_toml(block, tmp_path)]
    assert problems == [], "a part of a file is marked: ```toml part (see tests/docs/example.toml)"


def test_what_stands_for_something_else_is_needed() -> None:
    text = "".join(block.text for block in blocks("toml"))
    assert [words for words in STANDS_FOR if words not in text] == []


@pytest.mark.parametrize("language", sorted(JUDGES))
def test_each_other_block_is_what_it_says(language: str) -> None:
    found = blocks(language)
    assert [problem for block in found for problem in JUDGES[language](block)] == []


def test_each_line_for_a_shell_is_one() -> None:
    for block in blocks("sh", "console"):
        text = said(block.text) if block.language == "console" else block.text
        ran = subprocess.run(
            ["bash", "-n"], input=text, text=True, capture_output=True, check=False
        )
        assert (block.place, ran.stderr) == (block.place, "")


def test_each_block_says_what_it_is() -> None:
    known = {*JUDGES, *OTHERS, "toml"}
    unknown = [
        f"{block.place}: {block.language}"
        for page in pages().values()
        for block in page.blocks()
        if block.language not in known
    ]
    assert unknown == [], "put it among the judges, or among what cannot be run"


def test_no_command_hides_in_a_block_without_a_word() -> None:
    hidden = [
        block.place
        for block in blocks("", "text")
        if re.search(r"^(?:\$ |gateway \w+$|python -m )", block.text, re.MULTILINE)
    ]
    assert hidden == []


def test_the_blocks_are_found() -> None:
    counts = {language: len(blocks(language)) for language in ("toml", "sh", "console", "python")}
    assert all(count >= 3 for count in counts.values()), counts


def block(words: str, text: str) -> Block:
    (found,) = Page("a.md", f"# A\n\n```{words}\n{text}\n```\n").blocks()
    return found


@pytest.mark.parametrize(
    ("words", "text", "problem"),
    [
        ("toml", "[server]\nprot = 1", "a.md:3: server.prot: unknown key"),
        ("toml", "[server\nport = 1", "a.md:3: Expected ']'"),
        ("toml", '[fallbacks]\n"a" = "b"', 'a.md:3: fallbacks.a[0]: nobody answers to "b"'),
        ("toml part", '[fallbacks]\n"a" = "b"', 'a.md:3: fallbacks.a[0]: nobody answers to "b"'),
        ("toml part", '[fallbacks]\n"gpt-5.2" = "claude-sonnet-4-5"', ""),
        ("toml piece", "", "a.md:3: `toml piece` is no kind: there are part and other"),
        ("toml other", "[server]\nprot = 1", ""),
        ("toml other", "[server", "a.md:3: Expected ']'"),
    ],
)
def test_a_configuration_that_does_not_load_is_found(
    words: str, text: str, problem: str, tmp_path: Path
) -> None:
    found = wrong_toml(block(words, text), tmp_path)
    assert "".join(found).startswith(problem)
    assert bool(found) == bool(problem)


@pytest.mark.parametrize(
    ("words", "text", "problem"),
    [
        ("python", "print(", "a.md:3: '(' was never closed"),
        ("python", "await client.send(x)", ""),
        ("json", '{"a": 1}\n{"b": 2}', ""),
        ("json", '{"a": }', "a.md:3: Expecting value"),
        ("yaml", "a: [1", "a.md:3: while parsing"),
        ("ini", "[Unit]\nAfter=a\nAfter=b", ""),
        ("ini", "After=a", "a.md:3: File contains no section headers"),
        ("nginx", "proxy_buffering off", "a.md:3: proxy_buffering off does not end"),
        ("nginx", "server {\n  listen 80;  # here", "a.md:3: braces do not match"),
        ("nginx", "server {\n  listen 80;  # here\n}", ""),
    ],
)
def test_a_block_that_is_not_what_it_says_is_found(words: str, text: str, problem: str) -> None:
    found = JUDGES[words](block(words, text))
    assert "".join(found).startswith(problem)
    assert bool(found) == bool(problem)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("gateway serve --workers 4", ""),
        ("gateway serve --workers", "Option '--workers' requires an argument."),
        ("gateway serve --wrokers 4", "No such option '--wrokers'"),
        ("gateway sevre", "No such command 'sevre'"),
        ("gateway keys create ada --user ada > ada.key", ""),
        ("gateway keys create", "name is missing"),
        ("gateway keys revoke a b", "b is one too many"),
        ("gateway usage --by colour", "colour is none of"),
        ("gateway --help", ""),
        ("sudo gateway check; gateway chekc", "No such command 'chekc'"),
        ("A=1 gateway check && gatway top", "gatway is no program that is known here"),
        ("python -m nox -s lint", ""),
        ("python -m nox -s lnit -- --quick", "there is no session lnit"),
        ("python -m tests.house.reliability C9", ""),
        ("python -m tests.nothing", "there is no module tests.nothing"),
        ("/opt/gateway/bin/python3 -m gateway chekc", "No such command 'chekc'"),
        ("python tools/price.py", "there is no tools/price.py"),
        ("pytest tests/test_drain.py -k x", ""),
        ("pytest tests/test_dray.py", "there is no tests/test_dray.py"),
        ("curl http://127.0.0.1:4000/v1/models", ""),
        ("curl http://127.0.0.1:4000/v1/model/x/y", "No such path"),
        ("curl http://localhost:4000/v1/embeddings -d '{\"a\"}'", "its body is no JSON"),
        ("curl http://localhost:4001/api/calls/req_1", ""),
        ("curl http://localhost:4001/api/cals", "the admin has no GET /api/cals"),
        ("curl -X DELETE http://localhost:4001/api/calls", "the admin has no DELETE /api/calls"),
        ("gateway check  # gateway chekc", ""),
    ],
)
def test_a_command_that_does_not_exist_is_found(line: str, problem: str) -> None:
    found = [each for words in commands(line) for each in judge(words)]
    assert "".join(found).startswith(problem)
    assert bool(found) == bool(problem)


def test_of_what_a_terminal_showed_only_what_was_typed_is_read() -> None:
    shown = "$ gateway keys \\\n    list\nname  key\n$ gateway check\nno mistakes"
    assert said(shown) == "gateway keys \\\n    list\ngateway check"


def test_a_part_stands_over_the_whole() -> None:
    whole = {"a": {"b": 1, "c": 2}, "d": [1]}
    assert merged(whole, {"a": {"b": 3}, "e": True}) == {"a": {"b": 3, "c": 2}, "d": [1], "e": True}


def test_a_table_that_is_written_is_read_back() -> None:
    table = tomllib.loads('a = 1\nb = ["x\\"y", 2027-01-01]\n[c."d.e"]\nf = 1.5\ng = true\nh = {}')
    assert tomllib.loads(written(table)) == table
