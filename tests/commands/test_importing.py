"""`gateway import`: a file of another gateway, as one of ours on stdout, and what is left to do."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.commands.importing import _hand_over, command
from gateway.commands.moving.sheet import Sheet
from tests.commands.moving.samples import FOLDER

LITELLM = str(FOLDER / "one-name-many-homes.yaml")
PORTKEY = str(FOLDER / "fallback.json")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_the_configuration_goes_to_stdout_and_all_else_to_stderr() -> None:
    result = run("litellm", LITELLM)
    assert result.exit_code == 0
    assert tomllib.loads(result.stdout)["defaults"]["on_unsupported"] == "drop"
    assert result.stdout.startswith(
        "# Made from one-name-many-homes.yaml by `gateway import litellm`."
    )
    assert "#   OPENROUTER_API_KEY: the key of openrouter" in result.stdout
    lines = result.stderr.splitlines()
    assert "to set: OPENROUTER_API_KEY (the key of openrouter)" in lines
    assert (
        'model_list[3]: "mistralai/mistral-7b-instruct": no provider of this name' in result.stderr
    )
    assert "sk-first" not in result.output


def test_a_file_is_written_and_never_written_over(tmp_path: Path) -> None:
    result = run("portkey", PORTKEY, "--name", "smart", "-o", "out.toml")
    assert (result.exit_code, result.stdout) == (0, "")
    assert tomllib.loads((tmp_path / "out.toml").read_text())["models"] == {
        "smart": {"targets": ["gpt-4o", "claude-3-5-sonnet-20240620"]}
    }
    assert "out.toml is written" in result.stderr
    result = run("portkey", PORTKEY, "-o", "out.toml")
    assert result.exit_code == 1
    assert "out.toml is there already; nothing was written." in result.stderr


def test_a_config_is_called_like_its_file_unless_it_is_named() -> None:
    assert list(tomllib.loads(run("portkey", PORTKEY).stdout)["models"]) == ["fallback"]


def test_what_is_needed_besides_is_told() -> None:
    result = run("litellm", str(FOLDER / "clouds.yaml"))
    assert "# Needed: pip install 'nursery-gateway[aws,oidc]'" in result.stdout
    assert (
        "needed: pip install 'nursery-gateway[aws]' (requests to Bedrock are signed)"
        in result.stderr
    )


def test_what_would_be_refused_is_told_with_an_exit_code() -> None:
    result = run("litellm", LITELLM, "-o", "none/out.toml")
    assert result.exit_code == 1
    assert "cannot write none/out.toml: No such file or directory" in result.stderr
    result = run("litellm", LITELLM, "-o", "a\0b")
    assert result.exit_code == 1


def test_what_no_check_would_take_is_to_be_mended(capsys: pytest.CaptureFixture[str]) -> None:
    sheet = Sheet()
    sheet.put(("server",), "port", "none")
    with pytest.raises(SystemExit) as ended:
        _hand_over(sheet, Path("a\nb"), None, "litellm")
    told = capsys.readouterr()
    assert ended.value.code == 1
    assert told.out.startswith("# Made from a file by `gateway import litellm`.")
    assert "to mend: the configuration:5: server.port: expected a whole number" in told.err


def test_what_held_somebody_back_and_is_not_taken_over_is_told_once_more(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(
        "litellm_settings: {max_budget: 100, drop_params: true, set_verbose: true}\n"
        "general_settings: {allowed_routes: [/v1/chat/completions]}\n"
    )
    (line,) = [
        each for each in run("litellm", "config.yaml").stderr.splitlines() if "WIDER" in each
    ]
    assert line.endswith(": litellm_settings.max_budget, general_settings.allowed_routes")
    (tmp_path / "plain.yaml").write_text("litellm_settings: {drop_params: true}\n")
    assert "WIDER" not in run("litellm", "plain.yaml").stderr


def test_traces_go_where_they_went(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OTEL_ENDPOINT", "http://127.0.0.1:4318")
    (tmp_path / "config.yaml").write_text("litellm_settings: {callbacks: [otel]}")
    result = run("litellm", "config.yaml")
    assert (result.exit_code, "to mend" in result.stderr) == (0, False)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["litellm"], 2, "Name a file, or a database"),
        (["litellm", LITELLM, "--dry-run"], 2, "--into and --dry-run are for --database"),
        (["litellm", LITELLM, "--into", "x"], 2, "--into and --dry-run are for --database"),
        (["litellm", LITELLM, "--database", "x"], 2, "One thing after another"),
        (["litellm", "--database", "x", "-o", "y"], 2, "--output is for a file"),
        (["litellm", "--database", "postgresql://h/d"], 1, "gateway.toml"),
        (["litellm", "none.yaml"], 1, "cannot read none.yaml"),
        (["litellm", PORTKEY], 1, "is no configuration of LiteLLM's"),
        (["portkey", LITELLM], 1, "is no config of Portkey's"),
        (["portkey", PORTKEY, "--name", "a\nb"], 2, "a character that cannot be seen"),
    ],
)
def test_what_cannot_be_done_is_told(arguments: list[str], code: int, said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert said in result.stderr


@pytest.mark.parametrize("name", [[], ["litellm"], ["portkey"]])
def test_the_help_has_examples(name: list[str]) -> None:
    result = run(*name, "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout
