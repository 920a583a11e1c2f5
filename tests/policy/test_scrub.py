"""Known secrets do not survive in text that others wrote."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.forms.text import CUT
from gateway.policy.scrub import MASK, MOST_KNOWN, SHORTEST, SHORTEST_PART, Scrubber
from gateway.words.secret import Secret

KEY = "sk-live-0123456789abcdef"


def test_a_key_that_a_provider_repeats_is_masked_whole() -> None:
    scrubbed = Scrubber([Secret(KEY)]).scrub(f"Incorrect API key provided: {KEY}. Try again.")
    assert scrubbed == f"Incorrect API key provided: {MASK}. Try again."


def test_text_without_a_secret_stays_as_it_is() -> None:
    assert Scrubber([Secret(KEY)]).scrub("The model is overloaded.") == "The model is overloaded."


def test_a_secret_that_holds_another_one_leaves_no_tail() -> None:
    scrubber = Scrubber([Secret("password"), Secret("password-of-the-second-key")])
    assert scrubber.scrub("password-of-the-second-key password") == f"{MASK} {MASK}"


def test_a_short_value_is_left_alone_because_it_occurs_by_chance() -> None:
    assert Scrubber([Secret("x" * (SHORTEST - 1))]).scrub("xxxxxxxxxx") == "xxxxxxxxxx"
    assert Scrubber([Secret("x" * SHORTEST)]).scrub("xxxxxxxx") == MASK


def test_a_secret_is_known_again_inside_a_json_string() -> None:
    key = 'pass"word\\with\nstränge-signs'
    scrubber = Scrubber([Secret(key)])
    assert scrubber.scrub(json.dumps({"key": key})) == f'{{"key": "{MASK}"}}'
    assert scrubber.scrub(json.dumps({"key": key}, ensure_ascii=False)) == f'{{"key": "{MASK}"}}'


def test_a_secret_is_known_again_inside_a_url() -> None:
    assert Scrubber([Secret("key/with+signs=")]).scrub("?key=key%2Fwith%2Bsigns%3D&x=1") == (
        f"?key={MASK}&x=1"
    )


@pytest.mark.parametrize("size", range(SHORTEST_PART, len(KEY)))
def test_r11_the_beginning_of_a_secret_is_masked_where_a_text_was_cut_within_it(size: int) -> None:
    """R11."""
    scrubber = Scrubber([Secret("other-secret"), Secret(KEY)])
    assert scrubber.scrub(f"Wrong key {KEY[:size]}{CUT}") == f"Wrong key {MASK}{CUT}"


@pytest.mark.parametrize("text", [f"Wrong key {KEY[: SHORTEST_PART - 1]}{CUT}", KEY[:-1], CUT])
def test_what_may_be_chance_is_left_alone_at_the_end_too(text: str) -> None:
    assert Scrubber([Secret(KEY)]).scrub(text) == text


def test_r11_a_secret_is_masked_among_bytes_that_are_no_text() -> None:
    """R11."""
    scrubber = Scrubber([Secret(KEY)])
    assert scrubber.scrub_bytes(b"\xff" + KEY.encode() + b"\xe9") == b"\xff***\xe9"
    assert scrubber.scrub_bytes(b"caf\xe9") == b"caf\xe9"


def test_a_scrubber_does_not_show_what_it_knows() -> None:
    assert KEY not in repr(Scrubber([Secret(KEY)]))


def test_a_scrubber_without_secrets_changes_nothing() -> None:
    assert Scrubber().scrub(KEY) == KEY


# Without the mask's own sign: a secret of stars cannot be told from its mask.
LETTERS = st.characters(codec="utf-8", exclude_characters="*")


@given(
    secrets=st.lists(st.text(LETTERS, min_size=SHORTEST, max_size=20), max_size=4),
    rest=st.lists(st.text(LETTERS, max_size=10), min_size=5, max_size=5),
)
def test_no_secret_survives_whatever_surrounds_it(secrets: list[str], rest: list[str]) -> None:
    text = rest[-1] + "".join(a + b for a, b in zip(rest, secrets, strict=False))
    scrubbed = Scrubber(map(Secret, secrets)).scrub(text)
    assert not [secret for secret in secrets if secret in scrubbed]


def test_a_secret_that_is_not_text_is_taken_too() -> None:
    assert Scrubber([Secret("from-the-environment-\udcff")]).scrub("x") == "x"


def test_what_was_fetched_is_known_and_what_was_fetched_before_it() -> None:
    scrubber = Scrubber([Secret(KEY)])
    for number in range(3):
        scrubber.learn("azure", [Secret(f"token-number-{number}")])
        scrubber.learn("vertex", [Secret(f"other-number-{number}")])
    said = scrubber.scrub(f"{KEY} token-number-0 token-number-1 token-number-2 other-number-2")
    assert said == "*** token-number-0 *** *** ***"


def test_a_secret_of_one_call_is_known_for_that_call_alone() -> None:
    scrubber = Scrubber([Secret(KEY)])
    text = f"{KEY} callers-own-key"
    assert scrubber.beside(Secret("callers-own-key")).scrub(text) == "*** ***"
    assert scrubber.scrub(text) == "*** callers-own-key"


def test_what_is_known_later_is_masked_beside_what_was_known_before() -> None:
    scrubber = Scrubber([Secret("the-first-of-all")])
    scrubber.learn("up", [Secret("what-was-fetched")])
    scrubber.know([Secret("the-second-of-all"), Secret("short")])
    text = "the-first-of-all what-was-fetched the-second-of-all short"
    assert scrubber.scrub(text) == f"{MASK} {MASK} {MASK} short"


def test_of_secrets_that_change_again_and_again_the_oldest_give_way() -> None:
    """A secret that is renewed each hour must not make each line of the log dearer for ever."""
    stays = Secret("one-that-stays")
    scrubber = Scrubber([Secret("the-first-of-all"), stays])
    scrubber.know([stays, *(Secret(f"number-{number:05}") for number in range(MOST_KNOWN - 1))])
    assert scrubber.scrub("number-00000 one-that-stays") == "*** ***"
    assert scrubber.scrub("the-first-of-all") == "the-first-of-all"
    scrubber.know([stays, Secret("the-last-of-all")])
    assert scrubber.scrub("number-00001 the-last-of-all one-that-stays") == "*** *** ***"
    assert scrubber.scrub("number-00000") == "number-00000"
    assert repr(scrubber) == f"Scrubber({MOST_KNOWN} spellings)"
    scrubber.know(Secret(f"another-{number:05}") for number in range(MOST_KNOWN + 1))
    assert repr(scrubber) == f"Scrubber({MOST_KNOWN + 1} spellings)"
