"""Receipts as the ledger is given them, and a listener for what it reports."""

import select
import time
from collections.abc import Callable
from typing import Any

from gateway.words.answer import Usage
from gateway.words.caller import Caller
from gateway.words.receipt import Attempt, Receipt

PATIENCE = 20.0
"""Seconds that a thread or a process is given."""

CALLER = Caller("ci", "0123456789ab", team="research", user="anna")
DAY_NS = 86_400_000_000_000
NOON_NS = 20_000 * DAY_NS + DAY_NS // 2
"""Noon of a day: 4 October 2024."""


def call(request_id: str = "req_1", **fields: Any) -> Receipt:
    """Return the receipt of a call that has begun and asked a target."""
    receipt = Receipt(request_id, "POST", "/v1/chat/completions", "127.0.0.1:5000", began=10.0)
    receipt.endpoint, receipt.model, receipt.target = "chat", "gpt-5.2", "openai/gpt-5.2"
    receipt.caller, receipt.stream = CALLER, True
    receipt.attempts = [Attempt("openai/gpt-5.2", 10.0)]
    for name, value in fields.items():
        setattr(receipt, name, value)
    return receipt


def end(receipt: Receipt, cost_nanos: int | None = 2_500_000) -> Receipt:
    """Bring a call to its end, 1.5 seconds after its beginning."""
    receipt.usage = Usage(120, 240, cached_tokens=20, reasoning_tokens=40)
    receipt.cost_nanos, receipt.usage_quality = cost_nanos, "exact"
    receipt.begin_content(10.25)
    receipt.status, receipt.ended = 200, 11.5
    receipt.complete()
    for attempt in receipt.attempts:
        attempt.usage = receipt.usage
        attempt.close(11.5, None)
    return receipt


class Told:
    """A log that keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.fields: list[dict[str, object]] = []

    def info(self, event: str, **fields: object) -> None:
        self.fields.append(fields)
        self.events.append(event)

    warning = info


class Today:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.ns = NOON_NS

    def __call__(self) -> int:
        return self.ns

    def later(self, seconds: float = 1.0) -> None:
        self.ns += int(seconds * 1e9)


def wait_until(true: Callable[[], object]) -> None:
    """Wait for what another thread or process does."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        select.select([], [], [], 0.001)
