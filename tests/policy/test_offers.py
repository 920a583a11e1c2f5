"""Offers and aliases: the material of routes."""

from dataclasses import replace

import pytest

from gateway.policy.offers import Alias
from gateway.words.target import Conduct, Origin, Target, Timeouts

TARGET = Target(
    provider="a",
    kind="openai",
    form="chat",
    origin=Origin("http", "a", 80),
    path="/v1",
    model="m",
    timeouts=Timeouts(connect=1.0, idle=2.0),
    conduct=Conduct(retries=5, hedge_after=3.0),
)


def test_what_is_said_of_a_name_stands_over_what_its_provider_says() -> None:
    alias = Alias(conduct={"retries": 0, "resume": True}, seconds={"idle": 3.0})
    target = alias.over(TARGET)
    assert target.timeouts == Timeouts(connect=1.0, idle=3.0)
    assert target.conduct == Conduct(retries=0, hedge_after=3.0, resume=True)


def test_a_name_of_which_nothing_is_said_changes_nothing() -> None:
    assert Alias().over(TARGET) == TARGET


@pytest.mark.parametrize(
    ("name", "above", "holds"), [(False, False, False), (True, False, True), (False, True, True)]
)
def test_a_model_goes_on_from_a_beginning_if_either_name_says_so(
    *, name: bool, above: bool, holds: bool
) -> None:
    assert Alias(prefill=name).over(replace(TARGET, prefill=above)).prefill is holds
