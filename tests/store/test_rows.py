"""A receipt as a row: every column, bounded, and nothing of what was said."""

import json
from typing import Any

import pytest

from gateway.store.rows import COLUMNS, MOST_ATTEMPTS, MOST_NANOS, MOST_TEXT, row_of
from gateway.words.answer import MOST_TOKENS, Usage
from gateway.words.life import Cause
from gateway.words.receipt import Attempt, Receipt
from tests.store.receipts import call, end


def row(receipt: Receipt, ended_at_ns: int | None = 2000) -> dict[str, Any]:
    return dict(zip(COLUMNS, row_of(receipt, 1000, ended_at_ns), strict=True))


def test_a_call_that_has_ended_is_told_whole() -> None:
    receipt = end(call(answered_by="gpt-5.2-1", cache="miss", tags=("a", "b"), session="s"))
    receipt.client = "openai-python"
    attempts = [
        {"target": "openai/gpt-5.2", "outcome": "completed", "at_ms": 0.0, "ms": 1500.0}
        | {"tokens_in": 120, "tokens_out": 240}
    ]
    told = row(receipt)
    assert json.loads(told.pop("attempts")) == attempts
    assert told == {
        "started_at_ns": 1000,
        "ended_at_ns": 2000,
        "request_id": "req_1",
        "endpoint": "chat",
        "key": "ci",
        "key_id": "0123456789ab",
        "team": "research",
        "user": "anna",
        "model": "gpt-5.2",
        "target": "openai/gpt-5.2",
        "answered_by": "gpt-5.2-1",
        "stream": 1,
        "outcome": "completed",
        "phase": "streaming",
        "cause": None,
        "status": 200,
        "tokens_in": 120,
        "tokens_out": 240,
        "cached_tokens": 20,
        "reasoning_tokens": 40,
        "usage_quality": "exact",
        "cost_nanos": 2_500_000,
        "lost_tokens_in": 0,
        "ttft_ms": 250.0,
        "duration_ms": 1500.0,
        "cache": "miss",
        "shared_with": None,
        "tags": '["a","b"]',
        "session": "s",
        "client": "openai-python",
        "drained": 0,
        "asked": None,
        "cache_write_tokens": 0,
    }


def test_a_call_that_is_open_has_no_end() -> None:
    told = row(call(), None)
    assert (told["key"], told["model"], told["started_at_ns"]) == ("ci", "gpt-5.2", 1000)
    unset = ("outcome", "ended_at_ns", "phase", "status", "tokens_in", "cost_nanos", "duration_ms")
    assert [told[name] for name in unset] == [None] * len(unset)
    assert told["attempts"] == told["tags"] == "[]"


def test_the_status_of_who_left_is_in_no_answer() -> None:
    receipt = call(status=200)
    receipt.end(Cause.CLIENT_GONE)
    assert (row(receipt)["outcome"], row(receipt)["status"]) == ("client_gone", 499)


def test_a_call_that_nobody_ended_is_a_bug_of_ours() -> None:
    assert row(call())["outcome"] == "internal"


def test_what_a_lost_race_had_read_is_counted() -> None:
    lost = Attempt("a", 10.0, 11.0, outcome="lost", usage=Usage(70, 3))
    unknown = Attempt("b", 10.0, 11.0, outcome="lost")
    receipt = end(call())
    receipt.attempts = [lost, unknown, *receipt.attempts]
    assert row(receipt)["lost_tokens_in"] == 70


def test_what_guards_have_done_stands_before_the_clients_tags_and_no_tag_looks_like_it() -> None:
    receipt = end(call(tags=("guard:pii:redact", "a")))
    receipt.note_guard("w", "flag")
    assert json.loads(row(receipt)["tags"]) == ["guard:w:flag", "a"]


def test_what_others_choose_is_bounded_and_plain() -> None:
    many = [Attempt("t\n", 10.0, 11.0, outcome="\x1b[1m")] * 1000
    receipt = end(call("r" * 1000, model="\x1b[2J\ud800\0x", tags=("t" * 9999,) * 100))
    receipt.attempts = many
    receipt.usage = Usage(2**70, -5)
    receipt.cost_nanos = 2**80
    told = row(receipt)
    assert (told["request_id"], told["model"]) == ("r" * (MOST_TEXT - 1) + "…", "�[2J��x")
    assert (told["tokens_in"], told["tokens_out"]) == (MOST_TOKENS, 0)
    assert told["cost_nanos"] == MOST_NANOS
    attempts = json.loads(told["attempts"])
    assert len(attempts) == MOST_ATTEMPTS
    assert attempts[0]["target"] == "t�"
    assert len(told["tags"]) < 10_000


def test_it_says_nothing_of_what_was_asked_r21() -> None:
    """R21: neither the path's query nor the peer are kept."""
    receipt = end(call())
    receipt.path, receipt.peer = "/v1/x?q=a canary sings", "a canary's address"
    assert "canary" not in repr(row_of(receipt, 1, 2))


@pytest.mark.parametrize("ended", [None, 2])
def test_each_column_has_a_value(ended: int | None) -> None:
    assert len(row_of(call(), 1, ended)) == len(COLUMNS)


def test_what_became_of_a_call_beside_its_answer_is_told() -> None:
    told = row(end(call(model="mini", asked="gpt\n5", drained=True)))
    assert (told["model"], told["asked"], told["drained"]) == ("mini", "gpt\ufffd5", 1)
    receipt = end(call())
    receipt.usage = Usage(100, 10, cache_write_tokens=60)
    assert row(receipt)["cache_write_tokens"] == 60
