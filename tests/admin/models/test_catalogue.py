"""The catalogue: every name with its homes, what they cost, who follows, and how they stand."""

import random
from typing import Any

import msgspec
import pytest

from gateway.admin.models.catalogue import (
    ABSENT,
    BY_HAND,
    MOST_LISTED,
    Catalogue,
    ModelTold,
    counts_in,
    listed_by,
)
from gateway.admin.models.standing import Home, Report, absences, standings
from gateway.downstream.live import look_at_homes
from gateway.policy.explain import explain, question
from gateway.policy.health import Health
from gateway.policy.offers import Alias, Rules, Strategy
from gateway.policy.prices import Price, Prices
from gateway.policy.routes import Routes
from gateway.words.caller import Limits
from gateway.words.errors import ConnectFailed, UnknownModel, UpstreamAuth
from tests.policy.asked import offer, places

OFFERS = (
    offer("a", {"m": "m", "n": "n"}, keys=2),
    offer("b", {"m": "own"}),
    offer("lists", listing=True),
    offer("local", prefix="local/", anything=True),
)
ALIASES = {
    "smart": Alias(("m", "n")),
    "m": Alias(strategy="spread"),
    "gone": Alias(conduct={"retries": 1}),
}
RULES = Rules(fallbacks={"m*": ("n",)}, context_fallbacks={"n": ("m",)})
PRICES = {"a/m": Price(2_500_000, 10_000_000, 1_250_000, tiers=((1000, Price(5)),))}
LIMITS = {"m": Limits(requests_per_minute=60)}


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue(OFFERS, ALIASES, RULES, Prices(PRICES), LIMITS)


def models(
    catalogue: Catalogue, *homes: Home, wanted: str = "", **listed: tuple[str, ...]
) -> dict[str, ModelTold]:
    lists = {"lists": ("x",), **listed}
    found = catalogue.models(lists, standings([Report(1, list(homes))]), wanted)
    return {model.name: model for model in found}


def test_each_name_has_its_homes_and_who_follows(catalogue: Catalogue) -> None:
    found = models(catalogue)
    assert set(found) == {"m", "n", "smart", "gone", "x"}
    assert [home.target for home in found["m"].homes] == ["a/m", "b/own"]
    assert [home.keys for home in found["m"].homes] == [2, 1]
    assert (found["m"].fallbacks, found["m"].context_fallbacks) == (["n"], [])
    assert (found["n"].fallbacks, found["n"].context_fallbacks) == ([], ["m"])
    assert (found["m"].strategy, found["m"].affinity) == ("spread", True)
    assert found["m"].limits.requests_per_minute == 60
    assert found["smart"].targets == ["m", "n"]
    assert [home.target for home in found["smart"].homes] == ["a/m", "b/own", "a/n"]


def test_prices_are_dollars_for_a_million_and_say_whose_they_are(catalogue: Catalogue) -> None:
    homes = models(catalogue)["m"].homes
    price = homes[0].price
    assert price is not None
    assert (price.input, price.cached_input, price.output) == (2.5, 1.25, 10.0)
    assert (price.per_request, price.tiers, price.origin) == (0.0, True, BY_HAND)
    assert homes[1].price is None


def test_a_price_of_the_table_says_its_provider_and_day() -> None:
    known = offer("gpt", {"gpt-5.2": "gpt-5.2"})
    catalogue = Catalogue((known,), {}, Rules(), Prices({}), {})
    (model,) = catalogue.models({}, {})
    assert model.homes[0].price is None  # a host without a dot is of this network
    named = offer("openai.test", {"gpt-5.2": "gpt-5.2"})
    (model,) = Catalogue((named,), {}, Rules(), Prices({}), {}).models({}, {})
    price = model.homes[0].price
    assert price is not None
    assert price.origin.startswith("openai, 20")
    assert price.cached_input < price.input


def test_a_home_in_trouble_is_told_and_its_names_come_first(catalogue: Catalogue) -> None:
    found = models(catalogue, Home("a/n", "open", 12.34, ttft=0.25, calls=2, failed=1, share=0.5))
    assert list(found) == ["gone", "n", "smart", "m", "x"]
    (home,) = found["n"].homes
    assert (home.state, home.rests_for, home.rests_in, home.ttft) == ("open", 12.3, 1, 0.25)
    assert (home.calls, home.failed, home.share) == (2, 1, 0.5)
    assert not found["m"].trouble


def test_a_name_whose_provider_no_longer_lists_it_has_no_home(catalogue: Catalogue) -> None:
    gone = models(catalogue)["gone"]
    assert (gone.homes, gone.trouble, gone.strategy) == ([], True, "order")
    assert [home.target for home in models(catalogue, lists=("gone",))["gone"].homes] == [
        "lists/gone"
    ]


def test_names_are_found_by_a_part_of_theirs(catalogue: Catalogue) -> None:
    assert set(models(catalogue, wanted="m")) == {"m", "smart"}
    assert models(catalogue, wanted="nothing") == {}


