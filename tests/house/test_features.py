"""The table of features tells what happens: each request in it is one that the provider takes."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.providers.known import KNOWN
from gateway.providers.table import TABLE
from gateway.words.errors import Unsupported
from tests.house.features import (
    ANSWERED,
    ASKED,
    KINDS,
    MEANING,
    answered_rows,
    asked_rows,
    chat_call,
    golden,
    target_of,
    written,
)
from tests.judges import anthropic, bedrock, cohere, google, ollama, openai

Body = dict[str, Any]


def on_vertex(body: Body) -> None:
    anthropic.judge_in_a_cloud(body, "vertex-2023-10-16")


def on_vertex_too(body: Body) -> None:
    google.judge_generate(body, vertex=True)


JUDGES: dict[str, Callable[[Body], None]] = {
    "openai": openai.judge_chat,
    "azure": openai.judge_chat,
    "anthropic": anthropic.judge_messages,
    "vertex-anthropic": on_vertex,
    "bedrock": bedrock.judge_converse,
    "gemini": google.judge_generate,
    "vertex": on_vertex_too,
    "cohere": cohere.judge_chat,
    "ollama-native": ollama.judge_chat,
}

OF_OTHERS = {"prompt caching marks", "fields that are not known"}
"""What OpenAI's own types have not: it passes to whoever speaks its form."""


def test_each_kind_has_a_column_or_is_as_another() -> None:
    assert set(TABLE) - set(KINDS) == {each.kind for each in KNOWN} | {"echo"}
    assert set(JUDGES) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("feature", ASKED)
def test_what_is_not_refused_is_a_request_that_the_provider_takes(kind: str, feature: str) -> None:
    if JUDGES[kind] is openai.judge_chat and feature in OF_OTHERS:
        return
    try:
        request = written(chat_call(**ASKED[feature]), target_of(kind))
    except Unsupported:
        return
    JUDGES[kind](json.loads(request.body))


def test_no_cell_is_empty_or_of_another_word() -> None:
    rows = list(asked_rows())
    assert {cell for row in rows for cell in row.cells} <= MEANING.keys()
    told = list(answered_rows())
    *plain, reasons = told
    assert {cell for row in plain for cell in row.cells} <= MEANING.keys()
    assert all(cell.startswith(("yes", "stop, length, tool_calls")) for cell in reasons.cells)


def test_what_is_told_of_an_answer_is_seen_in_a_golden_stream() -> None:
    assert any(ANSWERED["text"](heard) for heard in golden("cohere"))
    assert not any(ANSWERED["citations"](heard) for heard in golden("ollama"))
