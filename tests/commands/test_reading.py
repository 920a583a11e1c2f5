"""How commands get their configuration."""

from pathlib import Path

import pytest

from gateway.commands.reading import Refused, read_configuration
from gateway.config.mistakes import ConfigMistake, Finding
from tests.config.texts import write


def test_the_file_of_this_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    assert read_configuration(None) is None
    write("[server]\nport = 4001", tmp_path)
    config = read_configuration(None)
    assert config is not None
    assert config.listen.port == 4001


def test_a_refusal_tells_every_mistake_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [Finding("f", 1, None, "a", "wrong"), Finding("f", 2, None, "b", "wrong")]
    refused = Refused(ConfigMistake(findings))
    refused.show()
    assert refused.exit_code == 1
    assert capsys.readouterr() == ("", "f:1: a: wrong\nf:2: b: wrong\n")
