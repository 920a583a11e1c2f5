"""What is to be done for one call, as the rooms of the corridor hand it on."""

from collections.abc import Awaitable, Callable

import msgspec

from gateway.forms.chat_prefill import fit_for_prefill, with_prefill
from gateway.policy.wishes import Wishes
from gateway.relay.hearing import Hearing
from gateway.relay.house import House
from gateway.words.call import Call
from gateway.words.receipt import Receipt
from gateway.words.target import Target


class Errand(msgspec.Struct, frozen=True):
    """One call on its way: what was asked, what it comes to, who keeps time, with what to decide.

    At `until`, on Trio's clock, its total time is over; at `patient_until` its client stops to wait
    for a first content. `beginning` is the text that the client has already, where the call is
    asked again to go on from it. `pays` holds the money for one more attempt, and says whether
    there was enough; None where nobody pays.
    """

    call: Call
    wishes: Wishes
    receipt: Receipt
    clock: Hearing
    house: House
    until: float
    patient_until: float
    beginning: str = ""
    pays: Callable[[], Awaitable[bool]] | None = None

    async def may_ask_again(self) -> bool:
        """Say whether there is the money for one more attempt, and still a client to ask for."""
        return (self.pays is None or await self.pays()) and not self.receipt.drained

    def prefills(self, target: Target) -> bool:
        """Say whether a target is given the beginning, to go on from it."""
        text = self.beginning
        return bool(text) and target.prefill and fit_for_prefill(self.call, text)

    def call_for(self, target: Target) -> Call:
        """Return the call as this target is asked it."""
        return with_prefill(self.call, self.beginning) if self.prefills(target) else self.call
