"""`[admin.sign_in]`: what is read of it, and what is a mistake in it."""

from pathlib import Path

import pytest

from gateway.admin.options import AdminOptions, SignInOptions
from gateway.config.homes import known_secrets
from gateway.config.issuers import MISSING
from gateway.config.show import sections
from gateway.config.sign_in import check_sign_in
from gateway.downstream.options import AuthOptions
from tests.config.test_issuers import reading
from tests.config.texts import load, mistakes

ISSUER = 'issuer = "https://id.example.com"\nclient_id = "gateway"\n'
SIGN_IN = "[admin.sign_in]\n" + ISSUER
ENVIRON = {"SECRET": "a-secret-of-the-client"}


def test_an_issuer_and_a_name_are_enough(tmp_path: Path) -> None:
    options = load(SIGN_IN, tmp_path).admin.sign_in
    assert options is not None
    assert (options.issuer, options.client_id) == ("https://id.example.com", "gateway")
    assert load("[admin]\nsign_in = {}\n", tmp_path).admin.sign_in is None


def test_r11_the_secret_is_known_to_whoever_scrubs_and_never_shown(tmp_path: Path) -> None:
    config = load(SIGN_IN + 'client_secret = { env = "SECRET" }', tmp_path, ENVIRON)
    assert ENVIRON["SECRET"] in [secret.reveal() for secret in known_secrets(config)]
    shown = "\n".join(str(row) for section in sections(config) for row in section.rows)
    assert "client_secret" in shown
    assert ENVIRON["SECRET"] not in shown


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('client_secret = { env = "NONE" }', "client_secret: the environment variable NONE"),
        ('admins = ["ops"]', "admins[0]: "),
        ('viewers = ["oidc:"]', "viewers[0]: "),
        ('token_url = "http://id.example.com/token"', "token_url: does not begin with https://"),
        ('authorize_url = "javascript:alert(1)"', "authorize_url: "),
        ('jwks_url = "file:///etc/passwd"', "jwks_url: "),
        ("scopes = [1]", "scopes"),
        ('groups = "x"', "groups: unknown key"),
    ],
)
def test_a_mistake_has_its_place(more: str, said: str, tmp_path: Path) -> None:
    (wrong,) = mistakes(SIGN_IN + more, tmp_path)
    assert f"admin.sign_in.{said}" in wrong


def test_a_name_that_is_no_address_needs_all_places(tmp_path: Path) -> None:
    named = SIGN_IN.replace("https://id.example.com", "the house")
    (wrong,) = mistakes(named, tmp_path)
    assert "name its authorize_url, token_url and jwks_url" in wrong
    urls = ("authorize_url", "token_url", "jwks_url")
    places = "".join(f'{name} = "https://id.example.com/{name}"\n' for name in urls)
    assert load(named + places, tmp_path).admin.sign_in is not None
    (wrong,) = mistakes(SIGN_IN.replace("https://id.example.com", r"\u202e"), tmp_path)
    assert "admin.sign_in.issuer" in wrong


def test_who_is_reached_from_elsewhere_says_by_which_address(tmp_path: Path) -> None:
    key = 'key = { env = "SECRET" }\nhost = "10.0.0.5"\n'
    (wrong,) = mistakes(f"[admin]\n{key}{SIGN_IN}", tmp_path, ENVIRON)
    assert "admin.sign_in: needs admin.url" in wrong
    text = f'[admin]\n{key}url = "https://gateway.example.com"\n{SIGN_IN}'
    assert load(text, tmp_path, ENVIRON).admin.sign_in is not None


def test_without_the_extra_it_is_a_mistake() -> None:
    noted = reading()
    options = SignInOptions(issuer="https://id.example.com", client_id="gateway")
    check_sign_in(AdminOptions(sign_in=options), AuthOptions(), noted, "no_such_package")
    (wrong,) = [str(finding) for finding in noted.notes.findings]
    assert wrong == f"gateway.toml: admin.sign_in: {MISSING}"
