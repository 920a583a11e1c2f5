"""A whole configuration of LiteLLM's: every word is a setting or a remark, and none a secret."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.commands.moving.document import document_of
from gateway.commands.moving.litellm import is_litellm, translated
from gateway.commands.moving.toml import written
from gateway.commands.moving.trial import findings_in
from gateway.config.mistakes import dotted
from tests.commands.moving.samples import (
    LITELLM,
    PORTKEY,
    VALUES,
    WORDS,
    Fields,
    comments,
    example,
    leaves,
    parsed,
    sheet_of,
    tables,
)


@pytest.mark.parametrize("name", [*LITELLM, *PORTKEY])
def test_every_word_of_an_example_is_found_again(name: str) -> None:
    document, sheet = example(name)
    found, said = parsed(sheet), comments(sheet)
    for path, _ in leaves(document):
        (covering,) = [path[:at] for at in range(len(path), 0, -1) if path[:at] in sheet.trail][:1]
        place = sheet.trail[covering]
        if place is None:
            word = next(part for part in reversed(path) if isinstance(part, str))
            assert dotted(covering) in said, path
            assert word in said, path
            continue
        inner: object = found
        for part in place:
            assert isinstance(inner, dict)
            assert part in inner, (path, place)
            inner = inner[part]


@pytest.mark.parametrize("name", [*LITELLM, *PORTKEY])
def test_an_example_is_a_configuration_and_holds_no_secret(name: str, tmp_path: Path) -> None:
    _, sheet = example(name)
    text = written(sheet, [])
    assert findings_in(text, tmp_path, sheet.variables) == []
    assert "hidden" not in text.replace(".hidden:", "").replace("cannot be hidden", "")
    assert not any(
        "hidden" in variable or "hidden" in what for variable, what in sheet.variables.items()
    )


def test_one_name_has_many_homes() -> None:
    _, sheet = example("one-name-many-homes.yaml")
    found = parsed(sheet)
    assert found["defaults"] == {"strategy": "spread", "on_unsupported": "drop"}
    assert found["providers"] == {
        "openai": {"api_key": {"env": "OPENAI_API_KEY"}, "models": ["gpt-3.5-turbo"]},
        "openai-2": {
            "kind": "openai",
            "api_key": {"env": "OPENAI_API_KEY_2"},
            "models": ["gpt-3.5-turbo"],
        },
        "openrouter": {"api_key": {"env": "OPENROUTER_API_KEY"}, "models": ["gpt-3.5-turbo"]},
    }
    assert 'model_list[3]: "mistralai/mistral-7b-instruct": no provider of this name' in comments(
        sheet
    )


def test_what_is_not_known_is_told_and_not_dropped() -> None:
    sheet = sheet_of("model_list: []\nnew_thing: {a: {b: 1}}\nrouter_settings: {later: 2}")
    said = comments(sheet)
    assert (
        "new_thing: has no equivalent here, or is not known to this import. It said: a.b = 1"
        in said
    )
    assert "router_settings: has no equivalent" in said
    assert "It said: later = 2" in said
    assert "model_list: has no equivalent" in said


def test_the_environment_that_a_source_sets_is_named_and_not_shown() -> None:
    sheet = sheet_of("model_list: []\nenvironment_variables: {REDIS_PASSWORD: hunter2}")
    assert "environment_variables.REDIS_PASSWORD: set it where the gateway starts" in comments(
        sheet
    )
    assert "hunter2" not in comments(sheet)


def test_a_credential_is_what_a_deployment_names_it_for() -> None:
    _, sheet = example("azure.yaml")
    assert parsed(sheet)["providers"]["azure-3"] == {
        "kind": "azure",
        "base_url": "https://eu.openai.azure.com",
        "api_version": "2025-01-01-preview",
        "api_key": {"env": "AZURE_EU"},
        "models": {"gpt-4o": "prod-gpt4o"},
    }


def test_other_files_are_none_of_litellms() -> None:
    assert is_litellm({"model_list": []})
    assert not is_litellm({"targets": []})


PARAMS = (
    *(
        "model",
        "custom_llm_provider",
        "api_key",
        "api_base",
        "api_version",
        "organization",
        "order",
    ),
    *("extra_headers", "timeout", "stream_timeout", "max_retries", "num_retries", "rpm", "tpm"),
    *("aws_region_name", "aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
    *("vertex_project", "vertex_location", "vertex_credentials", "max_tokens", "tenant_id"),
    *("client_id", "client_secret", "azure_scope", "drop_params", "max_parallel_requests"),
    *("input_cost_per_token", "litellm_credential_name", "aws_profile_name"),
)
DEPLOYMENTS = st.lists(
    st.fixed_dictionaries(
        {
            "model_name": st.one_of(WORDS, VALUES),
            "litellm_params": st.builds(
                lambda model, params: {**params, "model": model}, WORDS, tables(*PARAMS)
            ),
        },
        optional={"model_info": VALUES, "rpm": VALUES},
    ),
    max_size=3,
)
DOCUMENTS = st.fixed_dictionaries(
    {"model_list": st.one_of(DEPLOYMENTS, VALUES)},
    optional={
        "litellm_settings": tables(
            *("num_retries", "request_timeout", "fallbacks", "context_window_fallbacks", "cache"),
            *("default_fallbacks", "cache_params", "drop_params", "callbacks", "json_logs"),
        ),
        "router_settings": tables(
            *("routing_strategy", "timeout", "stream_timeout", "cooldown_time", "allowed_fails"),
            *("model_group_alias", "redis_host", "redis_port", "num_retries", "disable_cooldowns"),
        ),
        "general_settings": tables(
            *("master_key", "database_url", "litellm_jwtauth", "enable_jwt_auth"),
            *("max_request_size_mb", "global_max_parallel_requests"),
        ),
        "environment_variables": tables("NAME", "A"),
        "credential_list": VALUES,
    },
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(DOCUMENTS)
def test_whatever_stands_in_a_document_a_configuration_comes_of_it(document: Fields) -> None:
    try:
        document = document_of(document)
    except ValueError:
        return  # two keys of a table were one text
    sheet = translated(document, {})
    assert findings_in(written(sheet, ["made"]), Path(), sheet.variables) == []
    assert list(sheet.untold(document)) == []
