"""What a client wishes in header fields: it only ever lessens what the operator allows."""

from math import inf

import pytest

from gateway.policy.own_key import OwnKey
from gateway.policy.wishes import NOTHING, Wishes, wishes_of
from gateway.words.errors import BadRequest
from gateway.words.secret import Secret
from gateway.words.target import Conduct, Origin, Plan, Target, Timeouts


def target(provider: str = "up", **conduct: object) -> Target:
    return Target(
        provider=provider,
        kind="openai",
        form="chat",
        origin=Origin("http", provider, 80),
        path="",
        model="m",
        conduct=Conduct(**conduct),  # type: ignore[arg-type]
    )


PLAN = Plan(
    (target(retries=2, hedge_after=1.0, resume=True), target("spare", retries=5)),
    own=1,
    context_targets=(target("long"),),
)


def test_who_wishes_nothing_gets_the_plan_as_it_is() -> None:
    assert wishes_of({b"host": b"x", b"content-type": b"y"}) is NOTHING
    assert NOTHING.over(PLAN) is PLAN
    assert NOTHING.timeouts(PLAN.timeouts, inf) is PLAN.timeouts
    assert NOTHING.patience_for(PLAN) == inf


@pytest.mark.parametrize(("asked", "got"), [(b"0", [0, 0]), (b"1", [1, 1]), (b"4", [2, 4])])
def test_fewer_retries_may_be_wished_but_not_more(asked: bytes, got: list[int]) -> None:
    plan = wishes_of({b"x-gateway-retries": asked}).over(PLAN)
    assert [each.conduct.retries for each in plan.targets] == got
    assert plan.context_targets[0].conduct.retries == min(2, int(asked))


def test_fallbacks_can_be_done_without() -> None:
    plan = wishes_of({b"x-gateway-fallbacks": b" OFF "}).over(PLAN)
    assert [each.provider for each in plan.targets] == ["up"]
    assert plan.context_targets == ()


def test_hedges_and_resuming_can_be_done_without() -> None:
    wishes = wishes_of({b"x-gateway-hedge": b"off", b"x-gateway-resume": b"none"})
    conduct = wishes.over(PLAN).conduct
    assert (conduct.hedge_after, conduct.resume, conduct.retries) == (0.0, False, 2)
    assert wishes_of({b"x-gateway-hedge": b"on"}).over(PLAN) is PLAN


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("retries", "many"),
        ("retries", "1.5"),
        ("retries", "11"),
        ("retries", "-1"),
        ("retries", ""),
        ("retries", "9" * 33),
        ("timeout", "0"),
        ("timeout", "nan"),
        ("timeout", "inf"),
        ("timeout", "soon"),
        ("fallbacks", "maybe"),
        ("hedge", ""),
        ("resume", "2"),
    ],
)
def test_a_wish_that_means_nothing_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadRequest, match=f"x-gateway-{name}"):
        wishes_of({f"x-gateway-{name}".encode(): value.encode()})


def test_a_wish_that_is_not_known_is_none() -> None:
    assert wishes_of({b"x-gateway-magic": b"on"}) == Wishes()


@pytest.mark.parametrize(
    ("said", "patience"),
    [
        (b"600", 570.0),
        (b"20", 19.0),
        (b"1", 0.75),
        (b"0.4", 0.2),
        (b"0", inf),
        (b"-1", inf),
        (b"nan", inf),
        (b"inf", inf),
        (b"1e400", inf),
        (b"None", inf),
        (b"", inf),
        ("10½".encode(), inf),
    ],
)
def test_the_gateway_gives_up_a_little_before_the_client_does(said: bytes, patience: float) -> None:
    wishes = wishes_of({b"x-stainless-read-timeout": said})
    assert wishes.patience_for(PLAN) == patience
    deaf = Plan((target(honour_client_timeout=False),))
    assert wishes.patience_for(deaf) == inf


def test_a_total_time_and_a_patience_shorten_the_clocks() -> None:
    wishes = wishes_of({b"x-gateway-timeout": b"30", b"x-stainless-read-timeout": b"20"})
    assert wishes.timeouts(PLAN.timeouts, wishes.patience_for(PLAN)) == Timeouts(
        total=30.0, idle=19.0
    )
    assert wishes_of({b"x-gateway-timeout": b"99999"}).timeouts(PLAN.timeouts, inf) == Timeouts()


@pytest.mark.parametrize(
    ("said", "reads", "writes"),
    [
        (b"no-cache", False, True),
        (b"max-age=0, No-Store", True, False),
        (b"no-cache,no-store", False, False),
        (b"nonsense", True, True),
    ],
)
def test_what_is_kept_can_be_passed_over(said: bytes, reads: bool, writes: bool) -> None:
    wishes = wishes_of({b"cache-control": said})
    assert (wishes.reads_cache, wishes.writes_cache) == (reads, writes)


def test_a_key_of_ones_own_is_no_wish_about_the_plan() -> None:
    own = Wishes(own=OwnKey(Secret("sk-own"), bearer=True))
    assert own.over(PLAN) is PLAN
    assert "sk-own" not in repr(own)
