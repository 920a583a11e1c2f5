"""What must hold of attempts in every world: who is asked, how often, when, and after whom.

They know the plan and the facts, and nothing of how the gateway goes about it.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise, starmap
from math import inf

from gateway.words.receipt import Attempt, Receipt
from gateway.words.target import Conduct
from tests.simulation.answers import Reply
from tests.simulation.facts import (
    SLACK,
    asked_for,
    attempts_of,
    end_of,
    is_at,
    over_at,
    place_of,
    reply_to,
    tried,
)
from tests.simulation.money import money_for
from tests.simulation.record import Asked, Record
from tests.simulation.wishes import Wish

NOBODYS_FAULT = {
    "completed", "cancelled", "lost", "differs", "client_timeout", "total_timeout",
    "context_length_exceeded", "content_filter", "upstream_answer_too_large", "overloaded",
    "status_400", "status_404", "status_409", "status_413", "status_422",
}  # fmt: skip
"""Ends of attempts that say nothing of who was asked: the client's doing, or its request's."""

OF_ONE_KEY = {
    "upstream_auth_error", "status_401", "status_402", "status_403", "status_429",
    "insufficient_quota",
}  # fmt: skip
"""Ends that say nothing of a home that has other keys."""

SILENCES = {
    "first_token_timeout", "attempt_timeout", "idle_timeout", "upstream_connect_timeout",
    "upstream_write_timeout", "upstream_dns_error", "upstream_tls_error",
}  # fmt: skip
"""Ends after which a home is not asked again for the same call."""

CURABLE = {
    *SILENCES, *OF_ONE_KEY, "upstream_connect_error", "upstream_reset", "upstream_truncated",
    "upstream_malformed", "status_408", "status_500", "status_502", "status_503", "status_529",
    "overloaded_error",
}  # fmt: skip
"""Ends that another attempt might have cured."""

FELL_SILENT = {"idle_silence", "idle_trickle"}
"""Causes for which a call is ended whose last attempt is to blame."""

HEARD = {"completed", "differs", "content_filter", "context_length_exceeded", "insufficient_quota"}
"""Ends that only an answer can bring about; a status is one, too."""

TOO_LONG = "context_length_exceeded"
FILTERED = "content_filter"
LEAST_PAUSE = 0.3
"""Seconds before the same key is shown to the same home again, at least."""


def attempts_are_closed(record: Record) -> Iterator[str]:
    """No attempt is left open, and none outlives its call."""
    for receipt in record.receipts:
        for attempt in receipt.attempts:
            if attempt.ended is None or attempt.outcome == "open":
                yield f"an attempt of {receipt.request_id} is open"
            elif attempt.ended > end_of(receipt):
                yield f"an attempt outlives {receipt.request_id}"


def nobody_is_asked_too_often(record: Record) -> Iterator[str]:
    """A home is asked with each of its keys, and so often again as plan and client allow.

    Nobody is asked who is not in the plan, nor a fallback where the client wishes none.
    """
    for receipt, wish, _ in tried(record):
        allowed = record.plan.routing.conduct.retries
        retries = allowed if wish.asks.retries is None else min(allowed, wish.asks.retries)
        counts = Counter(attempt.target for attempt in receipt.attempts)
        for attempt in receipt.attempts:
            place = place_of(record, attempt)
            if counts[attempt.target] > place.keys + retries:
                yield f"{receipt.request_id} asked {attempt.target} {counts[attempt.target]} times"
            if place.public != receipt.model and not wish.asks.fallbacks:
                yield f"{receipt.request_id} wished no fallback, and {attempt.target} was asked"


def a_silent_home_is_asked_once(record: Record) -> Iterator[str]:
    """Who was silent, or cannot be trusted, is not asked again in the same call."""
    for receipt, _, _ in tried(record):
        for attempt in receipt.attempts:
            later = [each for each in receipt.attempts if each.began > over_at(attempt)]
            if attempt.outcome in SILENCES and any(each.target == attempt.target for each in later):
                yield f"{receipt.request_id} asked {attempt.target} again: {attempt.outcome}"


def nobody_is_tried_for_nobody(record: Record) -> Iterator[str]:
    """No attempt begins when the client has gone, nor after the commit where nothing is resumed."""
    for receipt, wish, guest in tried(record):
        conduct = record.plan.routing.conduct
        times = conduct.resume_attempts if conduct.resume and wish.asks.resume else 0
        commit = inf if receipt.first_content_at is None else receipt.first_content_at
        if receipt.resumed > times:
            yield f"{receipt.request_id} was resumed {receipt.resumed} times, {times} are allowed"
        for attempt in receipt.attempts:
            if attempt.began > min(guest.gone_at, end_of(receipt)):
                yield f"{receipt.request_id} asked {attempt.target} when its client had gone"
            if attempt.began > commit and not (times and receipt.stream):
                yield f"{receipt.request_id} asked {attempt.target} after the commit"


def who_has_lost_is_left_at_once(record: Record) -> Iterator[str]:
    """Two are asked at once only in a race, when it is time for it; it is over with the first word.

    Afterwards nobody has lost any more, and there was a winner.
    """
    for receipt, wish, _ in tried(record):
        conduct = record.plan.routing.conduct
        may_race = conduct.hedge_after > 0.0 and wish.asks.hedge and receipt.stream
        if receipt.hedged and not may_race:
            yield f"{receipt.request_id} was raced, though nobody wanted that"
        for index, attempt in enumerate(receipt.attempts):
            before = receipt.attempts[:index]
            beside = [each for each in before if over_at(each) > attempt.began]
            if len(beside) > receipt.hedged:
                yield f"{receipt.request_id} asked {attempt.target} beside {len(beside)} others"
            if beside and attempt.began < receipt.attempts[0].began + conduct.hedge_after - SLACK:
                yield f"{receipt.request_id} was raced too early"
            if attempt.outcome != "lost":
                continue
            if receipt.first_content_at != attempt.ended:
                yield f"{receipt.request_id} left who had lost at {attempt.ended}"
            yield from _late_losers(record, receipt, attempt)


def _late_losers(record: Record, receipt: Receipt, attempt: Attempt) -> Iterator[str]:
    for asked in asked_for(record, receipt.request_id):
        # The same home may go on with another key.
        lost = all(each.outcome == "lost" for each in attempts_of(receipt, asked))
        late = asked.link.closed_at > over_at(attempt)
        if is_at(attempt, asked) and lost and late and not asked.ended:
            yield f"{receipt.request_id} closed who had lost at {asked.link.closed_at}"


def attempts_are_what_providers_see(record: Record) -> Iterator[str]:
    """Whoever is asked is asked by one attempt, in order; once more only over a stale connection.

    And who is said to have answered was asked.
    """
    for receipt, _, _ in tried(record):
        name = receipt.request_id
        began = [attempt.began for attempt in receipt.attempts]
        if began != sorted(began):
            yield f"{name} does not tell its attempts in order"
        seen = asked_for(record, name)
        for attempt in receipt.attempts:
            heard = attempt.outcome in HEARD or attempt.outcome.startswith("status_")
            if heard and not any(is_at(attempt, asked) for asked in seen):
                yield f"{name} was answered by {attempt.target}, which nobody had asked"
        for place in record.plan.routing.places:
            here = [asked for asked in seen if asked.link.place == place.name]
            tries = [each for each in receipt.attempts if place_of(record, each) == place]
            again = sum(starmap(_is_stale, pairwise(here)))
            if len(here) - again > len(tries):
                yield f"{name} was asked for {len(here)} times in {len(tries)} tries: {place.name}"
            for asked in here:
                if not any(is_at(attempt, asked) for attempt in tries):
                    yield f"{place.name} was asked for {name} at {asked.began} by no attempt"


def _is_stale(first: Asked, again: Asked) -> bool:
    """Say whether a kept connection broke without a word, so that another was taken (U5)."""
    return not first.fresh and first.link.taken <= first.taken_before and again.fresh


def what_is_final_is_final(record: Record) -> Iterator[str]:
    """What a content filter has refused is asked of nobody else, and who is asked too is left."""
    for receipt, _, _ in tried(record):
        for attempt in receipt.attempts:
            after = _begun_after(receipt, attempt)
            if attempt.outcome == FILTERED and after:
                yield f"{receipt.request_id} was filtered, and {after[0].target} was asked"
            latest = max(map(over_at, receipt.attempts))
            if attempt.outcome == FILTERED and latest > over_at(attempt):
                yield f"{receipt.request_id} was filtered, and went on until {latest}"


def longer_homes_are_for_long_prompts(record: Record) -> Iterator[str]:
    """Homes for long prompts are asked where a prompt was too long, and then no other fallback."""
    for receipt, _, _ in tried(record):
        for attempt in receipt.attempts:
            before = [each for each in receipt.attempts if over_at(each) <= attempt.began]
            too_long = any(each.outcome == TOO_LONG for each in before if each is not attempt)
            place = place_of(record, attempt)
            role = "own" if place.public == receipt.model else place.role
            if role == "longer" and not too_long:
                yield f"{receipt.request_id} was not too long, and asked {attempt.target}"
            later = [each for each in before if each.outcome == TOO_LONG]
            # Who was being asked beside, in a race, may be asked once more.
            under_way = {
                each.target for each in receipt.attempts for long in later
                if each.began < over_at(long)
            }  # fmt: skip
            later = [] if attempt.target in under_way else later
            if role == "spare" and any(over_at(each) < attempt.began for each in later):
                yield f"{receipt.request_id} was too long, and asked {attempt.target}"


def only_failures_rest_a_home(record: Record) -> Iterator[str]:
    """A circuit is open for failures of its home: not for a client's leaving, mistakes or hurry."""
    cooldown = record.plan.routing.conduct.cooldown
    failures: Counter[str] = Counter()
    for receipt, wish, _ in tried(record):
        for attempt in receipt.attempts:
            blameless = attempt.outcome in NOBODYS_FAULT or _is_hurried(record, wish, attempt)
            if receipt.cause in FELL_SILENT and attempt.ended == max(
                map(over_at, receipt.attempts)
            ):
                blameless = False
            blameless |= place_of(record, attempt).keys > 1 and attempt.outcome in OF_ONE_KEY
            failures[attempt.target] += not blameless
    for home in record.homes:
        enough = max(cooldown.failures, 1)
        if home.state != "closed" and failures[home.name] < enough:
            yield f"{home.name} is {home.state} after {failures[home.name]} failures of its own"


