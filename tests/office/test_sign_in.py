"""Sign-in by OIDC, as a configuration says it."""

from pathlib import Path

import pytest

from gateway.config.compose import Config
from gateway.office.sign_in import host_of, issuer_of, sign_in_of
from gateway.telemetry.log import Log
from tests.config.texts import load

SIGN_IN = """
[admin.sign_in]
issuer = "https://id.example.com"
client_id = "gateway"
admins = ["oidc:ops"]
scopes = ["openid", "groups"]
"""
ISSUERS = """
[[auth.issuers]]
issuer = "https://id.example.com"
audience = "the-api"
jwks_url = "https://id.example.com/keys"
claims = { team = "roles", user = "email" }
leeway = 5
"""


class Deaf(Log):
    """A log that nobody reads."""

    def __init__(self) -> None: ...


def test_without_it_there_is_none_and_nothing_runs() -> None:
    assert sign_in_of(Config(), Deaf()) == (None, ())


def test_what_is_configured_is_what_is_asked(tmp_path: Path) -> None:
    sign_in, services = sign_in_of(load(SIGN_IN, tmp_path), Deaf())
    assert sign_in is not None
    assert (sign_in.name, sign_in.issuer) == ("id.example.com", "https://id.example.com")
    assert sign_in.scope == "openid groups"
    assert sign_in.reception.admins == {"ops"}
    assert sign_in.reception.issuer.audience == ("gateway",)
    assert len(services) == 2


def test_what_is_known_of_an_issuer_holds_here_too_but_for_whom_its_tokens_are(
    tmp_path: Path,
) -> None:
    config = load(SIGN_IN + ISSUERS, tmp_path)
    assert config.admin.sign_in is not None
    issuer = issuer_of(config.admin.sign_in, config)
    assert issuer.audience == ("gateway",)
    assert (issuer.team, issuer.user, issuer.leeway) == ("roles", "email", 5.0)
    assert issuer.jwks_url == "https://id.example.com/keys"


@pytest.mark.parametrize(
    ("issuer", "name"),
    [("https://id.example.com/realms/x", "id.example.com"), ("the house", "the house")],
)
def test_an_issuer_is_called_by_its_host(issuer: str, name: str) -> None:
    assert host_of(issuer) == name
