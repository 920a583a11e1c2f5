"""A row tells who asked, why each target was asked when it was, and how it ended."""

import msgspec
import pytest

from gateway.admin.ledger.story import ENDED, story_of
from gateway.store.rows import COLUMNS, LOST
from gateway.store.search import Entry, Try
from gateway.store.usage import OPEN
from gateway.words.receipt import Outcome

BASE = Entry(
    **{
        **dict.fromkeys(COLUMNS),
        "id": "1",
        "started_at_ns": 0,
        "key": "ci",
        "team": "research",
        "user": "anna",
        "model": "gpt-5.2",
        "target": "up/gpt-5.2",
        "outcome": "completed",
        "request_id": "r",
        "key_id": "k",
        "endpoint": "chat",
        "stream": True,
        "attempts": (),
        "lost_tokens_in": 0,
        "tags": (),
        "drained": False,
        "ttft_ms": 900.0,
        "answered_by": "gpt-5.2",
    }  # type: ignore[arg-type]
)


def entry(*attempts: Try, **fields: object) -> Entry:
    return msgspec.structs.replace(BASE, attempts=attempts, **fields)


def whys(*attempts: Try, **fields: object) -> list[str]:
    return [step.why for step in story_of(entry(*attempts, **fields)).steps]


FIRST = "The first of the plan that could be asked."
A = Try("up/a", "rate_limit_exceeded", 0.0, 100.0)


def test_one_attempt_is_the_first_of_the_plan() -> None:
    assert whys(Try("up/a", "completed", 0.0, 100.0)) == [FIRST]


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (Try("up/a", "completed", 300.0, 9.0), "A retry, because up/a was over its rate limit."),
        (
            Try("up/b", "completed", 100.0, 9.0),
            "The next of the plan, because up/a was over its rate limit.",
        ),
        (
            Try("up/b", "completed", 50.0, 99.0),
            "A hedge: up/a had not begun to answer; who begins first wins.",
        ),
        (
            Try("up/b", "completed", 950.0, 99.0),
            "To go on with the answer, because up/a was over its rate limit.",
        ),
    ],
)
def test_a_second_attempt_has_its_reason(second: Try, why: str) -> None:
    assert whys(A, second) == [FIRST, why]


def test_who_has_lost_a_race_is_no_reason_to_ask_another() -> None:
    """The one that won broke off in the midst of its answer, long after the other had lost."""
    race = Try("up/a", "upstream_reset", 0.0, 2000.0), Try("up/b", LOST, 800.0, 100.0)
    found = whys(*race, Try("up/c", "completed", 2000.0, 9.0))
    assert found[1].startswith("A hedge: up/a ")
    assert found[2] == "To go on with the answer, because up/a reset the connection."
    let_go_late = Try("up/a", "upstream_reset", 0.0, 900.0), Try("up/b", LOST, 800.0, 110.0)
    assert whys(*let_go_late, Try("up/c", "completed", 910.0, 9.0))[2] == found[2]


def test_each_lane_of_a_race_goes_on_for_its_own_reason() -> None:
    """While one is asked still, the other fails, and the next takes its place: that is no hedge."""
    first, hedge = Try("up/a", "upstream_reset", 0.0, 200.0), Try("up/b", LOST, 100.0, 500.0)
    found = whys(
        *(first, hedge, Try("up/c", "odd_code", 200.0, 100.0)),
        *(Try("up/a", "odd_code", 300.0, 50.0), Try("up/d", "completed", 350.0, 900.0)),
    )
    assert found[2:] == [
        "The next of the plan, because up/a reset the connection.",
        "A retry, because up/a reset the connection.",
        "The next of the plan, because up/a ended as odd_code.",
    ]


def test_one_that_has_no_end_runs_beside_what_comes_later() -> None:
    assert whys(Try("up/a", "open", 0.0), Try("up/b", "open", 90.0))[1].startswith("A hedge")


