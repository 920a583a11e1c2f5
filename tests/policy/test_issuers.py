"""From claims to a caller: who it is, of which team, and what may be asked for."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest

from gateway.policy.issuers import (
    NOTHING,
    Issuer,
    Members,
    claim_of,
    key_id_of,
    texts_of,
)
from gateway.policy.jwt import read_token
from gateway.policy.keys import Keyring, Team
from gateway.words.budget import Budget
from gateway.words.caller import Caller, Limits
from tests.issuer import ISSUER, claims, unsigned
from tests.stage import TODAY

ISSUED = Issuer(ISSUER, ("gateway", "others"))
MONTH = Budget(nanos=9, per="month")
DAY = Budget(nanos=5, per="day", each="user")
TEAMS = {
    "keys only": Team(),
    "research": Team(
        models=("gpt-*",),
        limits=Limits(concurrency=2),
        budgets=(MONTH, DAY),
        unpriced="free",
        passthrough=("openai",),
        members=("oidc:ai-research", "oidc:ml", "saml:ai"),
    ),
    "all": Team(members=("oidc:staff", "oidc:ml")),
}
MEMBERS = Members(TEAMS)


def accepts(today: float = TODAY, issuer: Issuer = ISSUED, **said: Any) -> bool:
    token = read_token(unsigned({"alg": "ES256"}, claims(**said)) + b".c2ln")
    assert token is not None
    return issuer.accepts(token, today)


def caller_of(issuer: Issuer = ISSUED, **said: Any) -> Caller | None:
    return MEMBERS.caller_of(issuer, claims(**said))


def team_of(groups: object) -> str | None:
    caller = caller_of(groups=groups)
    return None if caller is None else caller.team


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ({}, True),
        ({"aud": ["x", "others"]}, True),
        ({"aud": "x"}, False),
        ({"aud": []}, False),
        ({"aud": "gateway "}, False),
        ({"iss": ISSUER + "/"}, False),
        ({"iss": ISSUER.upper()}, False),
        ({"exp": TODAY - 59}, True),
        ({"exp": TODAY - 60}, False),
        ({"nbf": TODAY + 60}, True),
        ({"nbf": TODAY + 61}, False),
        ({"iat": TODAY + 60}, True),
        ({"iat": TODAY + 61}, False),
        ({"iat": None}, True),
    ],
)
def test_a_token_is_the_issuers_for_this_gateway_and_in_force(
    said: dict[str, Any], *, taken: bool
) -> None:
    assert accepts(**said) is taken


@pytest.mark.parametrize(
    ("said", "meant"),
    [({}, True), ({"exp": 0}, True), ({"aud": "azure"}, False), ({"iss": "https://else"}, False)],
)
def test_a_token_is_meant_for_this_gateway_whether_it_is_in_force(
    said: dict[str, Any], *, meant: bool
) -> None:
    token = read_token(unsigned({"alg": "none"}, claims(**said)) + b".c2ln")
    assert token is not None
    assert ISSUED.means(token) is meant


def test_the_leeway_and_the_algorithms_are_the_operators() -> None:
    strict = Issuer(ISSUER, ("gateway",), leeway=0.0)
    assert accepts(issuer=strict)
    assert not accepts(issuer=strict, exp=TODAY)
    assert not accepts(issuer=Issuer(ISSUER, ("gateway",), algorithms=("RS256",)))


def test_a_caller_is_of_the_team_and_has_what_it_has() -> None:
    caller = caller_of()
    assert caller is not None
    assert (caller.key, caller.user, caller.team) == ("oidc:ada", "ada", "research")
    assert (caller.models, caller.team_models) == ((), ("gpt-*",))
    assert (caller.limits, caller.team_limits) == (Limits(), Limits(concurrency=2))
    assert caller.passthrough == ("openai",)
    assert (caller.unpriced, [account.of for account in caller.accounts]) == (
        "free",
        ["team", "user"],
    )
    assert caller.accounts[1].name == "user research ada day"


def test_a_user_is_one_whichever_token_is_shown_and_another_of_another_issuer() -> None:
    digest = sha256(f"{ISSUER}\0ada".encode()).hexdigest()
    first, later = caller_of(exp=TODAY + 1), caller_of(exp=TODAY + 2, groups=["staff"])
    assert first is not None
    assert later is not None
    assert first.key_id == later.key_id == key_id_of(ISSUER, "ada") == digest[:12]
    assert key_id_of("https://other.example.com", "ada") != first.key_id
    assert key_id_of(ISSUER, "eve") != first.key_id


@pytest.mark.parametrize(
    ("groups", "team"),
    [
        ("ai-research", "research"),
        (["x", "staff"], "all"),
        (["staff", "ml"], "research"),
        (["ml"], "research"),
        (["x"] * 255 + ["staff"], "all"),
        (["x"] * 256 + ["staff"], None),
        ("oidc:staff", None),
        ("ai", None),
        (["Staff"], None),
        (["staff\n"], None),
        ([1, None, ["staff"]], None),
        ({"staff": True}, None),
        ([], None),
        (None, None),
    ],
)
def test_the_first_team_of_the_file_that_names_a_group_is_the_callers(
    groups: object, team: str | None
) -> None:
    assert team_of(groups) == team


def test_where_no_team_has_members_one_is_of_none() -> None:
    caller = Members({"keys only": Team(limits=Limits(concurrency=1))}).caller_of(ISSUED, claims())
    assert caller is not None
    assert (caller.team, caller.team_limits, caller.accounts) == (None, Limits(), ())


def test_where_members_are_of_elsewhere_nobody_is_of_no_team() -> None:
    assert Members({"a": Team(members=("saml:a",))}).caller_of(ISSUED, claims()) is None


@pytest.mark.parametrize(
    "user", [None, "", 7, ["ada"], {"name": "ada"}, "a\nb", "a\x00", "\u202eada", "a" * 257]
)
def test_r10_who_has_no_name_that_can_be_written_down_is_nobody(user: object) -> None:
    """R10."""
    assert caller_of(sub=user) is None


CHOSEN = Issuer(ISSUER, ("gateway",), models="models")


@pytest.mark.parametrize(
    ("said", "models"),
    [
        (["gpt-5.2", "claude-*", "@few"], ("gpt-5.2", "claude-*", "@few")),
        ("gpt-5.2", ("gpt-5.2",)),
        (["gpt-5.2", 1, "", "a\tb", "x" * 257], ("gpt-5.2",)),
        ([], NOTHING),
        ("", NOTHING),
        (None, NOTHING),
        ({"*": True}, NOTHING),
    ],
)
def test_a_claim_may_say_which_models_and_where_it_says_nothing_there_are_none(
    said: object, models: tuple[str, ...]
) -> None:
    caller = caller_of(CHOSEN, models=said)
    assert caller is not None
    assert caller.models == models


def test_both_the_claim_and_the_team_must_allow_a_model() -> None:
    keyring = Keyring((), TEAMS, {"few": ("gpt-5.2", "o3")}, b"")
    some, none = caller_of(CHOSEN, models=["@few"]), caller_of(CHOSEN)
    assert some is not None
    assert none is not None
    asked = ("gpt-5.2", "o3", "gpt-4", "*", "")
    assert [keyring.may(some, name) for name in asked] == [True, False, False, False, False]
    assert not any(keyring.may(none, name) for name in asked)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("groups", ["a"]),
        ("https://example.com/groups", ["b"]),
        ("realm_access.roles", ["c"]),
        ("realm_access.deep.down", "d"),
        ("realm_access.deep.down.more", None),
        ("a.b", "literal"),
        ("realm_access.no", None),
        ("groups.0", None),
        ("", None),
    ],
)
def test_a_claim_is_found_by_its_name_or_by_a_path(name: str, found: object) -> None:
    said: Mapping[str, object] = {
        "groups": ["a"],
        "https://example.com/groups": ["b"],
        "realm_access": {"roles": ["c"], "deep": {"down": "d"}},
        "a": {"b": "nested"},
        "a.b": "literal",
    }
    assert claim_of(said, name) == found


def test_texts_are_one_or_a_list_and_not_without_end() -> None:
    assert texts_of("a") == ("a",)
    assert texts_of(["a", "a b", "é"]) == ("a", "a b", "é")
    assert len(texts_of(["a"] * 1000)) == 256
    assert texts_of(None) == texts_of(3.5) == texts_of(True) == texts_of({"a": "b"}) == ()
