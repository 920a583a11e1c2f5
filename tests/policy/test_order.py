"""Order: which home is asked first, and with which key."""

from collections import Counter
from dataclasses import replace

import pytest

from gateway.policy.affinity import rendezvous
from gateway.policy.offers import Strategy
from gateway.policy.order import Choice, Stop, Why, arranged, home_of
from gateway.words.target import Origin, Target
from tests.policy.asked import Fake, ask, places

TARGET = Target("", "openai", "chat", Origin("http", "x", 80), "/v1", "m")
ABC = ["a/m", "b/m", "c/m"]


def choice(
    *providers: str, keys: int = 1, strategy: Strategy = "order", affinity: bool = False
) -> Choice:
    homes = [
        home_of(
            [
                replace(TARGET, provider=name, key_number=number if keys > 1 else 0)
                for number in range(1, keys + 1)
            ]
        )
        for name in providers
    ]
    return Choice("m", "own", "", tuple(homes), strategy, affinity)


def asked(stops: list[Stop]) -> list[str]:
    return places([target for stop in stops for target in stop.targets])


def firsts(of: Choice, health: Fake, count: int = 900) -> Counter[str]:
    """Count which home is first, over many draws and conversations."""
    return Counter(
        arranged([of], ask(health, draw=number / count), b"%d" % number)[0].home.name
        for number in range(count)
    )


def test_homes_stand_in_order_unless_another_strategy_is_set() -> None:
    stops = arranged([choice("a", "b", "c")], ask(), b"")
    assert asked(stops) == ABC
    assert [stop.why for stop in stops] == [Why.ORDER] * 3


def test_without_affinity_keys_take_turns() -> None:
    turns = [asked(arranged([choice("a", keys=3)], ask(turn=turn), b"")) for turn in range(4)]
    assert turns[0] == ["a/m#1", "a/m#2", "a/m#3"] == turns[3]
    assert turns[1] == ["a/m#2", "a/m#3", "a/m#1"]


def test_with_affinity_a_conversation_has_a_key_of_its_own() -> None:
    of = choice("a", "b", keys=2, affinity=True)
    orders = {
        tuple(asked(arranged([of], ask(turn=turn), b"some conversation"))) for turn in range(5)
    }
    assert len(orders) == 1
    others = Counter(asked(arranged([of], ask(), b"%d" % number))[0] for number in range(400))
    assert set(others) == {"a/m#1", "a/m#2"}
    assert min(others.values()) > 150


def test_resting_keys_go_last_the_first_to_be_up_before_the_others() -> None:
    health = Fake(key_rests={"a/m#1": 60.0, "a/m#2": 5.0})
    stops = arranged([choice("a", keys=3)], ask(health), b"")
    assert asked(stops) == ["a/m#3", "a/m#2", "a/m#1"]
    assert stops[0].rests == 0.0


def test_homes_that_rest_stand_behind_the_others_the_first_to_be_up_first() -> None:
    stops = arranged([choice("a", "b", "c")], ask(Fake(rests={"a/m": 9.0, "b/m": 3.0})), b"")
    assert asked(stops) == ["c/m", "b/m", "a/m"]
    assert [stop.rests for stop in stops] == [0.0, 3.0, 9.0]


def test_an_only_home_stands_where_it_does_though_it_rests() -> None:
    assert asked(arranged([choice("a")], ask(Fake(rests={"a/m": 9.0})), b"")) == ["a/m"]


@pytest.mark.parametrize("keys", [1, 2])
def test_a_home_of_which_every_key_rests_rests(keys: int) -> None:
    rests = {"a/m#0": 4.0, "a/m#1": 60.0, "a/m#2": 4.0}
    stops = arranged([choice("a", "b", keys=keys)], ask(Fake(key_rests=rests)), b"")
    assert stops[0].home.name == "b/m"
    assert stops[1].rests == 4.0


def test_resting_homes_of_several_choices_stand_at_the_very_end() -> None:
    stops = arranged([choice("a"), choice("b")], ask(Fake(rests={"a/m": 1.0})), b"")
    assert asked(stops) == ["b/m", "a/m"]


