"""Several workers: one dies and the others never notice; all drain; the exit code tells the truth.

Everything here is the real thing: the command, its processes, their signals, sockets at both ends.
"""

import os
import select
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trustme

from tests.process import Gateway, children, gateway, provider
from tests.scripted import Link, Scripted, listen
from tests.test_audit import FINISH, STREAM, say
from tests.test_client_leaves import CHUNK, STREAM_HEAD, connect
from tests.test_drain import HEALTHZ, get, refuses

SOON = 5
TRIES = 64
"""The kernel chooses a worker for each connection; that it always chose one, nobody will see."""

END = b"data: [DONE]\n\n\r\n0\r\n\r\n"


class Crowd:
    """Streams through several workers. They stand still in the middle until `go_on` is set."""

    def __init__(self, real: Gateway) -> None:
        self.real = real
        self.go_on = trio.Event()
        self.upstream: Scripted
        self.streams: dict[int, list[trio.SocketStream]] = {}
        self.opened = 0

    async def script(self, link: Link) -> None:
        while True:
            await link.request()
            await link.send(STREAM_HEAD)
            await link.chunk(CHUNK % b"one")
            await self.go_on.wait()
            await link.chunk(FINISH, b"data: [DONE]\n\n", b"")

    async def open(self, pids: list[int], each: int = 1) -> None:
        """Open streams until each of these workers has so many or more."""
        for pid in pids:
            self.streams.setdefault(pid, [])
        for _ in range(TRIES):
            if all(len(self.streams[pid]) >= each for pid in pids):
                return
            for pid in pids:
                while await self._calls(pid) != len(self.streams[pid]):
                    await trio.sleep(0.005)
            client = await connect(self.real)
            await client.send_all(STREAM)
            with trio.fail_after(SOON):
                assert b"one" in await read_to(client, b"}\n\n\r\n")
            (pid,) = [pid for pid in pids if await self._calls(pid) > len(self.streams[pid])]
            self.streams[pid].append(client)
            self.opened += 1
        pytest.fail("one worker gets nothing")

    async def _calls(self, pid: int) -> int:
        status = await self.real.status(pid)
        assert status is not None
        return int(status["calls"])

    async def ends(self, pid: int) -> list[bytes]:
        """Read a worker's streams to their end, and close them."""
        said = [await read_to(client, END) for client in self.streams[pid]]
        for client in self.streams.pop(pid):
            client.socket.close()
        return said

    def close(self) -> None:
        for streams in self.streams.values():
            for client in streams:
                client.socket.close()


async def read_to(client: trio.SocketStream, mark: bytes) -> bytes:
    """Read up to a mark, or until the gateway is gone."""
    got = b""
    with trio.fail_after(SOON):
        try:
            while not got.endswith(mark) and (data := await client.receive_some(65_536)):
                got += data
        except trio.BrokenResourceError:
            pass
    return got


@asynccontextmanager
async def crowd(
    directory: Path, config: str = "", *options: str, each: int = 1
) -> AsyncIterator[tuple[Crowd, list[int]]]:
    """Two workers, each with streams in their middle."""
    async with trio.open_nursery() as nursery:
        upstream = await listen(nursery, _nothing)
        whole = config + provider(upstream.port)
        with gateway(directory, whole, "--workers", "2", *options) as real:
            people = Crowd(real)
            upstream.script = people.script
            try:
                pids = await real.wait_for_workers()
                await people.open(pids, each)
                yield people, pids
            finally:
                people.close()
        nursery.cancel_scope.cancel()


async def _nothing(link: Link) -> None: ...


async def ended(pid: int) -> None:
    """Wait until there is no such process any more, or only its name."""
    with trio.fail_after(SOON):
        while True:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
            except (FileNotFoundError, ProcessLookupError):
                return
            if state == "Z":
                return
            await trio.sleep(0.005)


async def test_workers_share_one_port_and_are_announced_once(tmp_path: Path) -> None:
    async with crowd(tmp_path) as (people, pids):
        people.go_on.set()
        for pid in pids:
            assert all(said.endswith(END) for said in await people.ends(pid))
        assert len(set(pids)) == 2
        people.real.signal(signal.SIGTERM)
        assert await people.real.exit_code(SOON) == 0
        assert people.real.process.stdout is not None
        rest = people.real.process.stdout.read()
        assert rest.count("workers        2\n") == 1
        assert " serves " not in rest


