"""What is known of homes: which rest, how busy and how fast they are, which keys rest."""

from dataclasses import replace
from math import inf

import pytest

from gateway.policy.circuit import CircuitState
from gateway.policy.health import MOST_HOMES, STALE, Figures, Health, State
from gateway.policy.refusals import GRANT_REST, KEY_PAUSE, KEY_REST
from gateway.policy.retry_budget import FREE
from gateway.words.client import Header
from gateway.words.errors import (
    Busy,
    ConnectFailed,
    ConnectTimeout,
    GatewayError,
    Internal,
    TotalTimeout,
    UpstreamAuth,
    UpstreamRefused,
    UpstreamReset,
)
from gateway.words.target import Conduct, Cooldown, Origin, Target

ORIGIN = Origin("https", "api.example", 443)
DOWN = ConnectFailed("Nothing listens there.")


def target(model: str = "m", *, key: int = 0, failures: int = 3) -> Target:
    conduct = Conduct(cooldown=Cooldown(failures=failures, window=30.0, rest=15.0))
    return Target("p", "openai", "chat", ORIGIN, "/v1", model, conduct=conduct, key_number=key)


HOME = target()


def refused(status: int, *headers: Header, code: str | None = None) -> UpstreamRefused:
    return UpstreamRefused("No.", status=status, type="error", code=code, headers=headers)


def attempt(
    health: Health, home: Target, now: float, error: GatewayError | None, *, left: bool = False
) -> None:
    """Make an attempt that ends at once."""
    assert health.begin(home, now, must=True)
    health.ended(home, now, error, left=left)


def answer(health: Health, home: Target, now: float, ttft: float) -> None:
    """Make an attempt that speaks after `ttft` seconds and comes to its end."""
    assert health.begin(home, now, must=True)
    health.spoke(home, now + ttft, ttft)
    health.ended(home, now + ttft, None, left=False)


def down(home: Target = HOME, now: float = 0.0) -> Health:
    """Return the health of a home that has just begun to rest."""
    health = Health()
    for _ in range(3):
        attempt(health, home, now, DOWN)
    return health


def test_a_home_that_is_not_known_is_sound_and_idle() -> None:
    health = Health()
    assert health.rests_for(HOME, 0.0) == health.key_rests_for(HOME, 0.0) == 0.0
    assert health.open_calls(HOME) == 0
    assert health.speed(HOME) is None
    assert health.states(0.0) == []


def test_a_home_that_fails_rests_and_is_refused() -> None:
    health = down()
    assert health.rests_for(HOME, 5.0) == 10.0
    assert not health.begin(HOME, 5.0, must=False)
    assert health.open_calls(HOME) == 0


def test_a_names_only_home_is_asked_though_it_rests() -> None:
    health = down()
    assert health.begin(HOME, 5.0, must=True)
    assert health.open_calls(HOME) == 1


def test_all_keys_of_a_home_rest_with_it_and_other_homes_do_not() -> None:
    health = down(target(key=1))
    assert health.rests_for(target(key=2), 0.0) == 15.0
    assert health.rests_for(target("other"), 0.0) == 0.0


def test_a_name_that_never_rests_asks_a_home_that_rests_for_others() -> None:
    health = down()
    patient = target(failures=0)
    assert health.rests_for(patient, 1.0) == 0.0
    assert health.begin(patient, 1.0, must=False)


def test_one_probe_goes_out_after_the_rest_and_its_content_wakes_the_home() -> None:
    health = down()
    assert health.begin(HOME, 15.0, must=False)
    assert not health.begin(HOME, 15.0, must=False)
    health.spoke(HOME, 16.0, 1.0)
    assert health.begin(HOME, 16.0, must=False)


def test_a_probe_whose_client_left_gives_its_place_to_the_next_call() -> None:
    health = down()
    assert health.begin(HOME, 15.0, must=False)
    health.ended(HOME, 16.0, None, left=True)
    assert health.begin(HOME, 16.0, must=False)


