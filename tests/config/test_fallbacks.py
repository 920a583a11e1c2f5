"""`[fallbacks]`: a name or a pattern, and the names that are asked after it."""

from pathlib import Path

import pytest

from gateway.config.mistakes import PATIENCE
from tests.config.texts import load, mistakes

A = '[providers.a]\nkind = "openai"\nmodels = ["gpt-5.2", "claude-opus"]\n'
TABLES = ("fallbacks", "context_fallbacks")


@pytest.mark.parametrize("table", TABLES)
def test_a_name_falls_back_on_one_or_several(tmp_path: Path, table: str) -> None:
    text = A + f'[{table}]\n"claude-*" = "gpt-5.2"\n"gpt-5.2" = ["claude-opus", "echo"]'
    config = load(text, tmp_path)
    assert getattr(config, table) == {"claude-*": ["gpt-5.2"], "gpt-5.2": ["claude-opus", "echo"]}
    assert config.warnings == ()


def test_what_is_fallen_back_on_may_be_the_operators_own_name(tmp_path: Path) -> None:
    text = A + '[models.smart]\ntargets = ["gpt-5.2"]\n[fallbacks]\nclaude-opus = "smart"\n'
    config = load(text + 'smart = "claude-opus"\necho = []', tmp_path)
    assert config.fallbacks == {"claude-opus": ["smart"], "smart": ["claude-opus"], "echo": []}
    assert config.warnings == ()


def test_a_pattern_may_mean_what_it_falls_back_on(tmp_path: Path) -> None:
    config = load(A + '[fallbacks]\n"*" = "gpt-5.2"', tmp_path)
    assert config.fallbacks == {"*": ["gpt-5.2"]}
    assert config.warnings == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("gpt-5 = 1", ".gpt-5: expected a string or a list, got a whole number"),
        ("echo = [1]", ".echo[0]: expected a string, got a whole number"),
        ('echo = "gpt-5"', '.echo[0]: nobody answers to "gpt-5"; did you mean gpt-5.2?'),
        ('echo = ["claude-opus", "x"]', '.echo[1]: nobody answers to "x"'),
        ('"gpt-5.2" = ["echo", "gpt-5.2"]', '."gpt-5.2"[1]: falls back on itself'),
        ('"*" = ["echo", "echo"]', '."*"[1]: stands here twice'),
        ('"*****" = "echo"', '."*****": the pattern holds more than 4 stars'),
        ('"" = "echo"', '."": the name is empty'),
    ],
)
@pytest.mark.parametrize("table", TABLES)
def test_a_mistake_in_a_fallback_is_told(tmp_path: Path, table: str, line: str, said: str) -> None:
    assert mistakes(A + f"[{table}]\n{line}", tmp_path) == [f"gateway.toml:5: {table}{said}"]


@pytest.mark.parametrize("pattern", ["claude-sonnet", "gemini-*"])
def test_a_pattern_that_means_no_known_name_is_warned_of(tmp_path: Path, pattern: str) -> None:
    config = load(A + f'[fallbacks]\n"{pattern}" = "echo"', tmp_path)
    assert config.fallbacks == {pattern: ["echo"]}
    (warning,) = config.warnings
    assert warning.startswith("gateway.toml:5: fallbacks.")
    assert warning.endswith(": no name that is answered is meant by this")


def test_no_more_than_the_first_patterns_are_compared_with_all_names(tmp_path: Path) -> None:
    lines = "\n".join(f'"no{number}*" = "echo"' for number in range(PATIENCE + 1))
    config = load(A + f"[fallbacks]\n{lines}", tmp_path)
    assert len(config.fallbacks) == PATIENCE + 1
    assert len(config.warnings) == PATIENCE


def test_what_is_no_table_is_a_mistake(tmp_path: Path) -> None:
    assert mistakes("fallbacks = 1", tmp_path) == [
        "gateway.toml:1: fallbacks: expected a table, got a whole number"
    ]
