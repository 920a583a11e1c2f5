"""Levels: what a model says counts before its provider, and that before the defaults."""

from dataclasses import asdict

from gateway.config.levels import HOUSE, conduct_of, drops_of, merged, said, seconds_of
from gateway.config.options import DefaultOptions, ModelOptions
from gateway.providers import (
    CacheSettings,
    ConductSettings,
    CooldownSettings,
    TimeoutSettings,
    openai,
)
from gateway.words.target import Conduct, Cooldown, Timeouts


def test_a_level_says_only_what_is_set() -> None:
    assert said(ConductSettings()) == {}
    level = ModelOptions(targets=["a"], retries=0, coalesce=False, cache=CacheSettings(ttl=0.0))
    assert said(level) == {"retries": 0, "coalesce": False, "cache": {"ttl": 0.0}}


def test_of_several_levels_the_last_that_says_so_counts() -> None:
    assert merged() == {}
    whole = merged(
        DefaultOptions(retries=1, hedge_after=1.0, timeouts=TimeoutSettings(idle=1.0, total=1.0)),
        openai.Options(retries=2, cooldown=CooldownSettings(failures=9, rest=1.0)),
        ModelOptions(cooldown=CooldownSettings(rest=2.0), timeouts=TimeoutSettings(idle=2.0)),
    )
    assert whole == {
        "retries": 2,
        "hedge_after": 1.0,
        "cooldown": {"failures": 9, "rest": 2.0},
        "timeouts": {"idle": 2.0, "total": 1.0},
    }


def test_levels_lie_over_what_is_beneath_and_leave_it_as_it_is() -> None:
    before = {
        name: dict(value) if isinstance(value, dict) else value for name, value in HOUSE.items()
    }
    whole = merged(ConductSettings(cooldown=CooldownSettings(rest=2.0)), beneath=HOUSE)
    assert whole == {**HOUSE, "cooldown": {**HOUSE["cooldown"], "rest": 2.0}}
    assert before == HOUSE


def test_what_is_said_is_told_in_the_words_of_a_target() -> None:
    assert conduct_of({}) == {}
    assert conduct_of(
        {
            "retries": 1,
            "resume": "verified",
            "cooldown": {"failures": 0},
            "cache": {"ttl": 5.0},
            "timeouts": {"idle": 1.0},
        }
    ) == {"retries": 1, "resume": True, "cooldown": Cooldown(failures=0), "cache_ttl": 5.0}
    assert seconds_of({}) == {}
    assert seconds_of({"timeouts": {"idle": 1.0}}) == {"idle": 1.0}


def test_the_house_says_every_key_and_nothing_else() -> None:
    assert set(HOUSE) == set(ConductSettings.__struct_fields__)
    assert Conduct(**conduct_of(HOUSE)) == Conduct()
    assert set(conduct_of(HOUSE)) == set(asdict(Conduct()))
    assert Timeouts(**seconds_of(HOUSE)) == Timeouts()


def test_whether_what_cannot_be_told_is_let_go_is_no_matter_of_conduct() -> None:
    assert drops_of({}) is None
    assert [drops_of({"on_unsupported": said}) for said in ("drop", "refuse")] == [True, False]
    assert drops_of(HOUSE) is False
    assert conduct_of({"on_unsupported": "drop", "stream_upstream": True}) == {
        "stream_upstream": True
    }
