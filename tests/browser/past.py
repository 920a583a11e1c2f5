"""A month of calls that the ledger holds before the gateway begins: the same ones each time."""

import json
from pathlib import Path
from random import Random
from typing import Any

from gateway.store.calls import add
from gateway.store.database import Database
from gateway.store.rows import BEFORE, COLUMNS, Row

DAY_NS = 86_400 * 10**9
DAYS = 30
CALLS = 600
WRITER = 900
"""A number that no process of a new database has."""

WHOSE = (
    ("nightly", "research", "ada@example.com"),
    ("assistant", "product", "ben@example.com"),
    ("search", "product", None),
    ("evaluation", "research", "cleo@example.com"),
)
MODELS = {"gpt-5.2": (1250, 10_000), "claude-sonnet-5": (3000, 15_000), "small": (100, 400)}
"""Nano-dollars for a token, asked and answered."""

ASKED_NEAR = ("gpt-5.2", "small")
"""What another provider has too, who is asked first now and then, and fails."""

OUTCOMES = ("completed",) * 14 + ("client_gone", "client_gone", "upstream_error", "stopped")


def write(path: Path, now_ns: int) -> None:
    """Make the database and fill it with calls up to a moment."""
    random = Random("a month")
    connection = Database(path).connect()
    try:
        rows = [(number, _row(random, number, now_ns)) for number in range(CALLS)]
        assert add(connection, WRITER, rows) == []
    finally:
        connection.close()


def _row(random: Random, number: int, now_ns: int) -> Row:
    age = (CALLS - number) / CALLS * (DAYS - 1) + 0.05
    began = now_ns - int(age * DAY_NS) - random.randrange(3_600) * 10**9
    key, team, user = random.choices(WHOSE, (5, 8, 4, 2))[0]
    model = random.choices(list(MODELS), (6, 3, 8))[0]
    outcome = random.choice(OUTCOMES)
    took = random.randrange(900, 14_000)
    return _whole(
        {
            "started_at_ns": began,
            "ended_at_ns": began + took * 10**6,
            "request_id": f"req_{number:024x}",
            "key": key,
            "key_id": f"{key}-id",
            "team": team,
            "user": user,
            "model": model,
            **_end(random, model, outcome, took),
        }
    )


def _end(random: Random, model: str, outcome: str, took: int) -> dict[str, Any]:
    asked, answered = random.randrange(200, 9_000), random.randrange(20, 1_800)
    first = random.randrange(180, min(took, 2_400))
    target = f"cloud/{model}"
    failed = model in ASKED_NEAR and random.random() < 0.15
    tries = [{"target": target, "outcome": "completed", "at_ms": 3, "ms": took - 3}]
    if failed and outcome == "completed":
        begin = first // 2
        lost = {"target": f"near/{model}", "outcome": "upstream_error", "at_ms": 2, "ms": begin}
        tries = [lost, {**tries[0], "at_ms": begin + 2, "ms": took - begin - 2}]
    elif outcome != "completed":
        tries[0]["outcome"] = outcome
    asked_nanos, answered_nanos = MODELS[model]
    paid = outcome != "upstream_error"
    return {
        "target": target,
        "outcome": outcome,
        "tokens_in": asked if paid else None,
        "tokens_out": answered if paid else None,
        "cached_tokens": asked // 3 if paid else None,
        "cost_nanos": asked * asked_nanos + answered * answered_nanos if paid else None,
        "endpoint": "chat",
        "answered_by": model,
        "phase": "streaming" if outcome != "completed" else "finishing",
        "status": {"completed": 200, "client_gone": 499}.get(outcome, 200 if paid else 502),
        "usage_quality": "exact" if outcome == "completed" else "estimated",
        "ttft_ms": first if paid else None,
        "duration_ms": took,
        "attempts": json.dumps(tries),
    }


def _whole(said: dict[str, Any]) -> Row:
    usual = {"stream": 1, "tags": "[]", "lost_tokens_in": 0, **BEFORE}
    return [{**usual, **said}.get(name) for name in COLUMNS]
