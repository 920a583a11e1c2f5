"""What the configuration says of itself, and where its secrets are."""

import os
from pathlib import Path

import pytest

from gateway.commands.diagnosis.configuration import (
    MOST_TOLD,
    folder_of,
    mistakes_of,
    reading_of,
    secrets_of,
)
from gateway.commands.diagnosis.verdict import Level, ok
from gateway.config.compose import Config
from gateway.config.mistakes import ConfigMistake, Finding
from tests.config.texts import ENVIRON, load

TEXT = """
[providers.one]
kind = "openai"
api_key = { env = "KEY" }
models = ["a"]
[providers.two]
kind = "openai"
api_key = { file = "two.key" }
models = ["b"]
"""
SECRET = "sk-of-a-file-0123456789"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "two.key").write_text(SECRET)
    (tmp_path / "two.key").chmod(0o600)
    return load(TEXT, tmp_path)


def test_a_variable_that_is_not_set_comes_with_how_to_set_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigMistake) as raised:
        load(TEXT, tmp_path, {})
    unset, gone = mistakes_of(raised.value)
    assert (unset.check, unset.level) == ("providers.one.api_key", Level.FAIL)
    assert "export KEY=" in unset.remedy
    assert "two.key" in gone.seen
    assert "gateway check" in gone.remedy


def test_of_very_many_mistakes_the_first_are_told() -> None:
    finding = Finding("gateway.toml", 1, None, None, "wrong")
    told = mistakes_of(ConfigMistake([finding] * (MOST_TOLD + 5)))
    assert len(told) == MOST_TOLD + 1
    assert told[-1].seen == "and 5 more mistakes"
    assert told[0].check == "file"


def test_what_was_read_is_told_with_its_warnings(config: Config) -> None:
    assert [each.level for each in reading_of(config, ())] == [Level.OK]
    found = reading_of(Config(warnings=("odd",) * (MOST_TOLD + 2)), ("openai: set",))
    assert found[0].seen.startswith("there is no file")
    assert found[1] == ok("found", "openai: set")
    assert [each.level for each in found[2:]] == [Level.WARN] * (MOST_TOLD + 1)
    assert found[-1].seen == "and 2 more"


def test_secrets_are_counted_by_where_they_are_and_never_shown(
    config: Config, tmp_path: Path
) -> None:
    (only,) = secrets_of(config, tmp_path)
    assert only.seen == "2 secrets in use; 1 setting from the environment, 1 from files"
    (tmp_path / "two.key").chmod(0o644)
    present, readable = secrets_of(config, tmp_path)
    assert (readable.check, readable.level) == ("providers.two.api_key", Level.WARN)
    assert "chmod 600" in readable.remedy
    (tmp_path / "two.key").unlink()
    assert len(secrets_of(config, tmp_path)) == 1
    said = " ".join(each.seen for each in (present, readable))
    assert SECRET not in said
    assert ENVIRON["KEY"] not in said


def test_relative_paths_begin_beside_the_file(config: Config, tmp_path: Path) -> None:
    assert folder_of(config) == tmp_path
    assert folder_of(Config()) == Path(os.getcwd())  # noqa: PTH109 (what `Path.cwd` asks)
