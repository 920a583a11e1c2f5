"""A reload under load: open streams end as they began, new calls go by the new configuration.

Everything here is the real thing: the command, its workers, its admin, their signals and sockets.
"""

import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.admin.test_process import Answer, ask
from tests.process import Gateway, free_port, gateway
from tests.scripted import Link, Scripted, listen
from tests.test_audit import FINISH, STREAM
from tests.test_client_leaves import CHUNK, STREAM_HEAD, connect
from tests.test_workers import END, read_to

SOON = 10
STDERR = 2
STREAMS = 24
KEY = "the-admins-own-key-1"

TEXT = """\
[admin]
key = {{ env = "ADMIN" }}
[defaults]
retries = 0
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
models = {models}
"""


class Upstream:
    """A provider that says its name, and ends its streams once `go_on` is set."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.go_on = trio.Event()
        self.server: Scripted

    async def script(self, link: Link) -> None:
        while True:
            await link.request()
            await link.send(STREAM_HEAD)
            await link.chunk(CHUNK % self.name)
            await self.go_on.wait()
            await link.chunk(FINISH, b"data: [DONE]\n\n", b"")


@dataclass
class House:
    """The gateway with its admin, and two providers; the file names the first."""

    real: Gateway
    admin: int
    old: Upstream
    new: Upstream

    @property
    def file(self) -> Path:
        return self.real.log.parent / "gateway.toml"

    def write(self, upstream: Upstream, models: str = '["m"]') -> None:
        self.file.write_text(TEXT.format(port=upstream.server.port, models=models))

    async def reload(self) -> Answer:
        body = {"content-type": "application/json"}
        return await ask(self.admin, "/api/reload", KEY, "POST", b"{}", **body)

    async def stream(self) -> tuple[trio.SocketStream, bytes]:
        """Begin a stream; return it with what was said first."""
        client = await connect(self.real)
        await client.send_all(STREAM)
        with trio.fail_after(SOON):
            return client, await read_to(client, b"}\n\n\r\n")


@asynccontextmanager
async def house(folder: Path, nursery: trio.Nursery, *options: str) -> AsyncIterator[House]:
    old, new = Upstream(b"old"), Upstream(b"new")
    for upstream in (old, new):
        upstream.server = await listen(nursery, upstream.script)
    port, text = free_port(), TEXT.format(port=old.server.port, models='["m"]')
    options = ("--admin-port", str(port), *options)
    with gateway(folder, text, *options, environ={"ADMIN": KEY}) as real:
        await real.wait_for_admin()
        yield House(real, port, old, new)


async def ends_well(client: trio.SocketStream) -> None:
    with trio.fail_after(SOON):
        assert await read_to(client, END)
    client.socket.close()


async def test_g5_no_stream_breaks_and_all_workers_follow(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G5. Also whoever is started in the place of one that died."""
    async with house(tmp_path, nursery, "--workers", "2") as here:
        pids = await here.real.wait_for_workers()
        before = [await here.stream() for _ in range(STREAMS)]
        assert all(b"old" in said for _, said in before)
        here.write(here.new)
        told = (await here.reload()).json()
        assert told["follows"] == {"1": True, "2": True}
        assert [change["name"] for change in told["changes"]] == ["providers.up.base_url"]
        after = [await here.stream() for _ in range(STREAMS)]
        assert all(b"new" in said for _, said in after)
        here.old.go_on.set()
        here.new.go_on.set()
        for client, _ in (*before, *after):
            await ends_well(client)
        lines = await here.real.wait_for_lines(
            2 * STREAMS, lambda line: line["path"] == "/v1/chat/completions"
        )
        assert {line["outcome"] for line in lines} == {"completed"}
        # One that begins now begins with what was read, whatever the file has become by then.
        here.write(here.old)
        os.kill(pids[0], signal.SIGKILL)
        await here.real.wait_for_workers(2, but=pids[0])
        health = (await ask(here.admin, "/api/health", KEY)).json()
        assert len({worker["configuration"] for worker in health["workers"]}) == 1
        (line,) = here.real.lines("configuration reloaded")[:1]
        assert "providers.up.base_url" in line["changes"]
    nursery.cancel_scope.cancel()


