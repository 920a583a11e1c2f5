"""Providers on Vertex AI: where they are asked, who asks, and what the settings may not say."""

from typing import Any, ClassVar

import pytest

from gateway.providers.address import parse_base_url
from gateway.providers.google_cloud import CloudSettings, credentials
from gateway.words.grants import GoogleGrant
from gateway.words.secret import Secret
from gateway.words.target import Origin, Target


class Somebodys(CloudSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    PLACE: ClassVar[str] = "/publishers/somebody"


def options(**said: Any) -> Somebodys:
    return Somebodys(**{"project": "our-project", **said})


def fitted(**said: Any) -> Target:
    settings = options(**said)
    origin, path = Origin("vertex", "v", 0), ""
    if settings.base_url:
        origin, path = parse_base_url(settings.base_url)
    return settings.fitted(Target("v", "vertex", "gemini", origin, path, "a-model"))


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("us", "aiplatform.us.rep.googleapis.com"),
        ("europe-west1", "europe-west1-aiplatform.googleapis.com"),
    ],
)
def test_the_location_says_the_address(location: str, host: str) -> None:
    target = fitted(location=location)
    assert target.origin == Origin("https", host, 443)
    assert target.base == f"/v1/projects/our-project/locations/{location}/publishers/somebody"
    assert target.dialect == "vertex"


def test_another_address_has_the_same_path() -> None:
    target = fitted(base_url="https://gate.example/v1beta1")
    assert target.origin == Origin("https", "gate.example", 443)
    assert target.base.startswith("/v1beta1/projects/our-project/locations/global/")


def test_a_token_is_shown_or_one_is_fetched() -> None:
    key = Secret("ya29.token")
    assert credentials(key) == ((b"authorization", b"Bearer ya29.token"),)
    assert credentials(None) == ()
    assert options(api_key=key).grant() is None
    assert options().grant() == GoogleGrant()
    assert options(metadata=True).grant() == GoogleGrant("", metadata=True)
    assert options(credentials_file="a.json").grant() == GoogleGrant("a.json")


@pytest.mark.parametrize("project", ["our-project", "example.com:our-project", "p1"])
def test_the_id_of_a_project_is_one(project: str) -> None:
    assert list(options(project=project).mistakes()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("project", {"project": ""}),
        ("project", {"project": "a/../b"}),
        ("location", {"location": "here/.."}),
        ("location", {"location": ""}),
        ("models", {"models": "*"}),
        ("metadata", {"metadata": True, "credentials_file": "a.json"}),
    ],
)
def test_what_cannot_be_is_named(name: str, said: dict[str, Any]) -> None:
    assert [key for key, _ in options(**said).mistakes()] == [name]
