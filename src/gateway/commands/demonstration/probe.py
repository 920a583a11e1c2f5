"""Waits until a gateway of the user's asks the upstream, and says what is missing until then."""

import secrets
from dataclasses import dataclass

import trio

from gateway.commands.demonstration import wire
from gateway.commands.demonstration.clients import connect
from gateway.commands.demonstration.upstream import Upstream
from gateway.commands.demonstration.wire import Address

OK = " 200 "


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long a gateway is waited for, in seconds: in all, for an answer, before the next call."""

    wait: float
    answer_timeout: float = 5.0
    interval: float = 0.5


async def wait_until_asked(
    upstream: Upstream, address: Address, model: str, waiting: Waiting
) -> str:
    """Make one short call again and again, until it comes to the upstream and back.

    Returns nothing then, and at the end of the time the last that was seen.
    """
    said = "it was not asked"
    with trio.move_on_after(waiting.wait):
        while True:
            served = upstream.served
            said = await _probe(address, model, waiting.answer_timeout)
            if not said and upstream.served > served:
                return ""
            said = said or "it answers, but it does not ask the upstream"
            await trio.sleep(waiting.interval)
    return said


async def _probe(address: Address, model: str, patience: float) -> str:
    """Make a call; return what is wrong with the answer, or nothing."""
    try:
        with trio.fail_after(patience):
            client = await connect(address)
            try:
                # No two are alike, or a cache would answer.
                fields = wire.fields_of(model, secrets.token_hex(4), stream=False)
                await client.send(wire.write_call(address, fields))
                line = await client.read_line()
            finally:
                client.close()
    except (OSError, trio.BrokenResourceError) as error:
        return f"no connection: {error}"
    except trio.TooSlowError:
        return f"no answer within {patience:g} seconds"
    return "" if OK in line else f"it answers {line or 'nothing'}"
