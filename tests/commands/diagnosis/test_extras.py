"""Which extras a configuration needs."""

from pathlib import Path

import pytest

from gateway.commands.diagnosis.extras import extras_for, installed, told
from gateway.config.homes import homes_of
from tests.config.texts import load

ALL = """
[store]
shared = "redis://127.0.0.1"
database = "postgresql://u@db/x"
[auth]
pepper = "0123456789abcdef0123"
[[auth.issuers]]
issuer = "https://id.example.com"
audience = "gateway"
[telemetry]
otlp_endpoint = "http://127.0.0.1:4318"
[providers.bedrock]
region = "eu-central-1"
models = ["m"]
[providers.vertex]
project = "p"
models = ["n"]
"""


def test_each_thing_that_needs_an_extra_names_it(tmp_path: Path) -> None:
    config = load(ALL, tmp_path)
    wanted = set(extras_for(config, homes_of(config)))
    assert wanted == {"shared", "postgres", "oidc", "otel", "aws"}


@pytest.mark.parametrize(
    "text",
    [
        '[admin.sign_in]\nissuer = "https://id.example.com"\nclient_id = "gateway"\n',
        '[providers.vertex]\nproject = "p"\nmodels = ["n"]\n',
    ],
)
def test_tokens_of_others_need_one_whoever_they_are_for(text: str, tmp_path: Path) -> None:
    config = load(text, tmp_path)
    assert list(extras_for(config, homes_of(config))) == ["oidc"]


def test_what_needs_none_names_none(tmp_path: Path) -> None:
    config = load('[store]\ndatabase = "sqlite:///a.db"\n[providers.ollama]\n', tmp_path)
    assert list(extras_for(config, homes_of(config))) == []


def test_what_is_installed_says_its_version() -> None:
    assert installed("trio") is not None
    assert installed("no-such-package-of-anybodys") is None
    assert told() is None or "click>=8.1" in (told() or [])
