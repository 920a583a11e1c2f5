"""`gateway top` as a person runs it, beside real workers with real streams."""

import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from rich.console import Group

from gateway.admin.token_file import path_of, read
from gateway.commands.top import SOME_ROOM, screen
from gateway.downstream.showing import AGAIN_AFTER
from tests.process import Gateway, free_port, gateway, provider
from tests.scripted import Link, listen
from tests.test_audit import STREAM
from tests.test_client_leaves import connect
from tests.test_workers import END, Crowd, crowd, read_to

POLL = 0.01
SOON = 10


async def top(
    control: Path, *options: str, code: int = 0, environ: dict[str, str] | None = None
) -> str:
    """Run the command beside a gateway; return what it says."""
    command = [sys.executable, "-m", "gateway", "top", *options]
    env = {**os.environ, "RUNTIME_DIRECTORY": str(control), **(environ or {})}
    with trio.fail_after(SOON):
        run = await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False, env=env
        )
    assert run.returncode == code, run.stderr
    assert b"Traceback" not in run.stderr
    return (run.stdout + run.stderr).decode()


async def test_all_workers_are_shown_down_to_the_upstream(tmp_path: Path) -> None:
    async with crowd(tmp_path, "") as (people, pids):
        said = await top(people.real.control)
        for pid in pids:
            assert f" · pid {pid} · " in said
        assert len(re.findall(r"\n[├└]─ 127.0.0.1 · connected ", said)) == people.opened
        assert len(re.findall(r" · m \(stream\) · streaming ", said)) == people.opened
        assert len(re.findall(r"waits for the provider", said)) == people.opened
        assert len(re.findall(r"─ 127.0.0.1:\d+ · connected ", said)) == people.opened
        workers = json.loads(await top(people.real.control, "--json", "--limit", "0"))["workers"]
        assert [each["worker"] for each in workers] == [1, 2]
        assert sum(each["left_out"] for each in workers) == people.opened
        await end_well(people, pids)


async def end_well(people: Crowd, pids: Sequence[int]) -> None:
    people.go_on.set()
    for pid in pids:
        assert all(said.endswith(END) for said in await people.ends(pid))


async def test_a_call_is_cancelled_and_its_client_told_and_no_other(tmp_path: Path) -> None:
    async with crowd(tmp_path, "") as (people, pids):
        said = await top(people.real.control)
        found = re.search(r"req_[0-9a-f]{24}", said)
        assert found is not None
        name = found[0]
        assert await top(people.real.control, "--cancel", name) == f"1 call cancelled: {name}\n"
        again = await top(people.real.control, "--cancel", name, code=1)
        assert f"No open call has the id {name}" in again
        (line,) = await people.real.wait_for_lines(1)
        assert (line["request_id"], line["outcome"], line["cause"]) == (name, "stopped", "operator")
        people.go_on.set()
        ends = [end for pid in pids for end in await people.ends(pid)]
        told = [end for end in ends if b'"code":"cancelled_by_operator"' in end]
        assert len(told) == 1
        assert b"[DONE]" not in told[0]
        assert sum(end.endswith(END) for end in ends) == people.opened - 1


