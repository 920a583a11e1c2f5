"""The pages that are made of the code are as they are made now; what they say there is there."""

import re
import subprocess
import sys
from types import ModuleType

import pytest

from gateway.__main__ import COMMANDS
from gateway.endpoints import ENDPOINTS
from tests.docs import api_page, commands_page
from tests.docs.admin_api import routes
from tests.docs.pages import Page
from tests.docs.shell import commands, judge
from tests.house.source import ROOT

FIELD = re.compile(r"^\| `(x-[a-z-]+)\*?` \|", re.MULTILINE)


@pytest.mark.parametrize("made", [api_page, commands_page])
def test_the_page_on_disk_is_the_one_that_is_made(made: ModuleType) -> None:
    """It is made in a process of its own: commands remember how they were first asked for help."""
    write = f"from {made.__name__} import page; print(page(), end='')"
    run = subprocess.run(
        [sys.executable, "-c", write], check=True, capture_output=True, cwd=ROOT, text=True
    )
    assert made.PAGE.read_text(encoding="utf-8") == run.stdout, "run `python -m tests.docs`"


def test_each_command_is_on_the_page() -> None:
    headings = Page("docs/commands.md", commands_page.page()).anchors
    assert {f"gateway-{name}" for name in COMMANDS} | {"gateway-keys-create"} <= headings


def test_each_example_of_a_help_text_is_a_command_that_exists() -> None:
    found = list(commands_page.examples())
    assert len(found) > len(COMMANDS)
    problems = [
        f"{name}: {line}: {problem}"
        for name, line in found
        for words in commands(line)
        for problem in judge(words)
    ]
    assert problems == []


def test_each_endpoint_and_each_route_of_the_api_is_on_the_page() -> None:
    page = api_page.page()
    shown = {each.path for each in ENDPOINTS if "deployments" not in each.path} - {
        "/v1/models/{rest}"
    }
    assert [path for path in shown if f"| `{path}` |" not in page] == []
    asked = {f"{route.method} {route.path}" for route in routes() if route.is_api}
    headings = {line.removeprefix("### ") for line in page.splitlines() if line[:4] == "### "}
    assert headings == {re.sub(r"<(\w+)>", r"{\1}", each) for each in asked}


def test_each_header_field_on_the_page_occurs_in_the_code() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("src/gateway/**/*.py"))
    named = FIELD.findall(api_page.page())
    assert len(named) > 10
    assert [field for field in named if f'"{field}' not in code] == []
    ours = set(re.findall(r'"(x-gateway-[a-z-]+)"', code))
    assert ours == {field for field in named if field.startswith("x-gateway-")}
