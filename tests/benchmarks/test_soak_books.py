"""The books catch each lie that one of the three sides may tell."""

from typing import Any

import pytest

from benchmarks.soak.books import GRACE, Books, Closed
from benchmarks.soak.plan import WARMING, draw
from benchmarks.soak.records import Began, Ended, Line, Seen
from tests.benchmarks.soak_accounts import (
    ANSWER,
    LAST,
    SEED,
    STREAM,
    books,
    gone,
    left,
    line,
    notes,
    plan,
    seen,
    unexplained,
)


def whole(number: int = STREAM) -> Books:
    """Return the books of a call that went well."""
    return books([seen(number)], [line(number)], notes(number))


@pytest.mark.parametrize("number", [STREAM, ANSWER])
def test_three_accounts_that_agree_are_explained(number: int) -> None:
    found = whole(number)
    assert unexplained(found) == []
    assert (found.calls, found.outcomes) == (1, {"completed": 1})


LIES: dict[str, tuple[list[Seen], list[Line], list[Began | Ended]]] = {
    "0 lines in the log": ([seen()], [], notes()),
    "2 lines in the log": ([seen()], [line(), line()], notes()),
    "told nothing of it": ([], [line()], notes()),
    "an outcome that was not to be expected": (
        [seen()], [line(outcome="timeout", cause="total_timeout")], notes()
    ),
    "a cause that was not": ([seen()], [line(cause="client_gone")], notes()),
    "its client saw something else": ([seen(end="cut", done=False)], [line()], notes()),
    "an event was lost": ([seen(events=2)], [line()], notes()),
    "its client saw Broken: bytes behind the answer": (
        [seen(wrong="Broken: bytes behind the answer")], [line()], notes()
    ),
    "its client was overdue": ([seen(end="overdue")], [line()], notes()),
    "its client was unconnected": ([seen(end="unconnected")], [], []),
    "its provider was never asked": ([seen()], [line()], []),
    "its provider was asked 2 times": ([seen()], [line()], [*notes(), Began(1, 9, plan().id, 10.2),
                                       Ended(1, 9, 10.3, "played")]),
    "its provider never heard that it was over": ([seen()], [line()], notes()[:1]),
    "2 tokens in the log": ([seen()], [line(tokens_out=2)], notes()),
    "1 malformed events": ([seen()], [line(malformed_events=1)], notes()),
    "was busy for 3.0 s more": ([left()], [gone()], notes(how="gone", at=13.5)),
    "was busy for 2.0 s more": ([left()], [line()], notes(at=12.5)),
    "the end before it left": (
        [left(done=True, events=3)], [gone()], notes(how="gone")
    ),
}  # fmt: skip

TOLD = {
    "a cause that was not": "an outcome that was not to be expected",
    "an event was lost": "its client saw something else",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_caught(lie: str) -> None:
    (said,) = unexplained(books(*LIES[lie]))
    assert TOLD.get(lie, lie) in said


def test_who_has_left_may_have_been_served_or_not() -> None:
    assert unexplained(books([left()], [gone()], notes(how="gone"))) == []
    assert unexplained(books([left()], [line()], notes())) == []


def test_nobody_is_said_to_have_left_who_has_not() -> None:
    (said,) = unexplained(books([seen()], [gone()], notes(how="gone")))
    assert "not to be expected" in said


def test_the_time_until_a_provider_hears_of_a_leaving_is_measured() -> None:
    found = books([left()], [gone()], notes(how="gone", at=10.52))
    assert unexplained(found) == []
    assert found.fresh == [pytest.approx(0.02)]
    assert found.latencies.longest == pytest.approx(0.02)


def test_what_an_outage_may_do_is_explained_by_an_outage_alone() -> None:
    failed = seen(status=502, code="upstream_reset", done=False, events=0)
    told = line(outcome="upstream_error", cause="upstream_reset")
    (said,) = unexplained(books([failed], [told], notes(how="gone")))
    assert "not to be expected" in said
    for provider, explained in ((0, True), (1, False)):
        found = books([failed], [told], notes(how="gone"))
        found.gone(provider, 10.5)
        found.back(12.0)
        assert (unexplained(found) == []) is explained


def test_a_provider_that_was_killed_at_the_end_of_its_part_need_not_have_told_of_it() -> None:
    for killed, explained in ((LAST + 0.2, True), (LAST + 3.0, False)):
        found = books([seen()], [line()], notes()[:1])
        found.gone(0, killed)
        assert (unexplained(found) == []) is explained


def test_an_outage_that_is_over_explains_nothing() -> None:
    found = books(
        [seen(status=502, code="upstream_reset", done=False)],
        [line(outcome="upstream_error", cause="upstream_reset")],
        notes(how="gone"),
    )
    found.gone(0, 1.0)
    found.back(2.0)
    assert len(unexplained(found)) == 1


@pytest.mark.parametrize(
    "late",
    [
        lambda found: found.logged(line()),
        lambda found: found.took(0, notes()[0]),
        lambda found: found.saw(seen()),
    ],
)
def test_a_word_of_a_call_that_is_over_is_caught(late: Any) -> None:
    found = whole()
    found.judge(LAST + GRACE)
    assert (found.calls, found.unexplained) == (1, 0)
    late(found)
    assert "a call that is over" in unexplained(found)[0]


def test_a_line_of_nobody_is_caught() -> None:
    found = books(lines=[{**line(), "request_id": "req_00ff"}, {**line(), "request_id": "12"}])
    assert len(unexplained(found)) == 2


def test_only_what_must_be_heard_in_the_log_counts() -> None:
    found = books(lines=[{"event": "models listed", "level": "info"}])
    assert unexplained(found) == []
    found.logged({"event": "bug in front", "level": "error"})
    found.scribbled(b"Traceback (most recent call last):")
    assert len(unexplained(found)) == 2


def test_a_call_is_judged_once_all_had_time_to_speak() -> None:
    found = books([seen()])
    found.judge(LAST + GRACE - 0.1)
    assert (found.calls, found.unexplained) == (0, 0)
    found.logged(line())
    for note in notes():
        found.took(0, note)
    found.judge(LAST + GRACE)
    assert (found.calls, found.unexplained) == (1, 0)


def test_books_of_a_long_run_stay_small() -> None:
    closed = Closed()
    for number in (1, 0, 2, 5, 4):
        closed.add(number)
    assert len(closed) == 5
    assert (2 in closed, 3 in closed, 4 in closed, 6 in closed) == (True, False, True, False)
    assert closed._above == {4, 5}


def test_who_leaves_before_a_refusal_has_come_may_have_left() -> None:
    number = next(n for n in range(WARMING, 900) if draw(SEED, n).request == "slow body")
    told = gone(number, phase="body")
    assert unexplained(books([left(number, status=0, bytes=0)], [told])) == []
    (said,) = unexplained(books([seen(number, status=0, bytes=0, end="cut")], [told]))
    assert "not to be expected" in said


def test_a_request_that_reaches_no_provider_may_not_reach_one() -> None:
    number = next(n for n in range(WARMING, 500) if draw(SEED, n).request == "no json")
    refused = {"status": 400, "code": "invalid_request", "done": False, "events": 0}
    told = line(number, outcome="refused", cause="invalid_request")
    assert unexplained(books([seen(number, **refused)], [told])) == []
    (said,) = unexplained(books([seen(number, **refused)], [told], notes(number)))
    assert "asked 1 times" in said
