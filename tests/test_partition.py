"""A client that vanishes without FIN or RST is found, and it is known after how long."""

from collections.abc import Callable, Mapping

import pytest

from gateway.downstream.listen import KEEPALIVE_IDLE, KEEPALIVE_INTERVAL
from gateway.relay.options import ClockOptions
from tests.figures import Measured
from tests.partition import CLIENTS, KEEPALIVES, found_after, may_have_a_network

GRACE = 5.0
"""Seconds more than `write_timeout` for which the kernel waits."""

LATE = 3.0
"""Seconds by which the kernel's timers may be late."""

SHORT = 0.4


def bounds(write_timeout: float) -> Mapping[str, float]:
    """Return after how many seconds each must have been found."""
    unheard = write_timeout + GRACE
    # The kernel's own probes end at the first one after this time.
    probes = KEEPALIVE_IDLE
    while probes < unheard:
        probes += KEEPALIVE_INTERVAL
    return {
        "reads": unheard,
        "is kept alive": write_timeout / KEEPALIVES + unheard,
        "waits": probes,
    }


def test_a_client_that_vanished_is_found_within_a_bound(
    require: Callable[[str], str], request: pytest.FixtureRequest, measured: Measured
) -> None:
    """C20: with short clocks; with those that are the default where figures are written.

    That takes a minute and a half, nearly all of it waiting.
    """
    unshare = require("unshare")
    if not may_have_a_network(unshare):
        pytest.skip("this machine lets nobody have a network of their own")
    in_full = request.config.getoption("--write-figures")
    write_timeout = ClockOptions().write_timeout if in_full else SHORT
    whom = list(CLIENTS) if in_full else ["reads", "is kept alive"]
    found = found_after(unshare, write_timeout, *whom)
    assert found.keys() == set(whom)
    for who, most in bounds(write_timeout).items():
        assert found.get(who, 0.0) < most + LATE
    if in_full:
        measured("C20", "until one that is sent a stream is given up", found["reads"], "s")
        measured("C20", "until one that is sent keepalives alone is", found["is kept alive"], "s")
        measured("C20", "until one that is sent nothing is", found["waits"], "s")
