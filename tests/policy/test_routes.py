"""Routes: which targets answer a model's name."""

from dataclasses import replace

import pytest

from gateway.policy.offers import Alias, Rules
from gateway.policy.routes import MAX_OTHERS, Routes
from gateway.words.errors import UnknownModel
from gateway.words.target import Conduct, Timeouts
from tests.policy.asked import Fake, ask, offer, places

TWO = [offer("a", {"m": "m"}), offer("b", {"m": "own"})]


def test_a_name_is_asked_by_the_providers_own_name_for_it() -> None:
    routes = Routes([offer("azure", {"gpt": "prod-gpt"})], {}, {})
    (target,) = routes.plan("gpt", ask()).targets
    assert (target.provider, target.model, target.name) == ("azure", "prod-gpt", "azure/prod-gpt")
    assert target.key_number == 0


def test_a_home_with_several_keys_has_a_target_for_each() -> None:
    routes = Routes([offer("a", {"m": "m"}, keys=2)], {}, {}, Rules(affinity=False))
    turns = [routes.plan("m", ask(turn=turn)) for turn in range(3)]
    keys = [[each.key and each.key.reveal() for each in plan.targets] for plan in turns]
    assert keys == [["key-1", "key-2"], ["key-2", "key-1"], ["key-1", "key-2"]]
    assert places(turns[0]) == ["a/m#1", "a/m#2"]
    assert turns[0].own == 2


def test_a_single_key_is_shown_and_needs_no_number() -> None:
    (target,) = Routes([offer("a", {"m": "m"}, keys=1)], {}, {}).plan("m", ask()).targets
    assert target.key is not None
    assert target.key_number == 0


def test_without_a_key_none_is_shown() -> None:
    assert Routes([offer("a", {"m": "m"})], {}, {}).plan("m", ask(turn=7)).targets[0].key is None


def test_a_name_without_a_choice_has_one_plan_which_is_kept() -> None:
    routes = Routes([offer("a", {"m": "m"})], {"m": Alias(strategy="spread")}, {})
    assert routes.plan("m", ask()) is routes.plan("m", ask(turn=1))


def test_a_single_home_for_long_prompts_leaves_no_choice_either() -> None:
    offers = [offer("a", {"m": "m", "long": "long"})]
    routes = Routes(offers, {}, {}, Rules(context_fallbacks={"m": ("long",)}))
    plan = routes.plan("m", ask())
    assert plan is routes.plan("m", ask(turn=1))
    assert places(plan.context_targets) == ["a/long"]


def test_a_name_that_several_offer_has_several_homes_in_the_files_order() -> None:
    plan = Routes(TWO, {}, {}).plan("m", ask())
    assert places(plan) == ["a/m", "b/own"]
    assert plan.own == 2


def test_an_order_of_providers_precedes_the_files_and_a_models_that_of_all() -> None:
    offers = [*TWO, offer("c", {"m": "m"})]
    routes = Routes(offers, {}, {}, Rules(order=("c", "b")))
    assert places(routes.plan("m", ask())) == ["c/m", "b/own", "a/m"]
    routes = Routes(offers, {"m": Alias(order=("b",))}, {}, Rules(order=("c", "b")))
    assert places(routes.plan("m", ask())) == ["b/own", "a/m", "c/m"]


def test_a_prefix_asks_for_anything_behind_it() -> None:
    routes = Routes([offer("local", prefix="local/", anything=True)], {}, {})
    assert routes.plan("local/org/model", ask()).targets[0].model == "org/model"
    with pytest.raises(UnknownModel):
        routes.plan("local/", ask())


def test_one_prefix_of_two_providers_means_two_homes() -> None:
    offers = [offer(name, prefix="local/", anything=True) for name in "ab"]
    offers.append(offer("c", prefix="local/big/", anything=True))
    assert places(Routes(offers, {}, {}).plan("local/big/x", ask())) == ["a/big/x", "b/big/x"]


def test_an_exact_name_precedes_a_prefix() -> None:
    offers = [offer("any", prefix="p/", anything=True), offer("names", {"p/x": "x"})]
    assert places(Routes(offers, {}, {}).plan("p/x", ask())) == ["names/x"]


def test_names_that_clients_choose_fill_no_table() -> None:
    routes = Routes([offer("local", prefix="p/", anything=True)], {"p/said": Alias()}, {})
    for number in range(MAX_OTHERS + 50):
        assert routes.plan(f"p/{number}", ask()) is routes.plan(f"p/{number}", ask())
    assert routes.plan("p/said", ask()) is routes.plan("p/said", ask())
    assert len(routes._outlines) == 1
    assert routes._others.cache_info().currsize == MAX_OTHERS


