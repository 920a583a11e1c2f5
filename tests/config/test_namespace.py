"""One namespace: providers, models and fallbacks are read together, and fit together."""

from pathlib import Path

from gateway.config.namespace import with_echo
from gateway.config.options import ModelOptions
from gateway.providers import Settings, echo, openai
from tests.config.texts import mistakes


def test_names_are_not_compared_while_a_provider_cannot_be_read(tmp_path: Path) -> None:
    text = '[providers.openai]\nmodels = 1\n[models.x]\ntargets = ["a"]\n[fallbacks]\nb = "c"\n'
    (said,) = mistakes(text + '[defaults]\norder = ["nobody"]', tmp_path)
    assert said.startswith("gateway.toml:2: providers.openai.models: expected")


def test_names_are_compared_while_a_fallback_cannot_be_read(tmp_path: Path) -> None:
    text = '[models.x]\ntargets = ["a"]\n[fallbacks]\necho = 1\n[context_fallbacks]\necho = "b"\n'
    assert mistakes(text, tmp_path) == [
        'gateway.toml:2: models.x.targets[0]: no provider offers "a"',
        "gateway.toml:4: fallbacks.echo: expected a string or a list, got a whole number",
        'gateway.toml:6: context_fallbacks.echo[0]: nobody answers to "b"',
    ]


def test_the_built_in_model_is_added_under_a_name_that_is_free() -> None:
    taken: dict[str, Settings] = {name: openai.Options(models=["a"]) for name in ("echo", "echo+")}
    assert list(with_echo(taken, {})) == ["echo", "echo+", "echo++"]
    assert with_echo({}, {}) == {"echo": echo.Options(kind="echo")}
    assert with_echo({}, {"echo": ModelOptions()}) == {}