def test_an_answer_that_others_had_asked_for_is_taken_over() -> None:
    assert whys(Try("up/a", "completed", 100.0, 9.0), cache="shared") == [
        "Its answer was taken over from the call that had asked before."
    ]


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("upstream_reset", "completed", "The next of the plan, because up/a reset the connection."),
        ("odd_code", "completed", "The next of the plan, because up/a ended as odd_code."),
        (LOST, "completed", "A hedge: up/a had not begun to answer; who begins first wins."),
        (
            "completed",
            "completed",
            "The next of the plan, because up/a ended before the answer was whole.",
        ),
    ],
)
def test_rows_of_earlier_versions_are_told_in_their_order(
    first: str, second: str, why: str
) -> None:
    assert whys(Try("up/a", first, ms=5.0), Try("up/b", second, ms=5.0)) == [FIRST, why]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "The key ci of the team research (user anna) asked gpt-5.2 for a streamed answer."),
        (
            {"key": "", "team": None, "user": None, "model": None, "stream": False},
            "Somebody without a key asked no model for an answer in one piece.",
        ),
        (
            {"asked": "gpt-6"},
            "Too little of a budget was left for gpt-6, so gpt-5.2 took its place.",
        ),
        ({"cache": "hit"}, "A kept answer was given again: nobody was asked."),
        (
            {"cache": "shared", "shared_with": "req_7"},
            "The same was being asked already: it read the answer of req_7 along.",
        ),
        (
            {"cache": "shared"},
            "The same was being asked already: it read the answer of another request along.",
        ),
        ({}, "Nobody was asked."),
    ],
)
def test_the_beginning_says_who_asked_and_what(fields: dict[str, object], said: str) -> None:
    assert said in story_of(entry(**fields)).beginning


def test_of_a_call_that_is_open_nobody_knows_yet_whether_anybody_is_asked() -> None:
    assert "Nobody was asked." not in story_of(entry(outcome=OPEN)).beginning


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "The client got the whole answer."),
        ({"outcome": "new_one"}, "It ended as new_one."),
        ({"outcome": "stopped", "cause": "operator"}, "An operator cancelled it."),
        ({"outcome": "upstream_error", "cause": "odd"}, "The cause was odd."),
        (
            {"outcome": "upstream_error", "ttft_ms": None},
            "No provider answered, and the client was told so.",
        ),
        (
            {"outcome": "upstream_error"},
            "The provider failed in the midst of its answer, and the client was told so.",
        ),
        ({"outcome": "refused", "cause": "insufficient_quota"}, "A budget was spent."),
        (
            {"outcome": "upstream_error", "cause": "insufficient_quota"},
            "The provider's own quota was spent.",
        ),
        ({"drained": True}, "The answer was read to its end after the client had left."),
        ({"answered_by": "gpt-5.2-1"}, "The provider calls what answered gpt-5.2-1."),
        (
            {"usage_quality": "estimated"},
            "The provider reported no usage; tokens and cost are estimated.",
        ),
        (
            {"usage_quality": "partial"},
            "The provider reported a part of the usage; the rest is estimated.",
        ),
    ],
)
def test_the_end_says_how_it_ended(fields: dict[str, object], said: str) -> None:
    assert said in story_of(entry(**fields)).end


@pytest.mark.parametrize(
    ("attempts", "is_closed"),
    [
        ((), False),
        ((Try("up/a", "cancelled", 0.0, 9.0),), True),
        ((Try("up/a", "handed on", 0.0, 9.0),), False),
        ((Try("up/a", "completed", 0.0, 9.0),), False),
    ],
)
def test_a_provider_is_left_only_where_nobody_goes_on_reading(
    attempts: tuple[Try, ...], is_closed: bool
) -> None:
    """A client may leave before anybody was asked, or another may read its answer on."""
    told = story_of(entry(*attempts, outcome="client_gone", cause="client_gone"))
    assert told.end[0] == "The client left before the end."
    assert ("The provider's connection was closed." in told.end) is is_closed


def test_a_cause_that_is_the_outcome_is_not_told_twice() -> None:
    assert (
        len(story_of(entry(outcome="client_gone", cause="client_gone", answered_by=None)).end) == 1
    )


def test_every_end_has_its_words() -> None:
    assert set(ENDED) == {*map(str, Outcome), LOST, OPEN}
