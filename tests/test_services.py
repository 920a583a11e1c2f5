"""The services of a process: what they ask, and that none of them stops another."""

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from gateway.downstream.gone import Watcher
from gateway.inquiries import RESTART_PAUSE
from gateway.services import flush, run_services
from gateway.store.sink_http import FLUSH_PATIENCE
from gateway.supervisor import STOP_TIMEOUT
from tests.made import LISTING, Make
from tests.stage import Provider, answer

pytest_plugins = ("tests.making",)


class Stumbling(Watcher):
    """A watcher with a bug, which it meets a few times."""

    def __init__(self, bugs: list[BaseException | None]) -> None:
        super().__init__()
        self.bugs = bugs
        self.began_at: list[float] = []

    async def run(self) -> None:
        self.began_at.append(trio.current_time())
        if self.bugs:
            bug = self.bugs.pop()
            if bug is None:
                return
            raise bug
        await super().run()


async def test_a_service_that_crashes_is_told_and_restarted(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """G4: a bug, a bug in a group, an end without one."""
    made = make()
    made.app.watcher.close()
    group = ExceptionGroup("several", [KeyError("a bug"), ValueError("another")])
    watcher = Stumbling([None, group, RuntimeError("a bug")])
    app = replace(made.app, watcher=watcher)
    await nursery.start(run_services, app)
    await trio.sleep(10 * RESTART_PAUSE)
    assert watcher.began_at == [0, RESTART_PAUSE, 2 * RESTART_PAUSE, 3 * RESTART_PAUSE]
    made.app.log.close()
    first, second = made.lines("bug in service watcher")
    assert "RuntimeError: a bug" in first["exception"]
    assert "KeyError" in second["exception"]
    assert "ValueError" in second["exception"]


async def test_services_leave_nothing_behind(make: Make, autojump_clock: MockClock) -> None:
    made = make(LISTING)
    kept = Provider(answer(200, b'{"data": []}'))
    made.providers.append(kept)
    async with trio.open_nursery() as nursery:
        await nursery.start(run_services, made.app)
        await trio.sleep(5)
        assert made.app.transport.pool.idle == 1
        nursery.cancel_scope.cancel()
    assert (made.app.transport.pool.open, kept.closed_at) == (0, 5)
    # The next run has its own resolver again, and not one whose workers have gone home.
    assert await trio.socket.getaddrinfo("127.0.0.1", 80)
    with pytest.raises(ValueError, match="closed"):
        made.app.watcher._epoll.fileno()


async def test_g2_who_takes_receipts_and_who_takes_traces_are_waited_for_at_once(
    make: Make, autojump_clock: MockClock
) -> None:
    """G2: one after the other would outlast the patience of the supervisor, which kills."""
    app = make(
        '[telemetry]\nreceipts = "http://sink.test/x"\notlp_endpoint = "http://collector.test"\n'
    ).app
    began = trio.current_time()
    await flush(app)
    assert trio.current_time() - began == pytest.approx(FLUSH_PATIENCE)
    assert FLUSH_PATIENCE < STOP_TIMEOUT - 1
