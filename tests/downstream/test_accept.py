"""Accepting over real sockets: many in a row, fairly, and well tuned."""

import errno
import json
import os
import resource
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from gateway.downstream.accept import CALM, IN_A_ROW, NOT_SENT_BYTES, PAUSE, Accepting, Reserve
from gateway.telemetry.log import Log, open_log
from gateway.telemetry.options import LogOptions
from gateway.upstream.wire import Wire


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=2 * IN_A_ROW) as sock:
        yield sock


def clients(sock: socket.socket, count: int) -> list[socket.socket]:
    return [socket.create_connection(sock.getsockname()) for _ in range(count)]


async def test_those_who_wait_are_taken_in_a_row_and_then_others_have_their_turn(
    sock: socket.socket,
) -> None:
    accepting = Accepting(sock)
    waiting = clients(sock, IN_A_ROW + 1)
    task = trio.lowlevel.current_task()
    before = task._schedule_points
    taken = [await accepting.accept() for _ in range(IN_A_ROW)]
    assert task._schedule_points == before
    taken.append(await accepting.accept())
    assert task._schedule_points == before + 1
    for client, wire in zip(waiting, taken, strict=True):
        client.close()
        wire.close()


async def test_it_waits_for_the_next_one_and_bytes_pass(sock: socket.socket) -> None:
    accepting = Accepting(sock)
    taken = []

    async def take() -> None:
        taken.append(await accepting.accept())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await trio.testing.wait_all_tasks_blocked()
        (client,) = clients(sock, 1)
    (wire,) = taken
    client.sendall(b"hello")
    assert await wire.receive_some() == b"hello"
    client.close()
    wire.close()


async def test_what_is_taken_is_quick_to_send_and_hoards_little(sock: socket.socket) -> None:
    accepting = Accepting(sock)
    (client,) = clients(sock, 1)
    wire = await accepting.accept()
    assert wire.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    kept = wire.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
    assert kept == NOT_SENT_BYTES
    client.close()
    wire.close()


