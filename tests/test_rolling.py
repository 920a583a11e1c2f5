"""Two gateways behind one nginx: one is restarted, or dies, and the calls go on.

The bar, 200 new calls a second, is in `benchmarks/rolling.py`; this is the same in small.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trio

from tests.callers import Callers
from tests.nginx import Nginx, nginx
from tests.pair import Instance, pair
from tests.process import STOP_TIMEOUT

RATE = 40.0
BRISK = {"keepalive_timeout 10s;": "keepalive_timeout 300ms;"}
CONFIG = "[server]\ndrain_delay = 0.8\n"
"""Longer than nginx keeps an idle connection, as with the values that we ship."""

JUST_AFTER = 0.3
"""Seconds in which nginx may still take a connection that died with the gateway."""

Two = tuple[Instance, Instance]
Require = Callable[[str], str]


@pytest.fixture(scope="module")
def two(require: Require, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    require("nginx")
    with pair(tmp_path_factory.mktemp("two"), CONFIG) as two:
        yield two


@pytest.fixture(scope="module")
def front(require: Require, two: Two, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    place: Path = tmp_path_factory.mktemp("nginx")
    known = f"{two[0].port} max_fails=1 fail_timeout="
    brisk = {**BRISK, f"{known}2s;": f"{known}1s;"}  # back sooner: nothing is refused for less
    with nginx(require("nginx"), place, two[0].port, brisk, two[1].port) as running:
        yield running


async def answers_calls(each: Instance) -> None:
    """Wait until calls come to it."""
    before = len(each.real.lines())
    with trio.fail_after(STOP_TIMEOUT):
        while len(each.real.lines()) < before + 5:
            await trio.sleep(0.02)


@pytest.mark.leaks("the gateway that was begun anew serves the next test")
async def test_g1_one_is_restarted_under_load_and_no_call_fails(two: Two, front: Nginx) -> None:
    """G1."""
    callers, over = Callers(front.connect), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(callers.begin, RATE, over)
        await answers_calls(two[0])
        ended = two[0].real
        assert await two[0].restart() == 0
        await answers_calls(two[0])
        over.set()
    assert callers.faults() == {}
    assert {line["outcome"] for line in ended.lines()} == {"completed"}


async def test_g3_one_is_killed_under_load_and_only_what_was_open_there_breaks(
    two: Two, front: Nginx
) -> None:
    """G3."""
    callers, over = Callers(front.connect), trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(callers.begin, RATE, over)
        await answers_calls(two[0])
        await answers_calls(two[1])
        open_then = sum(said.fault == "still open" for said in callers.calls)
        killed_at = trio.current_time()
        await two[1].kill()
        await trio.sleep_until(killed_at + 3 * JUST_AFTER)
        over.set()
    later = [said for said in callers.calls if said.began > killed_at + JUST_AFTER]
    assert later
    assert [said.fault for said in later if said.fault] == []
    broken = callers.faults()
    assert 0 < broken.total() < open_then
    assert set(broken) <= {"broken off", "no answer", "status 502"}
