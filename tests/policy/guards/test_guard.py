"""Which guards concern a call, and how much they hold back."""

from gateway.policy.guards.credentials import Credentials
from gateway.policy.guards.guard import MOST_COMBINATIONS, Guard, Guards
from gateway.policy.guards.personal import KINDS
from gateway.words.caller import ANYONE, Caller
from tests.policy.guards.cutting import guard

GUARDS = Guards(
    [Guard(name, "block") for name in ("a", "b", "c", "d", "unused")],
    ["d"],
    {"m": ("c",)},
    {"team": ("b", "d")},
    {"id": ("a",)},
)


def names(caller: Caller, *models: str | None) -> list[str]:
    return [each.name for each in GUARDS.concerning(caller, *models)]


def test_each_guard_concerns_a_call_once_in_the_order_of_the_file() -> None:
    assert names(Caller("k", "id", team="team"), "m", None) == ["a", "b", "c", "d"]
    assert names(Caller("k", "other"), "n", "m") == ["c", "d"]
    assert names(ANYONE) == ["d"]
    assert names(ANYONE) == ["d"]


def test_what_is_remembered_of_one_call_says_nothing_of_another() -> None:
    """They differ by the team, by the key or by the model alone."""
    assert names(Caller("k", "x"), "n") == ["d"]
    assert names(Caller("k", "x", team="team"), "n") == ["b", "d"]
    assert names(Caller("k", "id"), "n") == ["a", "d"]
    assert names(Caller("k", "x"), "m") == ["c", "d"]
    assert names(Caller("k", "x"), "n", "m") == ["c", "d"]


def test_many_combinations_are_not_remembered_for_ever() -> None:
    for number in range(MOST_COMBINATIONS + 1):
        names(ANYONE, str(number))
    assert len(GUARDS._known) <= MOST_COMBINATIONS
    assert Guards([]).concerning(ANYONE) == ()


def test_who_does_nothing_about_an_answer_holds_nothing_back() -> None:
    both = guard(Credentials(), KINDS["ssn"])
    assert both.longest == Credentials.longest
    assert guard(Credentials(), then="flag").longest == 0
    assert Guard("g", "block", answers=False, rules=both.rules).longest == 0
    assert Guard("g", "block").longest == 0
