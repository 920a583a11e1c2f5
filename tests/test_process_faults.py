"""Faults of the process and of what it stands on: signals, stderr, the disk, the clock.

Two workers and their supervisor, as a machine runs them.
"""

import os
import resource
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
import trio

from tests.burden import Begun, all_hear, crowd, many_descriptors
from tests.figures import Measured
from tests.preload import compiled
from tests.process import Gateway, gateway, provider
from tests.scripted import listen
from tests.test_audit import FINISH, STREAM, say, whole_stream
from tests.test_client_leaves import CHUNK, STREAM_HEAD, connect, in_mid_answer
from tests.test_drain import HEALTHZ, get
from tests.test_workers import read_to

TWO = ("--workers", "2")
STREAMS = 500
SERVED = 20
ONE = CHUNK % b"one"
DONE = b"data: [DONE]\n\n"
END = DONE + b"\r\n0\r\n\r\n"
SOON = 5.0
YEAR = 365 * 86_400


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


async def test_g1_sigterm_in_the_middle_of_500_streams_gives_every_one_its_end(
    tmp_path: Path, measured: Measured
) -> None:
    """G1, G14: half of them end by themselves meanwhile; the others are told in band."""
    config = "[server]\ndrain_timeout = 1.0\n"
    with (
        Begun(STREAM_HEAD + chunks(ONE)) as upstream,
        many_descriptors(),
        gateway(tmp_path, config + provider(upstream.port), *TWO) as real,
    ):
        pids = await real.wait_for_workers()
        with crowd(real.port, STREAMS, STREAM) as clients:
            assert all_hear(clients, b"}\n\n\r\n")
            calls = [status["calls"] for pid in pids if (status := await real.status(pid))]
            assert sum(calls) == STREAMS
            assert min(calls) > STREAMS / 10
            real.signal(signal.SIGTERM)
            began = trio.current_time()
            with trio.fail_after(SOON):
                while len(real.lines("draining")) < 3:
                    await trio.sleep(0.005)
            upstream.say(chunks(FINISH, DONE, b""), STREAMS // 2)
            ends = [read_all(client) for client in clients]
        assert await real.exit_code(SOON) == 0
        took = trio.current_time() - began
        lines = real.lines()
    whole = [end for end in ends if end.endswith(END)]
    told = [end for end in ends if b'"code":"gateway_shutdown"' in end]
    assert (len(whole), len(told)) == (STREAMS // 2, STREAMS // 2)
    assert not any(b"[DONE]" in end for end in told)
    outcomes = [line["outcome"] for line in lines]
    assert (outcomes.count("completed"), outcomes.count("stopped")) == (len(whole), len(told))
    assert len(lines) == STREAMS
    measured("G1", "from SIGTERM to the exit, 500 streams, a `drain_timeout` of 1 s", took, "s")


def read_all(client: socket.socket) -> bytes:
    """Read to the end of what the gateway has to say."""
    client.settimeout(SOON)
    got = b""
    while not got.endswith(END) and (data := client.recv(65_536)):
        got += data
    return got


async def lost(real: Gateway, pid: int) -> int:
    """Ask a process how many lines of its log were lost."""
    status = await real.status(pid)
    assert status is not None
    return int(status["lost_log_lines"])


async def serves(real: Gateway, count: int = SERVED) -> None:
    """Let it answer so many streams, each whole."""
    for _ in range(count):
        assert (await say(real)).endswith(END)


async def ends_well(real: Gateway) -> None:
    real.signal(signal.SIGTERM)
    assert await real.exit_code(2 * SOON) == 0


@contextmanager
def unread_pipe() -> Iterator[int]:
    """A pipe that is full, whose reader does not read."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 1024)
    os.set_blocking(writer, True)
    try:
        yield writer
    finally:
        os.close(reader)
        os.close(writer)


@contextmanager
def pipe_without_a_reader() -> Iterator[int]:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


@contextmanager
def full_disk() -> Iterator[int]:
    """A device on which there is never any space."""
    with Path("/dev/full").open("w") as file:
        yield file.fileno()


async def test_g12_while_nobody_reads_stderr_calls_are_answered(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G12: the lines wait, as many as there is room for; see `tests/telemetry/test_writer.py`."""
    upstream = await listen(nursery, whole_stream)
    config = provider(upstream.port)
    with unread_pipe() as stderr, gateway(tmp_path, config, *TWO, stderr=stderr) as real:
        await real.wait_for_workers()
        await serves(real)
        await ends_well(real)
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("sink", [pipe_without_a_reader, full_disk])
async def test_g12_where_the_log_takes_nothing_calls_are_answered_and_lines_counted_as_lost(
    tmp_path: Path, nursery: trio.Nursery, sink: Callable[[], AbstractContextManager[int]]
) -> None:
    """G12."""
    upstream = await listen(nursery, whole_stream)
    config = provider(upstream.port)
    with sink() as stderr, gateway(tmp_path, config, *TWO, stderr=stderr) as real:
        pids = await real.wait_for_workers()
        await serves(real)
        with trio.fail_after(SOON):
            while sum([await lost(real, pid) for pid in pids]) < SERVED:
                await trio.sleep(0.01)
        await ends_well(real)
    nursery.cancel_scope.cancel()


async def test_g12_with_a_closed_stderr_it_serves_and_no_client_is_sent_the_log(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G12: the first socket that is opened would have its number."""
    upstream = await listen(nursery, whole_stream)
    closed = ("sh", "-c", 'exec "$@" 2>&-', "sh")
    with gateway(tmp_path, provider(upstream.port), *TWO, under=closed) as real:
        for pid in (real.process.pid, *await real.wait_for_workers()):
            assert Path(f"/proc/{pid}/fd/2").readlink() == Path(os.devnull)
        await serves(real)
        await ends_well(real)
    nursery.cancel_scope.cancel()


async def test_g12_a_disk_that_was_full_is_told_of_once_there_is_space(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G12: no file may grow any more, which to the log is a full disk; then it may again."""
    upstream = await listen(nursery, whole_stream)
    with gateway(tmp_path, provider(upstream.port)) as real:
        await serves(real, 2)
        await real.wait_for_lines(2)
        size = real.log.stat().st_size
        soft, hard = resource.prlimit(real.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(real.process.pid, resource.RLIMIT_FSIZE, (size, hard))
        await serves(real, 10)
        with trio.fail_after(SOON):
            while await lost(real, real.process.pid) < 10:
                await trio.sleep(0.01)
        resource.prlimit(real.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
        await serves(real, 1)
        await real.wait_for_lines(3)
        (line,) = real.lines("log lines lost")
        assert (line["level"], line["lost"]) == ("warning", 10)
        await ends_well(real)
    assert real.log.read_text().endswith("\n")
    nursery.cancel_scope.cancel()


class Turn:
    """The clock of the wall, as the processes see it that were started under it."""

    def __init__(self, folder: Path, compiler: str) -> None:
        self._file = folder / "turn"
        self.by(0)
        library = compiled(folder, compiler, "turned_clock")
        self.environ = {"LD_PRELOAD": library, "CLOCK_TURN": str(self._file)}

    def by(self, seconds: int) -> None:
        """Turn it, forward or back."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))


def this_year() -> int:
    """Return the year, give or take a day: leap years are not counted in what is turned."""
    return datetime.fromtimestamp(time.time_ns() / 1e9, UTC).year


def year_of(answer: bytes) -> int:
    """Return the year in an answer's date."""
    (date,) = [line for line in answer.split(b"\r\n") if line.startswith(b"date: ")]
    return parsedate_to_datetime(date[6:].decode()).year


async def test_g13_no_deadline_moves_when_the_clock_is_turned(
    tmp_path: Path, nursery: trio.Nursery, require: Callable[[str], str]
) -> None:
    """G13: the idle clock, the head's and an idle connection's; what is written follows."""
    turn = Turn(tmp_path, require("cc"))
    upstream = await listen(nursery, in_mid_answer)
    config = "[server]\nhead_timeout = 0.4\n" + provider(upstream.port, timeouts="{ idle = 0.4 }")
    with gateway(tmp_path, config, *TWO, environ=turn.environ) as real:
        await real.wait_for_workers()
        idle = await connect(real)
        assert abs(year_of(await get(idle, HEALTHZ)) - this_year()) <= 1
        for count, years in enumerate((10, -10), 1):
            slow, stream = await connect(real), await connect(real)
            await slow.send_all(HEALTHZ[:20])
            await stream.send_all(STREAM)
            await stream.receive_some(1000)
            turn.by(years * YEAR)
            began = trio.current_time()
            assert b'"code":"idle_timeout"' in await read_to(stream, b"never")
            assert 0.3 < trio.current_time() - began < 2
            assert (await read_to(slow, b"never")).startswith(b"HTTP/1.1 408 ")
            assert 0.3 < trio.current_time() - began < 3
            answer = await get(idle, HEALTHZ)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert abs(year_of(answer) - this_year() - years) <= 1
            line = (await real.wait_for_lines(count))[-1]
            assert abs(int(line["timestamp"][:4]) - this_year() - years) <= 1
            assert 300 < line["duration_ms"] < 3000
            for client in (slow, stream):
                client.socket.close()
        upstream.script = whole_stream
        await serves(real, 2)
        idle.socket.close()
        await ends_well(real)
    nursery.cancel_scope.cancel()
