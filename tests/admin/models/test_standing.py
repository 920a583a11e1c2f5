"""How homes stand: as one worker finds them, and as all of them do together."""

from math import inf
from typing import Any

import msgspec
import pytest

from gateway.admin.models.standing import (
    MAX_NAME,
    Absence,
    Home,
    Report,
    Told,
    absences,
    name_of,
    reports_of,
    standings,
)
from gateway.downstream.live import SeenHome, look_at_homes
from gateway.policy.health import Health
from gateway.words.errors import ConnectFailed
from gateway.words.target import Conduct, Cooldown, Origin, Target

ORIGIN = Origin("https", "up.test", 443)


def target(model: str = "m", *, key: int = 0, failures: int = 3) -> Target:
    conduct = Conduct(cooldown=Cooldown(failures=failures))
    return Target("up", "openai", "chat", ORIGIN, "/v1", model, key_number=key, conduct=conduct)


def report(**said: object) -> Report:
    return reports_of([{"worker": 1, "homes": [{"name": "up/m", **said}]}])[0]


def test_all_that_a_worker_tells_of_a_home_is_understood() -> None:
    told = set(SeenHome.__struct_fields__)
    assert told == set(Home.__struct_fields__)
    health, home = Health(), target(failures=1)
    health.begin(home, 0.0, must=True)
    health.ended(home, 0.0, ConnectFailed("No."), left=False)
    seen, _ = look_at_homes(health, 10, 5.0)
    view = Told(msgspec.convert({"homes": msgspec.to_builtins(seen)}, Report))
    assert view.rests_for(home, 0.0) == health.rests_for(home, 5.0) == 10.0
    assert view.speed(home) == health.speed(home) == inf


def test_what_is_no_report_is_none_and_what_is_unknown_is_passed_over() -> None:
    answers: list[dict[str, Any]] = [
        {"homes": "many"},
        {"worker": "x"},
        {"worker": 2, "homes": [], "more": {"a": 1}},
    ]
    assert reports_of(answers) == [Report(2)]


def test_a_home_that_rests_in_a_workers_view_does_so_in_a_plan() -> None:
    view = Told(report(rests_for=9.0, open_calls=3, ttft=0.5, share=0.5))
    assert view.rests_for(target(), 0.0) == 9.0
    assert view.rests_for(target(), 10.0) == 0.0
    assert view.rests_for(target(failures=0), 0.0) == 0.0
    assert (view.open_calls(target()), view.speed(target())) == (3, 1.0)


def test_a_home_that_no_worker_has_asked_has_no_figures() -> None:
    view = Told(Report())
    assert view.rests_for(target(), 0.0) == view.key_rests_for(target(), 0.0) == 0.0
    assert (view.open_calls(target()), view.speed(target())) == (0, None)


def test_a_provider_that_is_absent_rests_with_all_its_homes() -> None:
    view = Told(Report(1, [Home("up/m", rests_for=2.0)], {"up": 7.0}))
    assert view.rests_for(target(), 0.0) == 7.0
    assert view.rests_for(target("n"), 3.0) == 4.0
    assert view.rests_for(target("n"), 8.0) == 0.0


@pytest.mark.parametrize(("key", "rest"), [(1, 0.0), (2, 30.0)])
def test_keys_rest_by_their_numbers(key: int, rest: float) -> None:
    view = Told(report(resting_keys=[{"number": 2, "rests_for": 30.0}]))
    assert view.key_rests_for(target(key=key), 0.0) == rest


def test_r20_a_target_is_found_by_the_name_that_workers_show() -> None:
    assert name_of(target("m\x1b\u202e")) == "up/m\\x1b\\u202e"
    long = name_of(target("x" * 1000))
    assert len(long) == MAX_NAME
    health, home = Health(), target("x" * 1000)
    health.begin(home, 0.0, must=True)
    (seen,), _ = look_at_homes(health, 10, 0.0)
    assert seen.name == long


def test_over_all_workers_the_worst_counts_and_figures_are_weighed_by_calls() -> None:
    found = standings(
        [
            Report(1, [Home("up/m", ttft=1.0, share=0.0, calls=30, open_calls=1)]),
            Report(2, [Home("up/m", "open", 9.0, 3, 2, calls=10, ttft=3.0, share=1.0, failed=10)]),
            Report(3, [Home("up/m", "half_open", failed=-1), Home("up/n", "odd", calls=-5)]),
        ]
    )
    m = found["up/m"]
    assert (m.state, m.rests_for, m.rests_in, m.open_calls) == ("open", 9.0, 1, 3)
    assert (m.ttft, m.share, m.calls, m.failed) == (1.5, 0.25, 40, 10)
    assert not m.is_sound
    assert (found["up/n"].state, found["up/n"].calls, found["up/n"].share) == ("closed", 0, None)
    assert found["up/n"].is_sound


def test_a_worker_whose_figures_are_stale_does_not_make_a_home_look_better() -> None:
    stale = Report(1, [Home("up/m", calls=1_000_000, failed=2)])
    fails = Report(2, [Home("up/m", calls=10, failed=10, share=1.0)])
    for reports in ([stale, fails], [fails, stale]):
        home = standings(reports)["up/m"]
        assert (home.share, home.ttft, home.calls, home.failed) == (1.0, None, 1_000_010, 12)


def test_a_provider_is_away_in_so_many_workers() -> None:
    reports = [Report(1, [], {"up": 7.0, "down": 1.0}), Report(2, [], {"up": 5.0}), Report(3)]
    assert absences(reports) == {"up": Absence(7.0, 2), "down": Absence(1.0, 1)}
