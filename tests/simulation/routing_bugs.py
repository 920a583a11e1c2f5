"""More bugs to be planted (see `bugs.py`): in who is asked, how often, and what is joined."""

from dataclasses import replace
from typing import Any

import trio

from gateway.downstream import front
from gateway.forms.chat_resume import Join
from gateway.policy import health, journey, refusals
from gateway.policy.health import Health
from gateway.policy.refusals import Verdict
from gateway.policy.wishes import NOTHING
from gateway.relay import ask, source, start, walk
from gateway.relay.ask import TargetAnswer
from gateway.relay.resume import Resuming
from gateway.words.answer import Answer, Piece
from gateway.words.errors import GatewayError, Timeout, UpstreamFailure
from gateway.words.target import Plan, Target
from tests.simulation.bugs import Change


def _verdicts(other: dict[Verdict, Verdict], kind: type[GatewayError] = GatewayError) -> Change:
    """Let failures of one kind mean something else."""
    true = refusals.verdict_of

    def verdict_of(error: GatewayError) -> Verdict:
        verdict = true(error)
        return other.get(verdict, verdict) if isinstance(error, kind) else verdict

    return (journey, "verdict_of", verdict_of)


# Who is asked, and how often.


def silence_is_asked_again() -> list[Change]:
    return [_verdicts({Verdict.ELSEWHERE: Verdict.AGAIN}, Timeout)]


def a_long_prompt_goes_anywhere() -> list[Change]:
    return [_verdicts({Verdict.LONGER: Verdict.ELSEWHERE})]


def a_content_filter_is_routed_around() -> list[Change]:
    true = refusals.verdict_of

    def verdict_of(error: GatewayError) -> Verdict:
        return Verdict.ELSEWHERE if refusals._is_filtered(error) else true(error)

    return [(journey, "verdict_of", verdict_of)]


def a_limit_is_asked_in_a_tight_loop() -> list[Change]:
    """U8: neither is there a pause, nor is it heard for how long."""
    return [
        (journey, "wait_of", lambda error, today: None),
        (journey, "backoff", lambda number, draw: 0.0),
    ]


def a_wait_is_not_heard() -> list[Change]:
    """U8: there is a pause, but not the one that was asked for."""
    return [(journey, "wait_of", lambda error, today: None)]


def wishes_are_not_read() -> list[Change]:
    return [(front, "wishes_of", lambda headers: NOTHING)]


def nobody_says_that_all_was_tried() -> list[Change]:
    return [(walk, "_for_good", lambda error, journey: error)]


# For whom nobody is there any more.


def a_pause_outlives_its_client() -> list[Change]:
    true = walk._pause

    async def pause(*given: Any) -> None:
        with trio.CancelScope(shield=True):
            await true(*given)

    return [(walk, "_pause", pause)]


def a_retry_after_the_commit() -> list[Change]:
    """What broke off is asked for again, though nobody has switched that on."""
    true = start.first_to_speak

    async def first_to_speak(plan: Plan, *given: Any) -> Answer:
        def resumed(target: Target) -> Target:
            return replace(target, conduct=replace(target.conduct, resume=True))

        targets = tuple(map(resumed, plan.targets))
        return await true(replace(plan, targets=targets), *given)

    return [(source, "first_to_speak", first_to_speak)]


def there_is_no_end_of_resuming() -> list[Change]:
    true = Resuming.__init__

    def begin(self: Resuming, answer: Any, way: Any, errand: Any, clock: Any, most: int) -> None:
        true(self, answer, way, errand, clock, most + 99)

    return [(Resuming, "__init__", begin)]


# Races.


def a_race_is_over_late() -> list[Change]:
    """Who has lost is left when it has spoken, too, or a second later."""
    true = start._Heat.run

    async def run(self: Any, step: Any, race: trio.CancelScope) -> None:
        late = trio.CancelScope()
        await true(self, step, late)
        if late.cancel_called:
            await trio.sleep(1.0)
            race.cancel()

    return [(start._Heat, "run", run)]


def who_comes_second_is_not_closed() -> list[Change]:
    async def lose(self: TargetAnswer) -> None:
        self.give_up("lost")

    return [(TargetAnswer, "lose", lose)]


def a_race_begins_at_once() -> list[Change]:
    true = start._race

    async def race(way: Any, first: Any, hedge_after: float, *given: Any) -> Any:
        return await true(way, first, 0.0, *given)

    return [(start, "_race", race)]


def a_race_goes_on_after_a_filter() -> list[Change]:
    """What was refused for good in one lane is asked of others in the other."""
    return [(start, "_is_final", lambda error: False)]


def who_was_left_has_lost() -> list[Change]:
    """The client has gone in the moment in which a race was won: nobody has lost it."""

    async def abandon(self: Any, error: BaseException) -> None:
        if isinstance(self.result, TargetAnswer):
            await self.result.lose()

    return [(start._Heat, "abandon", abandon)]


# What is joined.


def a_resumed_answer_is_not_compared() -> list[Change]:
    def feed(self: Join, pieces: list[Piece]) -> list[Piece]:
        self.joined = True
        return pieces

    return [(Join, "feed", feed)]


def as_much_as_was_told_is_left_out() -> list[Change]:
    """So many characters are passed over, whatever they are."""
    true = Join._compare

    def compare(self: Join, piece: Piece, said: Any) -> list[Piece]:
        if said is not None:
            self._text = self._text[: self._at] + said.text[: len(self._text) - self._at].ljust(
                len(self._text) - self._at
            )
        return true(self, piece, said)

    return [(Join, "_compare", compare)]


def a_shorter_answer_is_the_end() -> list[Change]:
    """The new answer has an end before it has come to where the client is."""
    true = Join._compare

    def compare(self: Join, piece: Piece, said: Any) -> list[Piece]:
        if said is not None and said.finished:
            self._leave()
            return [piece]
        return true(self, piece, said)

    return [(Join, "_compare", compare)]


# What is known of homes.


def a_breaker_counts_who_left() -> list[Change]:
    """A client's leaving, 499 in many a log, is taken for a failure of its home."""
    true = Health.ended

    def ended(self: Health, target: Target, now: float, error: Any, **given: Any) -> None:
        if given["left"]:
            given["left"], error = False, UpstreamFailure("gone")
        true(self, target, now, error, **given)

    return [(Health, "ended", ended)]


def a_mistake_rests_a_home() -> list[Change]:
    """What a client has got wrong counts against whoever was asked."""
    return [(health, "counts", lambda error: True)]


def a_clients_hurry_rests_a_home() -> list[Change]:
    """A client that waits for no more than a second lets a home rest for everybody."""
    return [(ask, "_was_hurried", lambda *given: False)]


def a_claim_is_kept_by_who_left() -> list[Change]:
    true = Health.ended

    def ended(self: Health, target: Target, now: float, error: Any, **given: Any) -> None:
        if not given["left"]:
            true(self, target, now, error, **given)

    return [(Health, "ended", ended)]
