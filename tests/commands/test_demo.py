"""`gateway demo` as a person starts it: on our gateway, on another's, and on one that fails."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner

from gateway.commands.demo import KEY_VARIABLE, command, machine
from gateway.commands.demonstration.scenes import SCENES
from tests.process import gateway, provider

PROGRAM = [sys.executable, "-m", "gateway", "demo"]
TIMEOUT = 60
PLAIN = re.compile(
    r"(?P<phase>.+?) +· client left · upstream (?P<fate>.+?) +· tasks 0 · sockets 0 · 1 receipt"
)
CLOSED = re.compile(r"closed \d+\.\d ms later \(worst \d+\.\d\)")


def run(*options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the demonstration to its end."""
    return subprocess.run(
        [*PROGRAM, *options],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        env={**os.environ, **environ},
    )


async def run_beside(*options: str) -> subprocess.CompletedProcess[bytes]:
    """Run it while a gateway of this test works."""
    with trio.fail_after(TIMEOUT):
        return await trio.run_process(
            [*PROGRAM, *options], capture_stdout=True, capture_stderr=True, check=False
        )


def show(options: str, said: str) -> None:
    """Put figures where `pytest -s` shows them."""
    sys.stdout.write(f"\n$ gateway demo{options}\n{said}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_promise_shown() -> None:
    """The README's first screen: run this test with `-s` to see the figures of this machine."""
    done = run()
    show("", done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    found = [match for line in said if (match := PLAIN.match(line))]
    assert [match["phase"] for match in found] == [scene.phase for scene in SCENES]
    closed = [match["phase"] for match in found if CLOSED.fullmatch(match["fate"])]
    assert closed == [scene.phase for scene in SCENES if str(scene.fate) == "closed"]
    assert f"kept in {len(SCENES)} of {len(SCENES)} phases" in said[-1]
    assert machine() in done.stdout


def test_the_figures_for_programs() -> None:
    done = run("--json", "--runs", "3", "--within", "1000")
    found: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (found["kept"], found["within_ms"], found["machine"]) == (True, 1000, machine())
    assert [phase["runs"] for phase in found["phases"]] == [3] * len(SCENES)
    medians = [phase["closed_ms"]["median"] for phase in found["phases"] if phase["closed_ms"]]
    assert len(set(medians)) > 1
    assert all(0 < median < 1000 for median in medians)


def test_what_cannot_be_kept_is_not() -> None:
    """Nobody closes within a nanosecond; the same command says so, and fails.

    Where no upstream is to be closed, what is left is counted after each task had its turns.
    """
    done = run("--runs", "1", "--within", "0.000001")
    assert done.returncode == 1
    assert "waiting for the first byte: the upstream was closed later than after" in done.stdout
    assert done.stdout.count(": the upstream was closed later than after") == 8
    assert "The promise was kept in 3 of 11 phases" in done.stdout


def test_a_terminal_shows_a_table() -> None:
    master, slave = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, "--runs", "1"], stdout=slave, stderr=slave, env={**os.environ, "TERM": "xterm"}
    ) as process:
        os.close(slave)
        said = b""
        with suppress(OSError):  # how a terminal ends whose other side has closed
            while data := os.read(master, 65_536):
                said += data
    os.close(master)
    assert process.returncode == 0
    text = said.decode()
    assert "the client leaves" in text
    assert "2 → 0" in text
    assert "The promise was kept" in text


async def test_against_a_gateway_of_ours(tmp_path: Path) -> None:
    port = free_port()
    with gateway(tmp_path, provider(port)) as real:
        done = await run_beside(
            "--against", real.api, "--model", "m", "--upstream-port", str(port), "--runs", "6"
        )
        lines = real.lines()
    said = done.stdout.decode()
    show(f" --against {real.api} --model m", said)
    assert (done.returncode, done.stderr) == (0, b"")
    assert f'base_url = "http://127.0.0.1:{port}/v1"' in said
    outside = [scene.phase for scene in SCENES if scene.from_outside]
    assert [line[:26].rstrip() for line in said.splitlines() if "· FIN " in line] == outside
    assert "tasks" not in said
    assert said.endswith("closed in time in 7 of 7 phases; 50 ms are allowed.\n")
    assert [line["outcome"] for line in lines] == ["completed"] + ["client_gone"] * 6 * 7


