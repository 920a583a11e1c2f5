"""Expressions of the operator's own, by whatever engine."""

import re

import re2

from gateway.policy.guards.expressions import Expressions
from tests.policy.guards.cutting import guard, spans, told


def test_matches_are_found_and_empty_ones_are_none() -> None:
    assert spans(Expressions(re.compile(r"[0-9]*"), 8), "a12b3") == ["12", "3"]


def test_so_much_is_held_back_as_is_configured() -> None:
    detector = Expressions(re.compile(r"a"), 8)
    assert (detector.longest, detector.settled("x" * 20), detector.settled("x")) == (8, 12, 0)


def test_the_engine_sees_what_stands_before() -> None:
    detector = Expressions(re2.compile(r"\bfoo\b|^bar"), 8)
    text = "xfoo bar foo " * 50
    for cut in range(0, len(text), 7):
        assert told([guard(detector)], text, [cut])[0] == "xfoo bar [0] " * 50
