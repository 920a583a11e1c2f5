"""AWS Bedrock: where it is asked, how it is shown who asks, what its settings may not say."""

from typing import Any

import msgspec
import pytest

from gateway.providers import bedrock
from gateway.providers.address import parse_base_url
from gateway.words.grants import AwsGrant
from gateway.words.secret import Secret
from gateway.words.target import Origin, Target

REGION = "eu-central-1"
PAIR: dict[str, Any] = {"access_key_id": "AKID", "secret_access_key": Secret("pair-secret")}


def options(**said: Any) -> bedrock.Options:
    return bedrock.Options(**{"region": REGION, **said})


def fitted(model: str = "m", **said: Any) -> Target:
    settings = options(**said)
    origin, path = Origin("bedrock", "b", 0), ""
    if settings.base_url:
        origin, path = parse_base_url(settings.base_url)
    return settings.fitted(Target("b", "bedrock", bedrock.FORM, origin, path, model))


def test_the_region_says_the_address() -> None:
    target = fitted()
    host = "bedrock-runtime.eu-central-1.amazonaws.com"
    assert (target.origin, target.base) == (Origin("https", host, 443), "")
    assert target.region == REGION


def test_another_address_is_asked_in_the_same_region() -> None:
    target = fitted(base_url="https://vpce-1.example:8443/aws")
    assert (target.origin, target.base) == (Origin("https", "vpce-1.example", 8443), "/aws")
    assert target.region == REGION


@pytest.mark.parametrize(
    ("model", "speaks"),
    [("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", True), ("amazon.nova-pro-v1:0", False)],
)
def test_claude_is_asked_in_its_own_form_too(model: str, speaks: bool) -> None:
    target = fitted(model)
    assert target.speaks("messages") is speaks
    assert target.speaks("bedrock")


def test_an_api_key_is_shown_and_nothing_is_signed() -> None:
    key = Secret("bedrock-api-key")
    assert bedrock.credentials(key) == ((b"authorization", b"Bearer bedrock-api-key"),)
    assert options(api_key=key).grant() is None
    assert options(api_keys=[key]).grant() is None


def test_without_a_key_requests_are_signed_with_what_awss_chain_finds() -> None:
    assert bedrock.credentials(None) == ()
    assert options().grant() == AwsGrant()
    assert options(profile="team").grant() == AwsGrant("team")
    token = Secret("lent")
    grant = options(**PAIR, session_token=token).grant()
    assert isinstance(grant, AwsGrant)
    assert (grant.profile, grant.access_key_id) == ("", "AKID")
    assert grant.secret is PAIR["secret_access_key"]
    assert grant.token is token


@pytest.mark.parametrize(
    "region", ["eu-central-1", "us-gov-west-1", "us-east-2", "ap-southeast-5", "us-iso-east-1"]
)
def test_a_region_of_awss_is_one(region: str) -> None:
    assert list(options(region=region).mistakes()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("region", {"region": ""}),
        ("region", {"region": "eu"}),
        ("region", {"region": "eu-central-1.evil.example/"}),
        ("region", {"region": "EU-CENTRAL-1"}),
        ("models", {"models": "*"}),
        ("access_key_id", {"access_key_id": "AKID"}),
        ("access_key_id", {"secret_access_key": Secret("s")}),
        ("session_token", {"session_token": Secret("s")}),
        ("api_key", {"api_key": Secret("s"), "profile": "team"}),
        ("api_key", {"api_keys": [Secret("s")], **PAIR}),
    ],
)
def test_what_cannot_be_is_named(name: str, said: dict[str, Any]) -> None:
    assert [key for key, _ in options(**said).mistakes()] == [name]


def test_the_region_must_be_said() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"models": ["m"]}, bedrock.Options)
