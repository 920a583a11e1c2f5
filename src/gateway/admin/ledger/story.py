"""What a row of the ledger says, as a story for people: who asked, why whom, how it ended.

Why a target was asked stands in no row. It follows from when attempts began and how those before
them had ended; rows of earlier versions do not say when, so of them it is told in the order.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from gateway.store.rows import LOST
from gateway.store.search import Entry, Try
from gateway.store.usage import OPEN

COMPLETED: Final = "completed"
CLIENT_GONE: Final = "client_gone"
UPSTREAM_ERROR: Final = "upstream_error"

AT_ONCE_MS: Final = 0.5
"""What begins so long before another ends has not been waiting for its end."""

WENT: Final[Mapping[str, str]] = {
    "completed": "answered",
    "cancelled": "was cancelled",
    LOST: "lost the race",
    "handed on": "was read on for another call",
    "differs": "went on with another text than the one that was begun",
    "open": "went on",
    "timeout": "took too long",
    "total_timeout": "was asked until the call's time was over",
    "first_token_timeout": "said nothing in its time",
    "attempt_timeout": "took longer than its share of the time",
    "idle_timeout": "fell silent",
    "upstream_connect_timeout": "could not be connected to in time",
    "upstream_connect_error": "could not be connected to",
    "upstream_dns_error": "has a name that could not be resolved",
    "upstream_tls_error": "failed at TLS",
    "upstream_auth_error": "refused our key",
    "upstream_credentials_missing": "had no credentials to be shown",
    "upstream_malformed": "answered what cannot be read",
    "upstream_truncated": "broke off in the midst of its answer",
    "upstream_reset": "reset the connection",
    "upstream_answer_too_large": "answered more than may be",
    "upstream_write_timeout": "did not take the request in time",
    "rate_limit_exceeded": "was over its rate limit",
    "insufficient_quota": "had no quota left",
}
"""How an attempt went, by its outcome; others are a provider's own codes."""

ENDED: Final[Mapping[str, str]] = {
    "completed": "The client got the whole answer.",
    "refused": "It was refused.",
    "client_gone": "The client left before the end.",
    "client_stalled": "The client read nothing any more, and was left.",
    "timeout": "It took too long.",
    "upstream_error": "No provider answered, and the client was told so.",
    "upstream_truncated": "The answer broke off, and the client was told so.",
    "stopped": "It was stopped.",
    "internal": "It ended in a bug of the gateway's.",
    LOST: "Its process died before it ended; what it used is not known.",
    OPEN: "It goes on, or its end is not written yet.",
}

CAUSES: Final[Mapping[str, str]] = {
    "operator": "An operator cancelled it.",
    "cancelled_by_operator": "An operator cancelled it.",
    "drain": "The gateway was being shut down.",
    "gateway_shutdown": "The gateway was being shut down.",
    "insufficient_quota": "A budget was spent.",
    "total_timeout": "The call's total time was over.",
    "idle_silence": "The provider fell silent.",
    "idle_trickle": "The provider sent less than was worth to be waited for.",
}


FIRST: Final = "The first of the plan that could be asked."
TAKEN_OVER: Final = "Its answer was taken over from the call that had asked before."


CLOSED: Final = "The provider's connection was closed."
BROKE_OFF: Final = "The provider failed in the midst of its answer, and the client was told so."
NO_QUOTA: Final = "The provider's own quota was spent."


class Step(msgspec.Struct, frozen=True):
    """One attempt, and why it was made. Times are milliseconds; `at_ms` may be unknown."""

    number: int
    target: str
    why: str
    went: str
    outcome: str
    at_ms: float | None
    ms: float | None
    tokens_in: int | None
    tokens_out: int | None
    cost_nanos: int | None


class Story(msgspec.Struct, frozen=True):
    """The story of one call: sentences before the attempts, the attempts, sentences after them."""

    beginning: tuple[str, ...]
    steps: tuple[Step, ...]
    end: tuple[str, ...]


def story_of(entry: Entry) -> Story:
    """Tell what a row says."""
    return Story(_beginning(entry), steps_of(entry), _end(entry))


def _beginning(entry: Entry) -> tuple[str, ...]:
    who = f"The key {entry.key}" if entry.key else "Somebody without a key"
    who += f" of the team {entry.team}" if entry.team else ""
    who += f" (user {entry.user})" if entry.user else ""
    manner = "a streamed answer" if entry.stream else "an answer in one piece"
    told = [f"{who} asked {entry.asked or entry.model or 'no model'} for {manner}."]
    if entry.asked:
        told.append(
            f"Too little of a budget was left for {entry.asked}, so {entry.model} took its place."
        )
    if entry.cache == "hit":
        told.append("A kept answer was given again: nobody was asked.")
    elif entry.cache == "shared":
        with_whom = f" {entry.shared_with}" if entry.shared_with else " another request"
        told.append(f"The same was being asked already: it read the answer of{with_whom} along.")
    elif not entry.attempts and entry.outcome != OPEN:
        told.append("Nobody was asked.")
    return tuple(told)


