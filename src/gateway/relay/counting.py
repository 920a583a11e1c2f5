"""How many tokens a prompt has: its provider says so, or an estimate does, and is told as one."""

from typing import Final

from gateway.forms import messages
from gateway.policy.cache import Kept
from gateway.policy.estimates import prompt_of
from gateway.relay.errand import Errand
from gateway.relay.hearing import CallClock
from gateway.relay.replay import Replayed
from gateway.relay.start import first_to_speak
from gateway.words.answer import Answer, Piece
from gateway.words.call import Call
from gateway.words.client import Header
from gateway.words.errors import Unsupported
from gateway.words.target import Plan

ESTIMATED: Final[Header] = (b"x-gateway-estimated", b"input_tokens")
"""Names what of an answer nobody has counted."""


async def count(plan: Plan, errand: Errand, clock: CallClock) -> Answer:
    """Return the answer of the plan's targets, or an estimate where none of them can count.

    Raises `GatewayError`.
    """
    if any(target.speaks(errand.call.form) for target in plan.targets):
        try:
            return await first_to_speak(plan, errand, clock)
        except Unsupported:
            pass
    return Replayed(_estimate(errand.call))


def _estimate(call: Call) -> Kept:
    piece = Piece(messages.write_count(prompt_of(call)), native=True)
    return Kept((piece,), 200, (ESTIMATED,), "")
