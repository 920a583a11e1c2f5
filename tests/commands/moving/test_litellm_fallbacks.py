"""Fallbacks and aliases: names that somebody answers, and a word on all others."""

import pytest

from tests.commands.moving.samples import comments, example, parsed, sheet_of

MODELS = """
model_list:
- {model_name: a, litellm_params: {model: groq/a}}
- {model_name: b, litellm_params: {model: groq/b}}
- {model_name: 'x/*', litellm_params: {model: 'xai/*'}}
"""


def test_each_failure_has_its_table() -> None:
    _, sheet = example("reliability.yaml")
    found = parsed(sheet)
    assert found["fallbacks"] == {"zephyr-beta": ["gpt-3.5-turbo"], "*": ["claude-opus"]}
    assert found["context_fallbacks"] == {
        "zephyr-beta": ["gpt-3.5-turbo-16k"],
        "gpt-3.5-turbo": ["gpt-3.5-turbo-16k"],
    }
    assert "fallbacks[0].zephyr-beta[1]: nobody answers to this name" in comments(sheet)
    assert "content_policy_fallbacks: no other model is asked" in comments(sheet)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("[{a: [b, x/grok]}]", {"a": ["b", "x/grok"]}),
        ("{a: b}", {"a": ["b"]}),
        ("[{a: [a, b, b]}]", {"a": ["b"]}),
        ("[{a: [{model: b, temperature: 1}]}]", {"a": ["b"]}),
        ("[{a: [nobody]}]", None),
        ("[{'a\\n': [b]}]", None),
        ("7", None),
    ],
)
def test_however_fallbacks_are_written(said: str, wanted: object) -> None:
    sheet = sheet_of(f"{MODELS}\nrouter_settings: {{fallbacks: {said.replace(chr(39), chr(34))}}}")
    assert (parsed(sheet).get("fallbacks") or None) == wanted
    assert "temperature" not in said or "it has no parameters of its own" in comments(sheet)


def test_an_alias_stands_for_a_model() -> None:
    _, sheet = example("reliability.yaml")
    assert parsed(sheet)["models"]["gpt-4"] == {"targets": ["claude-opus"]}
    said = comments(sheet)
    assert "model_group_alias.gpt-4.hidden: a name cannot be hidden" in said
    assert "model_group_alias.gpt-5: nobody answers" in said


def test_an_alias_is_no_model_and_may_be_fallen_back_on() -> None:
    rest = "router_settings: {model_group_alias: {a: b, c: b}, fallbacks: [{b: [c]}]}"
    sheet = sheet_of(f"{MODELS}\n{rest}")
    assert parsed(sheet)["models"] == {"c": {"targets": ["b"]}}
    assert parsed(sheet)["fallbacks"] == {"b": ["c"]}
    assert "model_group_alias.a: a name that stands for others" in comments(sheet)
