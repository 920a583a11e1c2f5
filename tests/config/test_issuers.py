"""`[[auth.issuers]]`: whose tokens are taken, where their keys are, and what needs the extra."""

from pathlib import Path

import pytest

from gateway.config.compose import UNASKED, Config, listening, must_show_key
from gateway.config.files import Files
from gateway.config.issuers import MISSING, NO_LIST, issuers_of, read_auth
from gateway.config.lines import Lines
from gateway.config.mistakes import Notes
from gateway.config.secrets import Secrets
from gateway.config.show import sections
from gateway.config.tables import Reading
from gateway.downstream.options import AuthOptions, IssuerOptions
from gateway.policy.issuers import Issuer
from gateway.policy.jwt import ALGORITHMS
from tests.config import texts

ISSUER = {"issuer": "https://id.example.com", "audience": "gateway"}
JWKS = "https://id.example.com/jwks.json"


def reading() -> Reading:
    """Return a reading of a file without lines."""
    files = Files(Path.cwd())
    return Reading(Notes("gateway.toml", Lines("")), files, Secrets({}, files))


def read(issuers: object, package: str = "joserfc") -> tuple[AuthOptions, list[str]]:
    """Return what the table comes to, and what is wrong with it."""
    noted = reading()
    auth = read_auth({"auth": {"issuers": issuers}}, noted, package)
    return auth, [str(finding).removeprefix("gateway.toml: ") for finding in noted.notes.findings]


def mistakes(*issuers: object) -> list[str]:
    return read([*issuers])[1]


def test_an_issuer_needs_a_name_and_an_audience() -> None:
    auth, wrong = read([ISSUER])
    assert wrong == []
    assert issuers_of(auth) == (Issuer("https://id.example.com", ("gateway",)),)
    assert issuers_of(auth)[0].algorithms == ALGORITHMS


def test_all_that_is_said_of_an_issuer_counts() -> None:
    claims = {"team": "realm_access.roles", "user": "email", "models": "https://x.test/models"}
    said = {
        "issuer": "kubernetes/serviceaccount",
        "audience": ["a", "b"],
        "jwks_url": JWKS,
        "claims": claims,
        "algorithms": ["RS256", "ES256"],
        "leeway": 5,
    }
    auth, wrong = read([said, ISSUER])
    assert wrong == []
    assert issuers_of(auth)[0] == Issuer(
        name="kubernetes/serviceaccount",
        audience=("a", "b"),
        jwks_url=JWKS,
        team="realm_access.roles",
        user="email",
        models="https://x.test/models",
        algorithms=("RS256", "ES256"),
        leeway=5.0,
    )
    assert len(auth.issuers) == 2


def test_without_issuers_the_table_is_what_it_was() -> None:
    noted = reading()
    auth = read_auth({"auth": {"required": False}}, noted)
    assert (auth.required, auth.issuers, noted.notes.findings) == (False, (), [])
    assert read_auth({}, noted) == AuthOptions()
    assert issuers_of(AuthOptions()) == ()


@pytest.mark.parametrize("value", [1, "x", {"issuer": "x"}])
def test_issuers_are_a_list_of_tables(value: object) -> None:
    assert read(value)[1] == [f"auth.issuers: {NO_LIST}"]


