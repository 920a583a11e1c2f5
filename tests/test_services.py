"""The services of a process: what they ask, and that none of them stops another."""

from dataclasses import replace

import pytest
import trio
from trio.testing import MockClock

from gateway.downstream.gone import Watcher
from gateway.services import (
    LISTED_EVERY,
    LISTING_TIMEOUT,
    RESTART_PAUSE,
    UNLISTED_RETRY,
    flush,
    run_services,
)
from gateway.store.sink_http import FLUSH_PATIENCE
from gateway.supervisor import STOP_TIMEOUT
from gateway.upstream.failures import Refused
from gateway.words.errors import UnknownModel
from gateway.words.receipt import Receipt
from tests.made import LISTING, Make
from tests.stage import Provider, answer

pytest_plugins = ("tests.making",)


async def test_a_provider_that_lists_its_models_is_asked_now_and_again(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    made = make(LISTING)
    first, second = made.lists("a", "b"), made.lists("b", "c")
    before = made.app.current.house
    await nursery.start(run_services, made.app)
    assert before.routes.knows("up/anything")
    await trio.sleep(1)
    assert made.names == ["echo", "up/a", "up/b"]
    with pytest.raises(UnknownModel):
        made.app.current.house.routes.check("up/anything")
    assert before.routes.knows("up/anything")
    assert b"GET /v1/models HTTP/1.1\r\n" in first.sent[0]
    assert b"\r\nauthorization: Bearer sk-0123456789abcdef9f2c\r\n" in first.sent[0]
    assert b"\r\nx-team: blue\r\n" in first.sent[0]
    await trio.sleep(LISTED_EVERY)
    assert second.sent
    assert made.names == ["echo", "up/b", "up/c"]
    assert made.asked_at == [0, LISTED_EVERY]
    made.app.log.close()
    assert [line["models"] for line in made.lines("models listed")] == [2, 2]


async def test_r10_a_model_has_a_name_in_the_metrics_once_it_was_listed(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    made = make(LISTING)
    made.lists("a")
    receipt = Receipt("r", "POST", "/v1/chat/completions", "127.0.0.1", 0.0)
    receipt.endpoint, receipt.model, receipt.target, receipt.ended = "chat", "up/a", "up/a", 1.0
    receipt.answered_by = "a"
    receipt.complete()
    made.app.metrics.settled(receipt)
    await nursery.start(run_services, made.app)
    await trio.sleep(1)
    made.app.metrics.settled(receipt)
    (duration,) = [each for each in made.app.metrics.told() if "duration" in each.name]
    assert [labels for labels, _ in duration.series] == [
        ["chat", "openai", "up", "other", "other", ""],
        ["chat", "openai", "up", "up/a", "a", ""],
    ]


async def test_a_provider_that_cannot_list_its_models_is_asked_again_soon(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Refused, then silent, then with an error, then well."""
    made = make(LISTING)
    made.providers += [Refused("no"), Provider(), Provider(answer(500, b"no"), b"")]
    made.lists("a")
    await nursery.start(run_services, made.app)
    await trio.sleep(3 * UNLISTED_RETRY + LISTING_TIMEOUT + 1)
    assert made.names == ["echo", "up/a"]
    silent_until = UNLISTED_RETRY + LISTING_TIMEOUT
    assert made.asked_at == [
        0, UNLISTED_RETRY, silent_until + UNLISTED_RETRY, silent_until + 2 * UNLISTED_RETRY,
    ]  # fmt: skip
    made.app.log.close()
    refused, silent, failed = made.lines("models not listed")
    assert "could not be connected to" in refused["error"]
    assert silent["error"] == "no answer within 10 seconds"
    assert "answered 500" in failed["error"]
    assert refused["provider"] == "up"


async def test_a_provider_that_has_just_been_asked_is_left_alone_for_a_while(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    made = make(LISTING, {"up": ("a",)})
    made.lists("b")
    await nursery.start(run_services, made.app)
    await trio.sleep(LISTED_EVERY - 1)
    assert (made.asked_at, made.names) == ([], ["echo", "up/a"])
    await trio.sleep(2)
    assert made.names == ["echo", "up/b"]


async def test_a_bug_in_a_listing_stops_nothing(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """G4: it is told, and the listing begins anew."""
    made = make(LISTING)
    made.providers.append(RuntimeError("a bug"))
    made.lists("a")
    await nursery.start(run_services, made.app)
    await trio.sleep(RESTART_PAUSE + 1)
    assert made.names == ["echo", "up/a"]
    made.app.log.close()
    (line,) = made.lines("bug in service models of up")
    assert "RuntimeError: a bug" in line["exception"]


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
