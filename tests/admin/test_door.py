"""Who comes in: whoever shows the whole of a credential, and nobody else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.admin.door import MAX_SHOWN, Door
from gateway.words.secret import Secret

TOKEN, KEY = "t" * 43, "operator-key-0123456789"
DOOR = Door([Secret(TOKEN), Secret(KEY)], loopback_only=True)


@pytest.mark.parametrize("shown", [f"Bearer {TOKEN}", f"bearer {KEY}", f"BEARER  {KEY} "])
def test_a_credential_opens(shown: str) -> None:
    assert DOOR.admits(shown)


@pytest.mark.parametrize(
    "shown",
    [
        None, "", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x", f"Bearer {KEY.upper()}", f"Bearer {TOKEN}, Bearer {KEY}",
        "Bearer \udcff", "Bearer é", "Bearer " + "x" * MAX_SHOWN,
    ],
)  # fmt: skip
def test_nothing_else_opens(shown: str | None) -> None:
    assert not DOOR.admits(shown)


@given(st.text())
def test_r12_no_text_opens_and_none_is_a_bug(shown: str) -> None:
    assert not DOOR.admits(shown)
    assert not DOOR.admits(f"Bearer {shown}")


def test_s11_without_a_credential_it_opens_to_nobody() -> None:
    assert not Door([], loopback_only=True).admits("Bearer ")


def test_s18_an_empty_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="to everybody"):
        Door([Secret(KEY), Secret("")], loopback_only=True)


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
    assert DOOR.is_for_pages(host, fetch_site) is refused


def test_r22_behind_a_key_the_host_is_free_and_pages_of_others_are_not() -> None:
    door = Door([Secret(KEY)], loopback_only=False)
    assert not door.is_for_pages("admin.example", None)
    assert door.is_for_pages("admin.example", "cross-site")