def test_a_probe_that_fails_lets_the_home_rest_anew() -> None:
    health = down()
    assert health.begin(HOME, 15.0, must=False)
    health.ended(HOME, 16.0, DOWN, left=False)
    assert health.rests_for(HOME, 16.0) == 15.0


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (DOWN, True),
        (refused(400), False),
        (refused(404), False),
        (Busy("Full."), False),
        (Internal("A bug."), False),
        (TotalTimeout("Over."), False),
    ],
)
def test_what_is_not_the_homes_fault_counts_nothing(error: GatewayError, left: bool) -> None:
    health = Health()
    for _ in range(20):
        attempt(health, HOME, 0.0, error, left=left)
    assert health.rests_for(HOME, 0.0) == health.key_rests_for(HOME, 0.0) == 0.0
    assert health.speed(HOME) is None
    assert health.states(0.0) == [State("p/m", "closed", 0.0, 0, 0, ())]


def test_a_probe_that_was_a_clients_mistake_gives_its_place_to_the_next_call() -> None:
    health = down()
    assert health.begin(HOME, 15.0, must=False)
    health.ended(HOME, 15.5, refused(400), left=False)
    assert health.begin(HOME, 15.5, must=False)


@pytest.mark.parametrize(
    "error", [DOWN, UpstreamReset("Reset."), ConnectTimeout("Silent."), refused(500), refused(408)]
)
def test_a_homes_fault_is_no_fault_of_its_keys(error: GatewayError) -> None:
    health = Health()
    for _ in range(3):
        attempt(health, target(key=1), 0.0, error)
    assert health.rests_for(target(key=1), 0.0) == 15.0
    assert health.key_rests_for(target(key=1), 0.0) == 0.0


@pytest.mark.parametrize(
    ("error", "rest"),
    [
        (UpstreamAuth("Wrong key."), KEY_REST),
        (refused(429), KEY_PAUSE),
        (refused(429, (b"retry-after", b"60")), 60.0),
        (refused(429, (b"retry-after", b"999999")), 3600.0),
        (refused(429, (b"retry-after", b"0")), 0.0),
        (refused(429, code="insufficient_quota"), KEY_REST),
    ],
)
def test_a_key_rests_alone_where_a_home_has_several(error: GatewayError, rest: float) -> None:
    health = Health()
    for _ in range(10):
        attempt(health, target(key=1), 100.0, error)
    assert health.key_rests_for(target(key=1), 100.0) == rest
    assert health.key_rests_for(target(key=1), 100.0 + rest) == 0.0
    assert health.key_rests_for(target(key=2), 100.0) == 0.0
    assert health.key_rests_for(target("other", key=1), 100.0) == 0.0
    assert health.rests_for(target(key=1), 100.0) == 0.0
    assert health.speed(target(key=1)) is None


@pytest.mark.parametrize("error", [UpstreamAuth("Wrong key."), refused(429)])
def test_the_only_key_of_a_home_rests_and_the_home_with_it(error: GatewayError) -> None:
    health = Health()
    for _ in range(3):
        attempt(health, HOME, 0.0, error)
    assert health.key_rests_for(HOME, 0.0) > 0.0
    assert health.rests_for(HOME, 0.0) == 15.0


def test_a_short_rest_does_not_end_a_keys_long_one() -> None:
    health = Health()
    attempt(health, target(key=1), 0.0, UpstreamAuth("Wrong key."))
    attempt(health, target(key=1), 1.0, refused(429))
    assert health.key_rests_for(target(key=1), 1.0) == KEY_REST - 1.0


def test_a_key_rests_until_the_date_that_the_provider_says() -> None:
    health = Health()
    error = refused(429, (b"retry-after", b"Thu, 01 Jan 1970 00:01:40 GMT"))
    assert health.begin(target(key=1), 5.0, must=False)
    health.ended(target(key=1), 5.0, error, left=False, today=70.0)
    assert health.key_rests_for(target(key=1), 5.0) == 30.0


