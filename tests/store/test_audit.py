"""The audit log in a real database: what is written stays, in its order, and says no more."""

from dataclasses import replace

import pytest

from gateway.store.audit import MOST_DETAIL, MOST_LISTED, MOST_TEXT, Action, actions, note
from gateway.store.connection import Connection

DEED = Action(1_700_000_000_123, "admin", "admin", "revoke key", "ci", "it was lost", "192.0.2.7")
HOSTILE = "x'); DROP TABLE audit; --<script>"


def test_an_action_is_read_as_it_was_noted(connection: Connection) -> None:
    note(connection, DEED)
    note(connection, replace(DEED, subject=HOSTILE))
    found = actions(connection, 10)
    assert [action for _, action in found.listed] == [replace(DEED, subject=HOSTILE), DEED]
    assert found.before is None


def test_an_empty_log_lists_nothing(connection: Connection) -> None:
    assert actions(connection, 10).listed == []
    assert actions(connection, 10, before=5).before is None


def test_pages_follow_one_another_the_newest_first(connection: Connection) -> None:
    for number in range(7):
        note(connection, replace(DEED, subject=str(number)))
    pages, before = [], None
    while True:
        page = actions(connection, 3, before)
        pages.append("".join(action.subject for _, action in page.listed))
        before = page.before
        if before is None:
            break
    assert pages == ["654", "321", "0"]


def test_a_listing_is_bounded_whatever_is_asked_for(connection: Connection) -> None:
    for _ in range(MOST_LISTED + 1):
        note(connection, DEED)
    found = actions(connection, 10**9)
    assert len(found.listed) == MOST_LISTED
    assert found.before == found.listed[-1][0]


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\N{RIGHT-TO-LEFT OVERRIDE}", "\ud800", "\n"])
def test_s20_what_cannot_be_shown_or_kept_is_replaced(connection: Connection, sign: str) -> None:
    note(connection, replace(DEED, who=f"a{sign}b", detail=f"c{sign}d", address=sign))
    ((_, found),) = actions(connection, 1).listed
    assert (found.who, found.detail, found.address) == ("a\ufffdb", "c\ufffdd", "\ufffd")


def test_long_texts_are_cut(connection: Connection) -> None:
    note(connection, replace(DEED, subject="s" * 10_000, detail="d" * 100_000))
    ((_, found),) = actions(connection, 1).listed
    assert (len(found.subject), len(found.detail)) == (MOST_TEXT, MOST_DETAIL)
    assert found.subject.endswith("…")
    assert found.detail.endswith("…")
