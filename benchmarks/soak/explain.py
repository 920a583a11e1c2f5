"""Judges one call: three accounts of it, and what was to be expected before it was asked. Pure."""

from dataclasses import dataclass, field
from typing import Final

from benchmarks.soak.endings import (
    ANYTHING,
    GONE,
    OUTAGE,
    RESET,
    STALLED,
    TRUNCATED,
    WHOLE,
    Ending,
    broken,
)
from benchmarks.soak.odd import ODD
from benchmarks.soak.plan import CHAT, NEVER_ENDING, Plan, Play
from benchmarks.soak.records import Line, Seen

SLACK: Final = 0.5
"""Seconds after a provider is there again in which calls may still have found it gone."""

MOST_LATE: Final = 1.5
"""Seconds for which a provider may be busy after its client has left, on a machine that is busy.
How long it takes otherwise is what a run reports."""

RETRY_AFTER: Final = "7"

HEAD_AFTER: Final = 2.5
FIRST_TOKEN: Final = (4.0, 1.4)
"""Clocks of the gateway, the second for each provider: one is longer than `HEAD_AFTER`.

All clocks are a second or more apart, from one another and from what providers and clients do: so
long may the machine be busy with something else.
"""


@dataclass(slots=True)
class Take:
    """A provider's account of one request that it read; `how` is None while it is not over.

    It has `played` its part, its peer had `gone` before, or it was `killed` within it.
    """

    provider: int
    began: float
    ended: float | None = None
    how: str | None = None


@dataclass(frozen=True, slots=True)
class Outage:
    """A provider was killed, and began anew: it was not there between these moments."""

    provider: int
    gone: float
    back: float = float("inf")


@dataclass(slots=True)
class Case:
    """A call, and all that is known of it."""

    plan: Plan
    seen: Seen | None = None
    lines: list[Line] = field(default_factory=list)
    takes: list[Take] = field(default_factory=list)
    hit: bool = False
    """True where its provider was killed in the middle of it, or was not there."""

    @property
    def expects(self) -> tuple[Ending, ...]:
        """All endings that this call may have had."""
        plan = self.plan
        if plan.request != CHAT:
            endings: tuple[Ending, ...] = (ODD[plan.request].ending,)
        elif plan.manner.kind == "stall":
            endings = (STALLED,)
        else:
            endings = of_play(plan.play, plan.provider)
        if self.seen is not None and self.seen.left_at is not None:
            endings += (GONE,)
        return endings + OUTAGE if self.hit else endings


def was_hit(case: Case, outages: list[Outage]) -> bool:
    """Say whether an outage of its provider fell into the time of a call."""
    seen = case.seen
    return (
        seen is not None
        and case.plan.request == CHAT
        and any(
            outage.provider == case.plan.provider
            and seen.began <= outage.back + SLACK
            and seen.ended >= outage.gone
            for outage in outages
        )
    )


def mark_killed(case: Case, outages: list[Outage]) -> None:
    """Note of a provider that was killed before it could tell that it was over.

    Where that was long after its client's last word, it should have been over before.
    """
    if case.seen is None:
        return
    until = case.seen.ended + MOST_LATE
    for take in case.takes:
        if take.how is None and any(
            outage.provider == take.provider and take.began <= outage.gone <= until
            for outage in outages
        ):
            take.how = "killed"


def of_play(play: Play, provider: int) -> tuple[Ending, ...]:
    """Return the endings of a call whose client reads it to its end."""
    cut = play.cut
    match play.kind:
        case "reset":
            return broken("upstream_error", RESET, RESET, 502, cut)
        case "fin":
            return broken(TRUNCATED, TRUNCATED, TRUNCATED, 502, cut)
        case "fault":
            return broken("upstream_error", "overloaded_error", "overloaded_error", 502, cut)
        case "stall":
            return broken("timeout", "idle_silence", "idle_timeout", 504, cut)[:1]
        case "trickle":
            return broken("timeout", "idle_trickle", "idle_timeout", 504, cut)[:1]
        case "silent":
            told = 1 if FIRST_TOKEN[provider] > HEAD_AFTER else 0
            return broken("timeout", "first_token_timeout", "first_token_timeout", 504, told)[:1]
        case "endless":
            return broken("timeout", "total_timeout", "total_timeout", 504, 1)[:1]
        case "hang":
            return broken("timeout", "total_timeout", "total_timeout", 504, 0)
        case "busy":
            return broken("upstream_error", "rate_limit_exceeded", "rate_limit_exceeded", 429, 0)
        case "failed":
            return broken("upstream_error", "server_exploded", "server_exploded", 500, 0)
        case _:
            return (WHOLE,)


