"""Whose an object is, in bounds: nobody's flood makes another's files unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.owners import LONGEST_ID, Owners, ids_in, is_id
from gateway.words.owned import Owned

MINE = Owned("file", "openai", b"team a")
THEIRS = Owned("file", "openai", b"team b")


def test_api1_who_had_an_object_first_keeps_it() -> None:
    owners = Owners()
    owners.put("file-1", MINE)
    owners.put("file-1", THEIRS)
    assert (owners.get("file-1"), owners.get("file-2"), len(owners)) == (MINE, None, 1)
    owners.drop("file-1")
    owners.drop("file-1")
    assert (owners.get("file-1"), len(owners)) == (None, 0)
    owners.put("file-1", THEIRS)
    assert owners.get("file-1") == THEIRS


def test_who_has_too_many_loses_the_oldest_of_their_own() -> None:
    owners = Owners(4)
    owners.put("their", THEIRS)
    for number in range(100):
        owners.put(f"mine-{number}", MINE)
    assert len(owners) == 4
    assert owners.get("their") == THEIRS
    assert owners.get("mine-99") == MINE
    assert owners.get("mine-96") is None


def test_who_has_few_is_made_room_for_by_who_has_most() -> None:
    owners = Owners(4)
    for number in range(4):
        owners.put(f"mine-{number}", MINE)
    owners.put("their", THEIRS)
    assert owners.get("mine-0") is None
    assert owners.get("their") == THEIRS


def test_what_was_asked_for_last_is_forgotten_last() -> None:
    owners = Owners(2)
    owners.put("a", MINE)
    owners.put("b", MINE)
    assert owners.get("a") == MINE
    owners.put("c", MINE)
    assert (owners.get("b"), owners.get("a")) == (None, MINE)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30), st.integers(0, 5))))
def test_it_is_always_known_who_has_most(deeds: list[tuple[bool, int, int]]) -> None:
    owners = Owners(12)
    for puts, number, scope in deeds:
        if puts:
            owners.put(f"file-{number}", Owned("file", "openai", b"%d" % scope))
        else:
            owners.drop(f"file-{number}")
        sizes = {scope: len(ids) for scope, ids in owners._ids.items()}
        assert owners._largest == max(sizes.values(), default=0)
        assert {scope: size for size, scopes in owners._sizes.items() for scope in scopes} == sizes
        assert sum(sizes.values()) == len(owners) <= 12


@pytest.mark.parametrize(
    "said", ["", "x" * (LONGEST_ID + 1), "a\0b", "a\nb", "\N{GREEK SMALL LETTER ALPHA}", "\ud800"]
)
def test_r10_what_can_be_no_id_is_none(said: str) -> None:
    assert not is_id(said)
    assert ids_in([said, "a", "b", "a"]) == ["a", "b"]


def test_r10_an_id_is_anything_printable_that_is_short() -> None:
    assert is_id("x" * LONGEST_ID)
    assert is_id("file-abc_1/%2e")
