"""`limits` of keys, teams and models: whole numbers from 1, or none at all."""

from pathlib import Path

import msgspec
import pytest

from gateway.config.limits import LimitOptions, limits_of
from gateway.words.caller import Limits
from tests.config.texts import load, mistakes

NAMES = ("requests_per_minute", "tokens_per_minute", "concurrency")


def test_what_is_not_set_is_without_a_limit() -> None:
    assert limits_of(LimitOptions()) == Limits()
    assert limits_of(LimitOptions(requests_per_minute=1, tokens_per_minute=2, concurrency=3)) == (
        Limits(1, 2, 3)
    )
    assert msgspec.json.encode(LimitOptions(concurrency=3)) == b'{"concurrency":3}'


SAID = {
    "0": "expected a whole number >= 1",
    "-1": "expected a whole number >= 1",
    "1_000_000_000_001": "expected a whole number <= 1000000000000",
    "1.5": "expected a whole number, got a number",
    "inf": "expected a whole number, got a number",
    "true": "expected a whole number, got true or false",
    '"60"': "expected a whole number, got a string",
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("value", "said"), SAID.items())
@pytest.mark.parametrize("table", ["teams.t", "models.echo"])
def test_nonsense_is_told_with_its_key(
    tmp_path: Path, table: str, name: str, value: str, said: str
) -> None:
    found = mistakes(f"[{table}]\nlimits = {{ {name} = {value} }}", tmp_path)
    assert found == [f"gateway.toml:2: {table}.limits.{name}: {said}"]


def test_a_limit_that_there_is_not_is_told_with_the_nearest(tmp_path: Path) -> None:
    found = mistakes("[models.echo]\nlimits = { concurency = 1 }", tmp_path)
    assert found == [
        "gateway.toml:2: models.echo.limits.concurency: unknown key; did you mean concurrency?"
    ]


def test_a_model_has_limits_of_its_own(tmp_path: Path) -> None:
    config = load("[providers.echo]\n[models.echo]\nlimits = { concurrency = 2 }", tmp_path)
    assert limits_of(config.models["echo"].limits) == Limits(concurrency=2)
