"""`gateway check`: right or wrong, what it comes to, and an exit code for scripts."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.commands.check import command
from gateway.config.discover import CLOUDS
from tests.config.texts import write

TEXT = """\
[server]
port = 4080
[providers.openai]
api_key = { env = "KEY" }
models = ["gpt-5.2"]
"""
SECRET = "sk-0123456789abcdef9f2c"


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def check(*options: str, **environ: str) -> Result:
    """Run the command with nothing in the environment but what is given."""
    usual = {name: None for cloud in CLOUDS for name in (*cloud.variables, "OPENAI_BASE_URL")}
    env = {**usual, "GATEWAY_CONFIG": None, "COLUMNS": "40", **environ}
    return CliRunner(env=env).invoke(command, options)


def test_a_right_file_is_shown_whole_with_origins_and_no_secret(tmp_path: Path) -> None:
    write(TEXT, tmp_path)
    result = check(KEY=SECRET)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "[server]"
    assert "port = 4080".ljust(44) + "  # gateway.toml:2" in lines
    origin = "  # gateway.toml:4, environment variable KEY"
    assert 'api_key = "***9f2c"'.ljust(44) + origin in lines
    assert lines[-1] == "gateway.toml: no mistakes, 0 warnings"
    assert SECRET not in result.output
    assert not [line for line in lines if line.startswith(("required =", "pepper ="))]


def test_a_kind_that_is_known_by_name_is_shown_with_its_defaults(tmp_path: Path) -> None:
    write('[providers.groq]\napi_key = { env = "KEY" }', tmp_path)
    lines = [" ".join(line.split()) for line in check(KEY=SECRET).stdout.splitlines()]
    place = lines.index("[providers.groq]")
    assert lines[place + 1 : place + 6] == [
        'kind = "groq" # default',
        'base_url = "https://api.groq.com/openai/v1" # default',
        'api_key = "***9f2c" # gateway.toml:2, environment variable KEY',
        "api_keys = [] # default",
        'models = "*" # default',
    ]


def test_mistakes_go_to_stderr_each_with_its_line_and_the_exit_code_is_1(tmp_path: Path) -> None:
    write(TEXT.replace("port", "prot") + "[stroe]\n", tmp_path)
    result = check(KEY=SECRET)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "gateway.toml:2: server.prot: unknown key; did you mean port?",
        "gateway.toml:6: stroe: unknown table or key; did you mean store?",
    ]


def test_a_warning_is_told_and_is_no_mistake(tmp_path: Path) -> None:
    write(TEXT.replace('{ env = "KEY" }', f'"{SECRET}"'), tmp_path)
    result = check()
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "gateway.toml: no mistakes, 1 warning"
    assert "\nwarning: gateway.toml:4: providers.openai.api_key: a secret in the file" in (
        result.stdout
    )
    assert SECRET not in result.output


def test_r24_a_literal_secret_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    write(TEXT.replace('{ env = "KEY" }', f'"{SECRET}"'), tmp_path, 0o644)
    result = check()
    assert result.exit_code == 1
    assert "which everybody on this machine may read" in result.stderr
    assert SECRET not in result.output


def test_the_file_is_the_named_one_or_that_of_the_variable(tmp_path: Path) -> None:
    write("", tmp_path).rename(tmp_path / "other.toml")
    for result in (check("--config", "other.toml"), check(GATEWAY_CONFIG="other.toml")):
        assert result.stdout.splitlines()[-1] == "other.toml: no mistakes, 0 warnings"
    missing = check("--config", "missing.toml")
    assert missing.exit_code == 1
    assert missing.stderr == "missing.toml: there is no such file; --config names it\n"


def test_without_a_file_it_shows_what_would_be_found_here() -> None:
    result = check(OPENAI_API_KEY=SECRET)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("There is no configuration file: this is what `gateway serve` would")
    assert lines[1] == "  openai: OPENAI_API_KEY is set"
    assert "[providers.openai]" in lines
    assert "[providers.echo]" in lines
    assert SECRET not in result.output


def test_programs_get_one_object(tmp_path: Path) -> None:
    write(TEXT, tmp_path)
    told = json.loads(check("--json", KEY=SECRET).stdout)
    assert told["valid"] is True
    assert told["source"] == "gateway.toml"
    assert told["config"]["server"]["port"] == 4080
    assert told["config"]["providers"]["openai"]["api_key"] == "***9f2c"
    assert told["origins"]["server.port"] == "gateway.toml:2"
    assert (told["warnings"], told["notes"]) == ([], [])


def test_programs_get_the_mistakes_too(tmp_path: Path) -> None:
    write(TEXT.replace("port", "prot"), tmp_path)
    result = check("--json", KEY=SECRET)
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "valid": False,
        "mistakes": [
            {
                "file": "gateway.toml",
                "line": 2,
                "column": None,
                "key": "server.prot",
                "text": "unknown key",
                "nearest": "port",
            }
        ],
    }
    assert result.stderr == "gateway.toml:2: server.prot: unknown key; did you mean port?\n"


def test_programs_are_told_that_there_is_no_file() -> None:
    told = json.loads(check("--json", MISTRAL_API_KEY=SECRET).stdout)
    assert told["source"] is None
    assert told["notes"] == ["mistral: MISTRAL_API_KEY is set"]


def test_names_in_the_file_are_text_and_no_markup(tmp_path: Path) -> None:
    write('[providers."[bold]:smile:"]\nkind = "echo"\nprefix = "[red]"', tmp_path)
    lines = check().stdout.splitlines()
    assert '[providers."[bold]:smile:"]' in lines
    assert 'prefix = "[red]"'.ljust(44) + "  # gateway.toml:3" in lines


def test_the_help_teaches_with_an_example() -> None:
    assert "gateway check --config gateway.toml" in check("--help").stdout
