"""Patterns: which fallbacks a name has."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.fallbacks import Patterns, fits


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("claude-opus-4-5", "claude-opus-4-5"),
        ("claude-opus-4-1", "claude-opus-*"),
        ("claude-haiku", "claude-*"),
        ("gpt-5.2-mini", "*-mini"),
        ("claude-mini", "claude-*"),
        ("other", "*"),
        ("claude-*", "claude-*"),
    ],
)
def test_the_exact_name_comes_first_then_the_longest_literal_part(name: str, key: str) -> None:
    keys = ["*", "*-mini", "claude-*", "claude-opus-*", "claude-opus-4-5"]
    assert Patterns({key: key for key in keys}).find(name) == (key, key)


def test_of_two_patterns_as_long_the_first_counts() -> None:
    assert Patterns({"a*": 1, "*b": 2}).find("ab") == ("a*", 1)


def test_a_name_under_no_pattern_has_nothing() -> None:
    assert Patterns({"a": 1, "b*": 2}).find("c") is None
    assert Patterns[int]({}).find("c") is None


@pytest.mark.parametrize(
    ("name", "pattern", "said"),
    [
        ("aba", "ab*ba", False),
        ("abba", "ab*ba", True),
        ("a-x-b-y-c", "a*b*c", True),
        ("a-b-b-c", "a*b*b*c", True),
        ("a-b-c", "a*b*b*c", False),
        ("a[1].x", "a[1]*", True),
        ("ax", "a?*", False),
        ("", "*", True),
    ],
)
def test_only_a_star_stands_for_anything(name: str, pattern: str, *, said: bool) -> None:
    assert fits(name, pattern) is said


@given(st.text("ab", max_size=12), st.text("ab*", max_size=6).map(lambda text: text + "*"))
def test_it_reads_patterns_as_everybody_does(name: str, pattern: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), name)
    assert fits(name, pattern) is (expected is not None)
