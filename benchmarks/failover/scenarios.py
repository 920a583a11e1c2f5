"""What happens in each scenario, and which bars it must clear."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from benchmarks.failover import acts, judge
from benchmarks.failover.acts import End
from benchmarks.failover.judge import Bar
from benchmarks.failover.records import Mode, Played
from benchmarks.failover.settings import (
    CONTEXT_FALLBACK,
    FAILURES,
    FIRST_TOKEN,
    IDLE,
    REST,
)
from benchmarks.failover.upstream import Script

SOON: Final = 6.0
"""Seconds that two retries, their pauses and the answer may take."""

LATE: Final = FIRST_TOKEN + 4.0
"""When a provider that is too slow does begin."""

TOGETHER: Final = 50
"""Calls at once, where a dead provider might be stormed."""

MOST_AT_DEAD: Final = TOGETHER * 3 // 2
MOST_AT_WELL: Final = TOGETHER * 11 // 10
"""Attempts that a dead provider may get of all these calls, and one that answers them."""

MOST_PROBLEMS: Final = 6
"""Problems of one scenario that are told."""

BOTH: Final[tuple[Mode, ...]] = ("stream", "whole")
STREAM: Final[tuple[Mode, ...]] = ("stream",)


class Course(Enum):
    """Which calls are made."""

    ONE = auto()
    TOGETHER = auto()
    UNTIL_BACK = auto()


@dataclass(frozen=True, slots=True)
class Scenario:
    """One of them. `primary` and `secondary` are what the two providers do, attempt by attempt.

    `ending` is what the caller must get, `within` by when. With `rests` a provider that failed
    rests for as long as the scenario says; with `kept` the gateway has a connection from a call
    before.
    """

    name: str
    title: str
    primary: Script
    secondary: Script = (acts.answers_in_slices,)
    modes: tuple[Mode, ...] = BOTH
    ending: Bar = judge.whole_answer
    bars: tuple[Bar, ...] = ()
    within: float = SOON
    course: Course = Course.ONE
    rests: bool = False
    kept: bool = False

    @property
    def call(self) -> str:
        """The mark of its calls."""
        return f"call-{self.name}"

    def problems(self, played: Played) -> list[str]:
        """Return what is wrong with how it went; where that is much, the beginning of it."""
        bars = (self.ending, judge.in_time(self.within), *judge.ALWAYS, *self.bars)
        found = [problem for bar in bars for problem in bar(played)]
        more = len(found) - MOST_PROBLEMS
        return found if more <= 0 else [*found[:MOST_PROBLEMS], f"and {more} more"]


def busy(**fields: str) -> acts.Reply:
    """Refuse with 429."""
    return acts.refuses(
        "429 Too Many Requests", "rate_limit_exceeded", "rate_limit_error", **fields
    )


FAULT: Final = acts.refuses("500 Internal Server Error", "internal_error")
OVERLOADED: Final = acts.refuses("503 Service Unavailable", "overloaded")
TOO_LONG: Final = acts.refuses(
    "400 Bad Request", "context_length_exceeded", "invalid_request_error"
)
FILTERED: Final = acts.refuses(
    "400 Bad Request", "content_policy_violation", "invalid_request_error"
)
CUT: Final = acts.breaks_off(End.FIN)

BUSY: Final = (
    Scenario(
        "429-told",
        "429 with Retry-After: 1, once",
        (busy(retry_after="1"), acts.answers),
        bars=(judge.waits(1.0),),
    ),
    Scenario("429-once", "429 without Retry-After, once", (busy(), acts.answers)),
    Scenario("429-for-ever", "429, always", (busy(),)),
)

FAILING: Final = (
    Scenario("500-once", "500, once", (FAULT, acts.answers)),
    Scenario("503-for-ever", "503, always", (OVERLOADED,)),
    Scenario("reset-once", "reset before a byte, once", (acts.resets, acts.answers)),
    Scenario("reset-for-ever", "reset before a byte, always", (acts.resets,)),
    Scenario(
        "reset-kept",
        "the same, on a connection that was of use before",
        (acts.resets,),
        kept=True,
    ),
    Scenario("refused", "nothing listens there", ()),
    Scenario(
        "html-page",
        "status 200 with a page of HTML, always",
        (acts.shows_a_page,),
    ),
    Scenario(
        "json-error",
        "status 200 with an error in JSON, always",
        (acts.tells_an_error,),
    ),
    Scenario(
        "starts-then-fails",
        "a role and pings, then FIN before the first word, always",
        (acts.starts_only,),
        modes=STREAM,
    ),
)

SILENT: Final = (
    Scenario(
        "silent",
        "takes the request, and says nothing",
        (acts.stays_silent,),
        modes=STREAM,
        bars=(judge.given_up_at(FIRST_TOKEN),),
        within=FIRST_TOKEN + 3.0,
    ),
    Scenario(
        "slow-first-token",
        f"a role at once, its first word after {LATE:g} s",
        (acts.begins_late(LATE),),
        modes=STREAM,
        bars=(judge.given_up_at(FIRST_TOKEN),),
        within=FIRST_TOKEN + 3.0,
    ),
    Scenario(
        "stalled",
        "ten words, then silence",
        (acts.breaks_off(End.SILENT),),
        modes=STREAM,
        bars=(judge.given_up_at(IDLE), judge.no_prefill),
        within=IDLE + 3.0,
    ),
)

BROKEN_OFF: Final = (
    Scenario(
        "cut-fin",
        "FIN within the answer, once; asked again, the same text",
        (CUT, acts.answers_in_slices),
    ),
    Scenario(
        "cut-rst",
        "RST within the answer, once; asked again, the same text",
        (acts.breaks_off(End.RST), acts.answers_in_slices),
    ),
    Scenario(
        "cut-differs",
        "FIN within the answer; asked again, another text",
        (CUT, acts.answers_otherwise),
        (acts.answers_otherwise,),
        modes=STREAM,
        ending=judge.broken_off_cleanly,
    ),
    Scenario(
        "no-prefill",
        "FIN within the answer, then 503; the fallback takes no prefill",
        (CUT, OVERLOADED),
        (acts.refuses_prefill,),
        modes=STREAM,
        bars=(judge.no_prefill,),
    ),
    Scenario(
        "malformed-event",
        "half an event in the middle, then the whole of it",
        (acts.stumbles,),
        modes=STREAM,
    ),
    Scenario("no-done", "a finished stream without [DONE]", (acts.forgets_done,), modes=STREAM),
)

ROUTED: Final = (
    Scenario(
        "too-long",
        "400 context_length_exceeded; another model takes long prompts",
        (TOO_LONG,),
        bars=(
            judge.asked("primary", 1),
            judge.asked("secondary", 1),
            judge.asked_for(CONTEXT_FALLBACK),
        ),
    ),
    Scenario(
        "content-filter",
        "400 content_policy_violation: told as it is",
        (FILTERED,),
        ending=judge.told_as(400, "content_policy_violation"),
        bars=(judge.asked("primary", 1), judge.asked("secondary", 0)),
    ),
    Scenario(
        "flapping",
        f"503 three times, then well; {FAILURES} failures rest it for {REST:g} s",
        (*[OVERLOADED] * FAILURES, acts.answers),
        bars=(judge.back_within(FAILURES, REST),),
        course=Course.UNTIL_BACK,
        rests=True,
    ),
    Scenario(
        "resting",
        "503 four times, then well: as before, but it fails once more",
        (*[OVERLOADED] * (FAILURES + 1), acts.answers),
        bars=(judge.back_within(FAILURES + 1, REST),),
        course=Course.UNTIL_BACK,
        rests=True,
    ),
    Scenario(
        "accounting",
        "503, always: whose usage, model and attempts are told",
        (OVERLOADED,),
        bars=(judge.accounted,),
    ),
    Scenario(
        "storm",
        f"503, always, and {TOGETHER} calls at once",
        (OVERLOADED,),
        bars=(
            judge.bounded("primary", MOST_AT_DEAD),
            judge.bounded("secondary", MOST_AT_WELL),
        ),
        within=SOON + 2.0,
        course=Course.TOGETHER,
    ),
    Scenario(
        "all-fail",
        "503 from both, always",
        (OVERLOADED,),
        (OVERLOADED,),
        ending=judge.told_as(503, "overloaded"),
        bars=(judge.final,),
        within=2 * SOON,
    ),
    Scenario(
        "all-busy",
        "429 with Retry-After: 1 from both, always",
        (busy(retry_after="1"),),
        (busy(retry_after="1"),),
        ending=judge.told_as(429, "rate_limit_exceeded"),
        bars=(judge.final, judge.passed_on("retry-after"), judge.waits(1.0)),
        within=2 * SOON,
    ),
)

SCENARIOS: Final = (*BUSY, *FAILING, *SILENT, *BROKEN_OFF, *ROUTED)
