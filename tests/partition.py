"""A network that goes away: `unshare --map-root-user --net python -m tests.partition 60`.

In a network of its own the loopback device is taken down under three clients, so that nothing they
or the gateway send arrives, neither data nor FIN nor RST. It prints, as JSON, after how many
seconds the gateway had noticed each. `write_timeout` is an argument, and which clients there are
may be others: `5 reads`.
"""

import fcntl
import json
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

import trio

from tests.house.source import ROOT
from tests.named import named
from tests.process import Gateway, gateway
from tests.rows_client import request

OWN_NETWORK = ("--map-root-user", "--net")
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
PATIENCE = 120.0

CONFIG = """
[server]
write_timeout = {write_timeout}
keepalive_interval = {keepalive}
head_after = {head_after}
[providers.echo]
words_per_second = {pace}
[defaults.timeouts]
first_token = 600.0
idle = 600.0
"""

CLIENTS = {"waits": (False, 0.001), "is kept alive": (True, 0.001), "reads": (True, 20.0)}
"""What a client does as the network goes; whether there are keepalives, and the model's pace."""

KEEPALIVES = 4
"""As many in the time that a write may take; so it is with the defaults, 15 and 60 seconds."""


def may_have_a_network(unshare: str) -> bool:
    """Say whether this user may have a network of their own."""
    command = [unshare, *OWN_NETWORK, "true"]
    return not subprocess.run(command, capture_output=True, check=False, timeout=10).returncode


def found_after(unshare: str, write_timeout: float, *whom: str) -> dict[str, float]:
    """Run this program; return after how many seconds each client was found to be gone."""
    program = [sys.executable, "-m", "tests.partition", str(write_timeout), *whom]
    command = [unshare, *OWN_NETWORK, *program]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=180)
    found: dict[str, float] = json.loads(run.stdout)
    return found


def loopback(*, up: bool) -> None:
    """Bring the loopback device up, or take it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        name = struct.pack("16sh", b"lo", 0)
        _, flags = struct.unpack("16sh", fcntl.ioctl(any_socket, SIOCGIFFLAGS, name))
        flags = flags | IFF_UP if up else flags & ~IFF_UP
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags))


async def begin(real: Gateway) -> tuple[trio.SocketStream, str]:
    """Open a call whose first word has been said, or whose wait has begun."""
    wire, request_id = named(request(model="echo", text="word " * 10_000))
    client = await trio.open_tcp_stream("127.0.0.1", real.port)
    await client.send_all(wire)
    await trio.sleep(1)
    return client, request_id


async def seconds_until_noticed(real: Gateway, request_id: str, began: float) -> float:
    """Wait for the line of the log that says the client has gone."""
    (line,) = await real.wait_for_lines(1, lambda line: line["request_id"] == request_id, PATIENCE)
    assert line["outcome"] in {"client_gone", "client_stalled"}, line
    return trio.current_time() - began


async def main(write_timeout: float, whom: Collection[str]) -> None:
    """Cut off all of them at once."""
    loopback(up=True)
    noticed: dict[str, float] = {}

    async def follow(what: str, real: Gateway, request_id: str) -> None:
        noticed[what] = await seconds_until_noticed(real, request_id, trio.current_time())

    async def play(what: str, clients: trio.Nursery, cut: trio.Event) -> None:
        kept_alive, pace = CLIENTS[what]
        interval = write_timeout / KEEPALIVES
        with tempfile.TemporaryDirectory() as folder:
            config = CONFIG.format(
                write_timeout=write_timeout,
                keepalive=interval * kept_alive,
                head_after=interval if kept_alive else 600.0,
                pace=pace,
            )
            with gateway(Path(folder), config) as real:
                client, request_id = await begin(real)
                clients.start_soon(lasting, client)
                begun.append(what)
                await cut.wait()
                await follow(what, real, request_id)

    async def lasting(client: trio.SocketStream) -> None:
        async with client:
            await trio.sleep_forever()

    begun: list[str] = []
    async with trio.open_nursery() as clients:
        async with trio.open_nursery() as plays:
            cut = trio.Event()
            for what in whom:
                plays.start_soon(play, what, clients, cut)
            while len(begun) < len(whom):
                await trio.sleep(0.05)
            loopback(up=False)
            cut.set()
        clients.cancel_scope.cancel()
    json.dump(noticed, sys.stdout)


if __name__ == "__main__":
    trio.run(main, float(sys.argv[1]), sys.argv[2:] or list(CLIENTS))