async def test_a_cancelled_accept_takes_nobody(sock: socket.socket) -> None:
    accepting = Accepting(sock)
    (client,) = clients(sock, 1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await accepting.accept()
    assert scope.cancelled_caught
    (await accepting.accept()).close()
    client.close()


class Failing:
    """A listening socket whose next connections fail before they are taken."""

    def __init__(self, sock: socket.socket, *errors: int) -> None:
        self._sock = sock
        self._errors = list(errors)
        self.family = socket.AF_UNIX

    def fail(self, error: int) -> None:
        self._errors.append(error)

    def setblocking(self, flag: bool) -> None:
        self._sock.setblocking(flag)

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        self._sock.close()

    def accept(self) -> tuple[socket.socket, object]:
        if self._errors:
            raise OSError(self._errors.pop(0), "failed")
        return self._sock.accept()


async def test_a_connection_that_failed_before_it_was_taken_is_passed_over(
    sock: socket.socket,
) -> None:
    failing = Failing(sock, errno.ECONNABORTED, errno.EPERM)
    accepting = Accepting(failing)  # type: ignore[arg-type]  # as much of a socket as is asked
    (client,) = clients(sock, 1)
    (await accepting.accept()).close()
    client.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    with (tmp_path / "log").open("w") as file, open_log(LogOptions(), file) as log:
        yield log


def told(log: Log, tmp_path: Path) -> list[dict[str, object]]:
    log.close()
    return [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]


@pytest.mark.parametrize("reason", ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"])
async def test_g8_a_shortage_is_waited_out_and_told_once_with_how_long_it_was(
    sock: socket.socket, log: Log, tmp_path: Path, autojump_clock: MockClock, reason: str
) -> None:
    """G8."""
    number = getattr(errno, reason)
    reserve = Reserve(log)
    accepting = Accepting(Failing(sock, *[number] * 50), reserve)  # type: ignore[arg-type]
    (client,) = clients(sock, 1)
    (await accepting.accept()).close()
    assert trio.current_time() == pytest.approx(50 * PAUSE)
    client.close()
    with trio.move_on_after(60):
        await accepting.accept()
    paused, again = told(log, tmp_path)
    assert (paused["event"], paused["reason"]) == ("short of descriptors", os.strerror(number))
    assert (again["event"], again["short_for_seconds"]) == ("descriptors again", 49 * PAUSE)


async def test_g8_another_shortage_is_told_again(
    sock: socket.socket, log: Log, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """G8."""
    failing = Failing(sock)
    accepting = Accepting(failing, Reserve(log))  # type: ignore[arg-type]
    for _ in range(2):
        (client,) = clients(sock, 1)
        failing.fail(errno.EMFILE)
        (await accepting.accept()).close()
        client.close()
        with trio.move_on_after(2 * CALM):
            await accepting.accept()
    events = [line["event"] for line in told(log, tmp_path)]
    assert events == ["short of descriptors", "descriptors again"] * 2


async def test_g8_a_shortage_that_flaps_is_one(
    sock: socket.socket, log: Log, tmp_path: Path, autojump_clock: MockClock
) -> None:
    """G8: each descriptor that becomes free is taken at once, and the next one fails again."""
    failing = Failing(sock)
    accepting = Accepting(failing, Reserve(log))  # type: ignore[arg-type]
    for client in clients(sock, 30):
        failing.fail(errno.EMFILE)
        (await accepting.accept()).close()
        client.close()
    assert [line["event"] for line in told(log, tmp_path)] == ["short of descriptors"]


async def test_g8_what_is_kept_is_given_up_one_by_one_and_taken_back(
    sock: socket.socket, autojump_clock: MockClock
) -> None:
    """G8."""
    reserve = Reserve(size=2)
    reserve.open()
    accepting = Accepting(sock, reserve)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    waiting = clients(sock, 3)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free(), hard))
    try:
        assert not reserve.short
        taken = [await accepting.accept() for _ in range(2)]
        assert reserve.short
        with trio.move_on_after(10) as scope:
            await accepting.accept()
        assert scope.cancelled_caught
        taken[0].close()
        (await accepting.accept()).close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    reserve.refill()
    assert not reserve.short
    assert reserve.watchful
    await trio.sleep(CALM)
    reserve.refill()
    assert not reserve.watchful
    reserve.close()
    assert not reserve.short
    taken[1].close()
    for client in waiting:
        client.close()


def lowest_free() -> int:
    """Return the number that the next descriptor would have; all below are in use."""
    with socket.socket() as probe:
        return probe.fileno()


async def test_g1_whoever_stands_in_the_queue_is_handed_out_as_it_closes(
    sock: socket.socket,
) -> None:
    """G1. With the socket the kernel would reset them, and what they have asked would be lost."""
    accepting = Accepting(sock)
    waiting = clients(sock, 3)
    waiting[0].sendall(b"hello")
    last = accepting.shut()
    assert [wire.sock.getpeername() for wire in last] == [each.getsockname() for each in waiting]
    assert await last[0].receive_some() == b"hello"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(waiting[0].getpeername())
    assert accepting.shut() == []
    await accepting.aclose()
    for client, wire in zip(waiting, last, strict=True):
        client.close()
        wire.close()


async def test_g1_one_that_failed_in_the_queue_keeps_no_other_out(sock: socket.socket) -> None:
    """G1."""
    failing = Failing(sock, errno.ECONNABORTED)
    (client,) = clients(sock, 1)
    (wire,) = Accepting(failing).shut()  # type: ignore[arg-type]
    client.close()
    wire.close()


async def test_g1_a_door_that_shuts_as_somebody_knocks_ends_the_accepting_and_nothing_else() -> (
    None
):
    """G1. Whether the one who accepts or the one who shuts is woken first is up to chance."""
    for _ in range(16):
        sock = socket.create_server(("127.0.0.1", 0))
        accepting, scope = Accepting(sock), trio.CancelScope()
        bell, rope = socket.socketpair()
        taken: list[Wire] = []

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take, accepting, scope, taken, nursery)
            nursery.start_soon(end, bell, accepting, scope, taken)
            await trio.testing.wait_all_tasks_blocked()
            (client,) = clients(sock, 1)
            rope.send(b"x")
        assert len(taken) == 1
        taken[0].close()
        for each in (client, bell, rope):
            each.close()


async def take(
    accepting: Accepting, scope: trio.CancelScope, taken: list[Wire], nursery: trio.Nursery
) -> None:
    with scope:
        await trio.serve_listeners(partial(note, taken), [accepting], handler_nursery=nursery)


async def note(taken: list[Wire], wire: Wire) -> None:
    taken.append(wire)


async def end(
    bell: socket.socket, accepting: Accepting, scope: trio.CancelScope, taken: list[Wire]
) -> None:
    """Do at the bell what a drain does."""
    await trio.lowlevel.wait_readable(bell)
    scope.cancel()
    taken += accepting.shut()


async def test_closing_wakes_whoever_waits_and_may_be_repeated(sock: socket.socket) -> None:
    accepting = Accepting(sock)

    async def take() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await accepting.accept()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await trio.testing.wait_all_tasks_blocked()
        await accepting.aclose()
    await accepting.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await accepting.accept()
