"""The gate of one process alone: it waits for nobody."""

import pytest
import trio

from gateway.policy.budgets import Purses, Want
from gateway.policy.limits import Limiter, subjects_of
from gateway.relay.gate import LocalGate
from gateway.words.budget import Account, Budget
from gateway.words.caller import Caller, Limits
from gateway.words.errors import RateLimited

CALLER = Caller("k", "k-id", limits=Limits(requests_per_minute=1))


async def test_it_lets_in_by_its_own_limiter_and_tells_of_it() -> None:
    gate = LocalGate(Limiter(), trio.current_time)
    subjects = subjects_of(CALLER, "m", {})
    with await gate.admit(subjects, 0, ()) as lease:
        told = dict(gate.headers(subjects, lease))
    assert told[b"x-ratelimit-remaining-requests"] == b"0"
    with pytest.raises(RateLimited):
        await gate.admit(subjects, 0, ())


async def test_it_has_no_money_beyond_that_in_the_purses() -> None:
    purse = Purses().of(Account("a", "key", Budget(100, "day")), 0.0)
    await LocalGate(Limiter(), trio.current_time).fund([Want(purse, 500, 500)])
    assert purse.room == 100
