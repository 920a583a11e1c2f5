"""A text that is looked at as it arrives: however it is cut, the same comes of it."""

import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.guards.credentials import Credentials
from gateway.policy.guards.detector import Allowing
from gateway.policy.guards.expressions import Expressions
from gateway.policy.guards.guard import Guard
from gateway.policy.guards.personal import KINDS
from gateway.policy.guards.scan import Edit, disjoint, rewritten
from gateway.policy.guards.words import Parts, Words
from tests.policy.guards.cutting import guard, told

ALL = (
    guard(
        Allowing(KINDS["email"], frozenset({"a@ours.com"})),
        *[detector for kind, detector in KINDS.items() if kind != "email"],
        name="pii",
    ),
    guard(Credentials(), name="secrets"),
    guard(Words(["bad word", "darn", "straße name now"]), Parts(["坏话", "xyzzy"]), name="words"),
    guard(Expressions(re2.compile(r"\bproj-[0-9]{3,6}\b"), 16), name="regex"),
    guard(KINDS["email"], then="flag", name="flag"),
)
LONGEST = max(each.longest for each in ALL)
SAID = st.sampled_from(
    [
        *("john@x.com", "a@ours.com", "4111 1111 1111 1111", "4111111111111111", "12", " ", "\n"),
        *("DE89 3704 0044 0532 0130 00", "AND", "hello", "bad word", "bad  word", "Darn!", "."),
        *("proj-1234", "sk-abcdefghijklmnopqrstuvwx", ",", "123-45-6789", "+1 (555) 123-4567"),
        *("192.168.1.1", "AKIAABCDEFGHIJKLMNOP", "坏话", "xyzzy", "é", "@", "-", "_", '"', "\\"),
        *("-----BEGIN RSA PRIVATE KEY-----\nMII+\nabc=\n-----END RSA PRIVATE KEY-----", "straße"),
        *("4111\u00a01111\u20111111\u202f1111", "\uff4a@x.com", "\uff14", "0."),
        *("eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.abc", "postgres://u:secretpw@h", "name now"),
    ]
)
TEXTS = st.lists(SAID, min_size=1, max_size=9).map("".join)


@settings(max_examples=100, deadline=None)
@given(text=TEXTS, data=st.data())
def test_any_cut_of_a_text_gives_the_same_verdict_and_the_same_text(
    text: str, data: st.DataObject
) -> None:
    cuts = data.draw(st.sets(st.integers(0, len(text)), max_size=12))
    whole, by_cuts = told(ALL, text), told(ALL, text, cuts)
    assert by_cuts[:2] == whole[:2]
    assert by_cuts[2] <= LONGEST


def test_a_match_that_goes_on_is_masked_to_its_end_and_told_once() -> None:
    key = "sk-" + "a" * 500
    said, _, waited = told([guard(Credentials())], f"x {key} y", range(0, 500, 7))
    assert (said, waited <= Credentials.longest) == ("x [0] y", True)


def test_only_what_masks_changes_a_text() -> None:
    key = "sk-" + "a" * 300
    assert told([guard(Credentials(), then="flag")], key, [25]) == (key, {"g"}, 0)
    assert told([guard(Credentials(), then="block")], key, [25, 200])[:2] == (key, {"g"})


def test_who_only_takes_note_holds_nothing_back() -> None:
    assert told([guard(KINDS["email"], then="flag")], "john@x.co", [4, 7]) == (
        "john@x.co",
        {"g"},
        0,
    )


def test_of_edits_that_meet_the_first_counts() -> None:
    edits = [Edit(5, 9, "B"), Edit(0, 3, "A"), Edit(8, 12, "C"), Edit(0, 2, "D", rank=1)]
    assert disjoint(edits) == [Edit(0, 3, "A"), Edit(5, 12, "B")]
    text = "0123456789abcdef"
    assert rewritten(text, 0, disjoint(edits)) == "A34Bcdef"
    assert rewritten(text[6:], 6, disjoint(edits)) == "cdef"
    assert rewritten(text[:2], 0, disjoint(edits)) == "A"


def test_without_rules_all_is_settled() -> None:
    assert told([Guard("size", "block")], "anything", [3]) == ("anything", set(), 0)


def test_what_stands_before_is_seen_wherever_a_text_is_cut() -> None:
    text = "0.4111111111111111 and no.4111111111111111 x"
    for cut in range(len(text)):
        assert told([guard(KINDS["card"])], text, [cut])[0] == "0.4111111111111111 and no.[0] x"