def test_a_provider_that_is_another_one_is_tried_at_once_with_its_keys() -> None:
    health = Health()
    for _ in range(3):
        attempt(health, HOME, 0.0, UpstreamAuth("Wrong key."))
    elsewhere = replace(HOME, provider="pp")
    attempt(health, elsewhere, 0.0, UpstreamAuth("Wrong key."))
    told: list[tuple[str, int | None, float]] = []
    health.tell = lambda *said: told.append(said)
    health.replaced("p", 1.0)
    assert told == [("p/m", 0, 0.0)]  # else the shared store would have it rest again
    assert [state.name for state in health.states(1.0)] == ["p/m", "pp/m"]
    assert (health.rests_for(HOME, 1.0), health.key_rests_for(HOME, 1.0)) == (0.0, 0.0)
    assert health.key_rests_for(elsewhere, 1.0) == KEY_REST - 1.0


def test_a_provider_that_is_no_more_is_forgotten() -> None:
    health = Health()
    for _ in range(3):
        attempt(health, HOME, 0.0, UpstreamAuth("Wrong key."))
    health.missed("p", 9.0)
    assert health.begin(HOME, 1.0, must=True)
    health.forget("p")
    assert (health.states(1.0), health.absent(1.0)) == ([], {})
    health.ended(HOME, 2.0, None, left=False)
    assert health.states(2.0) == []


def test_open_calls_are_counted_over_all_keys_of_a_home() -> None:
    health = Health()
    assert health.begin(target(key=1), 0.0, must=False)
    assert health.begin(target(key=2), 0.0, must=False)
    assert health.open_calls(target(key=3)) == 2
    health.ended(target(key=1), 1.0, DOWN, left=False)
    health.ended(target(key=2), 1.0, None, left=True)
    assert health.open_calls(HOME) == 0


def test_the_speed_is_the_mean_of_the_first_calls() -> None:
    health = Health()
    for ttft in (1.0, 2.0, 3.0):
        answer(health, HOME, 0.0, ttft)
    assert health.speed(HOME) == pytest.approx(2.0)


def test_in_ten_calls_a_home_is_half_as_far_from_what_it_has_become() -> None:
    health = Health()
    for _ in range(100):
        answer(health, HOME, 0.0, 1.0)
    for _ in range(10):
        answer(health, HOME, 0.0, 2.0)
    assert health.speed(HOME) == pytest.approx(1.5, abs=0.01)


def test_a_home_is_slower_by_the_share_of_its_calls_that_fail() -> None:
    health = Health()
    for _ in range(10):
        answer(health, HOME, 0.0, 0.4)
        attempt(health, HOME, 0.0, DOWN)
    assert health.speed(HOME) == pytest.approx(0.8, rel=0.1)


def test_a_home_that_only_fails_has_no_speed_at_all() -> None:
    assert down().speed(HOME) == inf


def test_a_home_that_has_spoken_and_then_only_fails_is_slow_but_not_infinitely_so() -> None:
    health = Health()
    answer(health, HOME, 0.0, 1.0)
    for _ in range(1000):
        attempt(health, HOME, 0.0, DOWN)
    assert health.speed(HOME) == pytest.approx(100.0)


def test_a_slow_home_is_looked_at_again_by_one_call_now_and_then() -> None:
    health = Health()
    slow, fast = target("slow"), target("fast")
    for _ in range(50):
        answer(health, slow, 0.0, 9.0)
    attempt(health, slow, 0.0, DOWN)
    answer(health, fast, STALE, 1.0)
    assert health.speed(slow) == pytest.approx(9.0, rel=0.1)
    answer(health, fast, STALE + 1.0, 1.0)
    assert health.speed(slow) is None
    assert health.begin(slow, STALE + 2.0, must=False)
    assert health.speed(slow) == pytest.approx(9.0, rel=0.1)
    health.spoke(slow, STALE + 2.5, 0.5)
    health.ended(slow, STALE + 3.0, None, left=False)
    assert health.speed(slow) == 0.5


