"""What attempts cost: by what their providers report, and by what passed where they report nothing.

Whoever leaves in mid-stream gets no usage, and pays all the same. Then the prompt is estimated from
its size and the answer from its events, and it is said to be an estimate.
"""

from typing import Final

from gateway.policy.estimates import prompt_of
from gateway.policy.prices import Prices, cost_of
from gateway.words.answer import Usage
from gateway.words.call import Call
from gateway.words.receipt import Attempt, Receipt, WaitsFor
from gateway.words.target import Target

EXACT, PARTIAL, ESTIMATED = "exact", "partial", "estimated"

_BILLED: Final = frozenset(
    {
        *("completed", "cancelled", "lost", "differs", "handed on"),
        *("first_token_timeout", "attempt_timeout", "client_timeout", "idle_timeout"),
    }
)
"""How attempts end that a provider has worked for; for one that it refused it takes nothing."""

_SENT: Final = frozenset({WaitsFor.HEAD, WaitsFor.CONTENT})


class Costs:
    """Puts a price on attempts as they end."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    def charge(self, attempt: Attempt, target: Target, call: Call, receipt: Receipt) -> None:
        """Write on attempt and receipt what an attempt that has ended has cost."""
        usage, quality = attempt.usage, EXACT
        if attempt.outcome != "completed":
            quality = PARTIAL
        if usage is None:
            worked = attempt.outcome in _BILLED and attempt.waits_for in _SENT
            if not worked and not receipt.pieces:
                return
            spoken = 0 if attempt.outcome == "lost" else receipt.pieces
            usage, quality = Usage(prompt_of(call), spoken), ESTIMATED
            attempt.usage = usage
            if receipt.usage is None and attempt.outcome != "lost":
                receipt.usage = usage
        price = self._prices.of(target.kind, target.origin.host, target.model, target.name)
        if price is not None:
            receipt.cost_nanos = (receipt.cost_nanos or 0) + cost_of(usage, price)
        if attempt.outcome != "lost":
            receipt.usage_quality = quality
