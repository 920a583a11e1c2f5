"""What is allowed is no match, and nothing within it is."""

from gateway.policy.guards.detector import Allowing
from gateway.policy.guards.personal import KINDS
from tests.policy.guards.cutting import guard, told

OURS = Allowing(KINDS["email"], frozenset({"support@ours.com"}))


def test_what_is_allowed_is_passed_over_in_whatever_case() -> None:
    text = "ask Support@ours.com or me@ours.com"
    assert told([guard(OURS)], text)[0] == "ask Support@ours.com or [0]"


def test_it_is_passed_over_however_it_is_cut() -> None:
    text = "ask support@ours.com."
    for cut in range(len(text)):
        assert told([guard(OURS)], text, [cut])[:2] == (text, set())


def test_it_holds_back_no_more_than_what_it_looks_for() -> None:
    assert OURS.longest == KINDS["email"].longest
