"""What an issuer's token is worth to the operator's site."""

from typing import Any

import pytest

from gateway.policy.issuers import Issuer, Members
from gateway.policy.jwt import Token, read_token
from gateway.policy.keys import Team
from gateway.policy.sign_in import Guest, Reception
from tests.issuer import ISSUER, Signer, claims
from tests.stage import TODAY

CLIENT_ID = "the-gateway"
NONCE = "n" * 43


def reception(**teams: Team) -> Reception:
    issuer = Issuer(ISSUER, (CLIENT_ID,))
    return Reception(issuer, frozenset({"ops"}), frozenset({"audit"}), Members(teams))


def token(**more: Any) -> Token:
    said = read_token(Signer().token(claims(**({"aud": CLIENT_ID, "nonce": NONCE} | more))))
    assert said is not None
    return said


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"aud": [CLIENT_ID]},
        {"azp": CLIENT_ID},
        {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID},
        {"exp": int(TODAY) - 30},
    ],
)
def test_a_token_for_this_sign_in_is_accepted(more: dict[str, Any]) -> None:
    assert reception().accepts(token(**more), NONCE, TODAY)


@pytest.mark.parametrize(
    "more",
    [
        {"aud": "another"},
        {"aud": [CLIENT_ID, "another"]},
        {"azp": "another"},
        {"azp": 7},
        {"nonce": None},
        {"nonce": "m" * 43},
        {"nonce": "é" * 43},
        {"nonce": [NONCE]},
        {"iss": "https://evil.example.com"},
        {"exp": int(TODAY) - 61},
        {"iat": int(TODAY) + 61},
    ],
)
def test_a_token_for_anything_else_is_not(more: dict[str, Any]) -> None:
    assert not reception().accepts(token(**more), NONCE, TODAY)


@pytest.mark.parametrize(
    ("said", "guest"),
    [
        ({"groups": ["x", "ops", "audit"]}, Guest("admin", "ada", "ada", None)),
        ({"groups": "audit"}, Guest("viewer", "ada", "ada", None)),
        ({"groups": ["x"]}, Guest("developer", "ada", "ada", None)),
        ({"groups": ["OPS", "ops "]}, Guest("developer", "ada", "ada", None)),
        ({"email": "ada@example.com"}, Guest("developer", "ada@example.com", "ada", None)),
        (
            {"email": 7, "preferred_username": "Ada"},
            Guest("developer", "Ada", "ada", None),
        ),
        ({"email": "a\nb", "preferred_username": ""}, Guest("developer", "ada", "ada", None)),
        ({"sub": None}, None),
        ({"sub": "a\nb"}, None),
    ],
)
def test_groups_say_what_somebody_is_here(said: dict[str, Any], guest: Guest | None) -> None:
    told = claims(**({"groups": None} | said))
    assert reception().guest_of(told) == guest


def test_where_teams_have_members_a_developer_is_one_of_them() -> None:
    here = reception(research=Team(members=("oidc:ai-research",)))
    guest = here.guest_of(claims())
    assert guest == Guest("developer", "ada", "ada", "research")
    assert here.guest_of(claims(groups=["x"])) is None
    assert here.guest_of(claims(groups=["ops"])) == Guest("admin", "ada", "ada", None)
    both = here.guest_of(claims(groups=["ai-research", "audit"]))
    assert both == Guest("viewer", "ada", "ada", "research")
