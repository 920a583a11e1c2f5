"""`gateway prices`: what models cost, and where that is from."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.commands.prices import command
from gateway.policy.prices import bundled
from tests.config.texts import ENVIRON, write

TEXT = """\
[providers.openai]
api_key = { env = "KEY" }
models = ["gpt-5.6-sol", "my-own"]
[providers.azure-eu]
kind = "openai"
base_url = "https://example.openai.azure.com/openai/v1"
models = { "gpt-5.6-sol" = "prod" }
[providers.local]
kind = "openai"
base_url = "http://127.0.0.1:8000/v1"
prefix = "local/"
[models."local/writer"]
prices = { input = 0.1, output = 0.25, per_request = 0.001 }
[models.smart]
targets = ["my-own"]
"""
DAY = bundled().date


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def prices(*options: str) -> Result:
    """Run the command with nothing in the environment but what is needed."""
    env = {"GATEWAY_CONFIG": None, "COLUMNS": "40", **ENVIRON}
    return CliRunner(env=env).invoke(command, options)


def rows(result: Result) -> list[str]:
    """Return the lines with their columns one space apart."""
    assert result.exit_code == 0, result.output
    return [" ".join(line.split()) for line in result.stdout.splitlines()]


def test_a_configurations_own_models_come_first_and_those_without_a_price_too(
    tmp_path: Path,
) -> None:
    write(TEXT, tmp_path)
    lines = rows(prices())
    assert lines[:3] == [
        "model provider input cached output a call from",
        "echo echo 0.00 0.00 0.00 built in",
        f"gpt-5.6-sol openai 4.00 0.40 20.00 openai, {DAY}",
    ]
    assert lines[3:7] == [
        "input above 272,000 tokens 8.00 0.80 30.00",
        "gpt-5.6-sol azure-eu no price",
        "local/writer local 0.10 0.10 0.25 0.001 gateway.toml:13",
        "my-own openai no price",
    ]
    said = "No price is known for gpt-5.6-sol at azure-eu, my-own at openai."
    assert lines[8].startswith(said)
    assert "--all shows all" in lines[10]
    assert not [line for line in lines if line.startswith("smart")]


def test_a_part_of_a_name_shows_the_table_below(tmp_path: Path) -> None:
    write(TEXT, tmp_path)
    lines = rows(prices("GPT-5.6-sol"))
    below = lines[lines.index("") :]
    assert f"gpt-5.6-sol openai 4.00 0.40 20.00 openai, {DAY}" in below
    assert any(line.startswith("openai/gpt-5.6-sol openrouter 4.00") for line in below)
    assert not [line for line in lines if line.startswith("my-own")]


def test_a_dated_name_shows_the_model_that_it_means() -> None:
    lines = rows(prices("gpt-4o-2024-08-06"))
    assert f"gpt-4o openai 2.50 1.25 10.00 openai, {DAY}" in lines


def test_without_a_configuration_the_whole_table_is_shown() -> None:
    result = prices("--json")
    told = json.loads(result.stdout)
    assert told["configured"] == []
    assert len(told["bundled"]) == sum(1 for _ in bundled().rows())
    assert told["source"] == bundled().source
    assert told["date"] == DAY


def test_all_shows_the_whole_table_below_ones_own(tmp_path: Path) -> None:
    write(TEXT, tmp_path)
    told = json.loads(prices("--all", "--json").stdout)
    assert len(told["configured"]) == 5
    assert len(told["bundled"]) == sum(1 for _ in bundled().rows())


def test_programs_get_the_same_in_one_object(tmp_path: Path) -> None:
    write(TEXT, tmp_path)
    told = json.loads(prices("local/", "--json").stdout)
    assert told["configured"] == [
        {
            "model": "local/writer",
            "provider": "local",
            "prices": {
                "input": 0.1,
                "output": 0.25,
                "cached_input": None,
                "cache_write": None,
                "reasoning": None,
                "per_request": 0.001,
                "tiers": [],
            },
            "from": "gateway.toml:13",
        }
    ]
    (own,) = [
        each
        for each in json.loads(prices("gpt-5.6-sol", "--json").stdout)["configured"]
        if each["provider"] == "openai"
    ]
    (tier,) = own["prices"]["tiers"]
    assert (tier["above"], tier["input"], tier["cache_write"]) == (272_000, 8.0, 10.0)
    assert json.loads(prices("my-own", "--json").stdout)["configured"][0]["prices"] is None


def test_a_name_that_nothing_has_is_told() -> None:
    result = prices("nonesuch")
    assert result.exit_code == 1
    assert "No model with 'nonesuch' in its name has a price." in result.stderr


def test_a_wrong_configuration_is_told_as_check_tells_it(tmp_path: Path) -> None:
    write("[sevrer]\n", tmp_path)
    result = prices()
    assert result.exit_code == 1
    assert result.stderr.startswith("gateway.toml:1: sevrer: unknown table or key")


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    write(TEXT, tmp_path)
    output = prices().output + prices("--json").output
    assert not [value for value in ENVIRON.values() if value in output or value[-4:] in output]
