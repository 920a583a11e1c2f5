"""The ASGI face: its lifespan, and how it hands requests on."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from gateway.asgi import AsgiApp
from tests.asgi_server import AsgiServer, Message, scope_of

CONFIG = "[providers.echo]\nwords_per_second = 10000.0\n"
LIFESPAN: Message = {"type": "lifespan"}
SOON = 2


@asynccontextmanager
async def living(app: AsgiApp) -> AsyncIterator[AsgiServer]:
    """Run the application's lifespan around a test, as a server does."""
    server = AsgiServer()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(app, LIFESPAN, server.receive, server.send)
        server.say({"type": "lifespan.startup"})
        with trio.fail_after(SOON):
            while not server.sent:
                await trio.sleep(0.002)
        try:
            yield server
        finally:
            server.say({"type": "lifespan.shutdown"})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in a folder of its own, with an environment that holds no key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEWAY_CONFIG", raising=False)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def config(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = folder / "elsewhere.toml"
    file.write_text(CONFIG)
    monkeypatch.setenv("GATEWAY_CONFIG", str(file))
    return file


async def ask(app: AsgiApp, scope: Message, *parts: bytes) -> AsgiServer:
    server = AsgiServer()
    server.body(*parts)
    with trio.fail_after(SOON):
        await app(scope, server.receive, server.send)
    return server


async def test_it_serves_between_startup_and_shutdown(
    config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    app = AsgiApp()
    body = json.dumps(
        {"model": "echo", "messages": [{"role": "user", "content": "one two"}], "stream": True}
    ).encode()
    async with living(app) as lifespan:
        post = scope_of("POST", "/v1/chat/completions", ("content-length", str(len(body))))
        server = await ask(app, post, body)
        assert server.answer.endswith(b"data: [DONE]\n\n")
        unix = scope_of("GET", "/v1/models")
        unix["client"] = None
        assert (await ask(app, unix, b"")).status == 200
    assert [message["type"] for _, message in lifespan.sent] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    told = [(line["path"], line["peer"]) for line in lines if line["event"] == "request"]
    assert told == [("/v1/chat/completions", "127.0.0.1"), ("/v1/models", "unix")]


async def test_a_head_that_is_none_is_refused_in_our_words(config: Path) -> None:
    app = AsgiApp()
    async with living(app):
        server = await ask(app, scope_of("GET", "/", ("host", "a/b")), b"")
    assert server.status == 400
    assert json.loads(server.answer)["error"]["code"] == "invalid_request"
    assert server.fields[b"content-type"] == b"application/json"
    assert server.fields[b"x-request-id"].startswith(b"req_")


async def test_without_a_file_it_finds_what_there_is(folder: Path) -> None:
    app = AsgiApp()
    async with living(app):
        server = await ask(app, scope_of("GET", "/v1/models/echo"), b"")
        assert server.status == 200


async def test_the_file_of_the_folder_is_read(folder: Path) -> None:
    (folder / "gateway.toml").write_text('[providers.echo]\nmodels = ["parrot"]\n')
    app = AsgiApp()
    async with living(app):
        server = await ask(app, scope_of("GET", "/v1/models"), b"")
        assert [each["id"] for each in json.loads(server.answer)["data"]] == ["parrot"]


async def test_a_mistake_in_the_configuration_fails_the_start(
    config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config.write_text("[server]\nprot = 1\n")
    async with living(AsgiApp()) as lifespan:
        ((_, message),) = lifespan.sent
    assert message["type"] == "lifespan.startup.failed"
    assert "prot" in message["message"]
    assert "prot" in capfd.readouterr().err


async def test_a_warning_of_the_configuration_is_logged(
    config: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config.write_text('[server]\nhost = "0.0.0.0"\n[auth]\nrequired = false\n')
    async with living(AsgiApp()):
        pass
    (line,) = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert (line["event"], line["level"]) == ("configuration", "warning")


async def test_a_websocket_is_closed(config: Path) -> None:
    server = AsgiServer()
    server.say({"type": "websocket.connect"})
    await AsgiApp()({"type": "websocket"}, server.receive, server.send)
    ((_, message),) = server.sent
    assert message == {"type": "websocket.close", "code": 1003}


async def test_what_is_unknown_is_left_alone() -> None:
    server = AsgiServer()
    await AsgiApp()({"type": "carrier-pigeon"}, server.receive, server.send)
    assert server.sent == []


async def test_a_server_without_a_lifespan_is_told() -> None:
    with pytest.raises(RuntimeError, match="lifespan"):
        await ask(AsgiApp(), scope_of("GET", "/"), b"")
