"""How an answer begins: targets are asked in turn, or raced; the first that speaks is the answer.

Failures are values here: what comes of a target is an answer or the error that it ended in, and
the journey says who is next. A race has its nursery inside, and is over when this returns.
"""

import trio

from gateway.policy.journey import Journey, Step
from gateway.policy.refusals import Verdict, verdict_of
from gateway.relay.ask import TargetAnswer
from gateway.relay.errand import Errand
from gateway.relay.hearing import CallClock
from gateway.relay.resume import Resuming
from gateway.relay.walk import walk
from gateway.words.errors import GatewayError, UpstreamFailure
from gateway.words.target import Plan


async def first_to_speak(plan: Plan, errand: Errand, clock: CallClock) -> TargetAnswer | Resuming:
    """Return the first answer of the plan's targets, at its first content.

    Raises `GatewayError`: the failure of the last one that was asked.
    """
    house, conduct = errand.house, plan.conduct
    journey = Journey(plan, house.health, house.draw, min(errand.until, errand.patient_until))
    first = journey.next(trio.current_time())
    assert first is not None, "a plan has a target, and the last is never passed over"
    races = conduct.hedge_after and errand.call.stream and plan.own > 1
    if races:
        answer = await _race(journey, first, conduct.hedge_after, errand)
    else:
        answer = await walk(journey, first, errand)
    if isinstance(answer, GatewayError):
        raise answer
    errand.receipt.target = answer.target.name
    if conduct.resume and errand.call.stream and answer.is_common:
        return Resuming(answer, journey, errand, clock, conduct.resume_attempts)
    return answer


class _Heat:
    """A race of two: each lane goes its own way along the plan, and the first to speak wins."""

    def __init__(self, journey: Journey, errand: Errand) -> None:
        self._journey = journey
        self._errand = errand
        self._running = 0
        self.result: TargetAnswer | GatewayError | None = None

    async def run(self, step: Step, race: trio.CancelScope) -> None:
        """Run one lane; the last that fails ends the race too."""
        self._running += 1
        result = await walk(self._journey, step, self._errand)
        self._running -= 1
        if isinstance(self.result, TargetAnswer):
            if isinstance(result, TargetAnswer):
                await result.lose()
            return
        self.result = result
        if isinstance(result, TargetAnswer) or not self._running or _is_final(result):
            race.cancel()

    def second(self) -> Step | None:
        """Return whom to start beside the one that is late, if there may be another."""
        hedges = self._errand.house.hedges
        wanted = hedges.any_left and not self._errand.receipt.drained
        step = self._journey.hedge(trio.current_time()) if wanted else None
        if step is not None:
            hedges.spend()
            self._errand.receipt.hedged = True
        return step

    async def abandon(self, error: BaseException) -> None:
        """Close the answer that nobody is left to read; it has not lost."""
        if isinstance(self.result, TargetAnswer):
            await self.result.__aexit__(type(error), error, None)


def _is_final(error: GatewayError) -> bool:
    """Say whether it is no use to go on in the other lane: what a provider refuses for good."""
    return isinstance(error, UpstreamFailure) and verdict_of(error) is Verdict.FINAL


async def _race(
    journey: Journey, first: Step, hedge_after: float, errand: Errand
) -> TargetAnswer | GatewayError:
    """Start a second target where the first is late; the one that comes second is closed."""
    errand.house.hedges.earn()
    heat = _Heat(journey, errand)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(heat.run, first, nursery.cancel_scope)
            await trio.sleep(hedge_after)
            second = heat.second()
            if second is not None:
                nursery.start_soon(heat.run, second, nursery.cancel_scope)
    except BaseException as error:
        await heat.abandon(error)
        raise
    result = heat.result
    assert result is not None, "a race ends with its lanes"
    if isinstance(result, TargetAnswer):
        for attempt in errand.receipt.attempts:
            attempt.lose()
    return result
