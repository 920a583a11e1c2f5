"""`gateway doctor`: options, exit codes, and what is shown to whom."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.commands.doctor import KEY_VARIABLE, command
from gateway.config.discover import CLOUDS
from tests.config.texts import write
from tests.process import free_port

ECHO = """\
[server]
port = {port}
[providers.echo]
"""


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def doctor(*options: str, **environ: str) -> Result:
    """Run the command with nothing in the environment but what is given."""
    usual = {name: None for cloud in CLOUDS for name in (*cloud.variables, "OPENAI_BASE_URL")}
    where = {"GATEWAY_CONFIG": None, "RUNTIME_DIRECTORY": str(Path.cwd() / "control")}
    env = {**usual, **where, KEY_VARIABLE: None, **environ}
    return CliRunner(env=env).invoke(command, options)


def test_where_all_is_well_the_exit_code_is_0_and_each_line_says_how_it_is(tmp_path: Path) -> None:
    write(ECHO.format(port=free_port()), tmp_path)
    result = doctor()
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split()[:3] == ["ok", "configuration", "file"]
    assert any(line.split()[:3] == ["ok", "provider", "echo"] for line in lines)
    assert lines[-1].startswith("0 failures, ")


def test_without_a_file_what_would_be_found_is_looked_at() -> None:
    result = doctor("--json")
    said = json.loads(result.stdout)
    first, *others = said["checks"]
    assert first["seen"].startswith("there is no file")
    assert "provider echo" in {each["subject"] for each in others}


def test_a_failure_is_exit_code_1_and_a_program_reads_what_to_do(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    dead = f'[providers.dead]\nkind = "openai"\nbase_url = "{url}"\nmodels = ["m"]\n'
    write(ECHO.format(port=free_port()) + dead, tmp_path)
    result = doctor("--json")
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert said["verdict"] == "fail"
    assert 0 <= said["seconds"] < 5
    failed = [each for each in said["checks"] if each["verdict"] == "fail"]
    assert [(each["subject"], each["check"]) for each in failed] == [("provider dead", "tcp")]
    assert failed[0]["remedy"]
    assert {each["verdict"] for each in said["checks"]} <= {"ok", "warn", "fail", "skipped"}


def test_a_mistake_in_the_file_is_a_line_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    write("[server]\nprot = 1\n[providers.openai]\napi_key = { env = 'NOT_SET' }\n", tmp_path)
    result = doctor()
    assert result.exit_code == 1
    assert "unknown key; did you mean port?" in result.stdout
    assert "export NOT_SET=" in result.stdout
    assert "descriptors" in result.stdout


def test_a_file_that_is_named_and_not_there_is_a_failure() -> None:
    result = doctor("--config", "gone.toml")
    assert result.exit_code == 1
    assert "gone.toml: there is no such file" in result.stdout


@pytest.mark.parametrize(
    ("options", "environ"),
    [
        (["--model", "echo-2"], {}),
        (["--silent", "70"], {}),
        (["--admin", "http://127.0.0.1:4001"], {}),
        (["--through", "gateway.example.com"], {}),
        (["--through", "http://127.0.0.1:1/v1", "--silent", "-1"], {}),
        (["--through", "http://127.0.0.1:1/v1"], {KEY_VARIABLE: "sk\x7f-of-nobody"}),
        (["--through", "http://127.0.0.1:1/v1", "--admin", "http://127.0.0.1:1"], {}),
        (["--through", "https://ada:of-nobody@gateway.example.com/v1"], {}),
        (["--no-such-option"], {}),
    ],
)
def test_what_is_called_wrongly_is_exit_code_2(options: list[str], environ: dict[str, str]) -> None:
    result = doctor(*options, **environ)
    assert result.exit_code == 2
    assert "of-nobody" not in result.output


def test_a_proxy_that_is_not_there_is_told_beside_all_else(tmp_path: Path) -> None:
    write(ECHO.format(port=free_port()), tmp_path)
    url = f"http://127.0.0.1:{free_port()}/v1"
    result = doctor("--through", url, **{KEY_VARIABLE: "sk-doctor-0123456789"})
    assert result.exit_code == 1
    assert f"proxy {url.removesuffix('/v1')}" in result.stdout
    assert "Connection refused" in result.stdout
    assert "sk-doctor" not in result.output


def test_help_teaches_by_examples() -> None:
    said = doctor("--help").stdout
    assert "gateway doctor --through https://gateway.example.com/v1" in said
    assert "nothing is paid" in " ".join(said.split())
