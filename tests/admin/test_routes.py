"""A row of the table of routes says all of it, and has no default for who may take it (S11)."""

import pytest

from gateway.admin.routes import (
    ADMINS,
    ASKERS,
    EVERYONE,
    OPEN,
    OPERATORS,
    Refusal,
    Role,
    Route,
    Visit,
)


async def view(_: Visit) -> object:
    return None


def test_s11_a_route_without_a_word_on_who_may_take_it_is_none() -> None:
    with pytest.raises(TypeError, match="who"):
        Route("GET", "/x", view)  # type: ignore[call-arg]


def test_s11_who_is_in_each_circle() -> None:
    assert OPEN is None
    assert frozenset({Role.ADMIN}) == ADMINS
    assert frozenset({Role.ADMIN, Role.VIEWER}) == OPERATORS
    assert frozenset({Role.ADMIN, Role.DEVELOPER}) == ASKERS
    assert frozenset({"admin", "viewer", "developer"}) == EVERYONE


@pytest.mark.parametrize(
    ("path", "is_api"), [("/api/keys", True), ("/api", False), ("/apis", False), ("/keys", False)]
)
def test_what_programs_ask_lies_below_one_path(path: str, is_api: bool) -> None:
    assert Route("GET", path, view, OPEN).is_api is is_api


def test_a_refusal_is_told_in_a_sentence() -> None:
    refusal = Refusal(429, "rate_limited", "Not so fast.", 60)
    assert (str(refusal), refusal.retry_after) == ("Not so fast.", 60)
    assert Refusal(404, "not_found", "Gone.").retry_after == 0
