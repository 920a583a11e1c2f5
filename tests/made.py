"""An app that is assembled and not served, with providers in memory and a log that can be read."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import trio

from gateway.assembly import App
from gateway.upstream.transport import Transport
from gateway.upstream.wire import UpstreamStream
from gateway.words.target import Origin
from tests.stage import Book, Provider, answer

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
