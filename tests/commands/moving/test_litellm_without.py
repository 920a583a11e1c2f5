"""Reasons for what is not here: each stands in a table that there is, and is a sentence."""

import pytest

from gateway.commands.moving.litellm_without import CALLBACK, CALLBACKS, WITHOUT
from gateway.config.compose import SECTIONS


@pytest.mark.parametrize("word", WITHOUT)
def test_a_reason_is_a_sentence_in_a_table_that_there_is(word: str) -> None:
    at, why = WITHOUT[word]
    assert not at or at[0] in SECTIONS
    assert why.endswith(".")


def test_callbacks_have_reasons_too() -> None:
    assert all(why.endswith(".") for why in (*CALLBACKS.values(), CALLBACK))
