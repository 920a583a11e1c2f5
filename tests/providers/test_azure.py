"""Azure: where its paths lead, how it is shown a key, what its settings may not say."""

from typing import Any

import pytest

from gateway.providers import azure
from gateway.providers.address import parse_base_url
from gateway.words.grants import EntraGrant
from gateway.words.secret import Secret
from gateway.words.target import Target

HOST = "https://example.openai.azure.com"
ENTRA = {"tenant": "t-1", "client_id": "a-1", "client_secret": Secret("app-secret")}


def options(**said: Any) -> azure.Options:
    return azure.Options(**{"base_url": HOST, **said})


def fitted(model: str = "prod", **said: Any) -> Target:
    settings = options(**said)
    origin, path = parse_base_url(settings.base_url)
    return settings.fitted(Target("a", "azure", "chat", origin, path, model))


VERSION = {"api_version": "2024-10-21"}
QUERY = "?api-version=2024-10-21"


@pytest.mark.parametrize(
    ("said", "base", "query"),
    [
        ({}, "/openai/v1", ""),
        ({"base_url": HOST + "/openai"}, "/openai/v1", ""),
        ({"base_url": HOST + "/openai/v1"}, "/openai/v1", ""),
        (
            {"base_url": HOST + "/openai/v1", "api_version": "preview"},
            "/openai/v1",
            "?api-version=preview",
        ),
        ({"api_version": "preview"}, "/openai/v1", "?api-version=preview"),
        (VERSION, "/openai/deployments/prod", QUERY),
        ({"base_url": HOST + "/openai", **VERSION}, "/openai/deployments/prod", QUERY),
        ({"base_url": HOST + "/our/gate", **VERSION}, "/our/gate/openai/deployments/prod", QUERY),
        ({"base_url": HOST + "/models", **VERSION}, "/models", QUERY),
    ],
)
def test_where_its_paths_lead(said: dict[str, Any], base: str, query: str) -> None:
    target = fitted(**said)
    assert (target.base, target.query) == (base, query)


@pytest.mark.parametrize(
    ("model", "segment"), [("a/b", "a%2Fb"), ("a?b#c", "a%3Fb%23c"), ("a%2e", "a%252e")]
)
def test_r1_a_models_name_is_one_segment(model: str, segment: str) -> None:
    """R1."""
    assert fitted(model, **VERSION).base == f"/openai/deployments/{segment}"


def test_a_key_is_shown_in_a_field_of_its_own() -> None:
    assert azure.credentials(Secret("key-1")) == ((b"api-key", b"key-1"),)
    assert azure.credentials(None) == ()


def test_an_application_is_known_by_its_directory() -> None:
    grant = options(**ENTRA, scope="s", authority="https://login.microsoftonline.us").grant()
    assert isinstance(grant, EntraGrant)
    assert (grant.tenant, grant.client_id, grant.scope, grant.authority) == (
        *("t-1", "a-1", "s"),
        "https://login.microsoftonline.us",
    )
    assert options().grant() is None


@pytest.mark.parametrize(
    ("said", "mistakes"),
    [
        ({}, []),
        (ENTRA, []),
        (VERSION, []),
        ({"api_version": "2025-04-01-preview"}, []),
        ({"api_version": "preview"}, []),
        ({"models": "*"}, ["models"]),
        ({"api_version": "2024-10-21&x=y"}, ["api_version"]),
        ({"api_version": "2023-05-15"}, ["api_version"]),
        ({"tenant": "t-1"}, ["client_id", "client_secret"]),
        (ENTRA | {"api_key": Secret("key-1")}, ["client_secret"]),
        (ENTRA | {"api_keys": [Secret("key-1")]}, ["client_secret"]),
        (ENTRA | {"tenant": "../x"}, ["tenant"]),
        (ENTRA | {"authority": "http://login.example.com"}, ["authority"]),
        (ENTRA | {"authority": "https://login.example.com/x"}, ["authority"]),
        (ENTRA | {"authority": "https://login..example.com."}, ["authority"]),
        (ENTRA | {"authority": "http://127.0.0.1:99999"}, ["authority"]),
        (ENTRA | {"authority": "http://127.0.0.1:5000"}, []),
    ],
)
def test_what_cannot_be_is_told(said: dict[str, Any], mistakes: list[str]) -> None:
    assert [name for name, _ in options(**said).mistakes()] == mistakes


@pytest.mark.parametrize(
    ("said", "also"),
    [
        ({}, ("raw", "responses")),
        ({"responses": False}, ("raw",)),
        (VERSION, ("raw",)),
        (VERSION | {"responses": True}, ("raw",)),
        ({"base_url": HOST + "/models", **VERSION}, ("raw",)),
        ({"base_url": HOST + "/models", "responses": True}, ("raw", "responses")),
    ],
)
def test_what_it_is_asked_in_the_clients_own_form(
    said: dict[str, Any], also: tuple[str, ...]
) -> None:
    assert fitted(**said).also == also
