"""R10: only names that are configured, or listed, become labels."""

import pytest

from gateway.providers.table import TABLE
from gateway.telemetry.naming import (
    MOST_NAMES,
    NONE,
    PROVIDERS,
    Naming,
    operation_name,
    provider_name,
)
from gateway.telemetry.series import OTHER

NAMING = Naming(
    {"openai": "openai", "azure-eu": "azure", "local": "openai"},
    ["gpt-5.2", "smart", "claude-sonnet-4-5"],
    ["gpt-5.2", "prod-gpt52"],
)


@pytest.mark.parametrize(
    ("model", "label"),
    [("gpt-5.2", "gpt-5.2"), ("smart", "smart"), ("prod-gpt52", OTHER), ("x", OTHER), (None, "")],
)
def test_r10_what_is_asked_for_counts_by_a_configured_name_only(
    model: str | None, label: str
) -> None:
    assert NAMING.asked(model) == label


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("gpt-5.2", "gpt-5.2"),
        ("gpt-5.2-2026-01-01", "gpt-5.2"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("prod-gpt52-0613", "prod-gpt52"),
        ("gpt-5.2-2026-01-01-extra", OTHER),
        ("gpt-5.2-mini", OTHER),
        ("-2026-01-01", OTHER),
        ("gpt-5.2-2026-01-01\n", OTHER),
        ("", OTHER),
        (None, ""),
    ],
)
def test_a_model_with_a_date_counts_as_the_one_without(model: str | None, label: str) -> None:
    assert NAMING.answered(model) == label


@pytest.mark.parametrize(
    ("target", "provider"),
    [
        ("azure-eu/prod-gpt52", ("azure-eu", "azure.ai.openai")),
        ("local/org/name/of/clients", ("local", "openai")),
        ("gone/gpt", (OTHER, OTHER)),
        (None, (NONE, NONE)),
    ],
)
def test_a_target_is_its_providers(target: str | None, provider: tuple[str, str]) -> None:
    assert NAMING.provider(target) == provider


def test_listed_names_are_known_with_their_prefix_while_there_is_room() -> None:
    naming = Naming({}, ["a"])
    naming.learn(["b"], "local/")
    assert [naming.asked(name) for name in ("a", "b", "local/b")] == ["a", OTHER, "local/b"]
    assert naming.answered("b") == "b"
    naming.learn(f"m{number}" for number in range(2 * MOST_NAMES))
    known = [name for number in range(2 * MOST_NAMES) if naming.asked(name := f"m{number}") == name]
    assert len(known) <= MOST_NAMES
    assert naming.asked("a") == "a"


def test_kinds_and_operations_have_opentelemetrys_names_where_there_are_such() -> None:
    assert set(PROVIDERS) <= set(TABLE)
    assert provider_name("anthropic") == "anthropic"
    assert provider_name("vertex") == "gcp.vertex_ai"
    assert (operation_name("chat"), operation_name("completions")) == ("chat", "text_completion")


def test_the_names_of_another_configuration_come_beside_those_there_were() -> None:
    naming = Naming({"up": "openai"}, ["a"], ["a-1"])
    naming.widen(Naming({"eu": "azure", "up": "mistral"}, ["b"], ["b-1"]))
    assert [naming.asked(name) for name in ("a", "b", "c")] == ["a", "b", OTHER]
    assert [naming.answered(name) for name in ("a-1", "b-1", "c-1")] == ["a-1", "b-1", OTHER]
    assert naming.provider("eu/x") == ("eu", "azure.ai.openai")
    assert naming.provider("up/x") == ("up", "mistral_ai")
    naming.widen(Naming({}, [f"m{number}" for number in range(2 * MOST_NAMES)]))
    assert naming.asked("m1") == "m1"
    assert naming.asked(f"m{2 * MOST_NAMES - 1}") == OTHER
