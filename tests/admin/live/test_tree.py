"""The live tree as a page shows it: what workers tell, put in order, whatever else they tell."""

from typing import Any

import pytest

from gateway.admin.live.tree import MOST_CUTS, Picture, Rest, age, picture

STREAM = {"id": "req_1", "model": "m", "phase": "streaming", "tokens_per_second": 20.0}
UPLOAD = {"id": "req_2", "method": "POST", "path": "/v1/files", "phase": "body"}


def worker(number: int, *calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return what a worker tells; one idle connection stands between those with calls."""
    connections = [{"peer": "10.0.0.9", "age": 1.0, "call": call} for call in calls]
    connections.insert(1, {"peer": "10.0.0.8", "age": 2.0, "call": None})
    return {"worker": number, "pid": 70 + number, "connections": connections, **more}


def rests(seen: Picture) -> list[tuple[str, str, float, int, set[int]]]:
    return [(e.home, e.what, e.seconds, e.failures, e.workers) for e in seen.rests]


def test_calls_stand_without_the_idle_connections_and_the_rest_is_counted() -> None:
    seen = picture([worker(1, STREAM, UPLOAD, gauges={"open_calls": 802.0})], (1,))
    (first,) = seen.workers
    assert [call.name for _, call in first.busy] == ["m", "POST /v1/files"]
    assert (first.calls, first.more) == (802, 800)
    assert seen.tokens_per_second == 20.0


def test_figures_are_added_up_over_the_workers() -> None:
    seen = picture([worker(1, gauges={"open_calls": 2.0}), worker(2, gauges={})], (1, 2))
    assert (seen.total("open_calls"), seen.total("another")) == (2, 0)
    assert [each.more for each in seen.workers] == [2, 0]


def test_a_worker_that_does_not_answer_or_tells_nonsense_is_down() -> None:
    answers = [worker(2), {"worker": "x"}, {"worker": 3, "connections": 5}, worker(9)]
    seen = picture(answers, range(1, 4))
    assert [each.worker for each in seen.workers] == [2, 9]
    assert seen.down == [1, 3]


def test_what_is_told_beside_is_passed_over_and_what_is_not_is_empty() -> None:
    seen = picture([{"worker": 1, "invented": {}, "connections": [{"call": {"new": 1}}]}], (1,))
    ((connection, call),) = seen.workers[0].busy
    assert (connection.peer, call.id, call.attempts) == ("", "", [])


def test_what_rests_is_told_once_with_all_workers_that_leave_it_alone() -> None:
    down = {"name": "up/m", "state": "open", "rests_for": 9.5, "failures": 1}
    longer = {**down, "rests_for": 12.0, "failures": 3}
    keys = {
        "name": "up/a", "state": "half_open", "failures": 2,
        "resting_keys": [{"number": 2, "rests_for": 60.0}, {"number": 0, "rests_for": 5.0}],
    }  # fmt: skip
    sound = {"name": "up/z", "state": "closed"}
    seen = picture([worker(1, resting=[down]), worker(2, resting=[longer, keys, sound])], (1, 2))
    assert rests(seen) == [
        ("up/a", "home, one call tries it", 0.0, 2, {2}),
        ("up/a", "key", 5.0, 2, {2}),
        ("up/a", "key 2", 60.0, 2, {2}),
        ("up/m", "home", 12.0, 3, {1, 2}),
    ]
    assert isinstance(seen.rests[0], Rest)


def test_those_that_were_cut_off_last_are_named_over_all_workers() -> None:
    def ended(name: str, ago: float, *, cut: bool = True) -> dict[str, Any]:
        return {"id": name, "ago": ago, "cut": cut, "model": None, "method": "GET", "path": "/x"}

    first = [ended("a", 9.0), ended("b", 1.0), ended("c", 0.5, cut=False)]
    many = [ended(f"d{number}", 2.0 + number) for number in range(20)]
    cuts = picture([worker(1, ended=first), worker(2, ended=many)], ()).cuts
    assert [each.id for each in cuts[:3]] == ["b", "d0", "d1"]
    assert len(cuts) == MOST_CUTS
    assert cuts[0].name == "GET /x"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, ""), (0.04, "0.0 s"), (9.94, "9.9 s"), (10.4, "10 s"), (75, "1 min 15 s"),
        (3599.9, "59 min 59 s"), (3600, "1 h 0 min"), (90_061, "25 h 1 min"),
    ],
)  # fmt: skip
def test_an_age_is_told_as_people_do(seconds: float | None, said: str) -> None:
    assert age(seconds) == said