async def deaf(stream: trio.SocketStream, upstream_port: int) -> None:
    """A gateway that never looks whether its client is still there."""
    request = b""
    with suppress(trio.BrokenResourceError):
        while not request.endswith(b"}") and b"GET " not in request:
            request += await stream.receive_some(65_536)
        async with await trio.open_tcp_stream("127.0.0.1", upstream_port) as there:
            await there.send_all(request)
            while data := await there.receive_some(65_536):
                with suppress(trio.BrokenResourceError):
                    await stream.send_all(data)


async def test_against_a_gateway_that_does_not_cancel(nursery: trio.Nursery) -> None:
    port = free_port()
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    handler = partial(deaf, upstream_port=port)
    nursery.start_soon(trio.serve_listeners, handler, [listener])
    url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
    done = await run_beside(
        *("--against", url, "--model", "m", "--upstream-port", str(port), "--patience", "0.2")
    )
    said = done.stdout.decode()
    show(f" --against {url} --model m --patience 0.2", said)
    assert (done.returncode, done.stderr) == (1, b"")
    for phase in ("waiting for the first byte", "waiting, with Upgrade: h2c", "in mid-stream"):
        (line,) = [line for line in said.splitlines() if line.startswith(f"{phase} ")]
        assert line.count("never (waited 0.2 s)") == 3
    assert "closed in time in 0 of 7 phases" in said
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("options", "key", "said"),
    [
        (["--model", "m"], "", "--model is for --against"),
        (["--against", "http://localhost:1"], "", "--against needs --model"),
        (["--against", "localhost:1", "--model", "m"], "", "does not begin with http://"),
        (["--against", "http://a:b@c/v1", "--model", "m"], "", "user name or password"),
        (["--against", "http://c", "--model", "m"], "k\u00e9y", KEY_VARIABLE),
        (["--against", "http://c", "--model", "m"], "k\ny", KEY_VARIABLE),
        (["--runs", "0"], "", "not in the range"),
        (["--within", "0"], "", "not in the range"),
    ],
)
def test_an_option_that_cannot_be_is_refused(options: list[str], key: str, said: str) -> None:
    result = CliRunner().invoke(command, options, env={KEY_VARIABLE: key})
    assert result.exit_code == 2
    assert said in result.stderr
    assert "k\u00e9y" not in result.stderr


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run("--against", "http://localhost:1", "--model", "m", "--upstream-port", port)
    assert done.returncode == 1
    assert f"Cannot listen on http://127.0.0.1:{port}/v1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_gateway_that_does_not_ask_the_upstream_is_told() -> None:
    closed, port = free_port(), free_port()
    done = run(
        *("--against", f"http://127.0.0.1:{closed}/api", "--model", "m", "--json"),
        *("--upstream-port", str(port), "--wait", "0.1"),
        GATEWAY_DEMO_KEY="sk-0123456789",
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert f"http://127.0.0.1:{closed}/api did not ask the upstream" in done.stderr
    assert "no connection: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "sk-0123456789" not in done.stderr


def test_it_can_be_interrupted_while_it_waits() -> None:
    against = ("--against", "http://127.0.0.1:1", "--model", "m")
    with subprocess.Popen(
        [*PROGRAM, *against, "--upstream-port", str(free_port())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while "Waiting" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 1
    assert said.strip() == "Aborted!"


def test_it_ends_quietly_when_nobody_reads_on() -> None:
    with subprocess.Popen(
        [*PROGRAM, "--runs", "3"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_the_help_teaches_with_examples() -> None:
    said = CliRunner().invoke(command, ["--help"]).output
    assert "gateway demo --against http://127.0.0.1:4000/v1 --model demo" in said
    assert KEY_VARIABLE in said