async def test_g5_a_bad_file_changes_nothing_and_is_told(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """G5. By the API, by a signal, and by a file that has changed."""
    refused = "configuration refused, the old one goes on"
    async with house(tmp_path, nursery) as here:
        here.file.write_text(here.file.read_text() + "\n[servr]\n")
        answer = await here.reload()
        assert answer.status == 409
        assert "did you mean server?" in answer.json()["error"]["message"]
        here.real.signal(signal.SIGHUP)
        await eventually(here.real, refused)
        client, said = await here.stream()
        assert b"old" in said
        here.write(here.new)
        await eventually(here.real, "new calls go by what was read")
        other, said = await here.stream()
        assert b"new" in said
        here.old.go_on.set()
        here.new.go_on.set()
        await ends_well(client)
        await ends_well(other)
        assert here.real.process.poll() is None
    nursery.cancel_scope.cancel()


async def test_one_that_is_alone_reloads_too(tmp_path: Path, nursery: trio.Nursery) -> None:
    upstream = Upstream(b"old")
    upstream.server = await listen(nursery, upstream.script)
    text = TEXT.format(port=upstream.server.port, models='["m"]').partition("[defaults]")[2]
    with gateway(tmp_path, f"[defaults]{text}") as real:
        client = await connect(real)
        await client.send_all(STREAM)
        await read_to(client, b"}\n\n\r\n")
        (tmp_path / "gateway.toml").write_text(f"[defaults]{text}".replace('["m"]', '["m", "n"]'))
        real.signal(signal.SIGHUP)
        await eventually(real, "configuration reloaded")
        upstream.go_on.set()
        await ends_well(client)
    nursery.cancel_scope.cancel()


async def eventually(real: Gateway, event: str) -> Any:
    """Wait until the log has a line."""
    with trio.fail_after(SOON):
        while not (lines := real.lines(event)):
            await trio.sleep(0.01)
    return lines[0]


@pytest.mark.parametrize("options", [["--admin-port", "0"], []])
def test_a_terminal_that_hangs_up_ends_the_gateway(tmp_path: Path, options: list[str]) -> None:
    pid, terminal = at_a_terminal(tmp_path, options)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


async def test_whoever_was_started_to_outlive_its_terminal_does(tmp_path: Path) -> None:
    """As by `nohup`."""
    pid, terminal = at_a_terminal(tmp_path, ["--admin-port", "0"], signal.SIG_IGN)
    os.close(terminal)
    os.kill(pid, signal.SIGHUP)
    log = tmp_path / "log"
    with trio.fail_after(SOON):
        while "nothing to read anew" not in log.read_text():
            assert exit_code(pid) is None
            await trio.sleep(0.01)
        assert "draining" not in log.read_text()
        os.kill(pid, signal.SIGTERM)
        while (code := exit_code(pid)) is None:
            await trio.sleep(0.01)
    assert code == 0


def exit_code(pid: int) -> int | None:
    """Return how a process has ended; None while it has not."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def at_a_terminal(
    folder: Path, options: list[str], hangup: signal.Handlers = signal.SIG_DFL
) -> tuple[int, int]:
    """Start a gateway as somebody does who sits there; return its pid, and the other end."""
    port = options or ["--admin-port", str(free_port())]
    command = [sys.executable, "-m", "gateway", "serve", "--port", "0", *port]
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.dup2(os.open("log", os.O_CREAT | os.O_WRONLY | os.O_APPEND), STDERR)
        signal.signal(signal.SIGHUP, hangup)
        os.execv(sys.executable, command)
    said = b""
    while b"import OpenAI" not in said:
        said += os.read(terminal, 4096)
    return pid, terminal
