"""Names of tools and ids of calls as AWS Bedrock's Converse takes them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from gateway.forms.bedrock_names import names_back, told_id, told_name


def tools(*names: str) -> dict[str, Raw]:
    told = [{"type": "function", "function": {"name": name}} for name in names]
    return {"tools": Raw(json.dumps(told).encode())}


@pytest.mark.parametrize("name", ["weather", "get_weather-2", "x" * 64])
def test_a_name_that_may_be_told_is(name: str) -> None:
    assert told_name(name) == name
    assert names_back(tools(name)) == {}


@pytest.mark.parametrize("name", ["mcp.server/tool", "wetter für morgen", "x" * 65, "", "\ud800"])
def test_a_name_that_may_not_is_another_and_comes_back(name: str) -> None:
    told = told_name(name)
    assert told != name
    assert told_name(told) == told
    assert told == told_name(name)
    assert names_back({"tools": Raw(b'[{"type":"x"},{"function":{"name":"a.b"}}]')}) == {
        told_name("a.b"): "a.b"
    }


def test_names_that_begin_alike_are_told_apart() -> None:
    long = "x" * 64
    assert told_name(long + "a") != told_name(long + "b")
    assert told_name("a.b") != told_name("a/b")


@given(st.text(max_size=200))
def test_every_name_and_every_id_fits(text: str) -> None:
    assert 1 <= len(told_name(text)) <= 64
    assert 1 <= len(told_id(text)) <= 64


@pytest.mark.parametrize("id", ["tooluse_1", "call_abc", "a.b:c-d_e"])
def test_an_id_that_may_be_told_is(id: str) -> None:
    assert told_id(id) == id
    assert told_id(id + "|") != told_id(id + "/")


@pytest.mark.parametrize("odd", [b"7", b"[7]", b"{", b"null", b'[{"function":{"name":7}}]'])
def test_tools_that_cannot_be_read_have_no_names(odd: bytes) -> None:
    assert names_back({"tools": Raw(odd)}) == {}
    assert names_back({}) == {}