def test_a_listing_provider_offers_what_it_lists() -> None:
    routes = Routes([offer("one", listing=True, prefix="p/")], {}, {"one": ["x", "y"]})
    assert routes.names == ["p/x", "p/y"]
    assert routes.plan("p/x", ask()).targets[0].model == "x"
    with pytest.raises(UnknownModel):
        routes.plan("p/z", ask())


def test_who_names_a_model_precedes_who_lists_it() -> None:
    offers = [offer("lists", listing=True), offer("names", {"x": "x"})]
    routes = Routes(offers, {}, {"lists": ["x"]})
    assert places(routes.plan("x", ask())) == ["names/x", "lists/x"]


def test_a_provider_whose_list_could_not_be_had_judges_names_itself() -> None:
    routes = Routes([offer("one", listing=True)], {}, {})
    assert routes.plan("whatever", ask()).targets[0].model == "whatever"
    assert routes.names == []


def test_an_unlisted_provider_is_asked_only_behind_its_prefix() -> None:
    routes = Routes([offer("one", listing=True, prefix="p/")], {}, {})
    assert routes.plan("p/x", ask()).targets[0].model == "x"
    with pytest.raises(UnknownModel):
        routes.plan("x", ask())


def test_an_alias_stands_for_its_targets_one_after_the_other() -> None:
    offers = [*TWO, offer("c", {"n": "n"})]
    aliases = {"smart": Alias(("n", "m")), "m": Alias(order=("b",))}
    plan = Routes(offers, aliases, {}).plan("smart", ask())
    assert places(plan) == ["c/n", "b/own", "a/m"]
    assert plan.own == 3


def test_a_target_that_nobody_has_is_left_out() -> None:
    routes = Routes(TWO, {"smart": Alias(("gone", "m")), "lost": Alias(("gone",))}, {})
    assert places(routes.plan("smart", ask())) == ["a/m", "b/own"]
    assert routes.knows("smart")
    assert not routes.knows("lost")


def test_an_alias_is_over_its_target_and_that_over_the_provider() -> None:
    aliases = {
        "smart": Alias(("gpt",), seconds={"idle": 7.0}, conduct={"retries": 0}),
        "gpt": Alias(seconds={"idle": 5.0, "total": 9.0}, conduct={"retries": 1, "resume": True}),
    }
    routes = Routes([offer("a", {"gpt": "gpt"})], aliases, {})
    plan = routes.plan("smart", ask())
    assert plan.targets[0].model == "gpt"
    assert plan.timeouts == Timeouts(idle=7.0, total=9.0)
    assert plan.conduct == Conduct(retries=0, resume=True)
    assert routes.plan("gpt", ask()).timeouts.idle == 5.0
    assert routes.names == ["gpt", "smart"]


def test_how_homes_are_chosen_is_said_by_the_name_nearest_to_them() -> None:
    health = Fake(speeds={"a/m": 2.0, "b/own": 1.0})
    rules = Rules(affinity=False)
    fast, ordered = Alias(strategy="fastest"), Alias(strategy="order")
    for aliases, order in (
        ({"smart": Alias(("m",))}, ["a/m", "b/own"]),
        ({"smart": replace(fast, targets=("m",))}, ["b/own", "a/m"]),
        ({"smart": Alias(("m",)), "m": fast}, ["b/own", "a/m"]),
        ({"smart": replace(fast, targets=("m",)), "m": ordered}, ["a/m", "b/own"]),
    ):
        assert places(Routes(TWO, aliases, {}, rules).plan("smart", ask(health))) == order


def test_affinity_is_set_for_all_names_and_otherwise_for_one() -> None:
    offers = [offer("a", {"m": "m", "n": "n"}, keys=2)]
    routes = Routes(offers, {"n": Alias(affinity=False)}, {})
    assert places(routes.plan("n", ask(turn=1))) == ["a/n#2", "a/n#1"]
    threads = {tuple(places(routes.plan("m", ask(thread=f"t{n}")))) for n in range(30)}
    assert threads == {("a/m#1", "a/m#2"), ("a/m#2", "a/m#1")}


def test_fallbacks_follow_the_homes_of_a_name() -> None:
    offers = [*TWO, offer("c", {"n": "n", "o": "o"}, keys=2), offer("d", {"o": "o"})]
    rules = Rules(affinity=False, fallbacks={"*": ("o",), "m": ("n", "o")})
    plan = Routes(offers, {}, {}, rules).plan("m", ask())
    assert places(plan) == ["a/m", "b/own", "c/n#1", "c/n#2", "c/o#1", "c/o#2", "d/o"]
    assert plan.own == 2


def test_fallbacks_are_not_transitive_and_may_be_aliases() -> None:
    offers = [*TWO, offer("c", {"n": "n", "o": "o"})]
    rules = Rules(fallbacks={"m": ("smart", "gone"), "n": ("o",), "smart": ("o",)})
    plan = Routes(offers, {"smart": Alias(("n",))}, {}, rules).plan("m", ask())
    assert places(plan) == ["a/m", "b/own", "c/n"]