def test_retries_have_a_budget_of_each_home() -> None:
    health = Health()
    assert [health.may_retry(HOME, 0.0) for _ in range(11)] == [True] * int(FREE) + [False]
    assert health.may_retry(target("other"), 0.0)
    for _ in range(6):
        attempt(health, HOME, 0.0, None)
    assert [health.may_retry(HOME, 0.0) for _ in range(2)] == [True, False]


@pytest.mark.parametrize(
    ("now", "state", "rests_for"),
    [(0.0, "open", 15.0), (10.0, "open", 5.0), (15.0, "half_open", 0.0)],
)
def test_those_who_watch_are_told_how_each_home_is(
    now: float, state: CircuitState, rests_for: float
) -> None:
    health = down(target("b", key=3))
    attempt(health, target("b", key=2), 0.0, UpstreamAuth("Wrong key."))
    attempt(health, target("b", key=1), 0.0, refused(429))
    assert health.begin(target("a"), 0.0, must=False)
    keys = ((1, 5.0 - now), (2, 3600.0 - now))[now > 5.0 :]
    assert health.states(now) == [
        State("p/a", "closed", 0.0, 0, 1, ()),
        State("p/b", state, rests_for, 3, 0, keys),
    ]


def test_only_so_many_homes_are_known_and_whoever_was_not_asked_for_longest_goes() -> None:
    health = Health()
    for number in range(MOST_HOMES):
        assert health.begin(target(str(number)), 0.0, must=False)
    assert health.begin(target("0"), 0.0, must=False)
    assert health.begin(HOME, 0.0, must=False)
    assert len(health.states(0.0)) == MOST_HOMES
    assert [health.open_calls(target(name)) for name in ("0", "1", "2")] == [2, 0, 1]


def test_a_call_whose_home_was_forgotten_ends_without_a_trace() -> None:
    health = Health()
    health.spoke(HOME, 0.0, 1.0)
    health.ended(HOME, 0.0, DOWN, left=False)
    assert health.states(0.0) == []


def test_calls_that_a_home_has_forgotten_do_not_make_it_idler_than_idle() -> None:
    health = Health()
    assert health.may_retry(HOME, 0.0)
    health.ended(HOME, 0.0, None, left=False)
    assert health.open_calls(HOME) == 0


def test_only_so_many_keys_rest_and_the_first_of_them_is_woken() -> None:
    health = Health()
    for number in range(1, MOST_HOMES + 1):
        attempt(health, target(key=number), 0.0, UpstreamAuth("Wrong key."))
    attempt(health, target(key=1), 0.0, refused(429))
    attempt(health, target("other", key=1), 0.0, refused(429))
    assert health.key_rests_for(target(key=1), 0.0) == KEY_REST
    assert health.key_rests_for(target(key=2), 0.0) == 0.0
    assert health.key_rests_for(target(key=3), 0.0) == KEY_REST


def test_a_provider_that_misses_its_probes_rests_with_all_its_homes() -> None:
    health = Health()
    health.missed("p", 30.0)
    assert health.rests_for(target(), 10.0) == 20.0
    assert not health.begin(target(), 10.0, must=False)
    assert health.begin(target(), 10.0, must=True)
    assert health.begin(target(), 31.0, must=False)
    health.missed("p", 60.0)
    health.found("p", 40.0)
    assert health.rests_for(target(), 40.0) == 0.0


def test_a_home_of_a_provider_that_answers_again_may_be_tried_at_once() -> None:
    health = Health()
    fails_often = target(failures=1)
    health.begin(fails_often, 0.0, must=False)
    health.ended(fails_often, 0.0, DOWN, left=False)
    elsewhere = replace(target("other"), provider="q")
    health.begin(elsewhere, 0.0, must=False)
    assert health.rests_for(fails_often, 1.0) == 14.0
    health.found("p", 1.0)
    assert health.rests_for(fails_often, 1.0) == 0.0
    assert health.begin(fails_often, 1.0, must=False)
    assert not health.begin(fails_often, 1.0, must=False), "one probe at a time"


