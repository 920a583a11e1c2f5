"""The way along a plan: who is next after which failure. Most of it is told in `test_walk.py`
of the relay; here are the turns that are hard to take there.
"""

from dataclasses import replace
from math import inf

import pytest

from gateway.policy.health import Health
from gateway.policy.journey import Journey, Step
from gateway.words.errors import (
    BadRequest,
    ConnectFailed,
    FirstTokenTimeout,
    GatewayError,
    UpstreamAuth,
    UpstreamRefused,
    UpstreamReset,
)
from gateway.words.target import Conduct, Cooldown, Origin, Plan, Target

NOW, TODAY = 100.0, 1_800_000_000.0


def target(name: str, key_number: int = 0, **conduct: object) -> Target:
    return Target(
        provider=name,
        kind="openai",
        form="chat",
        origin=Origin("http", name, 80),
        path="",
        model="m",
        key_number=key_number,
        conduct=Conduct(**conduct),  # type: ignore[arg-type]
    )


def journey(*targets: Target, own: int | None = None, until: float = inf) -> Journey:
    plan = Plan(targets, len(targets) if own is None else own)
    return Journey(plan, Health(), lambda: 0.5, until)


def refused(status: int, *headers: tuple[bytes, bytes], code: str = "c") -> GatewayError:
    return UpstreamRefused("no", status=status, type="t", code=code, headers=headers)


def told(step: Step | None) -> tuple[str, int, bool] | None:
    """Return what matters of a step: who, with which key, whether again."""
    return None if step is None else (step.target.provider, step.target.key_number, step.again)


def test_targets_are_asked_in_turn_until_there_is_none() -> None:
    way = journey(target("a"), target("b"))
    assert told(way.next(NOW)) == ("a", 0, False)
    assert told(way.after(target("a"), FirstTokenTimeout("x"), NOW, TODAY)) == ("b", 0, False)
    assert way.after(target("b"), FirstTokenTimeout("x"), NOW, TODAY) is None


def test_a_silent_home_is_not_asked_with_another_key() -> None:
    way = journey(target("a", 1), target("a", 2), target("b"))
    way.next(NOW)
    assert told(way.after(target("a", 1), FirstTokenTimeout("x"), NOW, TODAY)) == ("b", 0, False)


@pytest.mark.parametrize("error", [UpstreamAuth("x"), refused(429, code="insufficient_quota")])
def test_a_key_that_no_waiting_cures_is_never_waited_for(error: GatewayError) -> None:
    way = journey(target("a", 1, retries=9), target("a", 2))
    way.next(NOW)
    assert told(way.after(target("a", 1), error, NOW, TODAY)) == ("a", 2, False)
    assert way.after(target("a", 2), error, NOW, TODAY) is None


@pytest.mark.parametrize(
    ("wait", "step"),
    [
        (b"1", ("a", 0, True)),
        (b"3", ("b", 0, False)),
        (b"0", ("a", 0, True)),
    ],
)
def test_a_limit_that_is_soon_over_is_waited_for_before_a_fallback_is_asked(
    wait: bytes, step: tuple[str, int, bool]
) -> None:
    way = journey(target("a"), target("b"), own=1)
    way.next(NOW)
    assert told(way.after(target("a"), refused(429, (b"retry-after", wait)), NOW, TODAY)) == step


@pytest.mark.parametrize(
    ("wait", "waited"), [(b"20", 20.0), (b"31", None), (b"Thu, 15 Jan 2027 08:00:20 GMT", None)]
)
def test_where_nobody_else_can_be_asked_it_is_waited_for_up_to_a_bound(
    wait: bytes, waited: float | None
) -> None:
    way = journey(target("a"))
    way.next(NOW)
    step = way.after(target("a"), refused(429, (b"retry-after", wait)), NOW, TODAY - 100.0)
    assert (step and step.wait) == waited


def test_a_date_is_waited_for() -> None:
    way = journey(target("a"))
    way.next(NOW)
    date = (b"retry-after", b"Fri, 15 Jan 2027 08:00:20 GMT")
    step = way.after(target("a"), refused(503, date), NOW, TODAY)
    assert step is not None
    assert step.wait == 20.0


def test_no_pause_leads_beyond_the_end() -> None:
    way = journey(target("a"), until=NOW + 0.1)
    way.next(NOW)
    assert way.after(target("a"), UpstreamReset("x"), NOW, TODAY) is None


def test_retries_that_would_be_a_storm_are_not_made() -> None:
    health = Health()
    plan = Plan((target("a", retries=10),))
    made = 0
    for _ in range(50):
        way = Journey(plan, health, lambda: 0.5)
        way.next(NOW)
        made += way.after(target("a"), ConnectFailed("x"), NOW, TODAY) is not None
    assert made < 25


def test_who_rests_is_passed_over_unless_there_is_nobody_else() -> None:
    health = Health()
    first = target("a", cooldown=Cooldown(1, 30.0, 15.0))
    health.begin(first, NOW, must=True)
    health.ended(first, NOW, UpstreamReset("x"), left=False)
    assert told(Journey(Plan((first, target("b"))), health, lambda: 0.5).next(NOW)) == (
        "b",
        0,
        False,
    )
    assert told(Journey(Plan((first,)), health, lambda: 0.5).next(NOW)) == ("a", 0, False)