def test_providers_whose_names_stand_nowhere_are_told(catalogue: Catalogue) -> None:
    for listed, counts, told, shown in (
        ({"lists": ("x", "y")}, {"lists": 2}, 2, True),
        ({"lists": ("x", "y")}, {}, 2, True),
        ({}, {"lists": 50_000}, 50_000, False),
        ({}, {}, 0, False),
    ):
        ends = list(catalogue.open_ends(listed, counts))
        assert [(end.provider, end.prefix, end.listed, end.shown) for end in ends] == [
            ("lists", "", told, shown),
            ("local", "local/", None, False),
        ]


def test_a_home_whose_provider_is_away_is_in_trouble(catalogue: Catalogue) -> None:
    reports = [Report(1, [Home("a/n", calls=3)], {"a": 7.04}), Report(2, [], {"a": 9.0})]
    found = catalogue.models({}, standings(reports), "", absences(reports))
    (home,) = next(model.homes for model in found if model.name == "n")
    assert (home.state, home.rests_for, home.rests_in, home.calls) == (ABSENT, 9.0, 2, 3)
    assert [model.name for model in found if model.trouble] == ["m", "n", "smart"]


def test_a_plan_is_that_of_explain_with_what_a_worker_knows(catalogue: Catalogue) -> None:
    listed = {"lists": ("x",)}
    fresh = catalogue.plan("smart", "t", Report(), listed)
    assert fresh == explain(catalogue.routes(listed), "smart", question("smart", "t", Health()))
    rests = Report(1, [Home("a/m", "open", 30.0)])
    found = catalogue.plan("m", "t", rests, listed)
    assert places(step.target for step in found.steps)[0] == "b/own"
    assert found.steps[1].rests == 30.0
    with pytest.raises(UnknownModel):
        catalogue.plan("nothing", None, Report(), listed)


def test_routes_are_made_anew_only_where_a_list_has_changed(catalogue: Catalogue) -> None:
    first = catalogue.routes({"lists": ("x",)})
    assert catalogue.routes({"lists": ("x",)}) is first
    assert catalogue.routes({"lists": ("y",)}) is not first


def test_lists_of_workers_are_joined_in_bounds_and_odd_ones_left_out() -> None:
    many = [f"m{number}" for number in range(MOST_LISTED)]
    listed = listed_by(
        [
            {"listed": "none"},
            {"worker": 1},
            {"listed": {"a": ["x", 5, "", "y" * 300], "odd": "x"}},
            {"listed": {"a": ["other"], "b": many, "c": ["late"]}},
        ]
    )
    assert listed == {"a": ("x",), "c": ("late",)}
    odd: list[dict[str, Any]] = [
        {"counts": 5},
        {},
        {"counts": {"a": "x", "b": 7}},
        {"counts": {"b": 8}},
    ]
    assert counts_in(odd) == {"b": 7}


def test_a_name_of_a_list_that_is_too_long_to_be_told_has_a_plan(catalogue: Catalogue) -> None:
    listed = listed_by([{"listed": {"lists": [f"m{n}" for n in range(MOST_LISTED + 1)]}}])
    (first, *_) = catalogue.plan("m4999", None, Report(), listed).steps
    assert first.target.name == "lists/m4999"


@pytest.mark.parametrize("strategy", ["order", "spread", "fastest"])
def test_a_plan_by_what_a_worker_tells_is_the_plan_of_its_calls(strategy: Strategy) -> None:
    for seed in range(60):
        chance = random.Random(seed)
        offers = [offer(f"p{n}", {"m": "m"}, keys=chance.randint(0, 3)) for n in range(4)]
        rules = Rules(strategy=strategy, affinity=chance.random() < 0.5)
        catalogue = Catalogue(offers, {}, rules, Prices({}), {})
        health, now = Health(), 1000.0
        for _ in range(chance.randint(0, 30)):
            now += chance.choice([0.5, 3, 40, 400])
            happen(health, chance, catalogue.routes({}), now)
        now += chance.choice([0.0, 0.3, 10.0, 301.0])
        homes = msgspec.to_builtins(look_at_homes(health, 100, now)[0])
        report = msgspec.convert({"homes": homes, "absent": health.absent(now)}, Report)
        seen = catalogue.plan("m", "t", report, {})
        real = explain(catalogue.routes({}), "m", question("m", "t", health, now))
        assert [step.target for step in seen.steps] == [step.target for step in real.steps], seed


def happen(health: Health, chance: random.Random, routes: Routes, now: float) -> None:
    """Have something happen to one of the homes."""
    choices = routes.outline("m").own
    target = chance.choice([t for each in choices for home in each.homes for t in home.targets])
    what = chance.random()
    if what < 0.1:
        health.missed(target.provider, now + 100.0)
    elif what < 0.2:
        health.learn(target.name, target.key_number, 100.0, now)
    elif health.begin(target, now, must=True) and what < 0.9:
        if what < 0.6:
            health.spoke(target, now, chance.choice([0.1, 0.2, 2.0]))
        errors = [None, None, ConnectFailed("No."), UpstreamAuth("No.")]
        health.ended(target, now, chance.choice(errors), left=False)
