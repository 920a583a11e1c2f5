"""Asks the targets of a journey in turn until one speaks. Failures are values here."""

import trio

from gateway.policy.journey import Journey, Step
from gateway.relay.ask import TargetAnswer, ask
from gateway.relay.errand import Errand
from gateway.words.errors import GatewayError
from gateway.words.receipt import Attempt, WaitsFor

_SHOULD_RETRY = b"x-should-retry"


async def walk(journey: Journey, step: Step, errand: Errand) -> TargetAnswer | GatewayError:
    """Ask one target after the other until one speaks; return what the last one came to."""
    house = errand.house
    failure: GatewayError | None = None
    while True:
        if step.again:
            await _pause(step, errand)
            if failure is not None and errand.receipt.drained:
                return failure
            house.health.begin(step.target, trio.current_time(), must=True)
        try:
            share = journey.share(step.target, trio.current_time())
            return await ask(errand, step.target, share)
        except GatewayError as error:
            # What it was raised through holds this frame, which holds it.
            failure = error.with_traceback(None)
            failure.__context__ = failure.__cause__ = None
        if _last_try(step, errand).stale:
            journey.sent_twice(step.target)
        if not await errand.may_ask_again():
            return _for_good(failure, journey)
        following = journey.after(step.target, failure, trio.current_time(), house.today())
        if following is None:
            return _for_good(failure, journey)
        step = following


async def _pause(step: Step, errand: Errand) -> None:
    _last_try(step, errand).waits_for = WaitsFor.TURN
    await trio.sleep(step.wait)


def _last_try(step: Step, errand: Errand) -> Attempt:
    """Return the last attempt at a step's target; others may be under way beside it."""
    name = step.target.name
    return next(each for each in reversed(errand.receipt.attempts) if each.target == name)


def _for_good(error: GatewayError, journey: Journey) -> GatewayError:
    """Have the client's SDK not ask again what has been asked in every way there is."""
    if journey.is_exhausted_by(error):
        kept = [field for field in error.headers if field[0] != _SHOULD_RETRY]
        error.headers = (*kept, (_SHOULD_RETRY, b"false"))
    return error
