"""Bodies read into their fields, in bounds."""

import pytest
from msgspec import Raw

from gateway.forms.fields import (
    MAX_FIELDS,
    FieldReader,
    check_model,
    many,
    read_model,
    read_stream,
)
from gateway.words.errors import BadRequest

READ = FieldReader("input").read
FLOOD = b",".join(b'"%x":1' % number for number in range(MAX_FIELDS + 1))


def test_every_field_keeps_its_own_bytes() -> None:
    assert READ(b'{"a": [1, 2] ,"b":1.0}') == {"a": Raw(b"[1, 2]"), "b": Raw(b"1.0")}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "empty"),
        (b"\xff", "UTF-8"),
        (b"[]", "object"),
        (b"{", "JSON"),
        (b'{"a":' * 100_000, "deeply"),
        (b"{%b}" % FLOOD, "fields"),
    ],
)
def test_what_is_no_object_in_bounds_is_refused(body: bytes, said: str) -> None:
    with pytest.raises(BadRequest) as caught:
        READ(body)
    assert said in caught.value.message


def test_a_bulky_field_may_hold_many_things() -> None:
    assert many(FLOOD, b":")
    assert list(READ(b'{"input":{%b}}' % FLOOD)) == ["input"]


def test_the_model_is_a_name() -> None:
    assert read_model({"model": Raw(b'"m"')}) == "m"
    for fields in ({}, {"model": Raw(b"5")}, {"model": Raw(b'""')}):
        with pytest.raises(BadRequest) as caught:
            read_model(fields)
        assert caught.value.param == "model"
    with pytest.raises(BadRequest):
        check_model("a\nb")


def test_a_stream_is_asked_for_by_a_flag() -> None:
    assert read_stream({"stream": Raw(b"true")})
    assert not read_stream({})
    with pytest.raises(BadRequest):
        read_stream({"stream": Raw(b"1")})
