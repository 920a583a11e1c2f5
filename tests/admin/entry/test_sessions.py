"""A cookie says who somebody is as long as nobody has touched it, and it is not old."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admin.entry.sessions import LIFETIME, MAX_COOKIE, PLAIN_NAME, SECURE_NAME, Sessions
from gateway.admin.routes import Identity, Role
from gateway.words.secret import Secret

SESSIONS = Sessions(Secret("k" * 43), secure=False)
WHO = Identity(Role.DEVELOPER, "ada@example.com", "ada", "research")


def test_a_cookie_says_who_it_is() -> None:
    session = SESSIONS.read(SESSIONS.begin(WHO))
    assert session is not None
    assert session.who == WHO


def test_r22_over_tls_it_has_the_name_that_only_this_host_can_set() -> None:
    assert Sessions(Secret("k"), secure=True).name == SECURE_NAME == f"__Host-{PLAIN_NAME}"
    assert SESSIONS.name == PLAIN_NAME


@pytest.mark.parametrize(
    "cookie", [None, "", "x", "a.b.c", "." * 50, "x" * (MAX_COOKIE + 1), "é.é.é", "eyJ9.aaaa.bbbb"]
)
def test_what_is_none_is_nobody(cookie: str | None) -> None:
    assert SESSIONS.read(cookie) is None


@given(st.integers(min_value=0), st.characters(codec="ascii", categories=["L", "N"]))
def test_a_cookie_that_somebody_touched_is_nobody(place: int, letter: str) -> None:
    cookie = SESSIONS.begin(WHO)
    place %= len(cookie)
    forged = cookie[:place] + letter + cookie[place + 1 :]
    read = SESSIONS.read(forged)
    # The last letter of a signature has bits that mean nothing.
    assert forged == cookie or place == len(cookie) - 1 or read is None


def test_a_cookie_of_another_key_or_another_start_is_nobody() -> None:
    assert Sessions(Secret("j" * 43), secure=False).read(SESSIONS.begin(WHO)) is None


def test_a_cookie_ends_after_a_while() -> None:
    over = Sessions(Secret("k" * 43), secure=False, lifetime=-1)
    assert over.read(SESSIONS.begin(WHO)) is None
    assert SESSIONS.lifetime == LIFETIME


def test_what_is_signed_and_no_session_is_nobody() -> None:
    signer = SESSIONS.signer()
    wrong: list[object] = [{}, [], {"who": {"role": "root", "name": "x"}, "nonce": "n"}, 7, None]
    for said in wrong:
        assert SESSIONS.read(signer.dumps(said)) is None


def test_r22_a_session_admits_its_own_token_alone() -> None:
    one, other = SESSIONS.read(SESSIONS.begin(WHO)), SESSIONS.read(SESSIONS.begin(WHO))
    assert one is not None
    assert other is not None
    assert SESSIONS.admits(one, SESSIONS.token(one))
    for token in (SESSIONS.token(other), "", None, "é", "\udcff", SESSIONS.token(one)[:-1]):
        assert not SESSIONS.admits(one, token)
