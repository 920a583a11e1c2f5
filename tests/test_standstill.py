"""A loop that is held up, in the real process: how late it was is told, and what it was doing."""

import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import trio

from gateway.admin.workers import ask as ask_worker
from gateway.downstream.lag import INTERVAL, STALL
from tests.burden import UNMEASURED
from tests.figures import Measured
from tests.preload import compiled
from tests.process import Gateway, gateway, provider
from tests.rows_client import request
from tests.scripted import listen
from tests.test_audit import DONE, FINISH, STREAM
from tests.test_client_leaves import connect, in_mid_answer
from tests.test_drain import HEALTHZ
from tests.test_workers import read_to

STUCK = """
[providers.stuck]
kind = "openai"
base_url = "http://stuck.invalid/v1"
models = ["stuck"]
timeouts = { connect = 30.0 }
"""
MESSAGES = 600_000
BODIES = 5
PATIENCE = 0.5


async def lateness(real: Gateway) -> float:
    """Return how late the loop was at worst in the last minute."""
    pid = real.process.pid
    told = await ask_worker(real.control / f"{pid}-{pid}.sock", b'{"ask":"gauges"}\n')
    assert told is not None
    return float(told["gauges"]["loop_lag_seconds"])


async def test_a_loop_that_stands_still_is_told_with_all_stacks_and_goes_on(
    tmp_path: Path, nursery: trio.Nursery, require: Callable[[str], str]
) -> None:
    """G10: held up in the middle of a call, by a lookup that should never wait."""
    hangs = tmp_path / "hangs"
    hangs.touch()
    environ = {
        "LD_PRELOAD": compiled(tmp_path, require("cc"), "slow_names"),
        "SLOW_NAMES": str(hangs),
    }
    upstream = await listen(nursery, in_mid_answer)
    config = provider(upstream.port) + STUCK
    with gateway(tmp_path, config, environ=environ) as real:
        other, cause = await connect(real), await connect(real)
        await other.send_all(STREAM)
        await read_to(other, b'"two"},"finish_reason":null}]}\n\n\r\n')
        assert await lateness(real) < STALL - INTERVAL
        await cause.send_all(request(model="stuck"))
        with trio.fail_after(2 * STALL + 5):
            while not (stacks := real.lines("the loop stands still")):
                await trio.sleep(0.02)
        assert real.lines("the loop stood still") == []
        hangs.unlink()
        assert b'"code":"upstream_dns_error"' in await read_to(cause, b"never")
        (link,) = upstream.links
        await link.chunk(FINISH, DONE, b"")
        assert (await read_to(other, b"\r\n0\r\n\r\n")).endswith(DONE + b"\r\n0\r\n\r\n")
        assert STALL - INTERVAL <= await lateness(real) < 2 * STALL + 5
        with trio.fail_after(5):
            while not (lines := real.lines("the loop stood still")):
                await trio.sleep(0.02)
        assert [line["seconds"] >= STALL - INTERVAL for line in lines] == [True]
        assert len(stacks) == 1
        assert stacks[0]["stacks"].startswith("thread MainThread\n")
        assert ", in getaddrinfo\n" in stacks[0]["stacks"]
        assert ", in open_tcp_stream\n" in stacks[0]["stacks"]
        for client in (other, cause):
            client.socket.close()
    nursery.cancel_scope.cancel()


def many_messages() -> bytes:
    """Return a call for a model that there is not: it is read, and then no provider is asked."""
    messages = [{"role": "user", "content": f"{number:07}"} for number in range(MESSAGES)]
    body = json.dumps({"model": "nobody", "messages": messages}).encode()
    head = f"Connection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" + (
        head.encode() + b"\r\n\r\n" + body
    )


def asks_for_nobody(port: int, wire: bytes) -> None:
    for _ in range(BODIES):
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(wire)
            assert client.recv(65_536).startswith(b"HTTP/1.1 404 ")


async def test_a_body_of_many_messages_holds_nobody_up_for_long(
    tmp_path: Path, measured: Measured
) -> None:
    """G10: none of them is decoded. Others ask meanwhile, and none of them waits for long."""
    wire = many_messages()
    waits: list[float] = []
    with gateway(tmp_path, "", under=UNMEASURED) as real:
        asker = threading.Thread(target=asks_for_nobody, args=(real.port, wire))
        with socket.create_connection(("127.0.0.1", real.port), 10) as other:
            asker.start()
            while asker.is_alive():
                began = time.perf_counter()
                other.sendall(HEALTHZ)
                assert other.recv(65_536).startswith(b"HTTP/1.1 200 ")
                waits.append(time.perf_counter() - began)
        asker.join()
        assert await lateness(real) < PATIENCE
        lines = await real.wait_for_lines(BODIES, lambda line: line["status"] == 404)
    assert {line["bytes_in"] for line in lines} == {len(wire.partition(b"\r\n\r\n")[2])}
    assert max(waits) < PATIENCE
    megabytes = round(len(wire) / 1e6)
    worst = max(waits) * 1000
    measured("G10", f"another client's longest wait beside bodies of {megabytes} MB", worst, "ms")
