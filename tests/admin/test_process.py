"""The admin as it runs: a process of its own, beside real workers with real streams.

Whatever is done to it here, no stream notices.
"""

import json
import os
import re
import signal
import socket
import stat
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from h2.config import H2Configuration
from h2.connection import H2Connection
from trio.testing import MockClock

from gateway.admin.office import NotTaken, Office
from gateway.admin.opening import open_admin
from gateway.admin.options import AdminOptions
from gateway.admin.process import RESTART_PAUSE, Orders, Shown, _main
from gateway.admin.renewing import Renewing
from gateway.admin.token_file import path_of, read
from gateway.telemetry.log import open_log
from gateway.telemetry.options import LogOptions
from tests.admin.figures.test_metrics import values
from tests.admin.figures.test_targets import values as of_targets
from tests.process import Gateway, free_port, gateway, provider
from tests.scripted import Link, listen
from tests.test_client_leaves import connect
from tests.test_drain import HEALTHZ, get, refuses
from tests.test_workers import END, Crowd, crowd, ended, read_to

SOON = 5
ZERO = ("open_calls", "open_connections", "open_upstream_streams", "held_leases")
"""What there is of a call, and after it is not."""


class Answer:
    """What the admin said."""

    def __init__(self, wire: bytes) -> None:
        head, _, self.body = wire.partition(b"\r\n\r\n")
        self.status = int(head.split(b" ", 2)[1])
        self.head = head.lower()

    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    port: int, path: str, token: str = "", method: str = "GET", body: bytes = b"", **headers: str
) -> Answer:
    """Ask the admin on a connection of its own."""
    shown = {"authorization": f"Bearer {token}"} if token else {}
    fields: Mapping[str, str] = {"host": "localhost", **shown, **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
    wire = "\r\n".join([*lines, "connection: close", f"content-length: {len(body)}", "", ""])
    said = b""
    with trio.fail_after(SOON):
        async with await trio.open_tcp_stream("127.0.0.1", port) as client:
            await client.send_all(wire.encode() + body)
            while data := await client.receive_some(65_536):
                said += data
    return Answer(said)


@asynccontextmanager
async def attended(directory: Path) -> AsyncIterator[tuple[Crowd, list[int], int, int]]:
    """Two workers, each with a stream in its middle, and an admin; its port and its pid."""
    port = free_port()
    async with crowd(directory, "", "--admin-port", str(port)) as (people, pids):
        admin = await people.real.wait_for_admin()
        assert (await ask(port, "/healthz")).status == 200
        yield people, pids, port, admin


def token_of(real: Gateway) -> str:
    found = read(path_of(real.control, real.process.pid))
    assert found is not None
    return found.token


def announced(real: Gateway) -> str:
    """Return the line that announces the admin."""
    assert real.process.stdout is not None
    line = ""
    while not line.startswith("  admin "):
        line = real.process.stdout.readline()
    return line


def ticket_of(real: Gateway) -> str:
    """Return the token that is printed, which opens one session."""
    return announced(real).partition("#")[2].partition(" ")[0]


async def sign_in(port: int, shown: str) -> int:
    form = {"content-type": "application/x-www-form-urlencoded"}
    return (await ask(port, "/sign-in", "", "POST", f"credential={shown}".encode(), **form)).status


async def all_end_well(people: Crowd, pids: list[int]) -> None:
    people.go_on.set()
    for pid in pids:
        assert all(said.endswith(END) for said in await people.ends(pid))


async def test_all_workers_are_in_one_scrape_and_their_counts_return_to_zero(
    tmp_path: Path,
) -> None:
    async with attended(tmp_path) as (people, pids, port, _):
        text = (await ask(port, "/metrics")).body.decode()
        for name in ZERO:
            found = values(text, name)
            assert set(found) == {"1", "2"}
            assert sum(found.values()) == people.opened, name
        await all_end_well(people, pids)
        with trio.fail_after(SOON):
            while any(sum(values(text, name).values()) for name in ZERO):
                text = (await ask(port, "/metrics")).body.decode()
                await trio.sleep(0.02)
        assert values(text, "worker_up") == {"1": 1.0, "2": 1.0}


BUSY = b"HTTP/1.1 503 No\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
EVERY_NAME = "[defaults]\nretries = 0\ncooldown = { failures = 1, rest = 500 }\n"


async def test_r20_targets_are_in_the_scrape_by_whatever_names_clients_have_chosen(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """R20."""

    async def refuse(link: Link) -> None:
        while True:
            await link.request()
            await link.send(BUSY)

    upstream = await listen(nursery, refuse)
    config = EVERY_NAME + provider(upstream.port, "[]", prefix='"any/"')
    port = free_port()
    with gateway(tmp_path, config, "--workers", "2", "--admin-port", str(port)) as real:
        await real.wait_for_admin()
        client = await connect(real)
        for name in ("plain", 'x"} 1\\nevil', "\u202eabc", "y" * 200):
            said = [{"role": "user", "content": "hello"}]
            body = json.dumps({"model": f"any/{name}", "messages": said}).encode()
            length = b"Content-Length: %d\r\n\r\n" % len(body)
            await client.send_all(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\n" + length + body
            )
            assert b" 503 " in await read_to(client, b"}}")
        text = (await ask(port, "/metrics")).body.decode()
        assert all(line.isprintable() for line in text.splitlines())
        found = of_targets(text, "gateway_target_rests_seconds")
        assert set(found) == {
            "up/plain", 'up/x"} 1\\nevil', "up/\\u202eabc", "up/" + "y" * 196 + "…",
        }  # fmt: skip
        assert all(400 < value <= 500 for value in found.values())
        assert set(of_targets(text, "gateway_target_open_calls").values()) == {0.0}
        client.socket.close()
    nursery.cancel_scope.cancel()


async def test_an_admin_that_goes_is_replaced_and_no_stream_notices(tmp_path: Path) -> None:
    """G3 in part: once it is killed, once it is told to end by a signal of its own."""
    async with attended(tmp_path) as (people, pids, port, admin):
        real = people.real
        token, ticket = token_of(real), ticket_of(real)
        assert await sign_in(port, ticket) == 303
        os.kill(admin, signal.SIGKILL)
        second = await real.wait_for_admin(but=admin)
        assert await sign_in(port, ticket) == 401, "what was printed opens once, whoever serves"
        assert (await ask(port, "/api/gauges", token)).status == 200
        os.kill(second, signal.SIGTERM)
        await ended(second)
        assert (await ask(port, "/api/gauges", token)).status == 200
        assert sorted(real.workers()) == sorted(pids)
        await all_end_well(people, pids)
        (line,) = real.lines("admin died")
        assert (line["pid"], line["how"], line["replaced_in"]) == (admin, "ended with SIGKILL", 0)
        assert real.lines("worker died") == []
        real.signal(signal.SIGTERM)
        assert await real.exit_code(SOON) == 0


async def test_it_watches_the_drain_to_its_end_though_a_signal_goes_to_the_whole_group(
    tmp_path: Path,
) -> None:
    """G1."""
    async with attended(tmp_path) as (people, pids, port, _):
        real = people.real
        token = token_of(real)
        real.signal(signal.SIGTERM, group=True)
        await refuses(real)
        assert (await ask(port, "/api/gauges", token)).status == 200
        await all_end_well(people, pids)
        assert await real.exit_code(SOON) == 0
        assert list(real.control.iterdir()) == []
        with pytest.raises(OSError, match="all attempts to connect"):
            await ask(port, "/healthz")


async def test_it_does_not_outlive_its_supervisor(tmp_path: Path) -> None:
    """G3 in part."""
    async with attended(tmp_path) as (people, pids, _, admin):
        people.real.process.kill()
        await ended(admin)
        await all_end_well(people, pids)
        for pid in pids:
            await ended(pid)


async def test_one_worker_with_an_admin_has_a_supervisor_and_is_replaced(tmp_path: Path) -> None:
    """G2 in part, G3 in part. It is what `gateway serve` comes to where nothing is configured."""
    port = free_port()
    with gateway(tmp_path, "", "--admin-port", str(port)) as real:
        (doomed,) = await real.wait_for_workers(1)
        os.kill(doomed, signal.SIGKILL)
        await real.wait_for_workers(1, but=doomed)
        client = await connect(real)
        assert (await get(client, HEALTHZ)).startswith(b"HTTP/1.1 200 OK\r\n")
        client.socket.close()
        real.signal(signal.SIGINT, group=True)
        real.signal(signal.SIGINT, group=True)
        assert await real.exit_code(SOON) == 0


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, port: int) -> Iterator[Gateway]:
    """Two workers and an admin."""
    folder = tmp_path_factory.mktemp("admin")
    with gateway(folder, "", "--workers", "2", "--admin-port", str(port)) as running:
        yield running


@pytest.fixture(scope="module")
def printed(real: Gateway) -> str:
    """The line that announces the admin."""
    return announced(real)


async def test_s16_a_token_lies_in_a_private_file_and_another_is_printed_that_opens_once(
    real: Gateway, port: int, printed: str
) -> None:
    path = path_of(real.control, real.process.pid)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found = read(path)
    assert found is not None
    assert found.url == f"http://127.0.0.1:{port}"
    said = re.fullmatch(r"  admin          (\S+)/sign-in#(\S+)  \(opens once\)\n", printed)
    assert said is not None
    assert said[1] == found.url
    assert len(said[2]) * 6 >= 128
    assert (await ask(port, "/api/gauges", said[2])).status == 401
    assert len(found.token) * 6 >= 128
    assert (await ask(port, "/api/gauges", found.token)).status == 200
    for secret in (found.token, said[2]):
        assert secret not in real.log.read_text()


async def test_s11_without_the_token_there_are_figures_and_nothing_else(
    real: Gateway, port: int
) -> None:
    for path in ("/metrics", "/healthz"):
        assert (await ask(port, path)).status == 200
    for method, path in (("GET", "/api/tree"), ("GET", "/api/gauges"), ("POST", "/api/cancel")):
        for token in ("", "x", token_of(real) + "x"):
            assert (await ask(port, path, token, method)).status == 401
    assert (await ask(port, "/metrics", host="evil.example")).status == 403
    client = await connect(real)
    assert b" 404 " in await get(client, HEALTHZ.replace(b"/healthz", b"/metrics"))
    client.socket.close()


async def test_answers_are_sealed_and_the_connection_is_closed_when_it_was_asked_for(
    real: Gateway, port: int
) -> None:
    answer = await ask(port, "/api/tree", token_of(real))
    for field in (b"cache-control: no-store", b"x-content-type-options: nosniff"):
        assert field in answer.head
    assert b"access-control" not in answer.head
    assert b"hypercorn" not in answer.head


async def test_no_worker_has_imported_quart(real: Gateway, port: int) -> None:
    """What Quart needs in C is mapped into the admin, and into nobody else."""
    admin = await real.wait_for_admin()
    assert (await ask(port, "/healthz")).status == 200
    assert "/markupsafe/" in Path(f"/proc/{admin}/maps").read_text()
    for pid in (*await real.wait_for_workers(), real.process.pid):
        maps = Path(f"/proc/{pid}/maps").read_text()
        assert "/httptools/" in maps
        assert "/markupsafe/" not in maps


async def test_nobody_holds_a_socket_of_anothers(real: Gateway, port: int) -> None:
    """No worker's doors, nor the supervisor's ends of lifelines, by which each knows of its end."""
    admin = await real.wait_for_admin()
    workers = await real.wait_for_workers()
    assert (await ask(port, "/healthz")).status == 200
    doors, desk = listening(real.port), listening(port)
    assert (len(doors), len(desk)) == (2, 1)
    assert not sockets(admin) & doors
    assert desk <= sockets(admin)
    for pid in workers:
        assert len(sockets(pid) & doors) == 1
        assert not sockets(pid) & desk
    lifelines = sockets(real.process.pid) - doors - desk
    assert len(lifelines) == 3 + 2
    for pid in (admin, *workers):
        assert not sockets(pid) & lifelines


def sockets(pid: int) -> set[str]:
    """Return the inodes of the sockets that a process holds."""
    links = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    return {found[1] for link in links if (found := re.fullmatch(r"socket:\[(\d+)\]", link))}


def listening(port: int) -> set[str]:
    """Return the inodes of the sockets that listen on a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[3] == "0A" and int(row[1].partition(":")[2], 16) == port}


async def test_a_hundred_slow_clients_of_the_admin_hurt_nobody(real: Gateway, port: int) -> None:
    slow = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(100)]
    try:
        for number, client in enumerate(slow):
            await client.send_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n"[: 1 + number])
        with trio.fail_after(SOON):
            async with trio.open_nursery() as nursery:
                for _ in range(20):
                    nursery.start_soon(ask, port, "/metrics")
                client = await connect(real)
                for _ in range(20):
                    said = await get(client, HEALTHZ)
                    assert said.startswith(b"HTTP/1.1 200 OK\r\n")
                client.socket.close()
    finally:
        for client in slow:
            client.socket.close()
    assert (await ask(port, "/healthz")).status == 200
    assert real.lines("admin died") == []


async def test_r19_whoever_begins_with_http_2_is_told_no_and_ends_nothing(port: int) -> None:
    """R19. A path that is not ASCII, over HTTP/2, ends stock Hypercorn with all connections."""
    connection = H2Connection(H2Configuration(validate_outbound_headers=False))
    connection.initiate_connection()
    head = [(":method", "GET"), (":path", "/é"), (":authority", "localhost"), (":scheme", "http")]
    connection.send_headers(1, head, end_stream=True)
    async with await trio.open_tcp_stream("127.0.0.1", port) as other:
        await other.send_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n")
        async with await trio.open_tcp_stream("127.0.0.1", port) as client:
            await client.send_all(connection.data_to_send())
            # What comes behind the preface is no HTTP/1.1, and may close before the answer is out.
            said = await all_of(client)
            assert said == b"" or said.startswith(b"HTTP/1.1 505 ")
        async with await trio.open_tcp_stream("127.0.0.1", port) as client:
            await client.send_all(b"PRI * HTTP/2.0\r\n\r\n")
            assert (await all_of(client)).startswith(b"HTTP/1.1 505 ")
        await other.send_all(b"connection: close\r\n\r\n")
        assert (await all_of(other)).startswith(b"HTTP/1.1 200 ")


async def test_r19_a_wish_for_another_protocol_is_not_heard(port: int) -> None:
    """R19."""
    wish = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAMA"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in wish.items())
    async with await trio.open_tcp_stream("127.0.0.1", port) as client:
        await client.send_all(f"GET /healthz HTTP/1.1\r\nhost: localhost\r\n{lines}\r\n".encode())
        with trio.fail_after(SOON):
            said = await client.receive_some(65_536)
    assert said.startswith(b"HTTP/1.1 200 ")


async def test_a_wish_for_a_websocket_is_refused_and_is_no_bug(real: Gateway, port: int) -> None:
    wish = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in wish.items())
    key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    async with await trio.open_tcp_stream("127.0.0.1", port) as client:
        await client.send_all(f"GET /live HTTP/1.1\r\nhost: evil\r\n{lines}{key}\r\n".encode())
        with trio.fail_after(SOON):
            said = await client.receive_some(65_536)
    assert said.startswith(b"HTTP/1.1 403 ")
    assert real.lines("bug in admin") == []


async def all_of(client: trio.SocketStream) -> bytes:
    """Read to the end."""
    said = b""
    with trio.fail_after(SOON):
        while data := await client.receive_some(65_536):
            said += data
    return said


WORDS = ("ready", "leave", "reload")


class Failing:
    """A site that cannot be put together; at the third time somebody has said the end."""

    def __init__(self, supervisor: socket.socket) -> None:
        self.times = 0
        self._supervisor = supervisor

    def app(self) -> Any:
        self.times += 1
        if self.times == 3:
            self._supervisor.send(b"d")
        raise RuntimeError("not today")


async def test_whatever_ends_its_server_is_told_and_it_begins_anew(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    said: list[str] = []
    supervisor, lifeline = socket.socketpair()
    lifeline.setblocking(False)
    orders = Orders(lifeline, b"h", *(partial(said.append, word) for word in WORDS))
    site: Any = Failing(supervisor)
    admin = open_admin(AdminOptions(port=0), 1)
    with (
        supervisor,
        lifeline,
        admin.sock,
        (tmp_path / "log").open("w") as file,
        open_log(LogOptions(), file) as log,
    ):
        began = trio.current_time()
        shown = Shown(lambda _: site, Office(), Renewing(orders.reload, ""))
        await _main(admin, shown, Office, log, orders)
        assert (site.times, said) == (3, ["ready"])
        assert trio.current_time() - began >= 2 * RESTART_PAUSE
    told = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert sorted(line["event"] for line in told) == ["admin serves", *["bug in admin"] * 3]


async def test_a_word_that_comes_while_the_file_is_read_has_it_read_once_more(
    tmp_path: Path,
) -> None:
    supervisor, lifeline = socket.socketpair()
    lifeline.setblocking(False)
    orders = Orders(lifeline, b"h", *(lambda: None for _ in WORDS))
    site: Any = Failing(supervisor)
    admin = open_admin(AdminOptions(port=0), 1)
    times = 0

    def furnish() -> Office:
        nonlocal times
        times += 1
        supervisor.send(b"h" if times == 1 else b"d")
        threading.Event().wait(0.05)  # the word is heard meanwhile
        raise NotTaken("as it was")

    with (
        supervisor,
        lifeline,
        admin.sock,
        (tmp_path / "log").open("w") as file,
        open_log(LogOptions(), file) as log,
    ):
        supervisor.send(b"h")
        shown = Shown(lambda _: site, Office(), Renewing(orders.reload, ""))
        with trio.fail_after(SOON):
            await _main(admin, shown, furnish, log, orders)
    assert times == 2
