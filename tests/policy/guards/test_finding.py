"""What follows from what a guard finds, and what is said of it: names, and never a word of it."""

import pytest

from gateway.policy.guards.credentials import Credentials
from gateway.policy.guards.finding import Findings
from gateway.policy.guards.guard import Check, Guard, Sizes
from gateway.words.errors import ContentBlocked
from tests.policy.guards.cutting import guard


def findings(noted: list[tuple[str, str]], *, answer: bool = False) -> Findings:
    return Findings(lambda name, deed: noted.append((name, deed)), answer=answer)


def test_what_blocks_is_raised_and_all_is_noted() -> None:
    noted: list[tuple[str, str]] = []
    for then in ("flag", "redact"):
        findings(noted).hit(Guard("g", then))
    with pytest.raises(ContentBlocked, match="The answer was stopped by the guard 'g'"):
        findings(noted, answer=True).hit(Guard("g", "block"))
    assert noted == [("g", "flag"), ("g", "redact"), ("g", "block")]


def test_only_who_must_see_refuses_what_cannot_be_seen() -> None:
    noted: list[tuple[str, str]] = []
    findings(noted).unseen(
        (
            Guard("flags", "flag", rules=guard(Credentials()).rules),
            Guard("passes", "block", rules=guard(Credentials()).rules, needs_sight=False),
            Guard("counts", "block", sizes=Sizes(turns=1)),
        )
    )
    assert noted == []
    for seeing in (guard(Credentials(), name="s"), Guard("s", "block", check=Check())):
        with pytest.raises(ContentBlocked, match="cannot look into"):
            findings(noted).unseen((seeing,))
    assert noted == [("s", "unseen")] * 2


def test_what_is_too_much_passes_nobody_who_holds() -> None:
    noted: list[tuple[str, str]] = []
    flags = Guard("flags", "flag", sizes=Sizes(turns=1))
    findings(noted).unread((flags,))
    for holding in (
        Guard("h", "block", rules=guard(Credentials()).rules, needs_sight=False),
        Guard("h", "block", sizes=Sizes(turns=1)),
    ):
        with pytest.raises(ContentBlocked, match="longer, or of more parts, than the guard 'h'"):
            findings(noted).unread((flags, holding))
    assert noted == [("flags", "unseen"), *[("flags", "unseen"), ("h", "unseen")] * 2]


def test_what_cannot_be_changed_is_refused() -> None:
    with pytest.raises(ContentBlocked, match="passed on as it is"):
        findings([]).fixed()
