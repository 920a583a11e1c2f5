"""The composition root: what is built of a configuration, its services, its end."""

import json
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from gateway import __version__
from gateway.app import (
    LISTED_EVERY,
    LISTING_TIMEOUT,
    RESTART_PAUSE,
    UNLISTED_RETRY,
    App,
    assemble,
    control_of,
    find_local_servers,
    questions_of,
    run_services,
    serve,
    serve_behind,
)
from gateway.downstream.gone import Watcher
from gateway.downstream.listen import open_sockets
from gateway.downstream.options import ListenOptions
from gateway.drain import DRAIN, LEAVING, STOP, Post
from gateway.telemetry.log import open_log
from gateway.telemetry.options import LogOptions
from gateway.upstream.failures import Refused
from gateway.upstream.transport import Transport
from gateway.upstream.wire import UpstreamStream
from gateway.words.errors import UnknownModel
from gateway.words.target import Origin
from tests.config.texts import load
from tests.scripted import Link, listen
from tests.stage import Book, Provider, answer, chat, get

LISTING = """
[providers.up]
kind = "openai"
base_url = "http://up.test/v1"
api_key = {env = "KEY"}
models = "*"
prefix = "up/"
headers = {x-team = "blue"}
"""
SLOW_ECHO = "[providers.echo]\nwords_per_second = 0.001\n"
SOON = 3


class Made:
    """An app, what it logs, and the connections that it will make to its provider."""

    def __init__(self, app: App, log: Path, tap: Book) -> None:
        self.tap = tap
        self._log = log
        self.providers: list[Provider | Exception] = []
        self.asked_at: list[float] = []
        self.app = replace(app, transport=Transport(self._connect))

    async def _connect(self, origin: Origin) -> UpstreamStream:
        await trio.lowlevel.checkpoint()
        self.asked_at.append(trio.current_time())
        provider = self.providers.pop(0)
        if isinstance(provider, Exception):
            raise provider
        return provider

    def lists(self, *models: str) -> Provider:
        """Let the next connection list these models; then it ends."""
        body = json.dumps({"data": [{"id": model} for model in models]}).encode()
        provider = Provider(answer(200, body), b"")
        self.providers.append(provider)
        return provider

    @property
    def names(self) -> list[str]:
        return self.app.current.house.routes.names

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return the log's lines of one event; they are there once the log has been closed."""
        said = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [line for line in said if line["event"] == event]


Make = Callable[..., Made]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Assemble an app; at the end its log and its watcher are closed."""
    made: list[Made] = []
    path = tmp_path / "app.log"
    with path.open("w") as file, open_log(LogOptions(), file) as log:

        def assembled(text: str = "", listed: dict[str, tuple[str, ...]] | None = None) -> Made:
            tap = Book()
            made.append(Made(assemble(load(text, tmp_path), log, listed, (tap,)), path, tap))
            return made[-1]

        yield assembled
        for each in made:
            each.app.watcher.close()


def test_the_most_calls_come_from_the_descriptors_unless_they_are_set(make: Make) -> None:
    """G8: each call holds two, and some are spared."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, limit), limit))
    made = make()
    assert 0 < 2 * made.app.calls.most < limit
    assert made.app.calls.most < made.app.most_connections < limit
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (limit, limit)
    made = make("[server]\nmax_calls = 7\nmax_connections = 9\n")
    assert (made.app.calls.most, made.app.most_connections) == (7, 9)
    made.app.log.close()
    assert made.lines("fewer descriptors than may be needed") == []