async def test_g3_a_worker_that_is_killed_is_replaced_and_the_others_never_notice(
    tmp_path: Path,
) -> None:
    """G3 in part."""
    async with crowd(tmp_path, each=2) as (people, (doomed, other)):
        os.kill(doomed, signal.SIGKILL)
        assert not any(END in said for said in await people.ends(doomed))
        people.go_on.set()
        assert all(said.endswith(END) for said in await people.ends(other))
        pids = await people.real.wait_for_workers(2, but=doomed)
        assert other in pids
        people.go_on = trio.Event()
        await people.open(pids)
        people.go_on.set()
        for pid in pids:
            assert all(said.endswith(END) for said in await people.ends(pid))
        (line,) = people.real.lines("worker died")
        assert (line["pid"], line["how"]) == (doomed, "ended with SIGKILL")
        people.real.signal(signal.SIGTERM)
        assert await people.real.exit_code(SOON) == 0


async def test_g3_who_came_to_a_dead_worker_is_answered_by_its_replacement(tmp_path: Path) -> None:
    """G3 in part. The supervisor holds the listening socket, and with it those who wait there."""
    async with crowd(tmp_path) as (people, (doomed, _)):
        os.kill(doomed, signal.SIGSTOP)
        clients = []
        for _ in range(TRIES):
            clients.append(await connect(people.real))
            await clients[-1].send_all(HEALTHZ)
            with trio.move_on_after(0.2) as waited:
                assert (await clients[-1].receive_some(1000)).startswith(b"HTTP/1.1 200 OK\r\n")
            if waited.cancelled_caught:
                break
        os.kill(doomed, signal.SIGKILL)
        with trio.fail_after(SOON):
            assert (await clients[-1].receive_some(1000)).startswith(b"HTTP/1.1 200 OK\r\n")
        for client in clients:
            client.socket.close()


@pytest.mark.parametrize("whom", ["supervisor", "group"])
async def test_g1_sigterm_drains_the_streams_of_all_workers(tmp_path: Path, whom: str) -> None:
    """G1."""
    async with crowd(tmp_path, each=2) as (people, pids):
        real = people.real
        real.signal(signal.SIGTERM, group=whom == "group")
        await refuses(real)
        assert real.process.poll() is None
        people.go_on.set()
        for pid in pids:
            assert all(said.endswith(END) for said in await people.ends(pid))
        assert await real.exit_code(SOON) == 0
        assert {line["outcome"] for line in real.lines()} == {"completed"}
        assert len(real.lines()) == people.opened
        assert real.lines("worker died") == []


async def test_g2_a_second_signal_stops_all_workers_at_once(tmp_path: Path) -> None:
    """G2."""
    async with crowd(tmp_path) as (people, pids):
        people.real.signal(signal.SIGINT, group=True)
        await refuses(people.real)
        people.real.signal(signal.SIGINT, group=True)
        assert await people.real.exit_code(2) == 0
        for pid in pids:
            assert not any(END in said for said in await people.ends(pid))
        assert {line["outcome"] for line in people.real.lines()} == {"stopped"}
        assert len(people.real.lines()) == people.opened


async def test_g3_workers_without_a_supervisor_drain_and_end(tmp_path: Path) -> None:
    """G3 in part. Also after one has been replaced: none may hold another's lifeline open."""
    async with crowd(tmp_path) as (people, (doomed, _)):
        os.kill(doomed, signal.SIGKILL)
        pids = await people.real.wait_for_workers(2, but=doomed)
        await people.open(pids)
        people.real.process.kill()
        await refuses(people.real)
        people.go_on.set()
        for pid in pids:
            assert all(said.endswith(END) for said in await people.ends(pid))
            await ended(pid)
        assert list(people.real.control.glob(f"*-{pids[0]}.sock")) == []
        assert {line["by"] for line in people.real.lines("draining")} == {"the supervisor's end"}


async def test_g3_a_worker_that_dies_while_all_drain_is_not_replaced_and_told(
    tmp_path: Path,
) -> None:
    """G3 in part."""
    async with crowd(tmp_path) as (people, (doomed, other)):
        people.real.signal(signal.SIGTERM)
        await refuses(people.real)
        os.kill(doomed, signal.SIGKILL)
        await people.ends(doomed)
        assert people.real.workers() in ([other], [doomed, other])
        people.go_on.set()
        assert all(said.endswith(END) for said in await people.ends(other))
        assert await people.real.exit_code(SOON) == 1
        (line,) = people.real.lines("worker ended")
        assert (line["pid"], line["how"]) == (doomed, "SIGKILL")


async def test_one_worker_that_is_told_to_end_drains_and_is_replaced_at_once(
    tmp_path: Path,
) -> None:
    """A rolling restart by hand: who comes meanwhile does not wait for the last stream."""
    async with crowd(tmp_path) as (people, (leaving, other)):
        real = people.real
        os.kill(leaving, signal.SIGTERM)
        os.kill(leaving, signal.SIGTERM)
        pids = await real.wait_for_workers(2, but=leaving)
        assert leaving in real.workers()
        for _ in range(8):
            client = await connect(real)
            assert (await get(client, HEALTHZ)).startswith(b"HTTP/1.1 200 OK\r\n")
            client.socket.close()
        people.go_on.set()
        for pid in (leaving, other):
            assert all(said.endswith(END) for said in await people.ends(pid))
        await ended(leaving)
        assert (await say(real)).endswith(END)
        assert sorted(await real.wait_for_workers(2)) == sorted(pids)
        assert real.lines("worker died") == []
        real.signal(signal.SIGTERM)
        assert await real.exit_code(SOON) == 0