def test_who_was_passed_over_is_asked_when_all_others_have_failed() -> None:
    health = Health()
    tired = target("a", cooldown=Cooldown(1, 30.0, 15.0))
    health.begin(tired, NOW, must=True)
    health.ended(tired, NOW, UpstreamReset("x"), left=False)
    way = Journey(Plan((tired, target("b")), own=1), health, lambda: 0.5)
    assert told(way.next(NOW)) == ("b", 0, False)
    assert told(way.after(target("b"), FirstTokenTimeout("x"), NOW, TODAY)) == ("a", 0, False)
    assert way.after(tired, FirstTokenTimeout("x"), NOW, TODAY) is None


def test_a_race_is_run_with_another_home_of_the_name_that_does_not_rest() -> None:
    health = Health()
    tired = target("c", cooldown=Cooldown(1, 30.0, 15.0))
    health.begin(tired, NOW, must=True)
    health.ended(tired, NOW, UpstreamReset("x"), left=False)
    plan = Plan((target("a", 1), target("a", 2), tired, target("d"), target("spare")), own=4)
    way = Journey(plan, health, lambda: 0.5)
    way.next(NOW)
    assert told(way.hedge(NOW)) == ("d", 0, False)
    assert way.hedge(NOW) is None


def test_what_failed_for_good_is_not_for_the_client_to_try_again() -> None:
    way = journey(target("a", retries=0))
    way.next(NOW)
    assert not way.is_exhausted_by(UpstreamReset("x"))
    way = journey(target("a", retries=1))
    way.next(NOW)
    assert way.is_exhausted_by(UpstreamReset("x"))
    assert not way.is_exhausted_by(BadRequest("x"))


def test_the_time_is_shared_with_the_homes_that_may_follow() -> None:
    way = journey(target("a", 1), target("a", 2), target("b"), target("c"), until=NOW + 90.0)
    way.next(NOW)
    assert way.share(target("a", 1), NOW) == 30.0
    way.after(target("a", 1), FirstTokenTimeout("x"), NOW, TODAY)
    assert way.share(target("b"), NOW) == 45.0
    way.after(target("b"), FirstTokenTimeout("x"), NOW, TODAY)
    assert way.share(target("c"), NOW) == inf


def test_a_longer_prompt_goes_to_those_who_take_it_once() -> None:
    plan = replace(Plan((target("a"), target("b"))), own=2, context_targets=(target("long"),))
    way = Journey(plan, Health(), lambda: 0.5)
    way.next(NOW)
    error = refused(400, code="context_length_exceeded")
    assert told(way.after(target("a"), error, NOW, TODAY)) == ("long", 0, False)
    assert way.after(target("long"), error, NOW, TODAY) is None
    longer = (target("long"), target("longer"))
    way = Journey(replace(plan, context_targets=longer), Health(), lambda: 0.5)
    way.next(NOW)
    way.after(target("a"), error, NOW, TODAY)
    assert told(way.after(target("long"), error, NOW, TODAY)) == ("longer", 0, False)
    assert way.after(target("longer"), error, NOW, TODAY) is None


def test_a_key_that_rests_is_asked_only_when_all_others_have_failed() -> None:
    health = Health()
    limited = target("a")
    health.begin(limited, NOW, must=True)
    health.ended(limited, NOW, refused(429, (b"retry-after", b"60")), left=False)
    way = Journey(Plan((limited, target("spare")), own=1), health, lambda: 0.5)
    assert told(way.next(NOW)) == ("spare", 0, False)
    assert told(way.after(target("spare"), FirstTokenTimeout("x"), NOW, TODAY)) == ("a", 0, False)


def test_what_was_sent_twice_counts_as_two_tries() -> None:
    way = journey(target("a"), target("b"))
    way.next(NOW)
    way.sent_twice(target("a"))
    assert told(way.after(target("a"), UpstreamReset("x"), NOW, TODAY)) == ("b", 0, False)


def test_who_was_passed_over_and_has_fallen_silent_since_is_not_asked() -> None:
    health = Health()
    tired = [target("a", 1, cooldown=Cooldown(1, 30.0, 15.0)), target("a", 2)]
    health.begin(tired[0], NOW, must=True)
    health.ended(tired[0], NOW, UpstreamReset("x"), left=False)
    way = Journey(Plan((*tired, target("b")), own=2), health, lambda: 0.5)
    assert told(way.next(NOW)) == ("b", 0, False)
    assert told(way.after(target("b"), FirstTokenTimeout("x"), NOW, TODAY)) == ("a", 1, False)
    assert way.after(tired[0], FirstTokenTimeout("x"), NOW, TODAY) is None


def test_a_home_does_not_race_itself() -> None:
    way = journey(target("a", 1), target("a", 2), target("b", 1), target("b", 2), target("c"))
    way.next(NOW)
    assert told(way.hedge(NOW)) == ("b", 1, False)
    limit = refused(429)
    assert told(way.after(target("b", 1), limit, NOW, TODAY)) == ("b", 2, False)
    assert told(way.after(target("b", 2), limit, NOW, TODAY)) == ("c", 0, False)
    assert told(way.after(target("a", 1), limit, NOW, TODAY)) == ("a", 2, False)


def test_a_home_that_was_silent_in_one_lane_is_not_asked_again_in_the_other() -> None:
    way = journey(target("a", 1), target("a", 2), target("b"))
    way.next(NOW)
    way.after(target("a", 1), FirstTokenTimeout("x"), NOW, TODAY)
    assert way.after(target("a", 1), UpstreamReset("x"), NOW, TODAY) is None
