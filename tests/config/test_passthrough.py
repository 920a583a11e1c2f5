"""`[passthrough]`: who serves which area, and which keys open a provider's own API."""

from pathlib import Path

import pytest

from gateway.config.passthrough import APART, BUILT_IN
from gateway.policy.areas import AREAS
from tests.config.texts import load, mistakes

HASH = "0123456789abcdef" * 4
PROVIDERS = """
[providers.openai]
models = ["m"]
[providers.other]
kind = "openai"
models = ["n"]
"""
KEYED = f"""
[auth]
pepper = "a-pepper-for-tests-alone"
[[keys]]
name = "ci"
hash = "{HASH}"
"""


def test_each_area_has_a_provider_of_its_own(tmp_path: Path) -> None:
    areas = "".join(f'{area} = "other"\n' for area in AREAS if area != "files")
    config = load(PROVIDERS + f'[passthrough]\nfiles = "openai"\n{areas}', tmp_path)
    assert config.passthrough == dict.fromkeys(AREAS, "other") | {"files": "openai"}
    assert config.origins["passthrough.files"] == "gateway.toml:8"


def test_without_the_table_nothing_passes(tmp_path: Path) -> None:
    assert load(PROVIDERS, tmp_path).passthrough == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('file = "openai"', "file: unknown key; did you mean files?"),
        ('responses = "openai"', "responses: unknown key"),
        ('files = "opnai"', "files: unknown provider; did you mean openai?"),
        ('files = "x"', "files: unknown provider (known here: openai, other)"),
        ('files = "echo"', f"files: {BUILT_IN}"),
        ("files = 1", "files: expected a string, got a whole number"),
    ],
)
def test_a_mistake_names_file_line_and_the_nearest(tmp_path: Path, line: str, said: str) -> None:
    text = PROVIDERS + f"[passthrough]\n{line}"
    assert mistakes(text, tmp_path) == [f"gateway.toml:8: passthrough.{said}"]


def test_where_a_provider_is_wrong_the_others_are_not_called_unknown(tmp_path: Path) -> None:
    text = '[providers.openai]\nmodls = ["m"]\n[passthrough]\nfiles = "openai"'
    assert [said for said in mistakes(text, tmp_path) if "passthrough" in said] == []


def test_a_key_and_a_team_may_open_a_providers_own_api(tmp_path: Path) -> None:
    text = PROVIDERS + '[teams.t]\npassthrough = ["other"]\n' + KEYED
    config = load(text + 'passthrough = ["openai"]', tmp_path)
    assert config.keys[0].passthrough == ("openai",)
    assert config.teams["t"].passthrough == ("other",)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('["openai", "opnai"]', "[1]: unknown provider; did you mean openai?"),
        ('["echo"]', f"[0]: {BUILT_IN}"),
        ('["openai", "openai"]', "[1]: stands here twice"),
        ('"openai"', ": expected a list, got a string"),
    ],
)
def test_a_mistake_in_the_right_is_told(tmp_path: Path, value: str, said: str) -> None:
    team = PROVIDERS + f"[teams.t]\npassthrough = {value}\n"
    assert mistakes(team, tmp_path) == [f"gateway.toml:8: teams.t.passthrough{said}"]
    key = PROVIDERS + KEYED + f"passthrough = {value}\n"
    (found,) = mistakes(key, tmp_path)
    assert found.endswith(f"keys[0].passthrough{said}")


SERVED = PROVIDERS + '[passthrough]\nfiles = "openai"\n'
WORKERS = "[server]\nworkers = 2\n"


def test_api1_several_workers_know_owners_by_a_database_alone(tmp_path: Path) -> None:
    """API1."""
    assert [said for said in mistakes(WORKERS + SERVED + KEYED, tmp_path) if APART in said] == [
        f"gateway.toml:2: server.workers: {APART}"
    ]
    stored = '[store]\ndatabase = "sqlite:///gateway.db"\n'
    assert load(WORKERS + SERVED + stored + KEYED, tmp_path).passthrough
    assert load(WORKERS + SERVED, tmp_path).passthrough
    assert load(SERVED + KEYED, tmp_path).passthrough
    assert load(WORKERS + PROVIDERS + KEYED, tmp_path).keys
