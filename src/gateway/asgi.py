"""The ASGI face, for stock Hypercorn: `hypercorn -k trio gateway.asgi:app`.

Configuration is found as `gateway serve` finds it: GATEWAY_CONFIG, ./gateway.toml, else what the
environment and loopback hold. What stock Hypercorn cannot do stands in docs/hypercorn.md.
"""

import os
import sys
from functools import partial
from pathlib import Path

from gateway.app import find_local_servers, serve_behind
from gateway.assembly import App, assemble
from gateway.config.compose import Config, config_of
from gateway.config.discover import discover
from gateway.config.load import find_config, load_config
from gateway.config.mistakes import ConfigMistake
from gateway.downstream.asgi_client import AsgiClient, Message, Receive, Scope, Send, head_of
from gateway.downstream.options import ListenOptions
from gateway.forms.chat import write_error
from gateway.telemetry.log import open_log
from gateway.words.errors import ClientMistake, UpgradeNeeded


class AsgiApp:
    """An ASGI application whose services live in its lifespan."""

    def __init__(self) -> None:
        self._app: App | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await _refuse_socket(scope, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app
        if app is None:
            raise RuntimeError("the server did not run this application's lifespan")
        try:
            head = head_of(scope)
        except ClientMistake as mistake:
            await _refuse(mistake, app.current.house.new_id(), send)
            return
        peer = scope.get("client")
        client = AsgiClient(head, receive, send, app.config.http, app.calls)
        await app.front.serve(client, head, peer[0] if peer else "unix")

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            config, listed = await _configuration()
        except ConfigMistake as mistake:
            # The server buries the message in a traceback, and its parent process exits with 0.
            sys.stderr.write(f"{mistake}\n")
            sys.stderr.flush()
            await send({"type": "lifespan.startup.failed", "message": str(mistake)})
            return
        with open_log(config.log, sys.stderr) as log:
            for warning in config.warnings:
                log.warning("configuration", warning=warning)
            self._app = assemble(config, log, listed)
            complete: Message = {"type": "lifespan.startup.complete"}
            await serve_behind(self._app, partial(send, complete), receive)
            self._app = None
        await send({"type": "lifespan.shutdown.complete"})


async def _refuse_socket(scope: Scope, send: Send) -> None:
    """Say that there are no WebSockets here, so that a client asks with POST without delay."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1003})
        return
    mistake = UpgradeNeeded("Behind this server there are no WebSockets: ask with POST.")
    headers = [(b"content-type", b"application/json")]
    start = {"type": "websocket.http.response.start", "status": 426, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": write_error(mistake)})


async def _refuse(mistake: ClientMistake, request_id: str, send: Send) -> None:
    """Answer what is no request of ours, as the server's own parser let it pass."""
    headers = [(b"content-type", b"application/json"), (b"x-request-id", request_id.encode())]
    await send({"type": "http.response.start", "status": mistake.status, "headers": headers})
    await send({"type": "http.response.body", "body": write_error(mistake)})


async def _configuration() -> tuple[Config, dict[str, tuple[str, ...]]]:
    here = Path()
    path = find_config(None, os.environ, here)
    if path is not None:
        return load_config(path, os.environ, here), {}
    listen = ListenOptions()
    found = discover(os.environ, await find_local_servers(listen), listen)
    return config_of(found, listen), dict(found.listed)


app = AsgiApp()
