"""The lines for each client ask what they say: they are run, or at least read by their language."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.admin.keys.snippets import ECHO, ELSEWHERE, Snippet, chosen, snippets
from tests.process import Gateway, gateway

HOSTILE = "a'b\"c$(touch x)`touch x`\\n </script>"
IDS = [
    *("curl", "openai-python", "openai-js", "anthropic", "claude-code", "codex", "cursor"),
    "langchain",
]


def lines(of: str, address: str = "http://127.0.0.1:4000", model: str = "gpt-5.2") -> Snippet:
    (found,) = (each for each in snippets(address, model) if each.id == of)
    return found


def run(*command: str, folder: Path, typed: str = "") -> str:
    """Run a program with a key in the usual variable; return what it says."""
    environ = {"PATH": os.environ["PATH"], "GATEWAY_KEY": "ngw-none", "HOME": str(folder)}
    done = subprocess.run(
        command,
        input=typed,
        capture_output=True,
        text=True,
        env=environ,
        cwd=folder,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway that has the built-in model alone."""
    with gateway(tmp_path_factory.mktemp("gateway"), "[providers.echo]\n") as running:
        yield running


@pytest.mark.leaks("one gateway serves all tests of this file")
def test_the_lines_for_curl_ask_a_real_gateway(
    real: Gateway, tmp_path: Path, require: Callable[[str], str]
) -> None:
    require("curl")
    said = run("sh", folder=tmp_path, typed=lines("curl", real.url, ECHO).text)
    assert json.loads(said)["choices"][0]["message"]["content"] == "Say hello"


@pytest.mark.leaks("one gateway serves all tests of this file")
@pytest.mark.parametrize(("client", "package"), [("openai-python", "openai"), ("anthropic",) * 2])
def test_the_lines_for_python_ask_a_real_gateway(
    real: Gateway, tmp_path: Path, require: Callable[[str], str], client: str, package: str
) -> None:
    require(package)
    text = lines(client, real.url, ECHO).text
    assert run(sys.executable, "-", folder=tmp_path, typed=text) == "Say hello\n"


@pytest.mark.parametrize("model", ["gpt-5.2", HOSTILE])
def test_all_lines_can_be_read_whatever_a_model_is_called(
    tmp_path: Path, require: Callable[[str], str], model: str
) -> None:
    """S20: a name ends no text, in no language."""
    for client in ("openai-python", "anthropic", "langchain"):
        tree = ast.parse(lines(client, model=model).text)
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        assert model in texts
    codex = tomllib.loads(lines("codex", model=model).text)
    assert codex["model"] == model
    assert codex["model_providers"][codex["model_provider"]] == {
        "name": "Gateway",
        "base_url": "http://127.0.0.1:4000/v1",
        "env_key": "GATEWAY_KEY",
        "wire_api": "responses",
    }
    shown = 'claude() { printf \'%s %s\' "$2" "$ANTHROPIC_BASE_URL"; }\n'
    said = run("sh", folder=tmp_path, typed=shown + lines("claude-code", model=model).text)
    assert said == f"{model} http://127.0.0.1:4000"
    shown = "curl() { for last; do :; done; printf '%s' \"$last\"; }\n"
    said = run("sh", folder=tmp_path, typed=shown + lines("curl", model=model).text)
    assert json.loads(said)["model"] == model
    assert list(tmp_path.iterdir()) == []
    script = tmp_path / "snippet.mjs"
    script.write_text(lines("openai-js", model=model).text, encoding="utf-8")
    run(require("node"), "--check", str(script), folder=tmp_path)


def test_there_are_lines_for_each_client_and_none_holds_a_key() -> None:
    found = snippets("https://ai.example.com", "gpt-5.2")
    assert [each.id for each in found] == IDS
    for each in found:
        assert "https://ai.example.com" in each.text
        assert "GATEWAY_KEY" in each.text
        assert "ngw-" not in each.text


def test_where_nobody_knows_the_address_an_example_stands() -> None:
    assert all(ELSEWHERE in each.text for each in snippets("", "m"))


def test_the_model_is_the_wanted_one_or_one_that_is_likely_to_chat() -> None:
    names = ("echo", "text-embedding-3-small", "gpt-5.2", "mini")
    assert chosen(names) == "gpt-5.2"
    assert chosen(names, "mini") == "mini"
    assert chosen(names, "forbidden") == "gpt-5.2"
    assert chosen(("echo", "an-embedder")) == "echo"
    assert chosen(()) == ECHO
