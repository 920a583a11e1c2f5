"""Accepting over real sockets: many in a row, fairly, and well tuned."""

import errno
import resource
import socket
from collections.abc import Iterator

import pytest
import trio
import trio.testing

from gateway.downstream.accept import IN_A_ROW, NOT_SENT_BYTES, Accepting


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

    def setblocking(self, flag: bool) -> None:
        self._sock.setblocking(flag)

    def fileno(self) -> int:
        return self._sock.fileno()

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


async def test_too_many_open_files_are_told(sock: socket.socket) -> None:
    accepting = Accepting(sock)
    (client,) = clients(sock, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (sock.fileno(), hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            await accepting.accept()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    (await accepting.accept()).close()
    client.close()


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
