"""What is read in an answer of Cohere's API v2."""

import pytest

from gateway.forms.cohere_facts import finish_reason_of, usage_of
from gateway.words.answer import Usage


@pytest.mark.parametrize(
    ("report", "usage"),
    [
        (None, None),
        ([], None),
        ({}, None),
        ({"billed_units": {"search_units": 1}}, None),
        ({"billed_units": {"input_tokens": 5.0}}, Usage(5)),
        ({"billed_units": 7, "tokens": {"output_tokens": 3}}, Usage(0, 3)),
        ({"tokens": {"input_tokens": 9, "output_tokens": 3}, "cached_tokens": 4}, Usage(9, 3, 4)),
        (
            {
                "billed_units": {"input_tokens": 2, "output_tokens": 3},
                "tokens": {"input_tokens": 90, "output_tokens": 4},
                "cached_tokens": 64,
            },
            Usage(2, 3, 2),
        ),
        ({"tokens": {"input_tokens": True, "output_tokens": "3"}}, Usage()),
        ({"tokens": {"input_tokens": -1, "output_tokens": 1e300}}, Usage()),
    ],
)
def test_what_is_billed_is_counted(report: object, usage: Usage | None) -> None:
    assert usage_of(report) == usage


def test_reasons_are_told_in_openais_words_and_unknown_ones_as_they_are() -> None:
    told = [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("TOOL_CALL", "tool_calls"),
        ("ERROR_TOXIC", "content_filter"),
        ("ERROR_LIMIT", "length"),
        ("BORED", "BORED"),
    ]
    assert [finish_reason_of(reason) for reason, _ in told] == [word for _, word in told]