def explain(case: Case) -> str:
    """Return what cannot be explained of a call; nothing where all can."""
    seen = case.seen
    if seen is None:
        return "its client has told nothing of it"
    if seen.wrong:
        return f"its client saw {seen.wrong}"
    if seen.end in {"overdue", "unconnected"}:
        return f"its client was {seen.end}"
    least, most = lines_of(case.plan, seen)
    if not least <= len(case.lines) <= most:
        return f"{len(case.lines)} lines in the log, {least} to {most} expected"
    if not case.lines:
        return _unlogged(case, seen)
    line = case.lines[0]
    endings = [
        ending
        for ending in case.expects
        if (ending.outcome, ending.cause) == (line["outcome"], line["cause"])
    ]
    if not endings:
        return "an outcome that was not to be expected"
    if not any(is_told(ending, case.plan, seen) for ending in endings):
        return "its client saw something else than the log tells"
    return _leaving(case, seen, line) or _provider(case, line) or _late(case, seen)


def lines_of(plan: Plan, seen: Seen) -> tuple[int, int]:
    """Return the least and the most lines that the log may hold of a call."""
    if plan.request != CHAT:
        logged = int(ODD[plan.request].logged)
        return (logged if seen.left_at is None else 0, logged)
    if plan.manner.where == "head":
        return 0, 0
    # A reset may take with it what was sent just before it; one who never sent it all, too.
    unheard = seen.left_at is not None and not seen.bytes
    return (0 if unheard else 1, 1)


def _unlogged(case: Case, seen: Seen) -> str:
    """Judge a call without a line: no provider may know of it."""
    if case.takes:
        return "its provider was asked, but the log has no line"
    if seen.left_at is not None or any(is_told(each, case.plan, seen) for each in case.expects):
        return ""
    return "its client saw something else than was to be expected"


def is_told(ending: Ending, plan: Plan, seen: Seen) -> bool:
    """Say whether a client saw this ending; one who left need not have seen any."""
    if ending.told == ANYTHING or seen.left_at is not None:
        return True
    match ending.told:
        case "whole":
            stream = plan.play.stream
            whole = seen.status == 200 and seen.end == "whole" and seen.code is None
            return whole and (not stream or (seen.done and seen.events == plan.play.events))
        case "status":
            return _told_by_status(ending, seen)
        case "in band":
            return _told_in_band(ending, seen)
        case "failed":
            return _told_by_status(ending, seen) or _told_in_band(ending, seen)
        case "nothing":
            return (seen.end, seen.status, seen.bytes) == ("cut", 0, 0)
        case _:
            return seen.end == "cut" and not seen.done


def _told_by_status(ending: Ending, seen: Seen) -> bool:
    told = (seen.status, seen.code, seen.end) == (ending.status, ending.code, "whole")
    return told and (ending.status != 429 or seen.retry_after == RETRY_AFTER)


def _told_in_band(ending: Ending, seen: Seen) -> bool:
    return (seen.status, seen.code, seen.end, seen.done) == (200, ending.code, "cut", False)


def _leaving(case: Case, seen: Seen, line: Line) -> str:
    """Judge the call of a client that has left."""
    outcome, manner = line["outcome"], case.plan.manner
    if seen.done and outcome != "completed":
        return "its client saw the end before it left, and the log does not say so"
    if outcome == "client_gone" and manner.where == "body" and line["phase"] != "body":
        return f"its client left within its body, but the phase is {line['phase']}"
    return ""


def _provider(case: Case, line: Line) -> str:
    """Judge what the provider noted against what the log says."""
    play, outcome = case.plan.play, line["outcome"]
    # Where no byte of an answer had come, a connection that was kept is tried once more (U5).
    most = 2 if case.hit or (play.kind in {"reset", "fin"} and play.cut < 0) else 1
    if len(case.takes) > (most if case.plan.request == CHAT else 0):
        return f"its provider was asked {len(case.takes)} times"
    if any(take.how is None for take in case.takes) and not case.hit:
        return "its provider never heard that it was over"
    if outcome != "completed" or case.plan.request != CHAT:
        return ""
    if not case.takes:
        return "it was completed, but its provider was never asked"
    if play.kind in NEVER_ENDING:
        return "it was completed, but its provider never ended it"
    if line["malformed_events"] != int(play.kind == "malformed"):
        return f"{line['malformed_events']} malformed events"
    if play.stream and line["tokens_out"] != play.events:
        return f"{line['tokens_out']} tokens in the log, its provider said {play.events}"
    return ""


def _late(case: Case, seen: Seen) -> str:
    """Judge how long a provider worked for a client that had left, whatever the log says of it."""
    if seen.left_at is None or case.hit:
        return ""
    late = max([(take.ended or 0.0) - seen.left_at for take in case.takes], default=0.0)
    return f"its provider was busy for {late:.1f} s more than its client" * (late > MOST_LATE)
