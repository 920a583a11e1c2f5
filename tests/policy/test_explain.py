"""The plan in words: the same as a call's, each target with its reason."""

import re

import pytest

from gateway.policy.explain import explain, question, told
from gateway.policy.offers import Alias, Offer, Rules
from gateway.policy.routes import Routes
from gateway.words.errors import UnknownModel
from tests.policy.asked import Fake, ask, offer, places

OFFERS = [
    offer("a", {"m": "m"}, keys=2),
    offer("b", {"m": "m"}),
    offer("c", {"n": "n", "long": "long"}),
]


def reasons(
    name: str, *, offers: list[Offer] = OFFERS, health: Fake | None = None, **said: Alias
) -> list[tuple[str, str]]:
    rules = Rules(fallbacks={"m*": ("n",), "smart": ("long",)})
    explained = explain(Routes(offers, said, {}, rules), name, ask(health, thread="t"))
    return list(
        zip(
            places(step.target for step in explained.steps),
            [step.why for step in explained.steps],
            strict=True,
        )
    )


def test_the_steps_are_those_of_the_plan() -> None:
    routes = Routes(OFFERS, {}, {}, Rules(strategy="spread", context_fallbacks={"m": ("long",)}))
    for number in range(20):
        question = ask(thread=f"conversation {number}")
        explained, plan = explain(routes, "m", question), routes.plan("m", question)
        assert tuple(step.target for step in explained.steps) == plan.targets
        assert tuple(step.target for step in explained.context) == plan.context_targets
        assert explained.asks_thread


def test_each_home_says_where_it_stands_and_each_key_which_it_is() -> None:
    said = dict(reasons("m"))
    assert said == {
        "a/m#1": "first in order",
        "a/m#2": "first in order",
        "b/m": "home 2 of 2",
        "c/n": 'fallback "m*"',
    }
    explained = explain(Routes(OFFERS, {}, {}), "m", ask(thread="t"))
    keys = sorted((step.key, step.keys) for step in explained.steps)
    assert keys == [(1, 1), (1, 2), (2, 2)]


def test_a_strategy_says_why_a_home_comes_first() -> None:
    assert dict(reasons("m", m=Alias(strategy="fastest", affinity=False))) == {
        "a/m#1": "home 1 of 2: no figures yet",
        "a/m#2": "home 1 of 2: no figures yet",
        "b/m": "home 2 of 2: no figures yet",
        "c/n": 'fallback "m*"',
    }


def test_a_home_that_rests_says_for_how_long() -> None:
    said = reasons("m", health=Fake(rests={"a/m": 12.0}))
    assert said[0] == ("b/m", "home 2 of 2")
    assert said[1][1] == "first in order, rests for 12 s"


def test_targets_of_an_alias_are_named() -> None:
    said = dict(reasons("smart", smart=Alias(("n", "m"))))
    assert said["c/n"] == 'target "n"'
    assert said["b/m"] == 'target "m", home 2 of 2'
    assert said["c/long"] == 'fallback "smart"'


def test_an_only_home_says_so_and_depends_on_no_conversation() -> None:
    assert reasons("n") == [("c/n", "its only home")]
    assert not explain(Routes(OFFERS, {}, {}), "n", ask()).asks_thread


def test_context_fallbacks_say_for_which_name_they_are() -> None:
    routes = Routes(OFFERS, {}, {}, Rules(context_fallbacks={"*": ("long",)}))
    (step,) = explain(routes, "n", ask()).context
    assert (step.target.name, step.why) == ("c/long", 'context fallback "*"')


def test_what_follows_a_failure_is_a_calls_own_way() -> None:
    rules = Rules(affinity=False, fallbacks={"m": ("n",)}, context_fallbacks={"m": ("long",)})
    after = explain(Routes(OFFERS, {}, {}, rules), "m", ask()).after
    assert after["silence"] == "b/m, then c/n, then the client is told"
    assert after["prompt too long"] == "c/long, then the client is told"
    assert after["429"].startswith("a/m key 2, then b/m")
    assert re.match(r"a/m key 1 again after [0-9.]+ s, then ", after["5xx"])
    assert all(way.endswith("the client is told") for way in after.values())


def test_a_name_without_retries_or_others_gives_up_at_once() -> None:
    routes = Routes(OFFERS, {"n": Alias(conduct={"retries": 0})}, {})
    assert set(explain(routes, "n", ask()).after.values()) == {"the client is told"}


def test_an_unknown_name_is_told_as_to_a_client() -> None:
    with pytest.raises(UnknownModel, match="Nearest names: long"):
        explain(Routes(OFFERS, {}, {}), "lon", ask())


def test_programs_are_told_each_step_with_its_rest_and_its_part() -> None:
    rules = Rules(fallbacks={"n": ("long",)}, context_fallbacks={"n": ("m",)})
    routes = Routes(OFFERS, {}, {}, rules)
    plan = told("n", explain(routes, "n", question("n", None, Fake(rests={"c/n": 12.0}))))
    assert [(step.target, step.role, step.rests_for) for step in plan.targets] == [
        ("c/n", "own", 12.0),
        ("c/long", "fallback", 0.0),
    ]
    assert plan.context_targets[0].role == "context"
    assert plan.depends_on_conversation
    assert plan.after["silence"] == "c/long, then the client is told"


def test_a_conversation_is_known_by_the_key_that_its_client_gives_it() -> None:
    routes = Routes(OFFERS, {}, {})
    firsts = {
        explain(routes, "m", question("m", f"customer {number}", Fake())).steps[0].key
        for number in range(20)
    }
    assert firsts == {1, 2}
    asked = question("m", None, Fake()).thread()
    assert asked == question("m", None, Fake()).thread() != question("m", "x", Fake()).thread()
