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
    write("[server]\nport = 4080", tmp_path)
    config = read_configuration(None)
    assert config is not None
    assert config.listen.port == 4080


PEM = "-----BEGIN {0}-----\nMIIB\n-----END {0}-----\n"


def test_a_certificate_that_looks_like_one_and_is_none_is_a_mistake_with_its_line(
    tmp_path: Path,
) -> None:
    (tmp_path / "chain.pem").write_text(PEM.format("CERTIFICATE"))
    (tmp_path / "key.pem").write_text(PEM.format("PRIVATE KEY"))
    file = write(
        "[server]\nport = 4080\ntls = { certificate = 'chain.pem', key = 'key.pem' }", tmp_path
    )
    with pytest.raises(ConfigMistake) as caught:
        read_configuration(file)
    assert str(caught.value) == (
        f"{file}:3: server.tls: certificate and key are no pair that TLS can use:"
        " one is broken, or the key has a passphrase"
    )


def test_a_refusal_tells_every_mistake_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    findings = [Finding("f", 1, None, "a", "wrong"), Finding("f", 2, None, "b", "wrong")]
    refused = Refused(ConfigMistake(findings))
    refused.show()
    assert refused.exit_code == 1
    assert capsys.readouterr() == ("", "f:1: a: wrong\nf:2: b: wrong\n")
