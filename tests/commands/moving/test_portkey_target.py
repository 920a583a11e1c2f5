"""One target of Portkey's: whom it asks, with which key and patience."""

import pytest

from gateway.commands.moving.portkey import told
from tests.commands.moving.samples import Fields, comments, parsed

MODEL = {"override_params": {"model": "m"}}


def provider(target: Fields) -> tuple[Fields, str]:
    sheet = told({**MODEL, **target}, {}, "m")
    (found,) = parsed(sheet)["providers"].values()
    return {name: value for name, value in found.items() if name != "kind"}, comments(sheet)


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ({"provider": "openai"}, {"api_key": {"env": "OPENAI_API_KEY"}, "models": ["m"]}),
        (
            {"provider": "openai", "api_key": "hidden", "openai_project": "p"},
            {
                "api_key": {"env": "OPENAI_API_KEY"},
                "headers": {"OpenAI-Project": "p"},
                "models": ["m"],
            },
        ),
        (
            {"provider": "deepinfra"},
            {
                "base_url": "https://api.deepinfra.com/v1/openai",
                "api_key": {"env": "DEEPINFRA_API_KEY"},
                "models": ["m"],
            },
        ),
        (
            {"provider": "ollama", "customHost": "http://h/v1"},
            {"base_url": "http://h/v1", "models": ["m"]},
        ),
        (
            {"provider": "azure-openai", "resource_name": "r", "deployment_id": "d"},
            {
                "base_url": "https://r.openai.azure.com",
                "api_version": "2024-10-21",
                "api_key": {"env": "AZURE_API_KEY"},
                "models": {"m": "d"},
            },
        ),
        (
            {
                "provider": "azure-ai",
                "azure_foundry_url": "https://r.services.ai.azure.com",
                "azure_entra_client_secret": "hidden",
                "azure_entra_client_id": "c",
                "azure_entra_tenant_id": "t",
                "azure_entra_scope": "s",
            },
            {
                "base_url": "https://r.services.ai.azure.com/models",
                "api_version": "2024-10-21",
                "tenant": "t",
                "client_id": "c",
                "client_secret": {"env": "AZURE_CLIENT_SECRET"},
                "scope": "s",
                "models": ["m"],
            },
        ),
        (
            {"provider": "bedrock", "aws_region": "eu-west-1", "aws_session_token": "x"},
            {"region": "eu-west-1", "models": ["m"]},
        ),
        (
            {"virtual_key": "groq-eu", "retry": {"attempts": 2}, "cache": {"mode": "simple"}},
            {
                "api_key": {"env": "GROQ_EU"},
                "retries": 2,
                "cache": {"ttl": 604800.0},
                "models": ["m"],
            },
        ),
        ({"virtual_key": "9-mistral"}, {"api_key": {"env": "KEY_9_MISTRAL"}, "models": ["m"]}),
    ],
)
def test_a_target_has_the_settings_of_its_kind(target: Fields, wanted: Fields) -> None:
    found, said = provider(target)
    assert found == wanted
    assert "hidden" not in said


@pytest.mark.parametrize(
    ("target", "remark"),
    [
        ({"virtual_key": "zz"}, "and the name does not tell. It is taken for OpenAI"),
        ({"virtual_key": "my-gpt"}, "It is taken for openai, by its name"),
        ({"provider": "@vertex-eu"}, "write the project's id in place of this one"),
        ({"provider": "bedrock"}, "No aws_region is said"),
        (
            {"virtual_key": "bedrock-eu", "aws_region": "eu-west-1"},
            "keys behind this name are not here",
        ),
        ({"provider": "azure-openai"}, "a placeholder stands in base_url"),
        ({"provider": "openai", "custom_host": "nowhere"}, "a placeholder stands in base_url"),
        ({"provider": "openai", "custom_host": "https://h"}, "No api_key is said, so none is sent"),
        ({"provider": "openai", "cache": "semantic"}, "answers to like questions are not kept"),
        ({"provider": "azure-openai", "api_version": "2023-05-15"}, "streams of it tell no usage"),
        ({"provider": "openai", "request_timeout": 5000}, "a timeout is for silence there"),
    ],
)
def test_what_is_missing_or_otherwise_here_is_told(target: Fields, remark: str) -> None:
    assert remark in provider(target)[1]


def test_a_key_in_the_place_of_its_name_is_not_told() -> None:
    secret = "sk-openai-0123456789abcdef0123456789abcdef"
    sheet = told({"virtual_key": secret, **MODEL}, {}, "m")
    whole = str(parsed(sheet)) + comments(sheet) + str(sheet.variables) + str(sheet.remarks)
    assert secret not in whole
    assert secret.upper().replace("-", "_") not in whole
