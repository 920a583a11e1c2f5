"""The circuit of one home: what opens it, what it does half open, what closes it."""

import pytest

from gateway.policy.circuit import MOST_FAILURES, REMEMBERED, Circuit, CircuitState
from gateway.words.target import Cooldown

COOLDOWN = Cooldown(failures=3, window=30.0, rest=15.0)


def after(ends: str, *, cooldown: Cooldown = COOLDOWN, every: float = 1.0) -> Circuit:
    """Return a circuit whose calls ended so: `x` a failure, `.` a success, `-` neither."""
    circuit = Circuit()
    for index, end in enumerate(ends):
        now = (index + 1) * every
        match end:
            case "x":
                circuit.failed(now, cooldown)
            case ".":
                circuit.succeeded(now)
            case _:
                circuit.release()
    return circuit


def opened() -> Circuit:
    """Return a circuit that opened at 3 and rests until 18."""
    return after("xxx")


def half_open() -> Circuit:
    """Return a circuit whose probe went out at 20."""
    circuit = opened()
    assert circuit.claim(20.0, must=False)
    return circuit


@pytest.mark.parametrize(
    ("ends", "every", "state"),
    [
        ("", 1.0, "closed"),
        ("..........", 1.0, "closed"),
        ("xx", 1.0, "closed"),
        ("xxx", 1.0, "open"),
        ("-x-x-x", 1.0, "open"),  # what says nothing does not part two failures
        (".......xxx", 1.0, "open"),
        ("xxx", 15.0, "open"),  # just within the window
        ("xxx", 15.1, "closed"),
        ("xx.xx.", 1.0, "closed"),  # a failure opens it, not a success
        ("xx.xx.x", 1.0, "open"),  # half of six, though never three in a row
        (".x.x.x", 1.0, "open"),
        ("..x.x.x", 1.0, "closed"),  # three of seven
        ("x.x.x", 1.0, "closed"),  # five are not enough to tell
        (".x.x.x.x.x.x", 6.1, "closed"),  # of which five lie in the window
    ],
)
def test_failures_open_a_circuit_in_a_row_or_by_their_share(
    ends: str, every: float, state: CircuitState
) -> None:
    circuit = after(ends, every=every)
    assert circuit.state(len(ends) * every) == state


def test_failures_long_ago_do_not_count() -> None:
    circuit = after("xx")
    circuit.failed(60.0, COOLDOWN)
    assert circuit.state(60.0) == "closed"


@pytest.mark.parametrize("failures", [0, -1])
def test_a_circuit_without_a_number_of_failures_never_opens(failures: int) -> None:
    circuit = after("x" * 1000, cooldown=Cooldown(failures=failures), every=0.01)
    assert circuit.state(10.0) == "closed"


def test_more_failures_than_are_remembered_open_when_the_most_do() -> None:
    cooldown = Cooldown(failures=10 * MOST_FAILURES)
    assert after("x" * (MOST_FAILURES - 1), cooldown=cooldown, every=0.1).state(9.0) == "closed"
    assert after("x" * MOST_FAILURES, cooldown=cooldown, every=0.1).state(9.0) == "open"


def test_only_so_many_ends_are_remembered() -> None:
    assert after("x" * (2 * REMEMBERED), cooldown=Cooldown(failures=0)).failures == REMEMBERED


@pytest.mark.parametrize(
    ("ends", "failures"), [("", 0), ("..", 0), ("x.", 0), (".xx", 2), ("xx-", 2), ("xxx", 3)]
)
def test_the_failures_in_a_row_are_told(ends: str, failures: int) -> None:
    assert after(ends).failures == failures


def test_an_open_circuit_lets_nobody_through_for_its_rest() -> None:
    circuit = opened()
    assert circuit.rests_for(3.0) == 15.0
    assert circuit.rests_for(17.0) == 1.0
    assert not circuit.claim(17.9, must=False)
    assert circuit.rests_for(18.0) == circuit.rests_for(99.0) == 0.0


def test_a_closed_circuit_lets_everybody_through() -> None:
    circuit = Circuit()
    assert circuit.rests_for(5.0) == 0.0
    assert [circuit.claim(5.0, must=False) for _ in range(3)] == [True, True, True]


def test_whoever_must_is_let_through_an_open_circuit() -> None:
    assert opened().claim(4.0, must=True)


def test_after_its_rest_one_call_is_let_through_as_a_probe() -> None:
    circuit = opened()
    assert circuit.state(18.0) == "half_open"
    assert [circuit.claim(18.0, must=False) for _ in range(3)] == [True, False, False]
    assert circuit.claim(18.0, must=True)


def test_whoever_must_is_the_probe_if_there_is_none() -> None:
    circuit = opened()
    assert circuit.claim(18.0, must=True)
    assert not circuit.claim(18.0, must=False)


def test_content_closes_a_half_open_circuit_and_empties_the_window() -> None:
    circuit = half_open()
    circuit.close()
    assert circuit.state(20.0) == "closed"
    assert circuit.failures == 0
    assert [circuit.claim(20.0, must=False) for _ in range(2)] == [True, True]


def test_a_failure_soon_after_closing_counts_anew() -> None:
    circuit = half_open()
    circuit.close()
    for now in (20.1, 20.2):
        circuit.failed(now, COOLDOWN)
        assert circuit.state(now) == "closed"
    circuit.failed(20.3, COOLDOWN)
    assert circuit.state(20.3) == "open"


def test_a_failed_probe_opens_the_circuit_anew() -> None:
    circuit = half_open()
    circuit.failed(21.0, COOLDOWN)
    assert circuit.rests_for(21.0) == 15.0
    assert not circuit.claim(35.9, must=False)
    assert circuit.claim(36.0, must=False)


def test_a_failed_probe_of_a_name_that_never_rests_leaves_it_half_open() -> None:
    circuit = half_open()
    circuit.failed(21.0, Cooldown(failures=0))
    assert circuit.state(21.0) == "half_open"
    assert circuit.claim(21.0, must=False)


@pytest.mark.parametrize("end", ["left", "without content"])
def test_a_probe_that_said_nothing_leaves_its_place_to_the_next_call(end: str) -> None:
    circuit = half_open()
    if end == "left":
        circuit.release()
    else:
        circuit.succeeded(21.0)
    assert circuit.state(21.0) == "half_open"
    assert [circuit.claim(21.0, must=False) for _ in range(2)] == [True, False]


def test_failures_of_calls_under_way_do_not_make_a_rest_longer() -> None:
    circuit = opened()
    circuit.failed(10.0, COOLDOWN)
    assert circuit.rests_for(10.0) == 8.0


def test_an_answer_that_ends_while_the_circuit_is_open_does_not_close_it() -> None:
    circuit = opened()
    circuit.succeeded(10.0)
    assert circuit.state(10.0) == "open"


def test_content_closes_an_open_circuit_too() -> None:
    circuit = opened()
    circuit.close()
    assert circuit.state(4.0) == "closed"


def test_content_leaves_the_window_of_a_closed_circuit_as_it_is() -> None:
    circuit = after("xx")
    circuit.close()
    circuit.failed(3.0, COOLDOWN)
    assert circuit.state(3.0) == "open"


def test_each_name_of_a_home_judges_by_its_own_cooldown() -> None:
    circuit = after("xx", cooldown=Cooldown(failures=5))
    circuit.failed(3.0, Cooldown(failures=2, rest=1.0))
    assert circuit.rests_for(3.0) == 1.0
