"""The simulator can see: each planted bug is found, in the one schedule that is kept for it."""

import pytest

from gateway.downstream.calls import OpenCall
from gateway.upstream.response import ResponseReader
from tests.simulation.bugs import a_byte_does_not_forbid_a_retry, the_total_clock_is_ignored
from tests.simulation.planted import BUGS, SEEDS, broken_in, kept_seeds, planted
from tests.simulation.spoken import SPOKEN

AGAIN = "run `python -m tests.simulation.planted --keep` if the plans have changed"


def test_a_seed_is_kept_for_every_bug() -> None:
    seeds = kept_seeds()
    assert seeds.keys() == BUGS.keys(), AGAIN
    assert max(seed % SPOKEN for seed in seeds.values()) < SEEDS


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_found_by_its_seed(name: str) -> None:
    with planted(BUGS[name]):
        assert broken_in(kept_seeds()[name]), AGAIN


def test_a_planted_bug_is_gone_afterwards() -> None:
    before = OpenCall.expire_at
    with planted(the_total_clock_is_ignored), planted(a_byte_does_not_forbid_a_retry):
        assert OpenCall.expire_at is not before
        assert "began" in vars(ResponseReader)
    assert OpenCall.expire_at is before
    assert "began" not in vars(ResponseReader)
