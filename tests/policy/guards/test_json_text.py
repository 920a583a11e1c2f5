"""JSON that is told within a text: what it means is looked at, and what is masked stays JSON."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.policy.guards.json_text import JsonText
from gateway.policy.guards.scan import Edit, rewritten
from tests.policy.guards.cutting import told
from tests.policy.guards.test_scan import ALL, TEXTS

VALUES = st.recursive(
    TEXTS | st.integers(0, 10**17) | st.just(4111111111111111) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(value=VALUES, ascii_only=st.booleans(), data=st.data())
def test_any_cut_gives_the_same_and_it_stays_json(
    value: Any, ascii_only: bool, data: st.DataObject
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    cuts = data.draw(st.sets(st.integers(0, len(text)), max_size=12))
    whole = told(ALL, text, json=True)
    assert told(ALL, text, cuts, json=True)[:2] == whole[:2]
    json.loads(whole[0])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (r'{"a":"x\nAKIAABCDEFGHIJKLMNOP\n"}', r'{"a":"x\n[0]\n"}'),
        (r'{"a":"\u006aohn@x.com"}', '{"a":"[0]"}'),
        ('{"john@x.com":4111111111111111}', '{"[0]":1111111111111111}'),
        (r'{"a":"\ud83d\ude00 \"b\" \/"}', r'{"a":"\ud83d\ude00 \"b\" \/"}'),
        ("[1, true, null]", "[1, true, null]"),
    ],
)
def test_what_it_means_is_looked_at(text: str, said: str) -> None:
    assert told(ALL, text, json=True)[0] == said


def test_what_goes_over_several_texts_is_no_match() -> None:
    assert told(ALL, '{"a":"bad","b":"word"}', json=True)[1] == set()


@pytest.mark.parametrize(
    ("text", "meant", "place"),
    [
        ('"\\q"', "\nq\n", 4),
        ('"\\uZZZZ"', "\nuZZZZ\n", 8),
        ('"\\', "\n", 1),
        ('"\\u00', "\n", 1),
        ("\\", "", 0),
    ],
)
def test_odd_and_broken_escapes_break_nothing(text: str, meant: str, place: int) -> None:
    reader = JsonText()
    assert reader.read(text) == meant
    assert reader.place_of(len(meant)) == place


def test_what_holds_json_together_stays() -> None:
    reader = JsonText()
    text = '{"a": "b", "c": 12}'
    assert reader.read(text) == "{\na\n: \nb\n, \nc\n: 12}"
    edits = list(reader.edits(Edit(0, len(text), "X")))
    assert rewritten(text, 0, edits) == '{"X": "", "": 11}'