def _is_hurried(record: Record, wish: Wish, attempt: Attempt) -> bool:
    """Say whether a client's clock ended an attempt that the operator's own would have let be."""
    clocks, honoured = record.plan.timeouts, record.plan.routing.conduct.honour_client_timeout
    if attempt.outcome == "idle_timeout":
        return honoured and wish.asks.patience < clocks.idle
    hurried = wish.asks.total < clocks.total or (honoured and wish.asks.patience < clocks.total)
    took = over_at(attempt) - attempt.began
    return hurried and attempt.outcome == "attempt_timeout" and took < clocks.first_token


def all_that_was_tried_is_said(record: Record) -> Iterator[str]:
    """Where all was tried in vain, the client's SDK is told not to ask again.

    Not where there may have been no money for another attempt: then not all was tried.
    """
    for receipt, wish, guest in tried(record):
        reply = reply_to(guest.visit.wishes, guest.written, receipt.request_id)
        last = receipt.attempts[-1]
        if reply is None or reply.status < 400 or last.outcome != receipt.cause:
            continue
        till = record.plan.till
        may_try = _may_try(record.plan.routing.conduct, wish, receipt)
        may_try = may_try and (till is None or money_for(record, till, receipt) > 0)
        if last.outcome in CURABLE and may_try and _is_hopeful(reply):
            yield f"{receipt.request_id} was tried in all ways, and its client is to ask again"