def test_a_home_is_taken_once_whichever_way_it_comes() -> None:
    offers = [*TWO, offer("c", {"n": "n"})]
    rules = Rules(fallbacks={"*": ("n", "smart", "m")})
    routes = Routes(offers, {"smart": Alias(("n", "m"))}, {}, rules)
    assert places(routes.plan("m", ask())) == ["a/m", "b/own", "c/n"]
    assert places(routes.plan("smart", ask())) == ["c/n", "a/m", "b/own"]
    assert routes.plan("smart", ask()).own == 3


def test_a_fallback_is_asked_as_the_name_that_failed_would_be() -> None:
    aliases = {
        "m": Alias(conduct={"retries": 0}, seconds={"first_token": 5.0}, prefill=True),
        "n": Alias(conduct={"retries": 4, "hedge_after": 1.0}, seconds={"idle": 3.0}),
        "o": Alias(prefill=True),
    }
    offers = [offer("a", {"m": "m", "n": "n", "o": "o"})]
    plan = Routes(offers, aliases, {}, Rules(fallbacks={"m": ("n", "o")})).plan("m", ask())
    assert plan.targets[1].conduct == Conduct(retries=0, hedge_after=1.0)
    assert plan.targets[1].timeouts == Timeouts(first_token=5.0, idle=3.0)
    # What a model can do is said of it alone.
    assert [target.prefill for target in plan.targets] == [True, False, True]


def test_homes_for_long_prompts_stand_apart() -> None:
    offers = [*TWO, offer("c", {"n": "n", "long": "long"}, keys=2)]
    rules = Rules(
        affinity=False, fallbacks={"m": ("n",)}, context_fallbacks={"m*": ("m", "n", "long")}
    )
    plan = Routes(offers, {}, {}, rules).plan("m", ask(turn=1))
    assert places(plan) == ["a/m", "b/own", "c/n#2", "c/n#1"]
    assert places(plan.context_targets) == ["c/n#2", "c/n#1", "c/long#2", "c/long#1"]


def test_homes_that_rest_stand_behind_others_but_never_behind_a_fallback() -> None:
    offers = [*TWO, offer("c", {"n": "n"}), offer("d", {"n": "n"})]
    rules = Rules(fallbacks={"m": ("n",)}, context_fallbacks={"m": ("n",)})
    health = Fake(rests={"a/m": 9.0, "b/own": 3.0, "c/n": 1.0})
    plan = Routes(offers, {}, {}, rules).plan("m", ask(health))
    assert places(plan) == ["b/own", "a/m", "d/n", "c/n"]
    assert plan.own == 2
    assert places(plan.context_targets) == ["d/n", "c/n"]


def test_a_conversation_is_asked_for_only_where_there_is_a_choice() -> None:
    rules = Rules(fallbacks={"m": ("n",)})
    plan = Routes([*TWO, offer("c", {"n": "n"})], {}, {}, rules).plan("m", ask())
    assert places(plan) == ["a/m", "b/own", "c/n"]


def test_an_unknown_name_is_told_the_nearest() -> None:
    routes = Routes([offer("a", {"gpt-5.2": "x", "claude": "y"})], {}, {})
    with pytest.raises(UnknownModel, match=r"Nearest names: gpt-5\.2\.") as caught:
        routes.plan("gpt-52", ask())
    assert caught.value.param == "model"
    with pytest.raises(UnknownModel):
        routes.check("gpt-52")
    assert not routes.knows("gpt-52")
    assert routes.knows("claude")
    routes.check("claude")


def test_a_name_like_no_other_is_told_where_names_are_listed() -> None:
    with pytest.raises(UnknownModel, match="GET /v1/models"):
        Routes([offer("a", {"gpt": "x"})], {}, {}).plan("zzzzzz", ask())


@pytest.mark.parametrize("kind", ["prefix", "listing"])
def test_r1_a_name_that_stands_in_a_path_cannot_leave_its_place(kind: str) -> None:
    """R1: it is no name at all where paths name models; elsewhere it is one like any other."""
    plain = offer("a", prefix="x/", anything=kind == "prefix", listing=kind == "listing")
    strict = replace(plain, target=replace(plain.target, by_model="/deployments/"))
    for name in ("x/..", "x/.", "x/a/../b", "x/a\\..", "x//a"):
        assert Routes([plain], {}, {}).knows(name)
        assert not Routes([strict], {}, {}).knows(name)
    assert Routes([strict], {}, {}).knows("x/a..b/c")


def test_what_is_let_go_is_said_by_the_nearest_name() -> None:
    aliases = {"m": Alias(drops=True), "n": Alias()}
    routes = Routes([offer("a", {"m": "m", "n": "n"})], aliases, {})
    found = [routes.plan(name, ask()).targets[0].drops for name in ("m", "n")]
    assert found == [True, False]
