"""docs/start.md, walked as its reader walks it: its commands run, its code asks a real gateway.

What it shows is what they say; `…` stands for what is otherwise each time.
"""

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.docs.pages import Block, pages
from tests.docs.reader import Reader, is_told, transcript
from tests.process import Gateway, gateway

PAGE: Final = pages()["docs/start.md"]
TOML: Final = [block.text for block in PAGE.blocks() if block.language == "toml"]
PYTHON: Final = [block.text for block in PAGE.blocks() if block.language == "python"]

ASKED: Final = "Say hello"
OPENLY: Final = {"OPENAI_API_KEY": "a-key-of-openais", "ANTHROPIC_API_KEY": "a-key-of-anthropics"}


def block(words: str) -> Block:
    """Return the one block of the page in which these words stand."""
    (found,) = (each for each in PAGE.blocks() if words in each.text)
    return found


@pytest.fixture(scope="module")
def openly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway as it comes: without a configuration, and so with `echo` alone."""
    with gateway(tmp_path_factory.mktemp("openly"), None) as started:
        yield started


@pytest.mark.parametrize("code", PYTHON, ids=["openai", "anthropic"])
def test_the_code_asks_and_prints_the_answer(
    code: str, openly: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    names: dict[str, Any] = {}
    exec(code.replace("127.0.0.1:4000", f"127.0.0.1:{openly.port}"), names)
    names["client"].close()
    assert capsys.readouterr().out.strip() == ASKED


def test_a_stream_comes_by_curl(
    openly: Gateway, tmp_path: Path, require: Callable[[str], str]
) -> None:
    require("curl")
    said = Reader(tmp_path, {}, openly.port).types(block('"model": "echo", "stream"').text)
    assert said.count("data: ") > 3
    assert "Say" in said
    assert said.rstrip().endswith("data: [DONE]")


def test_a_configuration_is_checked_and_explained(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(TOML[0])
    reader = Reader(tmp_path, OPENLY)
    shown = transcript(block("$ gateway explain"))
    assert [command for command, _ in shown] == ["gateway check", "gateway explain gpt-5.2"]
    for command, told in shown:
        printed = reader.types(command)
        assert is_told(printed, told), printed


def test_a_key_is_given_out_and_what_it_spends_is_told(
    tmp_path: Path, require: Callable[[str], str]
) -> None:
    require("curl")
    environ = {"GATEWAY_PEPPER": secrets.token_hex(32)}
    (tmp_path / "gateway.toml").write_text(TOML[1])
    reader = Reader(tmp_path, environ)
    ((export, _), (create, told)) = transcript(block("$ export"))
    assert export.startswith("export GATEWAY_PEPPER=")
    assert is_told(reader.types(create), told)
    with gateway(tmp_path, TOML[1], environ=environ) as started:
        reader.port = started.port
        for command, told in transcript(block("/v1/models -H")):
            printed = reader.types(command)
            assert is_told(printed, told), printed
        said = reader.types(block('"model": "try", "stream"').text)
        assert said.rstrip().endswith("data: [DONE]")
    ((command, told),) = transcript(block("$ gateway usage"))
    printed = reader.types(command)
    assert is_told(printed, told), printed
