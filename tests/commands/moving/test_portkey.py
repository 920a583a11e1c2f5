"""A whole config of Portkey's: strategies within strategies, told as names and their homes."""

from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.commands.moving.document import document_of
from gateway.commands.moving.kinds import PORTKEY
from gateway.commands.moving.portkey import NO_KEYS, is_portkey, told
from gateway.commands.moving.toml import written
from gateway.commands.moving.trial import findings_in
from tests.commands.moving.samples import (
    VALUES,
    WORDS,
    Fields,
    comments,
    example,
    parsed,
    tables,
)


def asks(model: str | None, provider: str = "groq", **more: object) -> Fields:
    override = {} if model is None else {"override_params": {"model": model}}
    return {"provider": provider, **override, **more}


def strategy(mode: str, *targets: Fields, **more: object) -> Fields:
    return {"strategy": {"mode": mode}, "targets": list(targets), **more}


def test_a_fallback_is_a_name_with_targets() -> None:
    _, sheet = example("fallback.json")
    found = parsed(sheet)
    assert found["defaults"] == {"retries": 5, "cache": {"ttl": 6000.0}}
    targets = ["gpt-4o", "claude-3-5-sonnet-20240620"]
    assert found["models"] == {"assistant": {"targets": targets}}


def test_load_balancing_within_a_fallback_is_one_name_with_several_homes() -> None:
    _, sheet = example("nested.json")
    found = parsed(sheet)
    assert found["models"]["gpt-4o"] == {"strategy": "spread"}
    assert found["models"]["assistant"]["targets"][0] == "gpt-4o"
    assert len(found["models"]["assistant"]["targets"]) == 3
    assert found["providers"]["azure"]["timeouts"] == {
        "first_token": 20.0,
        "idle": 20.0,
        "total": 600.0,
    }
    assert "a weight of 0 is never asked, so it is left out." in comments(sheet)


def test_conditions_become_names() -> None:
    _, sheet = example("conditional.json")
    models = parsed(sheet)["models"]
    assert models["assistant"] == models["assistant/base"] == {"targets": ["gpt-4o-mini"]}
    assert models["assistant/finetuned"] == {"targets": ["ft:gpt-4o:acme"]}
    assert "clients ask for a name" in comments(sheet)


def test_a_target_without_weight_is_not_asked() -> None:
    never = asks("b", "openai", weight=0)
    found = parsed(told(strategy("loadbalance", asks("a", weight=1), never), {}, "one"))
    assert list(found["providers"]) == ["groq"]


def test_two_targets_of_one_name_have_two() -> None:
    said = [asks("a", name="same"), asks("b", "openai", name="same")]
    models = parsed(told(strategy("conditional", *said), {}, "x"))["models"]
    assert models["x/same"] != models["x/same+"]


def test_targets_that_name_no_model_have_all_their_models() -> None:
    _, sheet = example("passing-through.json")
    found = parsed(sheet)
    assert found["defaults"] == {"strategy": "spread"}
    assert found["providers"]["openai-2"]["models"] == "*"
    assert found["providers"]["bedrock"]["prefix"] == "bedrock/"
    assert "models" not in found


def test_different_models_that_share_the_load_are_one_name() -> None:
    sheet = told(strategy("loadbalance", asks("a"), asks("b", "openai")), {}, "both")
    found = parsed(sheet)
    assert found["models"] == {"both": {"strategy": "spread"}}
    assert found["providers"]["groq"]["models"] == {"both": "a"}


@pytest.mark.parametrize(
    ("document", "targets"),
    [
        (strategy("fallback", asks("a"), asks("a", "openai")), ["a"]),
        (
            strategy("fallback", strategy("loadbalance", asks("a"), asks("b")), asks("c")),
            ["m/1", "c"],
        ),
        (
            strategy(
                "fallback", asks("a"), strategy("loadbalance", asks("a"), asks("a", "openai"))
            ),
            ["a", "m/2"],
        ),
        (strategy("fallback", asks("m"), asks("b")), ["m/1", "b"]),
        (strategy("single", asks("a"), asks("b")), ["a"]),
        (strategy("fallback", asks("@groq-x/a"), asks("b")), ["a", "b"]),
    ],
)
def test_groups_of_targets_have_names(document: Fields, targets: list[str]) -> None:
    assert parsed(told(document, {}, "m"))["models"]["m"]["targets"] == targets


def test_one_target_that_is_called_like_the_config_needs_no_other_name() -> None:
    assert "models" not in parsed(told(asks("m"), {}, "m"))


def test_what_is_flattened_or_left_out_is_told() -> None:
    inner = strategy("fallback", asks("a"), asks("b"))
    said = comments(told(strategy("loadbalance", inner, asks("c")), {}, "m"))
    assert "Targets within targets are all asked as one" in said
    said = comments(told(strategy("single", asks("a"), asks("b")), {}, "m"))
    assert "`single` asks its first target alone" in said
    said = comments(told(strategy("fallback", asks("a", "workers-ai")), {}, "m"))
    assert '"workers-ai": no provider of this name is known here' in said
    said = comments(told(strategy("fallback", asks("a", "bedrock", aws_region="x")), {}, "m"))
    assert "is left out: region is missing" in said


def test_other_files_are_none_of_portkeys() -> None:
    assert is_portkey({"virtualKey": "x"})
    assert not is_portkey({"model_list": []})


TARGET = st.builds(
    lambda provider, model, more: {
        "provider": provider,
        "override_params": {"model": model},
        **more,
    },
    st.sampled_from([*PORTKEY, "@openai-prod", "zz"]),
    WORDS,
    tables(
        *("provider", "virtual_key", "virtualKey", "api_key", "weight", "override_params", "name"),
        *("custom_host", "resource_name", "deployment_id", "api_version", "aws_region", "retry"),
        *("aws_access_key_id", "aws_secret_access_key", "vertex_project_id", "vertex_region"),
        *("request_timeout", "cache", "openai_organization", "azure_entra_client_secret"),
    ),
)


def test_that_no_key_is_asked_of_callers_is_told() -> None:
    _, sheet = example("fallback.json")
    assert parsed(sheet)["auth"] == {}
    assert NO_KEYS in comments(sheet)


def nested(inner: st.SearchStrategy[Fields]) -> st.SearchStrategy[Fields]:
    mode = st.sampled_from(["fallback", "loadbalance", "single", "conditional", "odd"])
    return st.fixed_dictionaries(
        {
            "strategy": st.fixed_dictionaries(
                {"mode": mode}, optional={"default": WORDS, "conditions": VALUES}
            ),
            "targets": st.lists(inner, max_size=3),
        },
        optional={"retry": VALUES, "cache": VALUES, "request_timeout": VALUES, "weight": VALUES},
    )


UNSEEN: Fields = {"provider": "azure-openai", "deployment_id": "\u202e"}
"""Azure's own name for a model, which can be no name here."""


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(nested(st.recursive(TARGET, nested, max_leaves=4)))
@hypothesis.example({"targets": [UNSEEN]})
@hypothesis.example({"targets": [{**UNSEEN, "override_params": {"model": "gpt-4o"}}]})
def test_whatever_stands_in_a_config_a_configuration_comes_of_it(document: Fields) -> None:
    try:
        document = document_of(document)
    except ValueError:
        return  # two keys of a table were one text
    sheet = told(document, {}, "assistant")
    assert findings_in(written(sheet, ["made"]), Path(), sheet.variables) == []
    assert list(sheet.untold(document)) == []