def test_g8_limits_above_the_descriptors_are_told_at_the_start(make: Make) -> None:
    """G8."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    made = make(f"[server]\nmax_calls = 7\nmax_connections = {limit}\n")
    made.app.log.close()
    (line,) = made.lines("fewer descriptors than may be needed")
    assert (line["max_calls"], line["max_connections"]) == (7, limit)
    assert line["descriptors"] == limit


def test_a_bug_is_told_with_its_request_and_without_secrets(make: Make) -> None:
    """R11."""
    made = make(LISTING)
    key = made.app.homes.offers[0].keys[0].reveal()
    made.app.current.house.report("request", ValueError(f"bad key {key}"), "req_7")
    made.app.log.close()
    (line,) = made.lines("bug in request")
    assert (line["request_id"], line["level"]) == ("req_7", "error")
    assert "ValueError: bad key ***" in line["exception"]
    assert key not in json.dumps(line)


async def test_a_provider_that_lists_its_models_is_asked_now_and_again(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    made = make(LISTING)
    first, second = made.lists("a", "b"), made.lists("b", "c")
    before = made.app.current.house
    await nursery.start(run_services, made.app)
    assert before.routes.knows("up/anything")
    await trio.sleep(1)
    assert made.names == ["echo", "up/a", "up/b"]
    with pytest.raises(UnknownModel):
        made.app.current.house.routes.check("up/anything")
    assert before.routes.knows("up/anything")
    assert b"GET /v1/models HTTP/1.1\r\n" in first.sent[0]
    assert b"\r\nauthorization: Bearer sk-0123456789abcdef9f2c\r\n" in first.sent[0]
    assert b"\r\nx-team: blue\r\n" in first.sent[0]
    await trio.sleep(LISTED_EVERY)
    assert second.sent
    assert made.names == ["echo", "up/b", "up/c"]
    assert made.asked_at == [0, LISTED_EVERY]
    made.app.log.close()
    assert [line["models"] for line in made.lines("models listed")] == [2, 2]


async def test_a_provider_that_cannot_list_its_models_is_asked_again_soon(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """Refused, then silent, then with an error, then well."""
    made = make(LISTING)
    made.providers += [Refused("no"), Provider(), Provider(answer(500, b"no"), b"")]
    made.lists("a")
    await nursery.start(run_services, made.app)
    await trio.sleep(3 * UNLISTED_RETRY + LISTING_TIMEOUT + 1)
    assert made.names == ["echo", "up/a"]
    silent_until = UNLISTED_RETRY + LISTING_TIMEOUT
    assert made.asked_at == [
        0, UNLISTED_RETRY, silent_until + UNLISTED_RETRY, silent_until + 2 * UNLISTED_RETRY,
    ]  # fmt: skip
    made.app.log.close()
    refused, silent, failed = made.lines("models not listed")
    assert "could not be connected to" in refused["error"]
    assert silent["error"] == "no answer within 10 seconds"
    assert "answered 500" in failed["error"]
    assert refused["provider"] == "up"


async def test_a_provider_that_has_just_been_asked_is_left_alone_for_a_while(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    made = make(LISTING, {"up": ("a",)})
    made.lists("b")
    await nursery.start(run_services, made.app)
    await trio.sleep(LISTED_EVERY - 1)
    assert (made.asked_at, made.names) == ([], ["echo", "up/a"])
    await trio.sleep(2)
    assert made.names == ["echo", "up/b"]


async def test_a_bug_in_a_listing_stops_nothing(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """G4: it is told, and the listing begins anew."""
    made = make(LISTING)
    made.providers.append(RuntimeError("a bug"))
    made.lists("a")
    await nursery.start(run_services, made.app)
    await trio.sleep(RESTART_PAUSE + 1)
    assert made.names == ["echo", "up/a"]
    made.app.log.close()
    (line,) = made.lines("bug in service models of up")
    assert "RuntimeError: a bug" in line["exception"]


class Stumbling(Watcher):
    """A watcher with a bug, which it meets a few times."""

    def __init__(self, bugs: list[BaseException | None]) -> None:
        super().__init__()
        self.bugs = bugs
        self.began_at: list[float] = []

    async def run(self) -> None:
        self.began_at.append(trio.current_time())
        if self.bugs:
            bug = self.bugs.pop()
            if bug is None:
                return
            raise bug
        await super().run()


async def test_a_service_that_crashes_is_told_and_restarted(
    make: Make, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """G4: a bug, a bug in a group, an end without one."""
    made = make()
    made.app.watcher.close()
    group = ExceptionGroup("several", [KeyError("a bug"), ValueError("another")])
    watcher = Stumbling([None, group, RuntimeError("a bug")])
    app = replace(made.app, watcher=watcher)
    await nursery.start(run_services, app)
    await trio.sleep(10 * RESTART_PAUSE)
    assert watcher.began_at == [0, RESTART_PAUSE, 2 * RESTART_PAUSE, 3 * RESTART_PAUSE]
    made.app.log.close()
    first, second = made.lines("bug in service watcher")
    assert "RuntimeError: a bug" in first["exception"]
    assert "KeyError" in second["exception"]
    assert "ValueError" in second["exception"]


async def test_services_leave_nothing_behind(make: Make, autojump_clock: MockClock) -> None:
    made = make(LISTING)
    kept = Provider(answer(200, b'{"data": []}'))
    made.providers.append(kept)
    async with trio.open_nursery() as nursery:
        await nursery.start(run_services, made.app)
        await trio.sleep(5)
        assert made.app.transport.pool.idle == 1
        nursery.cancel_scope.cancel()
    assert (made.app.transport.pool.open, kept.closed_at) == (0, 5)
    # The next run has its own resolver again, and not one whose workers have gone home.
    assert await trio.socket.getaddrinfo("127.0.0.1", 80)
    with pytest.raises(ValueError, match="closed"):
        made.app.watcher._epoll.fileno()


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
