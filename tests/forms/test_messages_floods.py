"""What is refused before it is built, and what only looks like much."""

import json

import msgspec
import pytest
from msgspec import Raw

from gateway.forms.messages_floods import (
    MAX_MARK,
    MAX_NAMES,
    MAX_OBJECTS,
    check_flood,
    content_of,
    mark_of,
    objects_in,
)
from gateway.words.errors import BadRequest


@pytest.mark.parametrize(
    "raw",
    [
        b"[%b]" % b",".join([b"{}"] * (MAX_OBJECTS + 1)),
        b"[%b]" % b",".join([b'{ "a":1}'] * (MAX_OBJECTS + 1)),
        b"{%b}" % b",".join([b'"a":1'] * (MAX_NAMES + 1)),
        b"[%b]" % b" , ".join([b'""'] * (MAX_NAMES + 1)),
    ],
    ids=["empty objects", "objects", "names", "texts"],
)
def test_too_much_is_refused_by_name(raw: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        check_flood("messages", Raw(raw))
    assert caught.value.param == "messages"


@pytest.mark.parametrize("text", ['{ x; } {"a": 1}', '"', '["a", '])
def test_what_stands_within_a_text_is_none(text: str) -> None:
    check_flood("messages", Raw(json.dumps([text * (MAX_NAMES + 1)]).encode()))


@pytest.mark.parametrize("raw", [b"[1]", b"{}", b"[{},[]]", b"null"])
def test_an_array_of_objects_holds_nothing_else(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        objects_in(Raw(raw))
    assert [bytes(each) for each in objects_in(Raw(b'[{"a": 1},{}]'))] == [b'{"a": 1}', b"{}"]


def test_content_is_a_text_or_objects_or_nothing() -> None:
    assert content_of(Raw(b'"Hi"')) == "Hi"
    assert content_of(Raw(b"null")) is None
    assert content_of(Raw(b"[{}]")) == [Raw(b"{}")]
    with pytest.raises(msgspec.DecodeError):
        content_of(Raw(b"[1]"))


def test_a_mark_of_the_cache_is_short() -> None:
    mark = Raw(b'{"type":"ephemeral","ttl":"1h"}')
    assert mark_of(mark) == mark
    assert mark_of(Raw(b"null")) is None
    with pytest.raises(BadRequest) as caught:
        mark_of(Raw(b"[%b]" % b",".join([b"[]"] * MAX_MARK)))
    assert caught.value.param == "cache_control"
