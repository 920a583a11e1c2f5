"""Whichever point a call is left at, and for whatever reason, nothing of it remains."""

import pytest

from tests.simulation import bugs, routing_bugs
from tests.simulation.bugs import Bug
from tests.simulation.planted import planted
from tests.sweep import Way
from tests.sweep_stories import (
    STORIES,
    Story,
    a_pause_before_another_try,
    a_race_that_both_win,
    a_race_that_the_first_wins,
    a_race_that_the_second_wins,
    a_refusal,
    a_slow_connect,
    a_stream,
)
from tests.sweep_verdict import sweep, tell


@pytest.mark.parametrize("story", STORIES)
def test_a_story_that_nobody_disturbs_ends_as_it_should(story: Story) -> None:
    told = tell(story)
    assert (told.outcomes, told.problems) == (STORIES[story], [])


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("story", STORIES)
def test_a_call_may_be_left_at_each_of_its_points(story: Story, way: Way) -> None:
    points, problems = sweep(story, way)
    assert problems == []
    # What is no request cannot be stopped.
    assert points or (way is Way.STOPPED and not STORIES[story])


@pytest.mark.parametrize(
    ("bug", "story", "way"),
    [
        (bugs.a_cleanup_awaits, a_stream, Way.GONE),
        (bugs.a_leaving_client_cuts_nothing, a_stream, Way.GONE),
        (bugs.an_error_is_followed_by_done, a_stream, Way.STOPPED),
        (bugs.a_client_is_watched_for_ever, a_refusal, Way.SERVER),
        (bugs.a_refusal_keeps_its_lease, a_refusal, Way.BUG),
        (bugs.a_receipt_is_dropped_when_stopped, a_refusal, Way.STOPPED),
        (bugs.a_retry_for_nobody, a_slow_connect, Way.GONE),
        (routing_bugs.a_pause_outlives_its_client, a_pause_before_another_try, Way.GONE),
        (routing_bugs.a_claim_is_kept_by_who_left, a_race_that_the_first_wins, Way.SERVER),
        (routing_bugs.who_comes_second_is_not_closed, a_race_that_both_win, Way.STOPPED),
        (routing_bugs.a_race_is_over_late, a_race_that_the_second_wins, Way.BUG),
    ],
)
def test_a_planted_bug_is_seen_by_the_sweep(bug: Bug, story: Story, way: Way) -> None:
    with planted(bug):
        _, problems = sweep(story, way)
    assert problems