def test_spread_takes_the_calmer_of_two_that_are_drawn() -> None:
    of = choice("a", "b", "c", strategy="spread")
    counts = firsts(of, Fake(calls={"a/m": 9, "b/m": 5, "c/m": 5}))
    assert counts["a/m"] == 0
    assert abs(counts["b/m"] - counts["c/m"]) <= 300
    even = firsts(of, Fake())
    assert all(250 < even[name] < 350 for name in ABC)


@pytest.mark.parametrize("draw", [0.0, 0.3, 0.5, 1 - 2**-53])
@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_any_draw_gives_each_home_one_place(draw: float, count: int) -> None:
    of = choice(*(f"p{number}" for number in range(count)), strategy="spread")
    stops = arranged([of], ask(draw=draw), b"")
    assert sorted(asked(stops)) == sorted(home.name for home in of.homes)
    assert [stop.why for stop in stops[:2]] == [Why.CALM, Why.OTHER]


def test_spread_keeps_a_conversation_at_its_home_in_spite_of_a_few_calls() -> None:
    of = choice("a", "b", "c", strategy="spread", affinity=True)
    mine, next_one, last = (ABC[index] for index in rendezvous(b"mine", ABC))
    assert asked(arranged([of], ask(), b"mine")) == [mine, next_one, last]
    stops = arranged([of], ask(Fake(calls={mine: 4})), b"mine")
    assert asked(stops) == [mine, next_one, last]
    assert stops[0].why is Why.THREAD


def test_spread_leaves_a_conversations_home_where_there_is_a_crowd() -> None:
    of = choice("a", "b", "c", strategy="spread", affinity=True)
    mine, next_one, last = (ABC[index] for index in rendezvous(b"mine", ABC))
    stops = arranged([of], ask(Fake(calls={mine: 5})), b"mine")
    assert asked(stops) == [next_one, mine, last]
    assert [stop.why for stop in stops] == [Why.CROWDED, Why.THREAD, Why.THREAD]


def test_fastest_takes_the_quickest() -> None:
    of = choice("a", "b", "c", strategy="fastest")
    stops = arranged([of], ask(Fake(speeds={"a/m": 0.9, "b/m": 0.2, "c/m": 0.21})), b"")
    assert asked(stops) == ["b/m", "c/m", "a/m"]
    assert stops[0].why is Why.QUICK


@pytest.mark.parametrize("affinity", [False, True])
def test_a_home_without_figures_goes_first_and_once_it_is_tried_last(*, affinity: bool) -> None:
    of = choice("a", "b", "c", strategy="fastest", affinity=affinity)
    speeds = {"a/m": 0.2, "b/m": 0.9}
    stops = arranged([of], ask(Fake(speeds=speeds)), b"t")
    assert asked(stops) == ["c/m", "a/m", "b/m"]
    assert stops[0].why is Why.UNKNOWN
    stops = arranged([of], ask(Fake(speeds=speeds, calls={"c/m": 1})), b"t")
    assert asked(stops) == ["a/m", "b/m", "c/m"]
    assert stops[2].why is Why.TRIED


def test_fastest_keeps_a_conversation_among_those_about_as_quick() -> None:
    of = choice("a", "b", "c", strategy="fastest", affinity=True)
    health = Fake(speeds={"a/m": 0.2, "b/m": 0.3, "c/m": 0.31})
    counts = firsts(of, health)
    assert set(counts) == {"a/m", "b/m"}
    assert min(counts.values()) > 390
    stops = arranged([of], ask(health), b"t")
    assert [stop.why for stop in stops] == [Why.THREAD, Why.THREAD, Why.QUICK]


def test_where_nobody_has_figures_fastest_goes_by_conversation() -> None:
    of = choice("a", "b", "c", strategy="fastest", affinity=True)
    counts = firsts(of, Fake())
    assert all(counts[name] > 230 for name in ABC)


def test_a_conversation_is_asked_for_only_where_it_matters() -> None:
    assert not choice("a", affinity=True, strategy="spread").asks_thread
    assert not choice("a", "b", affinity=True).asks_thread
    assert not choice("a", "b", keys=2, strategy="spread").asks_thread
    assert choice("a", keys=2, affinity=True).asks_thread
    assert choice("a", "b", affinity=True, strategy="fastest").asks_thread
