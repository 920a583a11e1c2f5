"""What is counted of a gateway in this process is what is there, whoever forgot it."""

import os
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trio

from gateway.assembly import assemble
from gateway.commands.demonstration.figures import Counted
from gateway.commands.demonstration.inside import (
    FarAway,
    Own,
    Receipts,
    config_for,
    open_sockets_here,
    seconds_off_cpu,
    tasks_but,
)
from gateway.commands.demonstration.upstream import LOOPBACK, Upstream
from gateway.telemetry.log import Log, open_log
from gateway.telemetry.options import LogOptions
from gateway.words.receipt import Outcome, Receipt

RECEIPT = Receipt("r", "POST", "/", "peer", 0.0, outcome=Outcome.CLIENT_GONE)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with (tmp_path / "log").open("w") as file, open_log(LogOptions(), file) as log:
        yield log


@pytest.fixture
async def own(nursery: trio.Nursery, log: Log) -> AsyncIterator[Own]:
    upstream = Upstream(0, "m")
    nursery.start_soon(upstream.serve)
    receipts = Receipts()
    own = Own(assemble(config_for(upstream, 9), log, None, (receipts,)), receipts, upstream)
    await nursery.start(own.listening.run)
    yield own
    own.app.watcher.close()
    nursery.cancel_scope.cancel()


async def test_nothing_new_counts_as_nothing(own: Own) -> None:
    assert own.since(own.mark(), []) == Counted(0, 0, 0)


async def test_a_task_counts_wherever_it_was_started(own: Own, nursery: trio.Nursery) -> None:
    before = own.mark()
    scope = trio.CancelScope()

    async def parent() -> None:
        with scope:
            async with trio.open_nursery() as inner:
                inner.start_soon(trio.sleep_forever)

    nursery.start_soon(parent)
    trio.lowlevel.spawn_system_task(trio.sleep, 0.03)
    await trio.testing.wait_all_tasks_blocked()
    assert own.since(before, []).tasks == 3
    scope.cancel()
    await trio.testing.wait_all_tasks_blocked()
    assert own.since(before, []).tasks == 1
    await trio.sleep(0.04)
    assert own.since(before, []).tasks == 0


async def test_a_socket_counts_though_no_object_holds_it(own: Own) -> None:
    before = own.mark()
    with socket.socket() as ours, socket.socket() as theirs:
        forgotten = theirs.detach()
        assert own.since(before, [ours.fileno()]) == Counted(0, 1, 0)
        os.close(forgotten)
        assert own.since(before, [ours.fileno()]) == Counted(0, 0, 0)


async def test_the_upstreams_own_connections_do_not_count(own: Own) -> None:
    before = own.mark()
    guest = await trio.open_tcp_stream(LOOPBACK, own._upstream.port)
    await trio.testing.wait_all_tasks_blocked()
    assert len(own._upstream.peers) == 1
    assert own.since(before, [guest.socket.fileno()]) == Counted(0, 0, 0)
    await guest.aclose()
    await trio.testing.wait_all_tasks_blocked()


async def test_a_client_costs_the_gateway_a_task_and_a_socket(own: Own) -> None:
    before = own.mark()
    client = await trio.open_tcp_stream(LOOPBACK, own.address.origin.port)
    await trio.sleep(0.01)
    assert own.since(before, [client.socket.fileno()]) == Counted(1, 1, 0)
    await client.aclose()
    await trio.sleep(0.01)
    assert own.since(before, []) == Counted(0, 0, 0)


async def test_receipts_count_from_the_mark_on(own: Own) -> None:
    own._receipts.settled(RECEIPT)
    before = own.mark()
    own._receipts.settled(RECEIPT)
    assert own.since(before, []) == Counted(0, 0, 1, ("client_gone",))


async def test_a_branch_of_the_tree_can_be_left_out() -> None:
    here = trio.lowlevel.current_task()
    assert here in set(tasks_but(None))
    assert here not in set(tasks_but(here))


def test_outside_of_trio_there_are_no_tasks() -> None:
    with pytest.raises(RuntimeError):
        list(tasks_but(None))


def test_who_waits_for_the_cpu_is_held_up(tmp_path: Path) -> None:
    assert seconds_off_cpu() >= 0
    told = tmp_path / "schedstat"
    told.write_text("812 2500000000 7\n")
    assert seconds_off_cpu(told) == 2.5
    told.unlink()
    assert seconds_off_cpu(told) == 0


def test_files_and_pipes_are_no_sockets(tmp_path: Path) -> None:
    before = set(open_sockets_here())
    reader, writer = os.pipe()
    with (tmp_path / "file").open("w"), socket.socket() as sock:
        (found,) = set(open_sockets_here()) - before
        assert found == (sock.fileno(), os.fstat(sock.fileno()).st_ino)
    os.close(reader)
    os.close(writer)


async def test_nobody_takes_connections_far_away() -> None:
    far = FarAway()
    with trio.move_on_after(0.03) as patience:
        await trio.open_tcp_stream(LOOPBACK, far.port)
    far.close()
    assert patience.cancelled_caught


def test_the_models_are_asked_at_three_places() -> None:
    async def urls() -> dict[str, str]:
        upstream = Upstream(0, "m")
        config = config_for(upstream, 9)
        upstream.close()
        return {name: settings.base_url for name, settings in config.providers.items()}

    found = trio.run(urls)
    port = found["demo"].removesuffix("/v1").rpartition(":")[2]
    assert found == {
        "demo": f"http://127.0.0.1:{port}/v1",
        "demo-tls": f"https://127.0.0.1:{port}/v1",
        "demo-far-away": "http://127.0.0.1:9/v1",
    }
