"""The settings of one deployment, kind by kind."""

import pytest

from tests.commands.moving.samples import Fields, comments, parsed, sheet_of

MODEL = "model_list:\n- model_name: m\n  litellm_params: "


def provider(params: str, **environ: str) -> tuple[Fields, str, dict[str, str]]:
    """Return the one provider that a deployment gives, the comments, and the variables to set."""
    sheet = sheet_of(MODEL + params, **environ)
    (found,) = parsed(sheet)["providers"].values()
    return found, comments(sheet), sheet.variables


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ("{model: openai/a}", {"api_key": {"env": "OPENAI_API_KEY"}, "models": {"m": "a"}}),
        ("{model: groq/m}", {"api_key": {"env": "GROQ_API_KEY"}, "models": ["m"]}),
        ("{model: ollama/m}", {"models": ["m"]}),
        (
            "{model: openai/m, api_base: 'https://h/v1', api_key: os.environ/K}",
            {"base_url": "https://h/v1", "api_key": {"env": "K"}, "models": ["m"]},
        ),
        (
            "{model: openai/m, api_key: os.environ/K, max_parallel_requests: 7, organization: o}",
            {
                "api_key": {"env": "K"},
                "headers": {"OpenAI-Organization": "o"},
                "max_connections": 7,
                "models": ["m"],
            },
        ),
        (
            "{model: anthropic/m, api_key: os.environ/K, max_tokens: 99}",
            {"api_key": {"env": "K"}, "max_tokens": 99, "models": ["m"]},
        ),
        (
            "{model: bedrock/m, aws_region_name: eu-west-1, aws_profile_name: p}",
            {"region": "eu-west-1", "profile": "p", "models": ["m"]},
        ),
        (
            "{model: bedrock/m, aws_region_name: eu-west-1, api_key: os.environ/K}",
            {"region": "eu-west-1", "api_key": {"env": "K"}, "models": ["m"]},
        ),
        (
            "{model: bedrock/m, aws_region_name: eu-west-1, aws_access_key_id: A,"
            " aws_secret_access_key: hidden, aws_session_token: hidden2}",
            {
                "region": "eu-west-1",
                "access_key_id": "A",
                "secret_access_key": {"env": "BEDROCK_SECRET_ACCESS_KEY"},
                "session_token": {"env": "BEDROCK_SESSION_TOKEN"},
                "models": ["m"],
            },
        ),
        (
            "{model: vertex_ai/gemini-x, vertex_project: p, vertex_credentials: /key.json}",
            {
                "project": "p",
                "location": "us-central1",
                "credentials_file": "/key.json",
                "models": {"m": "gemini-x"},
            },
        ),
        (
            "{model: azure/m, api_base: 'https://r.openai.azure.com', tenant_id: t, client_id: c,"
            " client_secret: os.environ/S, azure_scope: s}",
            {
                "base_url": "https://r.openai.azure.com",
                "api_version": "2024-10-21",
                "tenant": "t",
                "client_id": "c",
                "client_secret": {"env": "S"},
                "scope": "s",
                "models": ["m"],
            },
        ),
        (
            "{model: azure_ai/m, api_base: 'https://r.services.ai.azure.com',"
            " api_key: os.environ/K}",
            {
                "base_url": "https://r.services.ai.azure.com/models",
                "api_key": {"env": "K"},
                "models": ["m"],
            },
        ),
    ],
)
def test_a_deployment_has_the_settings_of_its_kind(params: str, wanted: Fields) -> None:
    found, said, _ = provider(params)
    assert {name: value for name, value in found.items() if name != "kind"} == wanted
    assert "hidden" not in said


@pytest.mark.parametrize(
    ("params", "setting", "value", "remark"),
    [
        (
            "{model: openai/m, api_base: 'https://h'}",
            "api_key",
            None,
            "no key is sent to an address",
        ),
        ("{model: openai/m, api_key: none}", "api_key", None, "is no key that anybody checks"),
        ("{model: bedrock/m}", "region", "us-west-2", "no aws_region_name is said"),
        ("{model: vertex_ai/gemini-x}", "project", "set-vertex-project", "write the project's id"),
        (
            "{model: azure/m, api_key: os.environ/K}",
            *("base_url", "https://set-azure-api-base.invalid", "a placeholder stands in base_url"),
        ),
        (
            "{model: openai/m, api_base: os.environ/NOT_SET, api_key: os.environ/K}",
            *("base_url", "https://set-not-set.invalid", "a placeholder stands in base_url"),
        ),
        (
            "{model: openai/m, api_base: 'https://u:hidden@h', api_key: os.environ/K}",
            *(
                "base_url",
                "https://set-openai-base-url.invalid",
                "a placeholder stands in base_url",
            ),
        ),
        (
            "{model: openai/m, extra_headers: {Authorization: Bearer hidden, Host: h, X-A: 'b'}}",
            *("headers", {"X-A": "b"}, "a header that may carry a secret is not written out"),
        ),
        (
            "{model: bedrock/m, aws_region_name: eu-west-1, aws_access_key_id: os.environ/A,"
            " aws_secret_access_key: os.environ/B}",
            *("access_key_id", None, "found by AWS's usual chain"),
        ),
        (
            "{model: bedrock/m, aws_region_name: '$REGION'}",
            *("region", None, "cannot be set: it is no region of AWS's"),
        ),
    ],
)
def test_what_is_missing_or_may_not_stand_is_told(
    params: str, setting: str, value: object, remark: str
) -> None:
    sheet = sheet_of(MODEL + params)
    providers = parsed(sheet).get("providers", {"none": {}})
    (found,) = providers.values()
    assert found.get(setting) == value
    assert remark in comments(sheet)
    assert "hidden" not in str(parsed(sheet)) + comments(sheet)


def test_a_header_that_is_a_secret_by_its_looks_is_not_written() -> None:
    value = "0123456789abcdef0123456789abcdef"
    text = f"{{model: openai/m, extra_headers: {{X-A: {value}, 'X B': c, OpenAI-Project: p}}}}"
    found, said, _ = provider(text)
    assert found["headers"] == {"OpenAI-Project": "p"}
    assert value not in said


def test_addresses_are_looked_up_where_they_are_kept() -> None:
    found, _, _ = provider("{model: azure/m}", AZURE_API_BASE="https://r.openai.azure.com")
    assert found["base_url"] == "https://r.openai.azure.com"
    found, _, _ = provider("{model: bedrock/m}", AWS_REGION="eu-central-1")
    assert found["region"] == "eu-central-1"
    found, _, _ = provider("{model: openai/m, api_base: os.environ/B}", B="https://h/v1")
    assert found["base_url"] == "https://h/v1"


def test_how_a_deployment_is_asked_is_said_of_its_name() -> None:
    text = "{model: groq/m, timeout: 900, stream_timeout: 5, max_retries: 30, drop_params: true}"
    assert parsed(sheet_of(MODEL + text))["models"]["m"] == {
        "timeouts": {"first_token": 5.0, "idle": 5.0, "total": 900.0},
        "retries": 10,
        "on_unsupported": "drop",
    }
    said = comments(sheet_of(MODEL + "{model: groq/m, timeout: 5, drop_params: false}"))
    assert "litellm_params.timeout: a timeout is for silence there" in said
