"""The composition root: what serves, what can be asked of it, how it ends."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from gateway import __version__
from gateway.app import control_of, find_local_servers, questions_of, serve, serve_behind
from gateway.downstream.listen import open_sockets
from gateway.downstream.options import ListenOptions
from gateway.drain import DRAIN, LEAVING, STOP, Post
from tests.made import SLOW_ECHO, SOON, Made, Make
from tests.scripted import Link, listen
from tests.stage import answer, chat, get

pytest_plugins = ("tests.making",)


async def test_local_servers_are_asked_for_their_models(nursery: trio.Nursery) -> None:
    async def lists(link: Link) -> None:
        await link.request()
        await link.send(answer(200, b'{"data": [{"id": "llama"}]}'))

    ports = {"ollama": 11434, "lmstudio": 1234, "llamacpp": 8080}
    servers = []
    for port in ports.values():
        with suppress(OSError):  # somebody may really have one there
            servers.append(await listen(nursery, lists, port=port))
    if not servers:
        pytest.skip("every usual port is taken on this machine")
    server = servers[0]
    name = next(name for name, port in ports.items() if port == server.port)
    with trio.fail_after(SOON):
        answered = await find_local_servers(ListenOptions(port=4000))
    assert answered.keys() == {"ollama", "vllm", "lmstudio", "llamacpp"}
    assert answered[name] == ("llama",)
    with trio.fail_after(SOON):
        await server.links[0].gone.wait()
        own = await find_local_servers(ListenOptions(port=server.port))
    assert name not in own
    assert len(server.links) == 1
    nursery.cancel_scope.cancel()


class Running:
    """A gateway that serves inside the test, on a real socket."""

    def __init__(self, made: Made) -> None:
        self.app = made.app
        self.sockets = open_sockets(made.app.config.listen, 60.0)
        self.port = self.sockets[0].getsockname()[1]
        self.ready = trio.Event()
        self.ended = trio.Event()

    async def run(self, post: Post | None = None) -> None:
        await serve(self.app, self.sockets, self.ready.set, post)
        self.ended.set()

    async def ask(self, wire: bytes) -> trio.SocketStream:
        client = await trio.open_tcp_stream("127.0.0.1", self.port)
        await client.send_all(wire)
        return client


async def begin(
    make: Make, nursery: trio.Nursery, text: str = "", post: Post | None = None
) -> tuple[Made, Running]:
    made = make("[server]\nport = 0\n" + text)
    running = Running(made)
    nursery.start_soon(running.run, post)
    with trio.fail_after(SOON):
        await running.ready.wait()
    return made, running


async def rest_of(client: trio.SocketStream) -> bytes:
    """Read to the end, then close."""
    got = b""
    with trio.fail_after(SOON):
        async with client:
            while data := await client.receive_some(65_536):
                got += data
    return got


async def open_call(running: Running) -> trio.SocketStream:
    """Open a call that will not end by itself."""
    client = await running.ask(chat(model="echo"))
    with trio.fail_after(SOON):
        while not len(running.app.calls):
            await trio.sleep(0.002)
    return client


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """Undo what a process leaves of its signals that is about to end: this one goes on."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


async def test_g1_the_first_signal_lets_an_idle_gateway_end(
    make: Make, nursery: trio.Nursery
) -> None:
    """G1."""
    made, running = await begin(make, nursery)
    client = await running.ask(get("/v1/models", "Connection: close"))
    assert (await rest_of(client)).startswith(b"HTTP/1.1 200 OK\r\n")
    signal.raise_signal(signal.SIGTERM)
    with trio.fail_after(SOON):
        await running.ended.wait()
    made.app.log.close()
    (line,) = made.lines("draining")
    assert (line["signal"], line["open_calls"]) == ("SIGTERM", 0)
    assert len(made.lines("request")) == len(made.tap.receipts) == 1


async def test_g1_calls_that_outlast_the_drain_are_told(make: Make, nursery: trio.Nursery) -> None:
    """G1."""
    made, running = await begin(make, nursery, "drain_timeout = 0.03\n" + SLOW_ECHO)
    client = await open_call(running)
    signal.raise_signal(signal.SIGINT)
    said = await rest_of(client)
    assert said.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b'"code":"gateway_shutdown"' in said
    with trio.fail_after(SOON):
        await running.ended.wait()
    assert [receipt.outcome for receipt in made.tap.receipts] == ["stopped"]
    made.app.log.close()
    assert [line["open_calls"] for line in made.lines("drain timeout")] == [1]


