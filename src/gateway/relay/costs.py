"""What attempts cost: by what their providers report, and by what passed where they report nothing.

Whoever leaves in mid-stream gets no usage, and pays all the same. Then the prompt is estimated from
its size and the answer from its events, corrected by what answers of this target came to before;
and it is said to be an estimate.
"""

from typing import Final

import msgspec

from gateway.policy.calibration import Calibration
from gateway.policy.estimates import COUNTS, prompt_of
from gateway.policy.prices import Price, Prices, cost_of
from gateway.words.answer import Usage
from gateway.words.call import Call
from gateway.words.receipt import ASKED, Attempt, Receipt
from gateway.words.target import Target

EXACT, PARTIAL, ESTIMATED = "exact", "partial", "estimated"

_BILLED: Final = frozenset(
    {
        *("completed", "cancelled"),
        *("first_token_timeout", "attempt_timeout", "client_timeout", "idle_timeout"),
        *("insufficient_quota", "content_blocked"),
    }
)
"""How attempts end that a provider has worked for; for one that it refused it takes nothing."""


class Costs:
    """Puts a price on attempts, as they go on and as they end."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self.calibration = Calibration()

    def price_of(self, target: Target) -> Price | None:
        """Return what a target takes; None where nobody knows."""
        return self._prices.of(target.kind, target.origin.host, target.model, target.name)

    def so_far(self, attempt: Attempt, prompt: int) -> Usage:
        """Return what an attempt has used, about; `prompt` are the tokens asked."""
        told = attempt.usage or Usage(prompt)
        since = self.calibration.tokens(attempt.target, attempt.pieces - attempt.counted)
        return msgspec.structs.replace(told, output_tokens=told.output_tokens + since)

    def charge(self, attempt: Attempt, target: Target, call: Call, receipt: Receipt) -> None:
        """Write on attempt and receipt what an attempt that has ended has cost."""
        if attempt.outcome == "completed" and attempt.usage is not None:
            usage = attempt.usage
            if attempt.pieces:  # where nothing was answered there is nothing to learn of answers
                self.calibration.learn(attempt.target, attempt.pieces, usage.output_tokens)
            receipt.usage, receipt.usage_quality = usage, EXACT
        elif _has_worked(attempt) and call.operation not in COUNTS:
            usage = self._estimated(attempt, call, receipt)
        else:
            return
        price = self.price_of(target)
        if price is not None:
            attempt.cost_nanos = cost_of(usage, price)
            receipt.cost_nanos = (receipt.cost_nanos or 0) + attempt.cost_nanos

    def _estimated(self, attempt: Attempt, call: Call, receipt: Receipt) -> Usage:
        """Take an attempt that told nothing of its end for what has passed of it."""
        quality = ESTIMATED if attempt.usage is None else PARTIAL
        usage = attempt.usage = self.so_far(attempt, prompt_of(call))
        # Of whom nothing was heard says nothing of the answer, where there is one.
        if quality == PARTIAL or attempt.pieces or receipt.usage is None:
            receipt.usage, receipt.usage_quality = usage, quality
        return usage


def _has_worked(attempt: Attempt) -> bool:
    """Say whether a provider has done anything that it bills."""
    if attempt.usage is not None or attempt.pieces:
        return True
    return attempt.outcome in _BILLED and attempt.waits_for in ASKED
