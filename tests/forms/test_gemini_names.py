"""Names of functions and ids of their calls."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.forms.gemini_names import LONGEST_ID, MADE, Ids, names_back, told_name

GOOD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")


@pytest.mark.parametrize("name", ["now", "_now", "get.now-2", "a" * 64])
def test_a_name_that_may_be_is_told_as_it_is(name: str) -> None:
    assert told_name(name) == name


@given(st.text(st.characters(codec="utf-8") | st.just("\ud800")))
def test_any_other_name_is_told_as_one_that_may_be(name: str) -> None:
    assert GOOD.fullmatch(told_name(name))
    assert told_name(name) == told_name(name)


@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=90), unique=True))
def test_names_come_back_as_their_own(names: list[str]) -> None:
    tools = [{"function": {"name": name}} for name in names]
    back = names_back({"tools": Raw(json.dumps(tools).encode())})
    for name in names:
        told = told_name(name)
        assert back.get(told, told) == name


@pytest.mark.parametrize("tools", [b"7", b'[{"function":7}]', b"[" * 9000, b"[{}]", b"[]"])
def test_odd_tools_have_no_names(tools: bytes) -> None:
    assert names_back({"tools": Raw(tools)}) == {}


def test_ids_are_the_same_each_time_and_none_twice() -> None:
    def ids(own: str | None, messages: bytes = b"[]") -> list[str]:
        made = Ids({"messages": Raw(messages)})
        return [made.of_answer(own), made.next(), made.next()]

    assert ids("r") == ids("r")
    assert ids("r")[0] == "r"
    assert ids(None) == ids("")
    assert ids(None) != ids(None, b"[1]")
    assert len({*ids("r"), *ids("s"), *ids(None)}) == 9
    assert all(made.startswith(MADE) for made in ids("r")[1:])


def test_an_id_that_no_chunk_has_room_for_is_taken_for_none() -> None:
    longest = "r" * LONGEST_ID
    assert Ids({}).of_answer(longest) == longest
    assert Ids({}).of_answer(longest + "r") == Ids({}).of_answer(None)