def _end(entry: Entry) -> tuple[str, ...]:
    told = [_ended(entry), *_caused(entry)]
    if entry.outcome == CLIENT_GONE and any(each.outcome == "cancelled" for each in entry.attempts):
        told.append(CLOSED)
    if entry.drained:
        told.append("The answer was read to its end after the client had left.")
    if entry.answered_by and entry.answered_by != _model_of(entry.target):
        told.append(f"The provider calls what answered {entry.answered_by}.")
    if entry.usage_quality == "estimated":
        told.append("The provider reported no usage; tokens and cost are estimated.")
    elif entry.usage_quality == "partial":
        told.append("The provider reported a part of the usage; the rest is estimated.")
    return tuple(told)


def _ended(entry: Entry) -> str:
    if entry.outcome == UPSTREAM_ERROR and entry.ttft_ms is not None:
        return BROKE_OFF
    return ENDED.get(entry.outcome, f"It ended as {entry.outcome}.")


def _caused(entry: Entry) -> Iterator[str]:
    """Say what the cause was, where the outcome does not; providers' codes may be ours."""
    cause = entry.cause or ""
    if cause == "insufficient_quota" and entry.outcome == UPSTREAM_ERROR:
        yield NO_QUOTA
    elif cause in CAUSES:
        yield CAUSES[cause]
    elif cause and cause != entry.outcome:
        yield f"The cause was {cause}."


def _model_of(target: str | None) -> str:
    return (target or "").partition("/")[2]


def steps_of(entry: Entry) -> tuple[Step, ...]:
    """Return the attempts, each with why it was made."""
    return tuple(
        Step(
            number=index + 1,
            target=each.target,
            why=_why(entry, each, entry.attempts[:index]),
            went=WENT.get(each.outcome, f"ended as {each.outcome}"),
            outcome=each.outcome,
            at_ms=each.at_ms,
            ms=each.ms,
            tokens_in=each.tokens_in,
            tokens_out=each.tokens_out,
            cost_nanos=each.cost_nanos,
        )
        for index, each in enumerate(entry.attempts)
    )


def _why(entry: Entry, attempt: Try, before: Sequence[Try]) -> str:
    """Say why a target was asked when it was."""
    if not before:
        return TAKEN_OVER if entry.cache == "shared" else FIRST
    late = next((each for each in before if _ran_beside(each, attempt)), None)
    if late is not None and not _have_raced(before):
        return f"A hedge: {late.target} had not begun to answer; who begins first wins."
    cause = _cause(before, attempt)
    if entry.ttft_ms is not None and attempt.at_ms is not None and attempt.at_ms > entry.ttft_ms:
        return f"To go on with the answer, because {cause.target} {_went(cause)}."
    same = [each for each in before if each.target == attempt.target]
    if same:
        return f"A retry, because {attempt.target} {_went(same[-1])}."
    return f"The next of the plan, because {cause.target} {_went(cause)}."


def _have_raced(attempts: Sequence[Try]) -> bool:
    """Say whether one of these was a hedge; a race has two lanes, and each goes its own way."""
    return any(
        _ran_beside(one, other) for place, other in enumerate(attempts) for one in attempts[:place]
    )


def _cause(before: Sequence[Try], attempt: Try) -> Try:
    """Return what had ended last when an attempt began; who loses a race is no reason for more.

    Where nobody knows when, it is the last that was begun.
    """
    over = [each for each in before if not _ran_beside(each, attempt)]
    ended = [each for each in over if each.outcome != LOST] or over or before
    if attempt.at_ms is None:
        return ended[-1]
    return max(ended, key=lambda each: (each.at_ms or 0.0) + (each.ms or 0.0))


def _went(attempt: Try) -> str:
    if attempt.outcome == COMPLETED:  # as far as it went: something of it was not to be used
        return "ended before the answer was whole"
    return WENT.get(attempt.outcome, f"ended as {attempt.outcome}")


def _ran_beside(one: Try, other: Try) -> bool:
    """Say whether an attempt was still open when a later one began."""
    if one.at_ms is None or other.at_ms is None:
        return LOST in {one.outcome, other.outcome}
    if one.ms is None:
        return True
    return one.at_ms + one.ms > other.at_ms + AT_ONCE_MS
