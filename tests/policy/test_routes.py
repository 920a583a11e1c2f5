"""Routes: which target answers a model's name."""

import pytest

from gateway.policy.offers import Alias, Offer
from gateway.policy.routes import Routes
from gateway.words.errors import UnknownModel
from gateway.words.secret import Secret
from gateway.words.target import Origin, Target, Timeouts


def offer(
    provider: str,
    names: dict[str, str] | None = None,
    *,
    prefix: str = "",
    listing: bool = False,
    anything: bool = False,
    keys: tuple[str, ...] = (),
) -> Offer:
    target = Target(
        provider=provider,
        kind="openai",
        form="chat",
        origin=Origin("http", provider, 80),
        path="/v1",
        model="",
    )
    secrets = tuple(Secret(key) for key in keys)
    return Offer(provider, names or {}, prefix, listing, anything, target, secrets)


def test_a_name_is_asked_by_the_providers_own_name_for_it() -> None:
    routes = Routes([offer("azure", {"gpt": "prod-gpt"})], {}, {})
    (target,) = routes.plan("gpt", 0).targets
    assert (target.provider, target.model, target.name) == ("azure", "prod-gpt", "azure/prod-gpt")


def test_keys_take_turns() -> None:
    routes = Routes([offer("a", {"m": "m"}, keys=("key-1", "key-2"))], {}, {})
    turns = [routes.plan("m", turn).targets[0].key for turn in range(3)]
    assert [key and key.reveal() for key in turns] == ["key-1", "key-2", "key-1"]


def test_without_a_key_none_is_shown() -> None:
    assert Routes([offer("a", {"m": "m"})], {}, {}).plan("m", 7).targets[0].key is None


def test_a_prefix_asks_for_anything_behind_it() -> None:
    routes = Routes([offer("local", prefix="local/", anything=True)], {}, {})
    assert routes.plan("local/org/model", 0).targets[0].model == "org/model"
    with pytest.raises(UnknownModel):
        routes.plan("local/", 0)


def test_a_listing_provider_offers_what_it_lists() -> None:
    routes = Routes([offer("one", listing=True, prefix="p/")], {}, {"one": ["x", "y"]})
    assert routes.names == ["p/x", "p/y"]
    assert routes.plan("p/x", 0).targets[0].model == "x"
    with pytest.raises(UnknownModel):
        routes.plan("p/z", 0)


def test_an_exact_name_precedes_what_others_list() -> None:
    offers = [offer("lists", listing=True), offer("names", {"x": "x"})]
    assert Routes(offers, {}, {"lists": ["x"]}).plan("x", 0).targets[0].provider == "names"


def test_a_provider_whose_list_could_not_be_had_judges_names_itself() -> None:
    routes = Routes([offer("one", listing=True)], {}, {})
    assert routes.plan("whatever", 0).targets[0].model == "whatever"
    assert routes.names == []


def test_an_unlisted_provider_is_asked_only_behind_its_prefix() -> None:
    routes = Routes([offer("one", listing=True, prefix="p/")], {}, {})
    assert routes.plan("p/x", 0).targets[0].model == "x"
    with pytest.raises(UnknownModel):
        routes.plan("x", 0)


def test_an_alias_stands_for_its_target_and_has_its_own_clocks() -> None:
    aliases = {"smart": Alias("gpt", {"idle": 7.0}), "gpt": Alias(None, {"idle": 5.0})}
    routes = Routes([offer("a", {"gpt": "gpt"})], aliases, {})
    (target,) = routes.plan("smart", 0).targets
    assert target.model == "gpt"
    assert target.timeouts == Timeouts(idle=7.0)
    assert routes.plan("gpt", 0).timeouts.idle == 5.0
    assert routes.names == ["gpt", "smart"]


def test_an_unknown_name_is_told_the_nearest() -> None:
    routes = Routes([offer("a", {"gpt-5.2": "x", "claude": "y"})], {}, {})
    with pytest.raises(UnknownModel, match=r"Nearest names: gpt-5\.2\.") as caught:
        routes.plan("gpt-52", 0)
    assert caught.value.param == "model"
    assert not routes.knows("gpt-52")
    assert routes.knows("claude")


def test_a_name_like_no_other_is_told_where_names_are_listed() -> None:
    with pytest.raises(UnknownModel, match="GET /v1/models"):
        Routes([offer("a", {"gpt": "x"})], {}, {}).plan("zzzzzz", 0)
