"""The clock is judged by those of others, and one of those that is wrong decides nothing."""

import pytest

from gateway.commands.diagnosis.clock import clock
from gateway.commands.diagnosis.verdict import Level
from gateway.words.target import Origin


def seen(*ahead: float) -> dict[Origin, float]:
    return {Origin("https", f"h{number}.test", 443): each for number, each in enumerate(ahead)}


@pytest.mark.parametrize(
    ("ahead", "level"),
    [
        ((), Level.SKIPPED),
        ((0.0,), Level.OK),
        ((-4.9, 4.9), Level.OK),
        ((-30.0,), Level.WARN),
        ((59.0, 59.0), Level.WARN),
        ((400.0, 420.0), Level.FAIL),
        ((0.0, 0.0, 9_000.0), Level.OK),
    ],
)
def test_the_middle_one_counts(ahead: tuple[float, ...], level: Level) -> None:
    verdict = clock(seen(*ahead))
    assert verdict.level is level
    assert bool(verdict.remedy) is (level in {Level.WARN, Level.FAIL})


def test_what_runs_on_this_machine_is_no_witness() -> None:
    here = {Origin("http", host, 11434): 0.0 for host in ("127.0.0.1", "localhost", "::1")}
    assert clock(here).level is Level.SKIPPED
    assert clock({**here, **seen(300.0)}).level is Level.FAIL


def test_it_is_said_in_which_direction() -> None:
    assert "420 s ahead of 1 server" in clock(seen(420)).seen
    assert "420 s behind of 2 servers" in clock(seen(-420, -420)).seen
