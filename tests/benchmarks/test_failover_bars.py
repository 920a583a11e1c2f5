"""The bars of the fail-over scorecard: each can be cleared, and each can be missed."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from benchmarks.failover import acts, judge
from benchmarks.failover.acts import TALE
from benchmarks.failover.records import Asked, Attempt, Heard, Mode, Played
from benchmarks.failover.scenarios import MOST_PROBLEMS, SCENARIOS
from benchmarks.failover.stage import row_of

NAMED = {scenario.name: scenario for scenario in SCENARIOS}


def heard(mode: Mode = "stream", **changes: Any) -> Heard:
    """Return what a caller hears who gets all of it from the fallback."""
    whole = Heard(
        call="call-a", mode=mode, began=100.0, seconds=1.0, status=200, text=TALE, ids=["1"],
        headers={
            "x-request-id": "r1", "x-gateway-attempts": "primary/m;overloaded;3, secondary/b;ok;9",
        },
        models=["b"], finishes=["stop"], usage=acts.usage("secondary"), done=mode == "stream",
        ended=True, sdk_text=TALE,
    )  # fmt: skip
    return msgspec.structs.replace(whole, **changes)


def attempt(at: float, model: str = "m", gone: float | None = None, prefill: str = "") -> Attempt:
    """Return an attempt so many seconds after the call began."""
    asked = Asked(call="call-a", model=model, stream=True, prefill=prefill)
    return Attempt(asked, 100.0 + at, None if gone is None else 100.0 + gone)


LINE = {
    "request_id": "r1", "outcome": "completed", "target": "secondary/b", "attempts": 2,
    "tokens_in": 59, "tokens_out": 26,
}  # fmt: skip


def played(*heards: Heard, **changes: Any) -> Played:
    """Return how it goes where the primary fails once and the fallback answers."""
    whole = Played("stream", [*heards] or [heard()], [attempt(0.0)], [attempt(0.1, "b")], [LINE])
    return msgspec.structs.replace(whole, **changes)


BROKEN = {"message": "It broke off.", "type": "upstream_error", "param": None, "code": "cut"}
REFUSED = heard(
    status=400, text="", error={**BROKEN, "code": "filtered"}, done=False, finishes=[],
    sdk_text="", sdk_error="BadRequestError 400 filtered",
)  # fmt: skip
CUT = heard(
    text=TALE[:40], error=BROKEN, done=False, finishes=[], sdk_text=TALE[:40], sdk_error="APIError"
)


def changed(one: Heard, **changes: Any) -> Played:
    """Return a call with something else in it."""
    return played(msgspec.structs.replace(one, **changes))


def silent(*at: float, gone: float | None, later: float | None) -> Played:
    """Return how it goes with a primary that says nothing."""
    return played(
        primary=[attempt(each, gone=gone) for each in at],
        secondary=[] if later is None else [attempt(later, "b")],
    )


def logged(**changes: Any) -> Played:
    """Return a call of which the log says something else."""
    return played(lines=[LINE | changes])


told_as = judge.told_as(400, "filtered")
given_up = judge.given_up_at(10.0)


@pytest.mark.parametrize(
    ("bar", "good", "bad", "problem"),
    [
        (judge.whole_answer, played(), changed(heard(), status=502), "got no answer: 502"),
        (judge.whole_answer, played(), changed(heard(), error=BROKEN), "words, then cut"),
        (judge.whole_answer, played(), changed(heard(), text=TALE + "!"), "got another text"),
        (judge.whole_answer, played(), changed(heard(), sdk_text=""), "client reads ''"),
        (judge.whole_answer, played(), changed(heard(), sdk_error="APIError"), "reads APIError"),
        (judge.whole_answer, played(), changed(heard(), finishes=["stop"] * 2), "ends 2 times"),
        (judge.whole_answer, played(), changed(heard(), finishes=["length"]), "ends 1 times: leng"),
        (judge.whole_answer, played(), changed(heard(), ids=["1", "2"]), "carries 2 ids: 1, 2"),
        (judge.whole_answer, played(), changed(heard(), ended=False), "a body without its end"),
        (judge.whole_answer, played(), changed(heard(), done=False), "ends without [DONE]"),
        (told_as, played(REFUSED), changed(REFUSED, status=500), "is not told 400 filtered: 500"),
        (told_as, played(REFUSED), changed(REFUSED, error=BROKEN), "is not told 400 filtered"),
        (told_as, played(REFUSED), played(), "is not told 400 filtered: all of it, by b"),
        (
            told_as,
            played(REFUSED),
            changed(REFUSED, error={"message": "", "type": "", "code": "filtered"}),
            "an error without param",
        ),
        (told_as, played(REFUSED), changed(REFUSED, sdk_error=""), "client sees no error"),
        (judge.broken_off_cleanly, played(CUT), changed(CUT, text=""), "no beginning"),
        (judge.broken_off_cleanly, played(CUT), changed(CUT, text="A boat"), "no beginning"),
        (judge.broken_off_cleanly, played(CUT), changed(CUT, error=None), "told no error: 9 words"),
        (
            judge.broken_off_cleanly,
            played(CUT),
            changed(CUT, error={"message": "", "type": "", "param": ""}),
            "an error without code",
        ),
        (judge.broken_off_cleanly, played(CUT), changed(CUT, sdk_error=""), "client sees no error"),
        (judge.nothing_behind_errors, played(CUT), changed(CUT, done=True), "goes on behind an er"),
        (judge.nothing_behind_errors, played(CUT), changed(CUT, late="more"), "error: 'more'"),
        (
            judge.paced,
            played(primary=[attempt(0.0), attempt(0.3), attempt(1.5), attempt(3.1)]),
            played(primary=[attempt(0.0), attempt(0.3), attempt(1.4)]),
            "3 attempts at primary within 1.5 s: 0.00, 0.30, 1.40",
        ),
        (
            judge.paced,
            played(),
            played(secondary=[attempt(0.2), attempt(2.0), attempt(2.1), attempt(2.2)]),
            "3 attempts at secondary within 1.5 s",
        ),
        (judge.agreed, played(), logged(outcome="client_gone"), "the log says client_gone of"),
        (judge.agreed, played(lines=None), logged(request_id="r2"), "has no line in the log"),
        (judge.agreed, played(), changed(CUT), "the log says completed of call-a"),
        (judge.in_time(2.0), played(), changed(heard(), seconds=2.5), "took 2.5 s, and 2 are en"),
        (
            judge.waits(1.0),
            played(primary=[attempt(0.0), attempt(0.95)]),
            played(primary=[attempt(0.0), attempt(0.4)]),
            "primary is asked again after 0.40 s of 1",
        ),
        (
            given_up,
            silent(0.0, gone=10.0, later=10.1),
            silent(0.0, 0.5, gone=10.0, later=10.1),
            "asked 2 times",
        ),
        (
            given_up,
            silent(0.0, gone=10.0, later=10.9),
            silent(0.0, gone=None, later=10.1),
            "primary was silent, and not left",
        ),
        (
            given_up,
            silent(0.0, gone=10.0, later=None),
            silent(0.0, gone=20.0, later=10.1),
            "primary was left after 20.00 s of silence, not 10",
        ),
        (
            given_up,
            silent(0.0, gone=9.95, later=10.1),
            silent(0.0, gone=10.0, later=5.0),
            "primary was passed over after 5.00 s of silence",
        ),
        (judge.asked("primary", 1), played(), played(primary=[]), "asked 0 times, not 1"),
        (
            judge.asked("secondary", 1),
            played(),
            played(secondary=[attempt(0.1), attempt(0.2)]),
            "secondary was asked 2 times",
        ),
        (
            judge.asked_for("b"),
            played(),
            played(secondary=[attempt(0.1, "c")]),
            "secondary was asked for c, not b",
        ),
        (
            judge.asked_for("c"),
            played(lines=None),
            played(secondary=[]),
            "asked for nothing, not c",
        ),
        (
            judge.no_prefill,
            played(),
            played(secondary=[attempt(0.1, prefill="A small")]),
            "secondary was given the beginning of an answer 1 times",
        ),
        (
            judge.final,
            changed(REFUSED, headers={"x-should-retry": "false"}),
            changed(REFUSED, headers={"x-should-retry": "true"}),
            "is not told x-should-retry: false",
        ),
        (
            judge.passed_on("retry-after"),
            changed(REFUSED, headers={"retry-after": "1"}),
            played(REFUSED),
            "is not told retry-after",
        ),
        (
            judge.back_within(1, 3.0),
            played(primary=[attempt(0.0), attempt(3.2)]),
            played(primary=[attempt(0.0), attempt(4.2)]),
            "primary was used again after 4.2 s, and its rest is 3",
        ),
        (
            judge.back_within(1, 3.0),
            played(primary=[attempt(0.0), attempt(0.3)]),
            played(),
            "primary was never used again",
        ),
        (
            judge.bounded("primary", 1),
            played(),
            played(primary=[attempt(0.0), attempt(0.1)]),
            "primary got 2 attempts of 1 calls, more than 1",
        ),
        (
            judge.accounted,
            played(),
            changed(heard(), usage=acts.usage("primary")),
            "not that of secondary",
        ),
        (judge.accounted, played(), changed(heard(), models=["m"]), "the model is m, not b"),
        (judge.accounted, played(lines=None), logged(attempts=3), "the log says {"),
        (judge.accounted, played(), logged(tokens_in=31), "'tokens_in': 31"),
        (judge.accounted, played(), logged(target="primary/m"), "'target': 'primary/m'"),
        (judge.accounted, played(), played(primary=[]), "and providers saw 1"),
        (
            judge.accounted,
            played(),
            changed(heard(), headers={"x-gateway-attempts": "primary/m;cut;3, primary/m;ok;9"}),
            "and providers saw 2",
        ),
    ],
)
def test_every_bar_can_be_cleared_and_missed(
    bar: judge.Bar, good: Played, bad: Played, problem: str
) -> None:
    assert list(bar(good)) == []
    assert [found for found in bar(bad) if problem in found], list(bar(bad))


def test_what_is_asked_of_all_is_asked_in_every_scenario() -> None:
    slow = heard(seconds=60.0, error=BROKEN, late="more")
    third = [attempt(0.0), attempt(0.1), attempt(0.2)]
    for scenario in SCENARIOS:
        found = " ".join(replace(scenario, bars=()).problems(played(slow, primary=third)))
        for words in ("took 60.0 s", "goes on behind an error", "3 attempts at primary"):
            assert words in found, scenario.name


def test_of_many_problems_the_beginning_is_told() -> None:
    found = NAMED["storm"].problems(played(*[heard(text="no")] * 50))
    assert len(found) == MOST_PROBLEMS + 1
    assert found[-1] == "and 44 more"


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (heard(), "all of it, by b"),
        (heard(text="A small"), "2 words, no error"),
        (CUT, "9 words, then cut"),
        (heard(error={"message": "", "type": "x"}, text=""), "0 words, then x"),
        (REFUSED, "400 filtered"),
        (heard(status=502), "502 without a code"),
        (heard(status=0, sdk_error="APIConnectionError"), "no answer: APIConnectionError"),
    ],
)
def test_what_a_caller_got_is_told_in_a_few_words(one: Heard, words: str) -> None:
    assert judge.got(one) == words


def test_a_row_counts_from_the_first_call() -> None:
    one = row_of(NAMED["500-once"], played(heard(seconds=1.5)))
    assert (one.primary, one.secondary, one.seconds) == ([0.0], [0.1], 1.5)
    assert one.passed
    assert one.got == "all of it, by b"