def test_a_table_that_is_none_is_told() -> None:
    assert mistakes("x") == ["auth.issuers[0]: expected a table, got a string"]
    noted = reading()
    read_auth({"auth": 1}, noted)
    assert [str(each) for each in noted.notes.findings] == [
        "gateway.toml: auth: expected a table, got a whole number"
    ]


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"issuer": None}, "auth.issuers[0].issuer: is missing"),
        ({"audience": None}, "auth.issuers[0].audience: is missing"),
        ({"issuer": ""}, "auth.issuers[0].issuer: "),
        ({"audience": []}, "auth.issuers[0].audience: "),
        ({"audience": ""}, "auth.issuers[0].audience: "),
        ({"jwks": JWKS}, "auth.issuers[0].jwks: unknown key; did you mean jwks_url?"),
        (
            {"claims": {"teams": "x"}},
            "auth.issuers[0].claims.teams: unknown key; did you mean team",
        ),
        ({"claims": {"user": ""}}, "auth.issuers[0].claims.user: "),
        ({"algorithms": ["HS256"]}, "auth.issuers[0].algorithms"),
        ({"algorithms": ["none"]}, "auth.issuers[0].algorithms"),
        ({"algorithms": []}, "auth.issuers[0].algorithms"),
        ({"leeway": 301}, "auth.issuers[0].leeway: "),
        ({"leeway": -1}, "auth.issuers[0].leeway: "),
        ({"issuer": "a\nb"}, "auth.issuers[0].issuer: the name holds a character"),
        ({"issuer": " a", "jwks_url": JWKS}, "auth.issuers[0].issuer: the name begins"),
        (
            {"issuer": "accounts.example.com"},
            "auth.issuers[0].issuer: does not begin with http:// or https:// and a host; without a"
            " jwks_url the issuer's own address leads to its keys",
        ),
        ({"issuer": "http://id.example.com"}, "auth.issuers[0].issuer: does not begin with https"),
        (
            {"issuer": "https://x.test?a=b"},
            "auth.issuers[0].issuer: has a query: name its jwks_url",
        ),
        ({"jwks_url": "http://10.0.0.1/"}, "auth.issuers[0].jwks_url: does not begin with https"),
        ({"jwks_url": "https://a:b@c.test/"}, "auth.issuers[0].jwks_url: holds a user name"),
    ],
)
def test_what_is_mistaken_is_told_with_its_key(said: dict[str, object], wrong: str) -> None:
    table = {name: value for name, value in (ISSUER | said).items() if value is not None}
    (found,) = mistakes(table)
    assert found.startswith(wrong)


def test_on_this_machine_an_issuer_needs_no_tls() -> None:
    assert mistakes({**ISSUER, "issuer": "http://127.0.0.1:8080/realms/x"}) == []
    assert mistakes({**ISSUER, "jwks_url": "http://localhost:8080/jwks"}) == []


def test_an_issuer_stands_there_once() -> None:
    said = mistakes(ISSUER, {**ISSUER, "audience": "b"})
    assert said == ["auth.issuers[1].issuer: is the name of an issuer before it, too"]


def test_without_the_extra_one_is_told_which_it_is() -> None:
    assert read([ISSUER], "no_such_package")[1] == [f"auth.issuers: {MISSING}"]
    assert "nursery-gateway[oidc]" in MISSING
    assert read([], "no_such_package")[1] == []


def test_the_algorithms_are_those_of_public_keys() -> None:
    auth = AuthOptions(issuers=(IssuerOptions(issuer="a", audience="b"),))
    assert auth.issuers[0].algorithms == ALGORITHMS
    assert not [name for name in ALGORITHMS if name.startswith(("HS", "none"))]


FILE = """
[server]
host = "0.0.0.0"
[[auth.issuers]]
issuer = "https://id.example.com"
audience = "gateway"
[[auth.issuers]]
issuer = "https://two.example.com"
audience = "gateway"
claims.team = "roles"
"""


def test_a_gateway_with_an_issuer_may_be_reached_by_others(tmp_path: Path) -> None:
    config = texts.load(FILE, tmp_path)
    assert [each.claims.team for each in config.auth.issuers] == ["groups", "roles"]
    assert config.warnings == ()
    assert must_show_key(config, 0)
    assert listening(config, host="10.0.0.1").warnings == ()
    assert must_show_key(Config(auth=config.auth), 0)


def test_where_nobody_has_to_show_anything_it_is_told(tmp_path: Path) -> None:
    config = texts.load(FILE + "[auth]\nrequired = false", tmp_path)
    told = UNASKED.format("0.0.0.0")
    assert [each.partition("required: ")[2] for each in config.warnings] == [told]
    assert UNASKED.format("10.0.0.1") in listening(config, host="10.0.0.1").warnings
    assert not must_show_key(config, 0)


def test_issuers_that_are_mistaken_are_meant_to_be_there(tmp_path: Path) -> None:
    assert texts.mistakes(FILE.replace("audience", "audiance", 1), tmp_path) == [
        "gateway.toml:4: auth.issuers[0].audience: is missing",
        "gateway.toml:6: auth.issuers[0].audiance: unknown key; did you mean audience?",
    ]


def test_issuers_are_shown_and_read_as_the_same_again(tmp_path: Path) -> None:
    config = texts.load(FILE, tmp_path)
    (auth,) = [section for section in sections(config) if section.path == ("auth",)]
    (row,) = [row for row in auth.rows if row.name == "issuers"]
    assert row.origin.startswith("gateway.toml:4")
    assert 'issuer = "https://id.example.com"' in str(row)
    again = texts.load(f'[server]\nhost = "0.0.0.0"\n[auth]\n{row}', tmp_path)
    assert again.auth.issuers == config.auth.issuers
