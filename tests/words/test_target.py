"""Targets, and where they listen."""

import dataclasses

import pytest

from gateway.words.secret import Secret
from gateway.words.target import Origin, Plan, Target, Timeouts


def target(model: str = "m-1", timeouts: Timeouts | None = None) -> Target:
    return Target(
        provider="up",
        kind="openai",
        form="chat",
        origin=Origin("http", "localhost", 80),
        path="/v1",
        model=model,
        key=Secret("sk-0123456789abcdef"),
        timeouts=timeouts or Timeouts(),
    )


@pytest.mark.parametrize(
    ("origin", "text"),
    [
        (Origin("https", "api.example", 443), "https://api.example:443"),
        (Origin("http", "127.0.0.1", 8000), "http://127.0.0.1:8000"),
        (Origin("http", "::1", 8000), "http://[::1]:8000"),
    ],
)
def test_an_origin_is_written_as_in_a_url(origin: Origin, text: str) -> None:
    assert str(origin) == text


def test_s17_a_target_is_named_without_its_key() -> None:
    assert target().name == "up/m-1"
    assert "0123456789" not in repr(target())


def test_s14_nobody_moves_a_target() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        target().origin.host = "elsewhere"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        target().model = "other"  # type: ignore[misc]


def test_a_plan_has_the_clocks_of_its_first_target() -> None:
    plan = Plan((target(timeouts=Timeouts(total=7.0)), target("other")))
    assert plan.timeouts == Timeouts(total=7.0)


def test_r1_where_paths_name_the_model_it_is_one_segment() -> None:
    """R1."""
    assert target("a/b").base == "/v1"
    by_model = dataclasses.replace(target("a/b?c#d"), by_model="/deployments/")
    assert by_model.base == "/v1/deployments/a%2Fb%3Fc%23d"