def _may_try(conduct: Conduct, wish: Wish, receipt: Receipt) -> bool:
    asked = wish.asks.retries
    return len(receipt.attempts) > 1 or min(conduct.retries, 9 if asked is None else asked) > 0


def _is_hopeful(reply: Reply) -> bool:
    return reply.fields.get("x-should-retry") != "false"


def a_wish_to_be_left_alone_is_kept(record: Record) -> Iterator[str]:
    """U8: the same key is shown again only after a pause, and after what was asked for."""
    for receipt, _, _ in tried(record):
        seen = asked_for(record, receipt.request_id)
        places = {asked.link.place for asked in seen}
        for place, key in {(place, asked.key) for place in places for asked in seen}:
            here = [each for each in seen if each.link.place == place and each.key == key]
            for first, again in pairwise(here):
                if _is_stale(first, again):
                    continue
                least = max(LEAST_PAUSE, first.script.asks_for if first.said_bytes else 0.0)
                if again.began < first.began + least - SLACK:
                    yield f"{place} was asked again for {receipt.request_id} at {again.began}"


def nobody_is_tried_without_time(record: Record) -> Iterator[str]:
    """An attempt is given time; none has its first content later than its clock."""
    for receipt, _, _ in tried(record):
        for attempt in receipt.attempts:
            took = over_at(attempt) - attempt.began
            is_first = attempt is receipt.attempts[0]  # a slow body may have taken it all
            hurried = attempt.outcome in {"client_timeout", "attempt_timeout"} and not is_first
            if hurried and took <= SLACK:
                yield f"{receipt.request_id} gave {attempt.target} no time: {attempt.outcome}"
            never_spoke = receipt.stream and receipt.first_content_at is None
            if never_spoke and took > record.plan.timeouts.first_token + SLACK:
                yield f"{receipt.request_id} waited {took} seconds for {attempt.target}"


def _begun_after(receipt: Receipt, attempt: Attempt) -> list[Attempt]:
    """Return the attempts that were begun when this one had ended."""
    later = receipt.attempts[receipt.attempts.index(attempt) + 1 :]
    return [each for each in later if each.began >= over_at(attempt)]


ATTEMPTS = (
    attempts_are_closed,
    nobody_is_asked_too_often,
    a_silent_home_is_asked_once,
    nobody_is_tried_for_nobody,
    who_has_lost_is_left_at_once,
    attempts_are_what_providers_see,
    what_is_final_is_final,
    longer_homes_are_for_long_prompts,
    only_failures_rest_a_home,
    all_that_was_tried_is_said,
    a_wish_to_be_left_alone_is_kept,
    nobody_is_tried_without_time,
)
