"""`gateway serve` as a person starts it: found by itself, announced, refused with advice."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from gateway.admin.options import AdminOptions
from gateway.commands.serve import address, open_if_free
from gateway.config.compose import Config
from gateway.downstream.options import ListenOptions, TlsFiles
from tests.process import free_port, gateway, provider
from tests.scripted import Link, listen
from tests.test_audit import FINISH, STREAM, say
from tests.test_client_leaves import CHUNK, STREAM_HEAD

MODELS = b'{"object":"list","data":[{"id":"gpt-5.2","object":"model"},{"id":"o3"}]}'

JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"


def started(directory: Path, *options: str) -> subprocess.Popen[str]:
    """Start the gateway; what it prints is for the test to read."""
    return subprocess.Popen(
        [sys.executable, "-m", "gateway", "serve", "--admin-port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=directory,
    )


def refused(directory: Path, *options: str, admin: str | None = "0") -> str:
    """Start the gateway where it must refuse; return what it says. There is no traceback."""
    more = [] if admin is None else ["--admin-port", admin]
    run = subprocess.run(
        [sys.executable, "-m", "gateway", "serve", *more, *options],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        cwd=directory,
    )
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    return run.stderr


async def fetch(port: int, path: str) -> dict[str, object]:
    """GET a path as JSON."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as client:
        await client.send_all(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = b""
        while data := await client.receive_some(65_536):
            answer += data
    found: dict[str, object] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


async def test_without_any_configuration_echo_answers(tmp_path: Path) -> None:
    with gateway(tmp_path, None) as real:
        wire = STREAM.replace(b'"model": "m"', b'"model": "echo","words_per_second":1000')
        body = wire.partition(b"\r\n\r\n")[2]
        wire = wire.replace(
            b"Content-Length: %d" % (len(STREAM.partition(b"\r\n\r\n")[2])),
            b"Content-Length: %d" % len(body),
        )
        answer = await say(real, wire)
        assert answer.count(b'"content":"hello "') == 20
        assert answer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert b'"usage"' not in answer


async def test_a_provider_of_the_environment_is_asked_with_its_key(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    """It lists its models at the start, and calls go out with the operator's key."""
    keys: list[bytes] = []

    async def script(link: Link) -> None:
        while True:
            request = await link.request()
            keys.extend(request.values(b"authorization"))
            if request.line.startswith(b"GET /v1/models "):
                head = (
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
                )
                await link.send(head % len(MODELS) + b"\r\n" + MODELS)
            else:
                await link.send(STREAM_HEAD)
                await link.chunk(CHUNK % b"x", FINISH, b"data: [DONE]\n\n", b"")

    upstream = await listen(nursery, script)
    url = f"http://127.0.0.1:{upstream.port}/v1"
    environ = {"OPENAI_API_KEY": "sk-environment-1234", "OPENAI_BASE_URL": url}
    with gateway(tmp_path, None, environ=environ) as real:
        with trio.fail_after(5):
            while not real.lines("models listed"):
                await trio.sleep(0.01)
        models = await fetch(real.port, "/v1/models")
        assert isinstance(models["data"], list)
        assert [model["id"] for model in models["data"]] == ["echo", "gpt-5.2", "o3"]
        wire = STREAM.replace(b'"model": "m"', b'"model":"o3"')
        assert (await say(real, wire)).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        assert set(keys) == {b"Bearer sk-environment-1234"}
        assert "sk-environment-1234" not in real.log.read_text()
    nursery.cancel_scope.cancel()


async def test_a_provider_that_cannot_be_listed_judges_names_itself(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    async def script(link: Link) -> None:
        while True:
            request = await link.request()
            if request.line.startswith(b"GET"):
                await link.send(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n")
            else:
                await link.send(STREAM_HEAD)
                await link.chunk(CHUNK % b"x", FINISH, b"data: [DONE]\n\n", b"")

    upstream = await listen(nursery, script)
    with gateway(tmp_path, provider(upstream.port, models='"*"')) as real:
        with trio.fail_after(5):
            while not real.lines("models not listed"):
                await trio.sleep(0.01)
        assert (await say(real)).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    nursery.cancel_scope.cancel()


def test_what_is_printed_at_the_start_can_be_pasted(
    tmp_path: Path, require: Callable[[str], str]
) -> None:
    require("curl")
    process = started(tmp_path, "--port", "0")
    assert process.stdout is not None
    said = ""
    while "flush=True)" not in said:
        said += process.stdout.readline()
    assert "no provider was found: set OPENAI_API_KEY" in said
    curl = said[said.index("curl ") : said.index("from openai")]
    python = said[said.index("from openai") :]
    try:
        shell = subprocess.run(["sh", "-c", curl], capture_output=True, timeout=20, check=True)
        pasted = subprocess.run(
            [sys.executable, "-c", python], capture_output=True, timeout=20, check=True
        )
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.stdout.close()
    assert b'"content":"hello"' in shell.stdout
    assert shell.stdout.endswith(b"data: [DONE]\n\n")
    assert pasted.stdout == b"Say hello"


def test_a_port_that_is_taken_is_told_with_advice(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = refused(tmp_path, "--port", str(port))
    assert f"Cannot listen on 127.0.0.1:{port}" in said
    assert "--port" in said


@pytest.mark.parametrize("by", ["file", "option"])
def test_a_port_that_is_taken_from_the_admin_is_told_with_advice(tmp_path: Path, by: str) -> None:
    """Where it was wanted; what nobody has asked for gives way."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = ["--admin-port", str(port)]
        if by == "file":
            (tmp_path / "gateway.toml").write_text(f"[server]\nport = 0\n[admin]\nport = {port}\n")
            options = []
        said = refused(tmp_path, "--port", "0", *options, admin=None)
    assert f"The admin cannot listen on 127.0.0.1:{port}: " in said
    assert "--admin-port; 0 is no admin" in said


def test_an_admin_that_nobody_has_asked_for_gives_way(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = Config(admin=AdminOptions(port=taken.getsockname()[1]))
        assert open_if_free(config, wanted=False) is None
    said = capsys.readouterr().err
    assert said.startswith("warning: The admin cannot listen on 127.0.0.1:")
    assert "--admin-port" in said


def test_s16_an_admin_beyond_loopback_without_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text('[admin]\nhost = "0.0.0.0"\nport = 4001\n')
    said = refused(tmp_path, "--port", "0", admin=None)
    assert said.startswith("gateway.toml:2: admin.host: is not loopback")


async def test_with_a_key_no_token_is_shown_and_the_key_opens(tmp_path: Path) -> None:
    key = "operators-key-0123456789"
    config = '[admin]\nkey = { env = "ADMIN" }\n'
    port = str(free_port())
    with gateway(tmp_path, config, "--admin-port", port, environ={"ADMIN": key}) as real:
        assert real.process.stdout is not None
        line = ""
        while not line.startswith("  admin "):
            line = real.process.stdout.readline()
        assert line == f"  admin          http://127.0.0.1:{port}\n"
        wire = f"GET /api/gauges HTTP/1.0\r\nauthorization: Bearer {key}\r\n\r\n".encode()
        async with await trio.open_tcp_stream("127.0.0.1", int(port)) as client:
            await client.send_all(wire)
            assert (await client.receive_some(1000)).startswith(b"HTTP/1.1 200 ")
        assert key not in real.log.read_text()


def test_beyond_loopback_it_refuses_and_says_why(tmp_path: Path) -> None:
    assert "auth" in refused(tmp_path, "--host", "0.0.0.0", "--port", "0")


@pytest.mark.parametrize("by", ["option", "variable", "place"])
def test_a_mistake_in_the_configuration_is_told_with_its_line(
    tmp_path: Path, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / ("gateway.toml" if by == "place" else "other.toml")
    path.write_text("[server]\n\nhed_timeout = 3\n")
    options = ["--config", str(path)] if by == "option" else []
    if by == "variable":
        monkeypatch.setenv("GATEWAY_CONFIG", str(path))
    said = refused(tmp_path, *options)
    assert f"{path.name}:3: server.hed_timeout: unknown key" in said
    assert "head_timeout" in said


async def test_a_unix_socket_serves_and_is_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "g.sock"
    (tmp_path / "gateway.toml").write_text(f'[server]\nunix = "{path}"\n')
    process = started(tmp_path)
    assert process.stdout is not None
    assert f"unix:{path}" in process.stdout.readline()
    async with await trio.open_unix_socket(path) as client:
        await client.send_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await client.receive_some(1000)).startswith(b"HTTP/1.1 200 OK\r\n")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()
    assert not path.exists()


@pytest.mark.parametrize(
    ("listen", "name", "url"),
    [
        (ListenOptions(), ("127.0.0.1", 4000), "http://127.0.0.1:4000"),
        (ListenOptions(), ("0.0.0.0", 4000), "http://127.0.0.1:4000"),
        (ListenOptions(), ("::", 4000, 0, 0), "http://[::1]:4000"),
        (ListenOptions(tls=TlsFiles("c", "k")), ("10.0.0.1", 443), "https://10.0.0.1:443"),
    ],
)
def test_the_address_shown_can_be_used(
    listen: ListenOptions, name: tuple[object, ...], url: str
) -> None:
    assert address(Config(listen=listen), name) == url
