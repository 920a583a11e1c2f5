"""The money of one call: held before it is spent, and renewed slice by slice as its answer passes.

Where no further slice is to be had the call ends in mid-sentence, and its client is told why. It
never costs more than it holds by more than one read of the provider's bytes.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.policy.budgets import Funds, Purse, Short, Want, spent_out
from gateway.policy.prices import Price, cost_of
from gateway.policy.stakes import Stake
from gateway.relay.costs import Costs
from gateway.relay.house import Gate
from gateway.words.receipt import Receipt

BULK: Final = 16
"""So many times what one call needs is asked of a shared store at once."""

TRIES: Final = 3
"""So often the store is asked for money that other calls of this process take first."""

EARLY: Final = 4
"""A slice is renewed while so much of it, one part in four, is left."""


class Spending:
    """What a call holds of its budgets. `close` settles it, however the call ended."""

    def __init__(
        self,
        funds: Funds,
        stake: Stake,
        prompt: int,
        prices: Mapping[str, Price],
        gate: Gate,
        costs: Costs,
    ) -> None:
        """`prompt` are the tokens asked; `prices` those of the plan's targets, by their names."""
        self._funds = funds
        self._prompt = prompt
        self._gate = gate
        self._costs = costs
        self._prices = prices
        self._running = self._read = 0
        self.stake = stake

    @property
    def purses(self) -> Sequence[Purse]:
        """Those that the call is paid from."""
        return self._funds.purses

    def wants(self) -> Sequence[Want]:
        """Return which purses are short for the call to begin."""
        need = self.stake.need
        return self._funds.wants(need, need * BULK)

    async def begin(self) -> Short | None:
        """Hold what the call needs, or say which purse has too little."""
        return await self._hold(self.stake.need)

    async def begin_again(self, receipt: Receipt) -> bool:
        """Hold what one more attempt needs; say whether there was enough.

        It may have to say once more what the one before it had said already.
        """
        need = self.stake.need
        if (said := receipt.usage) is not None:
            again = max(cost_of(said, price) for price in self._prices.values())
            need = max(need, again + self.stake.slice)
        more = self._cost_so_far(receipt) + need - self._funds.held
        return more <= 0 or await self._hold(more) is None

    async def go_on(self, receipt: Receipt) -> None:
        """Renew what is held after a read; asks a shared store only where too little is here.

        Raises `BudgetSpent`.
        """
        running = self._cost_so_far(receipt)
        # What the next read may cost: as much as this one, or as those before it, less and less.
        self._read = max(running - self._running, self._read // 2)
        self._running = running
        ahead = max(self.stake.slice // EARLY, self._read)
        if running + ahead <= self._funds.held:
            return
        more = running + max(self.stake.slice, ahead) - self._funds.held
        short = await self._hold(more)
        if short is None:
            return
        self._funds.take_what_is_left(more)
        if running + self._read > self._funds.held:
            raise spent_out(short.purse)

    async def _hold(self, nanos: int) -> Short | None:
        """Hold so much more, or say which purse has too little.

        What lies here others may take while the store is asked for more: then it is asked again.
        """
        for _ in range(TRIES):
            if self._funds.take(nanos) is None:
                return None
            wants = self._funds.wants(nanos, nanos * BULK)
            await self._gate.fund(wants)
            if any(_is_spent(want.purse, nanos) for want in wants):
                break
        return self._funds.take(nanos)

    def close(self, receipt: Receipt) -> None:
        """Put what the call has cost in place of what it held."""
        self._funds.close(receipt.cost_nanos or 0)

    def _cost_so_far(self, receipt: Receipt) -> int:
        nanos = receipt.cost_nanos or 0
        for attempt in receipt.attempts:
            if attempt.ended is None and (price := self._prices.get(attempt.target)) is not None:
                nanos += cost_of(self._costs.so_far(attempt, self._prompt), price)
        return nanos


def _is_spent(purse: Purse, nanos: int) -> bool:
    """Say whether no more is to be had, neither here nor anywhere."""
    return purse.limit - purse.known + purse.room < nanos
