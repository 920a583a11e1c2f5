"""Words of a Portkey config, in either spelling."""

import pytest

from gateway.commands.moving.portkey_fields import Fields, snake


@pytest.mark.parametrize(
    ("word", "said"), [("apiKey", "api_key"), ("api_key", "api_key"), ("a", "a")]
)
def test_a_word_has_two_spellings(word: str, said: str) -> None:
    assert snake(word) == said


def test_a_table_is_read_in_either_spelling_and_says_where_it_stands() -> None:
    said = {"overrideParams": {"model": "m"}, "targets": [{"apiKey": " k "}, 5], "retry": None}
    fields = Fields(said, ("config",))
    assert fields.below("override_params").text("model") == "m"
    assert fields.below("override_params").source("model") == ("config", "overrideParams", "model")
    first, second = fields.each("targets")
    assert (first.text("api_key"), first.source("api_key")) == (
        "k",
        ("config", "targets", 0, "apiKey"),
    )
    assert (second.said, fields.below("retry").said, fields.each("none")) == ({}, {}, [])
    assert fields.source("weight") == ("config", "weight")
