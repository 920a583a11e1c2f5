"""Keys, tokens and passwords."""

import pytest

from gateway.policy.guards.credentials import Credentials
from tests.policy.guards.cutting import guard, spans, told

KEYS = [
    "sk-proj-" + "a1B2" * 12,
    "ngw-" + "a" * 43,
    "ghp_" + "a" * 36,
    "github_pat_" + "a" * 60,
    "glpat-" + "a" * 20,
    "AKIA" + "ABCD1234" * 2,
    "ASIA" + "ABCD1234" * 2,
    "AIza" + "a" * 35,
    "xoxb-1234567890-abc",
    "sk_live_" + "a" * 24,
    "rk_test_" + "a" * 24,
    "npm_" + "a" * 36,
    "pypi-" + "a" * 60,
    "hf_" + "a" * 34,
    "gsk_" + "a" * 52,
    "xai-" + "a" * 40,
    "SG." + "a" * 22 + "." + "b" * 43,
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
]


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_masked_whole(key: str) -> None:
    assert told([guard(Credentials())], f"it is {key}, see")[:2] == ("it is [0], see", {"g"})


def test_a_private_key_is_masked_with_its_lines() -> None:
    text = "-----BEGIN RSA PRIVATE KEY-----\nMIIE+/=\nabc\n-----END RSA PRIVATE KEY-----\n"
    assert (
        told([guard(Credentials())], "see " + text)[0] == "see [0]-----END RSA PRIVATE KEY-----\n"
    )


def test_the_password_of_an_address_is_masked() -> None:
    said = told([guard(Credentials())], "use postgres://me:s3cret@host/db")[0]
    assert said == "use postgres[0]host/db"


@pytest.mark.parametrize(
    "text",
    [
        "a risk-taker, ghost writers, sk-short",
        "xAKIA" + "ABCD1234" * 2,
        "AKIA" + "ABCD1234" * 2 + "5",
        "http://host:8000/path",
        "-----BEGIN PUBLIC KEY-----",
    ],
)
def test_what_only_begins_like_one_is_none(text: str) -> None:
    assert spans(Credentials(), text) == []


def test_within_a_key_nothing_else_is_found() -> None:
    key = "sk-" + "a" * 20 + "-AKIA" + "ABCD1234" * 2
    assert len(spans(Credentials(), key)) == 1


@pytest.mark.parametrize(
    ("text", "held"),
    [("all is said ", ""), ("it is sk-", "sk-"), ("-----BEGIN RSA PR", "-----BEGIN RSA PR")],
)
def test_only_the_last_word_is_held_back(text: str, held: str) -> None:
    assert text[Credentials().settled(text) :] == held