async def test_an_admin_elsewhere_is_asked_with_the_token_it_left_or_one_that_is_given(
    tmp_path: Path,
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    elsewhere = tmp_path / "elsewhere"
    with gateway(tmp_path, None, "--admin-port", str(port)) as real:
        await real.wait_for_admin()
        client = await connect(real)
        await client.send_all(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await client.receive_some(4096)).startswith(b"HTTP/1.1 200")
        assert "─ 1 idle connection\n" in await top(real.control, "--url", url)
        said = await top(real.control, "--url", url, "--cancel", "req_0", code=1)
        assert "No open call has the id req_0" in said
        assert "set GATEWAY_ADMIN_KEY" in await top(elsewhere, "--url", url, code=1)
        found = read(path_of(real.control, real.process.pid))
        assert found is not None
        given = {"GATEWAY_ADMIN_KEY": found.token}
        assert "worker 1 · " in await top(elsewhere, "--url", url + "/", environ=given)
        wrong = {"GATEWAY_ADMIN_KEY": "x" * 43}
        assert "refuses the key" in await top(elsewhere, "--url", url, code=1, environ=wrong)
        public = f"http://127.0.0.1:{real.port}"
        said = await top(elsewhere, "--url", public, code=1, environ=given)
        assert "there is no admin of a gateway that can say this: 404" in said
        assert found.token not in said
        assert "─ and 1 more\n" in await top(real.control, "--url", url, "--limit", "0")
        client.socket.close()
    said = await top(elsewhere, "--url", url, code=1, environ=given)
    assert "cannot be asked" in said
    assert "cannot be asked" in await top(elsewhere, "--url", "nonsense", code=1, environ=given)


@pytest.mark.parametrize(
    "body",
    [
        b'{"foo": 1}',
        b'{"workers": 1}',
        b"[]",
        b"no",
        b'{"a":' * 900,
        b'{"workers": [{"pid": "x"}]}',
    ],
)
async def test_what_another_server_says_is_told_and_never_shown_as_it_is(
    tmp_path: Path, nursery: trio.Nursery, body: bytes
) -> None:
    async def says(link: Link) -> None:
        await link.request()
        head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
        await link.send(head + body)

    server = await listen(nursery, says)
    url, key = f"http://127.0.0.1:{server.port}", {"GATEWAY_ADMIN_KEY": "k" * 20}
    for options in ((), ("--cancel", "x")):
        said = await top(tmp_path, "--url", url, *options, code=1, environ=key)
        assert said.startswith("Error: ")
    nursery.cancel_scope.cancel()


async def test_where_nobody_answers_it_says_where_it_has_looked(tmp_path: Path) -> None:
    said = await top(tmp_path, code=1)
    assert f"nobody answers in {tmp_path}" in said
    said = await top(tmp_path, "--folder", str(tmp_path / "other"), "--cancel", "x", code=1)
    assert f"nobody answers in {tmp_path / 'other'}." in said


async def test_sigusr1_writes_the_same_to_stderr_and_ends_nobody(tmp_path: Path) -> None:
    """To the supervisor alone, and to the whole group as a service manager sends it."""
    port = free_port()
    async with crowd(tmp_path, "", "--admin-port", str(port)) as (people, pids):
        real = people.real
        admin = await real.wait_for_admin()
        for group in (False, True):
            real.signal(signal.SIGUSR1, group=group)
            with trio.fail_after(SOON):
                while len(shown := real.lines("open now")) < len(pids) * (1 + group):
                    await trio.sleep(0.005)
            await trio.sleep(AGAIN_AFTER / 10)
            assert sorted(line["worker"] for line in real.lines("open now")) == sorted(
                [1, 2] * (1 + group)
            )
            said = "\n".join(line["tree"] for line in shown[-2:])
            assert said.count(" · m (stream) · streaming ") == people.opened
            again = trio.current_time() + AGAIN_AFTER
            while trio.current_time() < again:
                await trio.sleep(0.05)
        assert sorted(real.workers()) == sorted(pids)
        assert await real.wait_for_admin() == admin
        await end_well(people, pids)


FEW = ("/bin/sh", "-c", 'ulimit -n 90; exec "$0" "$@"')


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_sigusr1_where_no_descriptor_is_left_ends_nobody(
    tmp_path: Path, workers: str
) -> None:
    """G8 in part: it is then that somebody looks."""
    idle: list[socket.socket] = []
    with gateway(tmp_path, None, "--workers", workers, under=FEW) as real:
        pids = real.workers()
        try:
            while not real.lines("short of descriptors") and len(idle) < 300:
                idle.append(socket.create_connection(("127.0.0.1", real.port), SOON))
                await trio.sleep(0.002)
            real.signal(signal.SIGUSR1)
            with trio.fail_after(SOON):
                while len(shown := real.lines("open now")) < int(workers):
                    await trio.sleep(0.01)
            assert all(" · descriptors " in line["tree"] for line in shown)
            assert real.workers() == pids
            assert real.process.poll() is None
            assert real.lines("worker died") == []
        finally:
            for each in idle:
                each.close()


def test_sigusr1_to_one_that_serves_alone(tmp_path: Path) -> None:
    with gateway(tmp_path, None) as real:
        real.signal(signal.SIGUSR1)
        deadline = time.monotonic() + SOON
        while not (shown := real.lines("open now")):
            assert time.monotonic() < deadline
            select.select([], [], [], 0.005)
        assert shown[0]["tree"].startswith(f"worker 1 · pid {real.process.pid} · ")


def test_on_a_terminal_it_looks_again_until_it_is_interrupted(tmp_path: Path) -> None:
    """A gateway that ends meanwhile is told of, and may come back."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "LINES": "24", "COLUMNS": "100"}
    shown = b""

    def until(text: bytes) -> None:
        nonlocal shown
        deadline = time.monotonic() + SOON
        while text not in shown:
            assert select.select([ours], [], [], deadline - time.monotonic())[0], shown
            shown += os.read(ours, 65_536)

    try:
        with gateway(tmp_path, None) as real:
            env["RUNTIME_DIRECTORY"] = str(real.control)
            command = [sys.executable, "-m", "gateway", "top"]
            watching = subprocess.Popen(command, stdin=theirs, stdout=theirs, env=env)
            until(b"worker 1 ")
            until(b"Ctrl-C ends")
        until(b"nobody answers in ")
        watching.send_signal(signal.SIGINT)
        deadline = time.monotonic() + SOON
        while watching.poll() is None:
            # Whoever leaves says so, and waits where nobody reads it.
            assert time.monotonic() < deadline
            if select.select([ours], [], [], POLL)[0]:
                shown += os.read(ours, 65_536)
        assert watching.returncode == 0
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_screen_shows_what_fits_and_counts_the_rest() -> None:
    lines = [f"line {number}" for number in range(30)]
    shown = texts(screen(lines, [], 10 + SOME_ROOM))
    assert shown[:9] == lines[:9]
    assert shown[9] == "… 21 lines more"
    assert len(texts(screen(lines[:10], [], 10 + SOME_ROOM))) == 11


def texts(group: Group) -> list[str]:
    return [str(text) for text in group.renderables]


def test_a_long_tree_leaves_room_for_what_rests() -> None:
    tree = [f"line {number}" for number in range(30)]
    rests = [f"rests {number}" for number in range(20)]
    *shown, _ = texts(screen(tree, rests[:2], 12 + SOME_ROOM))
    assert shown == [*tree[:9], "… 21 lines more", *rests[:2]]
    *shown, _ = texts(screen(tree, rests, 12 + SOME_ROOM))
    assert shown == [*tree[:7], "… 23 lines more", *rests[:3], "… 17 lines more"]
    *shown, _ = texts(screen(tree[:2], rests, 12 + SOME_ROOM))
    assert shown == [*tree[:2], *rests[:9], "… 11 lines more"]
    for height in range(SOME_ROOM + 3):
        assert len(texts(screen(tree, rests, height))) == max(height - SOME_ROOM, 1) + 1


NO_KEY = (
    b"HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
)
SHORT = "[defaults]\nretries = 0\ncooldown = { failures = 1, rest = 500 }\n"


@asynccontextmanager
async def locked_out(directory: Path, *options: str) -> AsyncIterator[Gateway]:
    """Two workers whose provider refuses their key."""

    async def refuse(link: Link) -> None:
        while True:
            await link.request()
            await link.send(NO_KEY)

    async with trio.open_nursery() as nursery:
        upstream = await listen(nursery, refuse)
        whole = SHORT + provider(upstream.port, api_key='"k"')
        with gateway(directory, whole, "--workers", "2", *options) as real:
            await real.wait_for_workers()
            yield real
        nursery.cancel_scope.cancel()


async def ask_each(real: Gateway) -> None:
    """Ask on connections enough that both workers have had one, as good as surely."""
    for _ in range(10):
        client = await connect(real)
        await client.send_all(STREAM)
        assert b" 502 " in await read_to(client, b"}}")
        client.socket.close()


async def test_homes_and_keys_that_rest_are_shown_below_with_their_workers(tmp_path: Path) -> None:
    """By all workers together: at the control socket, to `top`, in a scrape, at SIGUSR1."""
    port = free_port()
    async with locked_out(tmp_path, "--admin-port", str(port)) as real:
        assert "rests: " not in await top(real.control)
        with trio.fail_after(2 * SOON):
            while " · workers 1, 2\n" not in (said := await top(real.control)):
                await ask_each(real)
        *_, home, key = said.splitlines()
        assert re.fullmatch(r"rests: up/m for 8 min \d+ s more \(1 failure\) · workers 1, 2", home)
        assert re.fullmatch(r"rests: the key of up/m for \d+ min \d+ s more · workers 1, 2", key)
        workers = json.loads(await top(real.control, "--json"))["workers"]
        for each in workers:
            (seen,) = each["resting"]
            assert (seen["name"], seen["state"], seen["failures"]) == ("up/m", "open", 1)
            assert seen["resting_keys"][0]["number"] == 0
        url = f"http://127.0.0.1:{port}"
        assert (await top(real.control, "--url", url)).count("\nrests: ") == 2
        real.signal(signal.SIGUSR1)
        with trio.fail_after(SOON):
            while len(shown := real.lines("open now")) < 2:
                await trio.sleep(0.005)
        for line in shown:
            assert f"(1 failure) · worker {line['worker']}\n" in line["tree"]
