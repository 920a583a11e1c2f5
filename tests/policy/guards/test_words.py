"""Words and phrases that are not to be said."""

import pytest

from gateway.policy.guards.words import Parts, Words, has_word
from tests.policy.guards.cutting import spans

WORDS = Words(["darn", "bad word", "bad", "Straße"])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Darn! darned", ["Darn"]),
        ("a BAD  word, a bad -- thing", ["BAD  word", "bad"]),
        ("bad ---- word", ["bad"]),
        ("bad words", ["bad"]),
        ("STRASSE strasse straße", ["STRASSE", "strasse", "straße"]),
        ("reset_bad badly", []),
        ("bad", ["bad"]),
    ],
)
def test_whole_words_are_found_in_whatever_case(text: str, wanted: list[str]) -> None:
    assert spans(WORDS, text) == wanted


def test_a_word_that_has_begun_before_is_none() -> None:
    assert spans(WORDS, "undarn darn", 2) == ["darn"]


@pytest.mark.parametrize(
    ("text", "held"), [("a bad", "a bad"), ("not a bad ", "bad "), ("one ", "one "), ("", "")]
)
def test_so_many_words_are_held_back_as_a_phrase_has(text: str, held: str) -> None:
    assert text[WORDS.settled(text) :] == held


def test_of_single_words_only_one_that_may_go_on_is_held_back() -> None:
    words = Words(["darn"])
    assert words.settled("so dar") == 3
    assert words.settled("so dar ") == 7
    assert words.settled("a" * 1_000) == 1_000 - words.longest


def test_parts_are_found_within_words() -> None:
    parts = Parts(["坏话", "XYZ", "xyzzy"])
    assert spans(parts, "说坏话的xYzzY和xyz") == ["坏话", "xYzzY", "xyz"]
    assert spans(parts, "İxyz") == ["xyz"]
    assert spans(Parts(["xyz", "xya", "xyzzy"]), "xya xyzz") == ["xya", "xyz"]
    assert parts.settled("abcdef") == 2


def test_parts_that_begin_alike_and_are_of_one_length_are_all_found() -> None:
    parts = Parts(["zzz", "abcx", "abcy"])
    assert spans(parts, "abcx, ABCY, abcz, zzz") == ["abcx", "ABCY", "zzz"]


def test_a_phrase_without_a_word_is_known() -> None:
    assert (has_word("a b"), has_word("--")) == (True, False)