async def test_g2_the_second_signal_ends_at_once(make: Make, nursery: trio.Nursery) -> None:
    """G2."""
    made, running = await begin(make, nursery, SLOW_ECHO)
    client = await open_call(running)
    signal.raise_signal(signal.SIGTERM)
    await wait_all_tasks_blocked(0.02)
    assert not running.ended.is_set()
    signal.raise_signal(signal.SIGTERM)
    with trio.fail_after(SOON):
        await running.ended.wait()
    assert await rest_of(client) == b""
    (receipt,) = made.tap.receipts
    assert (receipt.outcome, receipt.cause) == ("stopped", "drain")
    made.app.log.close()
    assert [line["open_calls"] for line in made.lines("stopping at once")] == [1]
    assert len(made.lines("request")) == 1


@pytest.fixture
def lifeline() -> Iterator[tuple[socket.socket, Post]]:
    """The supervisor's end of a lifeline, and the post at the other one."""
    ours, theirs = socket.socketpair()
    ours.settimeout(SOON)
    with ours, theirs:
        yield ours, Post(2, 4711, theirs, -1)


async def test_one_of_several_drains_at_each_signal_and_stops_when_it_is_told(
    make: Make, nursery: trio.Nursery, lifeline: tuple[socket.socket, Post]
) -> None:
    """G2: a signal to the whole group comes twice, by itself and through the supervisor."""
    supervisor, post = lifeline
    made, running = await begin(make, nursery, SLOW_ECHO, post)
    client = await open_call(running)
    for _ in range(3):
        signal.raise_signal(signal.SIGTERM)
        await wait_all_tasks_blocked(0.005)
    assert supervisor.recv(10) == LEAVING
    supervisor.send(DRAIN)
    await wait_all_tasks_blocked(0.02)
    assert not running.ended.is_set()
    supervisor.send(STOP)
    with trio.fail_after(SOON):
        await running.ended.wait()
    assert await rest_of(client) == b""
    made.app.log.close()
    (line,) = made.lines("draining")
    assert (line["signal"], line["worker"], line["open_calls"]) == ("SIGTERM", 2, 1)
    (line,) = made.lines("stopping at once")
    assert (line["by"], line["worker"], line["open_calls"]) == ("supervisor", 2, 1)


@pytest.mark.parametrize("unread", [b"", DRAIN])
async def test_one_whose_supervisor_is_gone_drains(
    make: Make, nursery: trio.Nursery, lifeline: tuple[socket.socket, Post], unread: bytes
) -> None:
    """Also where the end comes as a reset, because the supervisor had left something unread."""
    supervisor, post = lifeline
    made, running = await begin(make, nursery, "drain_timeout = 0.03\n" + SLOW_ECHO, post)
    client = await open_call(running)
    if unread:
        post.lifeline.send(unread)
    supervisor.close()
    assert b'"code":"gateway_shutdown"' in await rest_of(client)
    with trio.fail_after(SOON):
        await running.ended.wait()
    made.app.log.close()
    (line,) = made.lines("draining")
    assert line["by"] == "the supervisor's end"


async def test_a_signal_asks_for_a_picture_and_nobody_drains(
    make: Make, nursery: trio.Nursery, lifeline: tuple[socket.socket, Post]
) -> None:
    _, post = lifeline
    made, running = await begin(make, nursery, SLOW_ECHO, post)
    client = await open_call(running)
    signal.raise_signal(signal.SIGUSR1)
    await wait_all_tasks_blocked(0.02)
    assert not made.app.calls.draining
    client.socket.close()
    nursery.cancel_scope.cancel()
    made.app.log.close()
    (line,) = made.lines("open now")
    assert line["worker"] == 2
    assert "· echo (stream) · waiting " in line["tree"]


async def test_a_status_tells_what_is_open(
    make: Make, nursery: trio.Nursery, lifeline: tuple[socket.socket, Post]
) -> None:
    _, post = lifeline
    made, running = await begin(make, nursery, SLOW_ECHO, post)
    client = await open_call(running)
    control = control_of(made.app, questions_of(made.app, None, post))
    status: Any = control.answer(b'{"ask":"status"}')
    assert (status["pid"], status["supervisor"], status["worker"]) == (os.getpid(), 4711, 2)
    assert (status["calls"], status["connections"], status["draining"]) == (1, None, False)
    assert status["upstream"] == {"open": 0, "idle": 0, "parked": 0, "waiting": 0}
    assert status["lost_log_lines"] == 0
    assert status["version"] == __version__
    assert isinstance(status["uptime"], float)
    assert isinstance(status["tasks"], int)
    client.socket.close()
    nursery.cancel_scope.cancel()


async def test_behind_another_server_the_services_end_with_it(make: Make) -> None:
    made = make()
    told: list[str] = []
    shutdown = trio.Event()

    async def started() -> None:
        told.append("started")
        shutdown.set()

    with trio.fail_after(SOON):
        await serve_behind(made.app, started, shutdown.wait)
    assert told == ["started"]
    assert made.app.calls.draining
