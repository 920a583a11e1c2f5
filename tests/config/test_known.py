"""Known names: what providers say they have, what they may have, and the operator's own."""

import pytest

from gateway.config.known import Known
from gateway.config.options import ModelOptions
from gateway.providers import openai

PROVIDERS = {
    "a": openai.Options(models=["gpt-5.2", "shared"]),
    "b": openai.Options(models={"shared": "own"}),
    "local": openai.Options(prefix="local/"),
    "lister": openai.Options(prefix="more/", models="*"),
}
MODELS = {"smart": ModelOptions(targets=["gpt-5.2"]), "gpt-5.2": ModelOptions()}
KNOWN = Known(PROVIDERS, MODELS)


def test_the_first_provider_that_has_a_name_is_its_first_home() -> None:
    assert KNOWN.homes == {"gpt-5.2": "a", "shared": "a"}
    assert list(KNOWN.names) == ["gpt-5.2", "shared", "smart"]
    assert list(KNOWN.aliases) == ["smart"]
    assert list(KNOWN.providers) == ["a", "b", "local", "lister"]


@pytest.mark.parametrize(
    ("name", "offered", "answered"),
    [
        ("gpt-5.2", True, True),
        ("shared", True, True),
        ("own", False, False),
        ("local/any/thing", True, True),
        ("local/", False, False),
        ("more/thing", True, True),
        ("smart", False, True),
        ("", False, False),
    ],
)
def test_a_name_is_offered_by_a_provider_or_the_operators_own(
    name: str, *, offered: bool, answered: bool
) -> None:
    assert KNOWN.offered(name) is offered
    assert KNOWN.answered(name) is answered


@pytest.mark.parametrize("pattern", ["gpt-5.2", "gpt-*", "s*t", "*", "local/a*", "lo*z", "more/x"])
def test_a_pattern_may_mean_a_name_that_is_answered(pattern: str) -> None:
    assert KNOWN.meant(pattern)


@pytest.mark.parametrize("pattern", ["gpt-5", "claude-*", "Local/*", "s*x"])
def test_a_pattern_may_mean_none(pattern: str) -> None:
    assert not KNOWN.meant(pattern)


def test_who_lists_all_may_have_any_name() -> None:
    known = Known({"lister": openai.Options(models="*")}, {})
    assert known.answered("whatever")
    assert known.meant("claude-*")
