"""The ledger while things go wrong around it: a worker is killed, the database is away, calls end.

Real processes, real clients; the ledger is read by SQLite itself.
"""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from tests.process import Gateway, gateway
from tests.rows_client import ask, request
from tests.scripted import Link, Scripted, listen
from tests.test_ledger import BEGUN, CONFIG, WHOLE, rows, silent, until

CALLS = 8


async def answers(link: Link) -> None:
    while True:
        await link.request()
        await link.send(WHOLE)


async def begun(real: Gateway, said: bytes = b"two") -> trio.SocketStream:
    """Open a call, and read so much of its answer."""
    client = await trio.open_tcp_stream("127.0.0.1", real.port)
    await client.send_all(request(model="m"))
    got = b""
    with trio.fail_after(5):
        while said not in got:
            got += await client.receive_some(65_536)
    return client


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Have the database be another's alone, so that nobody can write it."""
    other = sqlite3.connect(folder / "gateway.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


async def open_rows(folder: Path, count: int) -> None:
    """Wait until so many calls are open in the ledger."""
    with trio.fail_after(5):
        while len([row for row in rows(folder) if row["outcome"] is None]) < count:
            await trio.sleep(0.02)


async def test_g3_the_open_calls_of_a_killed_worker_are_lost_and_those_of_the_other_go_on(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G3. The worker that takes its place closes them; a dead worker counts no money of theirs."""
    server: Scripted = await listen(nursery, silent)
    with gateway(tmp_path, CONFIG.format(workers=2, port=server.port)) as real:
        pids = await real.wait_for_workers(2)
        clients = [await begun(real) for _ in range(CALLS)]
        await open_rows(tmp_path, CALLS)
        held = {pid: int((await real.status(pid) or {})["calls"]) for pid in pids}
        doomed = max(held, key=held.__getitem__)
        os.kill(doomed, signal.SIGKILL)
        await real.wait_for_workers(2, but=doomed)
        with trio.fail_after(5):
            while len(lost := [row for row in rows(tmp_path) if row["outcome"] == "lost"]) < 1:
                await trio.sleep(0.02)
        await open_rows(tmp_path, CALLS - held[doomed])
        lost = [row for row in rows(tmp_path) if row["outcome"] == "lost"]
        assert len(lost) == held[doomed]
        assert [row["cost_nanos"] for row in lost] == [None] * len(lost)
        for client in clients:
            await client.aclose()
        with trio.fail_after(5):
            while [row for row in rows(tmp_path) if row["outcome"] is None]:
                await trio.sleep(0.02)
        assert len(rows(tmp_path)) == CALLS
    nursery.cancel_scope.cancel()


async def test_g6_calls_are_served_while_the_database_is_away_and_their_rows_come_later(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G6. Where it hangs instead the queue waits: `tests/store/test_ledger.py`."""
    server = await listen(nursery, answers)
    with gateway(tmp_path, CONFIG.format(workers=1, port=server.port)) as real:
        await ask(real, request(model="m"))
        await until(tmp_path, 1, "completed")
        with locked(tmp_path):
            for _ in range(CALLS):
                answered = await ask(real, request(model="m"))
                assert (answered.status, answered.seconds < 1.0) == (200, True)
            await real_says(real, "ledger's database away, rows go into a journal")
        await real_says(real, "ledger's database back")
        with trio.fail_after(5):
            while len(rows(tmp_path)) < CALLS + 1:
                await trio.sleep(0.02)
        assert {row["outcome"] for row in rows(tmp_path)} == {"completed"}
    nursery.cancel_scope.cancel()


async def real_says(real: Gateway, event: str) -> None:
    with trio.fail_after(10):
        while not real.lines(event):
            await trio.sleep(0.02)


async def test_g7_a_call_that_is_left_has_its_row_in_whatever_phase_that_was(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G7. Each is left with a reset, so nothing of it is written on the way out."""
    parts = [b"", BEGUN, WHOLE]

    async def script(link: Link) -> None:
        await link.request()
        await link.send(parts.pop(0))

    server = await listen(nursery, script)
    with gateway(tmp_path, CONFIG.format(workers=1, port=server.port)) as real:
        half = await trio.open_tcp_stream("127.0.0.1", real.port)
        await half.send_all(request(model="m")[:-10])
        await trio.sleep(0.05)
        reset(half)
        waiting = await trio.open_tcp_stream("127.0.0.1", real.port)
        await waiting.send_all(request(model="m"))
        await (await server.link(0)).asked.wait()
        reset(waiting)
        row = await until(tmp_path, 1, "client_gone")
        assert (row["phase"], row["tokens_out"]) == ("waiting", 0)
        reset(await begun(real))
        row = await until(tmp_path, 2, "client_gone")
        assert (row["phase"], row["tokens_out"]) == ("streaming", 2)
        reset(await begun(real, b"[DONE]"))
        row = await until(tmp_path, 3, "completed")
        assert row["phase"] == "finishing"
        assert len(rows(tmp_path)) == 3, "what never was a call has none"
    nursery.cancel_scope.cancel()


def reset(client: trio.SocketStream) -> None:
    """Leave without a word: the peer gets a reset."""
    client.socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.socket.close()
