"""What is read in an answer of AWS Bedrock's Converse."""

import json
from typing import Any

import pytest
from botocore.loaders import Loader

from gateway.forms.bedrock_facts import (
    finish_reason_of,
    read_answer,
    read_happening,
    usage_of,
)
from gateway.words.answer import Usage

KNOWN = Loader().load_service_model("bedrock-runtime", "service-2")["shapes"]["StopReason"]["enum"]


def counted(report: dict[str, Any]) -> Usage | None:
    happening = read_happening(json.dumps({"usage": report}).encode())
    return None if happening is None else usage_of(happening.usage)


@pytest.mark.parametrize(
    ("report", "usage"),
    [
        ({}, Usage()),
        ({"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}, Usage(3, 2)),
        (
            {"inputTokens": 3, "cacheReadInputTokens": 10, "cacheWriteInputTokens": 20},
            Usage(33, 0, 10, 0, 20),
        ),
        (
            {
                "cacheWriteInputTokens": 20,
                "cacheDetails": [
                    {"ttl": "1h", "inputTokens": 15},
                    {"ttl": "5m", "inputTokens": 5},
                ],
            },
            Usage(20, 0, 0, 0, 20, 15),
        ),
        ({"cacheDetails": [{"ttl": "1h", "inputTokens": 15}]}, Usage()),
    ],
)
def test_what_the_cache_had_is_part_of_the_input(report: dict[str, Any], usage: Usage) -> None:
    assert counted(report) == usage


@pytest.mark.parametrize("odd", [{"inputTokens": -1}, {"outputTokens": "7"}, {"cacheDetails": [7]}])
def test_what_is_no_count_is_not_read(odd: dict[str, Any]) -> None:
    assert counted(odd) is None


def test_each_reason_that_the_service_knows_means_something() -> None:
    told = {reason: finish_reason_of(reason) for reason in KNOWN}
    good = {reason for reason, word in told.items() if word == "stop"}
    assert good == {"end_turn", "stop_sequence"}
    unsaid = {reason for reason, word in told.items() if word == reason}
    assert unsaid == {"malformed_model_output", "malformed_tool_use"}


def test_a_reason_of_a_later_day_is_not_taken_for_a_good_end() -> None:
    assert finish_reason_of("tired") == "tired"


@pytest.mark.parametrize("body", [b"", b"[]", b'{"a":' * 3000, b'"\xff"', b'{"stopReason":"\xff"}'])
def test_what_cannot_be_read_is_nothing(body: bytes) -> None:
    assert read_answer(body) is None
    assert read_happening(body) is None


def test_half_a_pair_of_surrogates_is_read_as_a_replacement() -> None:
    answer = read_answer(b'{"output":{"message":{"content":[{"text":"\\ude00"}]}}}')
    assert answer is not None
    assert answer.output is not None
    assert answer.output.message is not None
    assert answer.output.message.content is not None
    assert answer.output.message.content[0].text == "\ufffd"
