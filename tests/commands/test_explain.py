"""`gateway explain`: who would answer, in which order, and why."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.commands.explain import command
from gateway.config.discover import CLOUDS
from tests.config.texts import write

TEXT = """\
[providers.openai]
api_keys = [{ env = "KEY_1" }, { env = "KEY_2" }]
models = ["gpt-5.2", "gpt-5.2-mini"]
[providers.azure-eu]
kind = "openai"
base_url = "https://example.com/v1"
api_key = { env = "KEY_1" }
models = { "gpt-5.2" = "prod-gpt52" }
[providers.local]
kind = "vllm"
prefix = "local/"
[models."gpt-5.2"]
order = ["azure-eu"]
hedge_after = 2.0
resume = "verified"
[fallbacks]
"gpt-*" = "local/writer"
[context_fallbacks]
"gpt-5.2-mini" = "gpt-5.2"
"""
SECRETS = {"KEY_1": "sk-0123456789abcdef9f2c", "KEY_2": "sk-fedcba98765432101d4e"}


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def explain(*options: str, **environ: str) -> Result:
    """Run the command with nothing in the environment but what is given."""
    usual = {name: None for cloud in CLOUDS for name in (*cloud.variables, "OPENAI_BASE_URL")}
    env = {**usual, "GATEWAY_CONFIG": None, "COLUMNS": "40", **environ}
    return CliRunner(env=env).invoke(command, options)


def rows(result: Result) -> list[str]:
    """Return the lines with their columns one space apart."""
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_the_plan_is_a_numbered_table(tmp_path: Path) -> None:
    write(TEXT, tmp_path)
    lines = rows(explain("gpt-5.2", **SECRETS))
    assert lines[:3] == [
        "gpt-5.2",
        "target kind key why first token retries hedge resume",
        "1 azure-eu/prod-gpt52 openai 1 of 1 first in order 180 s 2 2 s verified",
    ]
    assert sorted(line.partition(" ")[2] for line in lines[3:5]) == [
        "openai/gpt-5.2 openai 1 of 2 home 2 of 2 180 s 2 2 s verified",
        "openai/gpt-5.2 openai 2 of 2 home 2 of 2 180 s 2 2 s verified",
    ]
    assert lines[5].startswith('4 local/writer vllm 1 of 1 fallback "gpt-*" 180 s')


def test_programs_get_the_same_in_one_object(tmp_path: Path) -> None:
    write(TEXT, tmp_path)
    result = explain("gpt-5.2-mini", "--json", **SECRETS)
    told = json.loads(result.stdout)
    assert told["model"] == "gpt-5.2-mini"
    assert told["depends_on_conversation"] is True
    assert [each["target"] for each in told["targets"]] == [
        *["openai/gpt-5.2-mini"] * 2,
        "local/writer",
    ]
    assert sorted(each["key"] for each in told["targets"][:2]) == [1, 2]
    assert told["targets"][2] == {
        "target": "local/writer",
        "kind": "vllm",
        "key": 1,
        "keys": 1,
        "why": 'fallback "gpt-*"',
        "first_token": 180.0,
        "retries": 2,
        "hedge_after": 0.0,
        "resume": False,
        "role": "fallback",
        "rests_for": 0.0,
    }
    assert told["context_targets"][0]["target"] == "azure-eu/prod-gpt52"
    assert set(told["after"]) == {"429", "5xx", "silence", "prompt too long"}


def test_context_fallbacks_and_failures_stand_below(tmp_path: Path) -> None:
    write(TEXT, tmp_path)
    lines = rows(explain("gpt-5.2-mini", **SECRETS))
    below = lines[lines.index("Where the prompt is too long:") :]
    assert below[2].startswith(
        '1 azure-eu/prod-gpt52 openai 1 of 1 context fallback "gpt-5.2-mini"'
    )
    assert "silence local/writer, then the client is told" in lines


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    write(TEXT, tmp_path)
    for options in ((), ("--json",)):
        output = explain("gpt-5.2", *options, **SECRETS).output
        assert not [value for value in SECRETS.values() if value in output or value[-4:] in output]


def test_another_conversation_may_have_another_key(tmp_path: Path) -> None:
    write(TEXT, tmp_path)
    assert "--thread TEXT shows another's" in explain("gpt-5.2", **SECRETS).stdout
    firsts = set()
    for number in range(20):
        result = explain("gpt-5.2-mini", "--json", "--thread", f"customer {number}", **SECRETS)
        firsts.add(json.loads(result.stdout)["targets"][0]["key"])
    assert firsts == {1, 2}
    assert "--thread" not in explain("gpt-5.2", "--thread", "é", **SECRETS).stdout


def test_an_unknown_model_is_told_with_the_nearest_names(tmp_path: Path) -> None:
    write(TEXT, tmp_path)
    result = explain("gpt-52", **SECRETS)
    assert result.exit_code == 1
    assert "Nearest names: gpt-5.2, gpt-5.2-mini." in result.stderr


def test_a_wrong_configuration_is_told_as_check_tells_it(tmp_path: Path) -> None:
    write("[sevrer]\n", tmp_path)
    result = explain("echo")
    assert result.exit_code == 1
    assert result.stderr.startswith("gateway.toml:1: sevrer: unknown table or key")


def test_without_a_file_it_goes_by_what_would_be_found_here() -> None:
    lines = rows(explain("echo"))
    assert lines[2].startswith("1 echo/echo echo 1 of 1 its only home")
    assert "Where the prompt is too long:" not in lines
    found = explain("gpt-5.2", OPENAI_API_KEY=SECRETS["KEY_1"]).stdout
    assert "openai would be asked for its list first; `explain` asks nobody." in found


def test_names_are_text_and_no_markup(tmp_path: Path) -> None:
    write('[providers."[bold]:smile:"]\nkind = "echo"\nprefix = "[red]"', tmp_path)
    lines = rows(explain("[red]echo"))
    assert lines[0] == "[red]echo"
    assert lines[2].startswith("1 [bold]:smile:/echo echo 1 of 1 its only home")


def test_the_help_teaches_with_an_example() -> None:
    assert "gateway explain gpt-5.2" in explain("--help").stdout
