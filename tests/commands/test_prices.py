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
        "model provider input cached written output a call from",
        "echo echo 0.00 0.00 0.00 built in",
        f"gpt-5.6-sol openai 4.00 0.40 5.00 20.00 openai, {DAY}",
    ]
    assert lines[3:7] == [
        "input above 272,000 tokens 8.00 0.80 10.00 30.00",
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
    assert f"gpt-5.6-sol openai 4.00 0.40 5.00 20.00 openai, {DAY}" in below
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
                "cache_write_1h": None,
                "reasoning": None,
                "audio_input": None,
                "cached_audio": None,
                "audio_output": None,
                "image_input": None,
                "cached_image": None,
                "image_output": None,
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


def test_tokens_that_cost_otherwise_stand_below_their_model(tmp_path: Path) -> None:
    said = "prices = { input = 0.1, output = 0.25, per_request = 0.001 }"
    more = (
        "prices = { input = 1, output = 2, cache_write = 1.25, cache_write_1h = 2, reasoning = 3,"
        " audio_input = 4, cached_audio = 0.5, audio_output = 8, image_input = 5,"
        " image_output = 9 }"
    )
    write(TEXT.replace(said, more), tmp_path)
    lines = rows(prices("local/writer"))
    assert lines[:6] == [
        "model provider input cached written output a call from",
        "local/writer local 1.00 1.00 1.25 2.00 gateway.toml:13",
        "kept for 1 hour 2.00",
        "reasoning 3.00",
        "audio 4.00 0.50 8.00",
        "images 5.00 9.00",
    ]


def test_what_a_longer_prompt_makes_dearer_stands_below_that() -> None:
    lines = rows(prices("claude-sonnet-4-5"))
    assert lines[2:5] == [
        "kept for 1 hour 6.00",
        "input above 200,000 tokens 6.00 0.60 7.50 22.50",
        "kept for 1 hour 12.00",
    ]


def test_a_column_that_would_be_empty_is_left_out(tmp_path: Path) -> None:
    assert rows(prices("gpt-4o-2024-08-06"))[0] == "model provider input cached output a call from"


def test_a_name_that_nothing_has_is_told_with_what_to_do() -> None:
    result = prices("nonesuch")
    assert result.exit_code == 1
    assert 'No model with "nonesuch" in its name has a price.\n' in result.stderr
    assert '[models."nonesuch"]\n  prices = { input = 0.50, output = 2.00 }' in result.stderr
    assert "`gateway prices --all` shows every price" in result.stderr


def test_a_name_that_is_nearly_right_is_told_with_those_that_are(tmp_path: Path) -> None:
    assert "Did you mean claude-sonnet-4-5 or " in prices("claude-sonet-4-5").stderr
    write(TEXT, tmp_path)
    assert " Did you mean local/writer?" in prices("local/wirter").stderr


def test_a_wrong_configuration_is_told_as_check_tells_it(tmp_path: Path) -> None:
    write("[sevrer]\n", tmp_path)
    result = prices()
    assert result.exit_code == 1
    assert result.stderr.startswith("gateway.toml:1: sevrer: unknown table or key")


def test_nothing_secret_is_shown(tmp_path: Path) -> None:
    write(TEXT, tmp_path)
    output = prices().output + prices("--json").output
    assert not [value for value in ENVIRON.values() if value in output or value[-4:] in output]
