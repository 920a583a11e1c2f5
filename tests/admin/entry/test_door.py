"""Who comes in: whoever shows the whole of a credential, and nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admin.entry.door import MAX_SHOWN, Asked, Door
from gateway.admin.routes import Identity, Role
from gateway.words.secret import Secret

TOKEN, KEY = "t" * 43, "operator-key-0123456789"
OPERATOR, LOOKER = Identity(Role.ADMIN, "admin key"), Identity(Role.VIEWER, "viewer key")
DOOR = Door([(Secret(TOKEN), LOOKER), (Secret(KEY), OPERATOR)], loopback_only=True)


@pytest.mark.parametrize("shown", [f"Bearer {KEY}", f"bearer {KEY}", f"BEARER  {KEY} "])
def test_a_credential_opens_to_whose_it_is(shown: str) -> None:
    assert DOOR.bearer(shown) == OPERATOR
    assert DOOR.bearer(shown.replace(KEY, TOKEN)) == LOOKER
    assert DOOR.who(KEY) == OPERATOR


@pytest.mark.parametrize(
    "shown",
    [
        None, "", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x", f"Bearer {KEY.upper()}", f"Bearer {TOKEN}, Bearer {KEY}",
        "Bearer \udcff", "Bearer é", "Bearer " + "x" * MAX_SHOWN,
    ],
)  # fmt: skip
def test_nothing_else_opens(shown: str | None) -> None:
    assert DOOR.bearer(shown) is None


def test_a_credential_is_compared_to_its_end() -> None:
    door = Door([(Secret("t" * MAX_SHOWN), OPERATOR)], loopback_only=True)
    assert door.bearer("Bearer " + "t" * MAX_SHOWN) == OPERATOR
    assert door.bearer("Bearer " + "t" * (MAX_SHOWN + 1)) is None


@given(st.text())
def test_r12_no_text_opens_and_none_is_a_bug(shown: str) -> None:
    assert DOOR.bearer(shown) is None
    assert DOOR.bearer(f"Bearer {shown}") is None
    assert DOOR.who(shown) is None


def test_s11_without_a_credential_it_opens_to_nobody() -> None:
    assert Door([], loopback_only=True).bearer("Bearer ") is None


def test_s18_an_empty_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="to everybody"):
        Door([(Secret(KEY), OPERATOR), (Secret(""), LOOKER)], loopback_only=True)


@pytest.mark.parametrize(
    ("host", "fetch_site", "refused"),
    [
        ("127.0.0.1:4001", None, False),
        ("localhost", "none", False),
        (None, "same-origin", False),
        ("[::1]:4001", "cross-site", True),
        ("localhost", "Same-Site", True),
        ("evil.example", None, True),
        ("a/?", None, True),
        ("localhost", "\udcff", False),
    ],
)
def test_r27_what_a_web_page_could_have_sent_is_known(
    host: str | None, fetch_site: str | None, refused: bool
) -> None:
    assert DOOR.shuts_out(Asked("GET", host, fetch_site)) is refused


def test_r22_a_link_that_is_followed_is_let_in_and_a_form_is_not() -> None:
    linked = Asked("GET", "localhost", "cross-site", "navigate")
    assert not DOOR.shuts_out(linked)
    assert DOOR.shuts_out(linked._replace(method="POST"))
    assert DOOR.shuts_out(linked._replace(fetch_mode="no-cors"))
    assert DOOR.shuts_out(linked._replace(host="evil.example"))


def test_r22_behind_a_key_the_host_is_free_and_pages_of_others_are_not() -> None:
    door = Door([(Secret(KEY), OPERATOR)], loopback_only=False)
    assert not door.shuts_out(Asked("GET", "admin.example"))
    assert door.shuts_out(Asked("GET", "admin.example", "cross-site"))


def test_the_address_by_which_browsers_come_is_one_of_its_hosts() -> None:
    door = Door([], loopback_only=True, url="https://admin.example:8443")
    assert not door.shuts_out(Asked("GET", "admin.example"))
    assert not door.shuts_out(Asked("GET", "localhost"))
    assert door.shuts_out(Asked("GET", "evil.example"))
    assert door.shuts_out(Asked("GET", "a/?"))


@pytest.mark.parametrize(
    ("fetch_site", "origin", "own"),
    [
        ("same-origin", None, True),
        ("none", None, False),
        ("same-site", None, False),
        ("cross-site", "http://localhost:4001", False),
        (None, "http://localhost:4001", True),
        (None, "http://localhost:4002", False),
        (None, "http://evil.example", False),
        (None, "null", False),
        (None, "http://[", False),
        (None, "", False),
        (None, None, True),
    ],
)
def test_r22_a_page_of_this_site_is_told_from_others(
    fetch_site: str | None, origin: str | None, own: bool
) -> None:
    asked = Asked("POST", "localhost:4001", fetch_site, origin=origin)
    assert DOOR.is_own(asked) is own


def test_what_chance_has_made_needs_no_guard_and_nothing_else_does() -> None:
    door = Door([(Secret(TOKEN), LOOKER)], loopback_only=True, made=Secret(TOKEN))
    assert door.needs_no_guard(f"Bearer {TOKEN}")
    for shown in (f"Bearer {KEY}", TOKEN, "", "Bearer ", f"Bearer {TOKEN}x", "Bearer \udcff"):
        assert not door.needs_no_guard(shown)
    for shown in (f"Bearer {TOKEN}", "Bearer ", ""):
        assert not DOOR.needs_no_guard(shown)


def test_r22_a_page_at_the_address_of_browsers_is_of_this_site() -> None:
    door = Door([], loopback_only=True, url="https://admin.example")
    asked = Asked("POST", "127.0.0.1:4001", origin="https://admin.example")
    assert door.is_own(asked)
    for origin in ("http://admin.example", "https://admin.example.evil.example", "", "null"):
        assert not door.is_own(asked._replace(origin=origin))
    assert not DOOR.is_own(asked._replace(origin=""))
