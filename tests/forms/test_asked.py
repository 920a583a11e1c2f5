"""The fields of a request while they are translated for another form."""

from typing import Any, Literal

import msgspec
import pytest
from msgspec import Raw

from gateway.forms.asked import MAX_VALUES, Asked, is_positive, is_stop, is_text, or_reason
from gateway.words.errors import BadRequest, Unsupported


def asked(*, drops: bool = False, **fields: bytes) -> Asked:
    return Asked({name: Raw(value) for name, value in fields.items()}, drops=drops)


def test_a_field_is_taken_once() -> None:
    fields = asked(user=b'"u-1"')
    assert fields.take("user", is_text) == "u-1"
    assert fields.take("user", is_text) is None


def test_what_is_malformed_is_refused_by_name() -> None:
    with pytest.raises(BadRequest) as caught:
        asked(user=b"7").take("user", is_text)
    assert caught.value.param == "user"


class Tool(msgspec.Struct):
    type: Literal["function"]


class Chosen(msgspec.Struct, tag="function"):
    pass


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (list[Tool], b'[{"type":"function"},{"type":"custom"}]'),
        (str | Chosen, b'{"type":"custom"}'),
    ],
)
def test_what_is_of_a_type_that_is_not_known_may_be_known_elsewhere(
    kind: Any, value: bytes
) -> None:
    with pytest.raises(Unsupported) as caught:
        asked(tools=value).take("tools", msgspec.json.Decoder(kind).decode)
    assert caught.value.param == "tools"
    assert "custom" in caught.value.message


def test_what_nobody_has_taken_is_refused_by_name() -> None:
    with pytest.raises(Unsupported) as caught:
        asked(seed=b"7").settle()
    assert (caught.value.param, caught.value.code) == ("seed", "unsupported_parameter")


def test_what_says_nothing_is_not_refused() -> None:
    assert asked(n=b"1", store=b"false", metadata=b"{}", seed=b"null").settle() == ()


def test_what_may_be_dropped_is_named() -> None:
    fields = asked(drops=True, seed=b"7", n=b"2", stop=b'"x"')
    fields.cannot("stop", "It has no counterpart.")
    fields.take("stop", is_text)
    assert fields.settle() == ("stop", "seed", "n")


def test_a_long_name_is_told_in_part() -> None:
    with pytest.raises(Unsupported) as caught:
        Asked({"x" * 1000: Raw(b"1")}, drops=False).settle()
    assert caught.value.param == "x" * 200


def test_what_nobody_has_taken_can_be_had() -> None:
    asked = Asked({"a": Raw(b"1"), "b": Raw(b"2"), "model": Raw(b'"m"')}, drops=False)
    asked.take("a", msgspec.json.decode)
    assert asked.left() == {"b": Raw(b"2")}


def test_r15_a_long_value_is_not_built_to_see_whether_it_says_anything() -> None:
    fields = asked(modalities=b'["text"' + b" " * 100 + b"]")
    with pytest.raises(Unsupported):
        fields.settle()


@pytest.mark.parametrize("value", [b"[]", b"{}", b"1", b'"a"'])
def test_r15_a_flood_of_values_is_refused_before_it_is_built(value: bytes) -> None:
    built: list[Raw] = []
    flood = b"[" + (value + b",") * MAX_VALUES + value + b"]"
    with pytest.raises(BadRequest) as caught:
        asked(tools=flood).take("tools", built.append)
    assert (caught.value.param, built) == ("tools", [])
    asked(input=flood, tools=b'"' + b" " * MAX_VALUES + b'"').take("input", built.append)
    assert len(built) == 1


def test_a_count_is_more_than_nothing() -> None:
    assert asked(n=b"1").take("n", is_positive) == 1
    with pytest.raises(BadRequest, match="'n' cannot be read"):
        asked(n=b"0").take("n", is_positive)


def test_an_answer_stops_at_one_text_or_at_several() -> None:
    assert asked(stop=b'"a"').take("stop", is_stop) == "a"
    assert asked(stop=b'["a","b"]').take("stop", is_stop) == ["a", "b"]


def test_what_a_provider_does_not_know_is_told_with_its_reason() -> None:
    assert or_reason(msgspec.json.Decoder(int).decode, Raw(b"1")) == 1
    assert or_reason(msgspec.json.Decoder(int).decode, Raw(b'"x"')) == "Expected `int`, got `str`"
