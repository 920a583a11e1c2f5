"""A plan as it is drawn: home by home, with what holds there, and the way of each failure."""

from gateway.admin.models.catalogue import Catalogue
from gateway.admin.models.flow import PARTS, Flow, flow_of
from gateway.admin.models.standing import Home, Report, standings
from gateway.policy.offers import Alias, Rules
from gateway.policy.prices import Prices
from gateway.words.target import Cooldown
from tests.policy.asked import offer

OFFERS = (
    offer("a", {"m": "m"}, keys=2),
    offer("b", {"m": "m"}),
    offer("c", {"n": "n", "long": "long"}),
)
RULES = Rules(fallbacks={"m": ("n",)}, context_fallbacks={"m": ("long",)}, affinity=False)


def drawn(*homes: Home, **said: Alias) -> Flow:
    catalogue = Catalogue(OFFERS, said, RULES, Prices({}), {})
    report = Report(1, list(homes))
    return flow_of(catalogue.plan("m", None, report, {}), catalogue, standings([report]))


def test_each_part_of_a_plan_is_a_lane_of_its_own() -> None:
    flow = drawn()
    assert [part.title for part in flow.parts] == list(PARTS.values())
    assert [[home.name for home in part.homes] for part in flow.parts] == [
        ["a/m", "b/m"],
        ["c/n"],
        ["c/long"],
    ]
    assert [[home.place for home in part.homes] for part in flow.parts] == [[1, 2], [3], [1]]
    assert not flow.asks_thread


def test_the_keys_of_a_home_stand_in_it_in_their_order() -> None:
    first, second = drawn().parts[0].homes
    assert (first.keys, second.keys) == ((1, 2), ())


def test_a_home_that_rests_stands_last_and_says_so() -> None:
    homes = drawn(Home("a/m", "open", 20.0, ttft=0.5, open_calls=2)).parts[0].homes
    assert [(home.name, home.rests_for) for home in homes] == [("b/m", 0.0), ("a/m", 20.0)]
    assert (homes[1].ttft, homes[1].open_calls, homes[1].why) == (0.5, 2, "first in order")


def test_how_a_home_is_asked_is_told_in_few_words() -> None:
    assert drawn().parts[0].homes[0].facts == ("first token within 180 s", "up to 2 more tries")
    conduct = {
        "retries": 0,
        "hedge_after": 2.0,
        "resume": True,
        "cache_ttl": 60.0,
        "cooldown": Cooldown(failures=0),
    }
    facts = drawn(m=Alias(conduct=conduct, seconds={"first_token": 9.0})).parts[0].homes[0].facts
    assert facts == (
        "first token within 9 s",
        "no retry",
        "another beside it after 2 s",
        "resumed where it breaks off",
        "answers kept 60 s",
        "never rests",
    )


def test_the_way_of_each_failure_ends_with_the_client() -> None:
    ways = drawn().ways
    assert ways["silence"] == ("b/m", "c/n", "the client is told")
    assert ways["prompt too long"] == ("c/long", "the client is told")