def refused(directory: Path, config: str, *options: str, under: Sequence[str] = ()) -> str:
    """Start workers where they must refuse, `under` another command; return what is said."""
    path = directory / "gateway.toml"
    path.write_text(config)
    command = [sys.executable, "-m", "gateway", "serve", "--workers", "2", "--config", str(path)]
    run = subprocess.run(
        [*under, *command, "--admin-port", "0", *options],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd=directory,
    )
    assert run.returncode == 1
    assert run.stdout == ""
    return run.stderr


FEW_DESCRIPTORS = ("/bin/sh", "-c", 'ulimit -n 12; exec "$0" "$@"')
"""Enough for the supervisor and its sockets, too few for a worker's loop."""


def test_a_worker_that_cannot_start_ends_all_with_advice(tmp_path: Path) -> None:
    said = refused(tmp_path, "[server]\nport = 0\n", under=FEW_DESCRIPTORS)
    assert "Too many open files" in said
    assert " ended with exit code 1 before all were ready." in said
    assert "--workers 1" in said


def test_a_key_that_is_another_certificates_is_told_before_any_worker_begins(
    tmp_path: Path,
) -> None:
    """Only TLS itself can say that; it is a mistake of the configuration like any other."""
    authority = trustme.CA()
    authority.issue_cert("localhost").cert_chain_pems[0].write_to_path(tmp_path / "chain.pem")
    authority.issue_cert("localhost").private_key_pem.write_to_path(tmp_path / "key.pem")
    said = refused(
        tmp_path, '[server]\nport = 0\ntls = { certificate = "chain.pem", key = "key.pem" }\n'
    )
    assert "gateway.toml:3: server.tls: certificate and key are no pair that TLS can use" in said
    assert "worker" not in said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_another_gateway_serves_is_not_shared_with_it(
    tmp_path: Path, workers: str
) -> None:
    with gateway(tmp_path, "", "--workers", workers) as real:
        said = refused(tmp_path, "", "--port", str(real.port))
        assert f"Cannot listen on 127.0.0.1:{real.port}" in said


def test_a_unix_socket_is_shared_by_all_workers(tmp_path: Path) -> None:
    path = tmp_path / "g.sock"
    (tmp_path / "gateway.toml").write_text(f'[server]\nunix = "{path}"\nworkers = 2\n')
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", "--admin-port", "0"],
        stdout=subprocess.PIPE,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    assert process.stdout.readline().endswith(b"serves unix:%b\n" % os.fsencode(path))
    before = children(process.pid)
    os.kill(before[0], signal.SIGKILL)
    while not set(children(process.pid)) - set(before):
        select.select([], [], [], 0.005)
    for _ in range(8):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(SOON)
            client.connect(str(path))
            client.sendall(HEALTHZ)
            assert client.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
    process.send_signal(signal.SIGTERM)
    process.stdout.close()
    assert process.wait(10) == 0
    assert not path.exists()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Gateway]:
    with gateway(tmp_path, None, "--workers", "2") as real:
        yield real


async def test_each_worker_answers_on_a_private_socket_of_its_own(two: Gateway) -> None:
    pids = await two.wait_for_workers()
    statuses = [await two.status(pid) for pid in pids]
    told = [(status["pid"], status["worker"], status["draining"]) for status in statuses if status]
    assert told == [(pids[0], 1, False), (pids[1], 2, False)]
    paths = list(two.control.iterdir())
    assert len(paths) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths} == {0o600}
    two.signal(signal.SIGTERM)
    assert await two.exit_code(SOON) == 0
    assert list(two.control.iterdir()) == []


async def test_the_supervisor_has_no_thread_when_it_forks(two: Gateway) -> None:
    """Neither the search for local servers nor the log may leave one behind."""
    status = Path(f"/proc/{two.process.pid}/status").read_text()
    assert "\nThreads:\t1\n" in status


async def test_a_gateway_that_is_alone_answers_on_its_socket_too(tmp_path: Path) -> None:
    with gateway(tmp_path, None) as real:
        assert real.workers() == []
        status = await real.status(real.process.pid)
        assert status is not None
        assert (status["pid"], status["supervisor"], status["calls"]) == (
            real.process.pid,
            real.process.pid,
            0,
        )