def test_each_rest_is_told_and_those_of_others_are_learned() -> None:
    health, other = Health(), Health()
    told: list[tuple[str, int | None, float]] = []
    health.tell = lambda *rest: told.append(rest)
    fails_often = target(failures=1)
    for error in (DOWN, UpstreamAuth("x")):
        health.begin(fails_often, 0.0, must=True)
        health.ended(fails_often, 0.0, error, left=False)
    assert told == [(fails_often.name, None, 15.0), (fails_often.name, 0, KEY_REST)]
    for name, number, seconds in told:
        other.learn(name, number, seconds, 0.0)
    assert other.rests_for(fails_often, 5.0) == 10.0
    assert other.key_rests_for(fails_often, 5.0) == KEY_REST - 5.0
    other.learn(fails_often.name, None, 12.0, 0.0)
    assert other.rests_for(fails_often, 5.0) == 10.0
    health.spoke(fails_often, 6.0, 1.0)
    assert told[2:] == [(fails_often.name, None, 0.0)]
    other.learn(*told[2], 6.0)
    assert other.rests_for(fails_often, 6.0) == 0.0


def test_nobodys_word_lets_a_home_be_forgotten() -> None:
    health = Health()
    for number in range(MOST_HOMES):
        health.learn(f"p/{number}", None, 10.0, 0.0)
        health.learn(f"p/{number}", 1, 10.0, 0.0)
    health.learn("p/more", None, 10.0, 0.0)
    health.learn("p/more", None, 0.0, 0.0)
    health.learn("p/more", 1, 10.0, 0.0)
    health.learn("p/7", 1, 20.0, 0.0)
    known = health.states(0.0)
    assert len(known) == MOST_HOMES
    assert all(state.name != "p/more" for state in known)
    assert health.key_rests_for(target("7", key=1), 0.0) == 20.0


def test_credentials_that_are_fetched_anew_do_not_rest_for_long() -> None:
    health = Health()
    home = replace(HOME, grant="p")
    attempt(health, home, 0.0, UpstreamAuth("No."))
    assert health.key_rests_for(home, 0.0) == GRANT_REST
    attempt(health, home, 50.0, refused(429))
    assert health.key_rests_for(home, 50.0) == KEY_PAUSE


def test_what_calls_were_like_is_told_and_is_stale_after_a_while() -> None:
    health = Health()
    answer(health, HOME, 0.0, 0.5)
    attempt(health, HOME, 1.0, DOWN)
    (state,) = health.states(2.0)
    assert state.figures == Figures(0.5, 0.5, 2, 1)
    (state,) = health.states(1.0 + STALE + 1.0)
    assert state.figures == Figures(0.5, 0.5, 2, 1)  # the next call still goes by them
    assert health.speed(HOME) == 1.0
    answer(health, target("n"), 1.0 + STALE + 1.0, 0.1)
    (state, _) = health.states(1.0 + STALE + 1.0)
    assert state.figures == Figures(None, None, 2, 1)
    assert health.speed(HOME) is None


def test_of_a_home_that_was_never_asked_it_is_told_which_keys_rest() -> None:
    health = Health()
    health.learn(HOME.name, 2, 30.0, 0.0)
    (state,) = health.states(10.0)
    assert (state.name, state.state, state.resting_keys) == (HOME.name, "closed", ((2, 20.0),))
    assert health.states(31.0) == []


def test_a_provider_that_was_asked_in_vain_is_absent_for_so_long() -> None:
    health = Health()
    health.missed("p", 9.0)
    assert health.absent(4.0) == {"p": 5.0}
    assert health.absent(9.0) == {}
