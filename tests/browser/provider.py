"""A scripted provider in a thread of its own, so that a test that drives a browser can wait.

Playwright has an asyncio loop in the thread of the tests, where Trio must not run beside it.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from tests.scripted import Link, Scripted, listen
from tests.stage import END, chunk

SLOW = "slow"
"""A model that speaks for ever, a word at a time; so does any that is asked for it."""

FOR_EVER = "for ever"
SILENT = "one word"
"""How a question begins that is answered for ever, or with a word and nothing more."""

PACE = 0.04
"""Seconds between its words."""

PATIENCE = 10.0
HOSTILE = "<script>window.harmed = 1</script><img src=x onerror='window.harmed = 2'>"
"""What must stay text wherever it is shown."""

HEAD = "HTTP/1.1 200 OK\r\ncontent-type: {}\r\nconnection: close\r\n{}\r\n\r\n"
"""Each connection carries one answer, so that what is still open is still asked."""

DONE = b"data: [DONE]\n\n"
SAID = "The nursery closes when the last of its tasks has ended, and not before."


@dataclass
class Asked:
    """A request as it came, and the connection by which it did."""

    link: Link
    body: dict[str, Any]

    @property
    def model(self) -> str:
        return str(self.body["model"])

    @property
    def said(self) -> str:
        """What the user said last."""
        return str(self.body["messages"][-1]["content"])

    @property
    def is_left(self) -> bool:
        """Whether this provider has seen its connection close."""
        return self.link.saw is not None


@dataclass
class Provider:
    """What it was asked, in the order in which it came."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    server: Scripted | None = None

    @property
    def open(self) -> int:
        """Count the connections that stand."""
        links = [] if self.server is None else list(self.server.links)
        return sum(link._raw.socket.fileno() >= 0 for link in links)

    def wait_for(self, wanted: Callable[[Asked], bool]) -> Asked:
        """Wait for a request like that; return the newest."""
        found: list[Asked] = []

        def came() -> bool:
            found[:] = [each for each in self.asked if wanted(each)]
            return bool(found)

        wait_until(came, "the provider is not asked")
        return found[-1]

    async def script(self, link: Link) -> None:
        """Answer what comes on a connection."""
        request = await link.request()
        body = json.loads(request.body)
        self.asked.append(Asked(link, body))
        if body.get("stream"):
            await self._stream(link, body)
        else:
            await link.send(_whole(body))
        link.close()

    async def _stream(self, link: Link, body: dict[str, Any]) -> None:
        model, asked = body["model"], str(body["messages"][-1]["content"])
        await link.send(HEAD.format("text/event-stream", "transfer-encoding: chunked").encode())
        if asked.startswith(SILENT):
            await link.send(chunk(_event(model, {"content": "Well"})))
            await link.gone.wait()
        if model == SLOW or asked.startswith(FOR_EVER):
            while True:
                await link.send(chunk(_event(model, {"content": "word "})))
                await trio.sleep(PACE)
        said = re.findall(r"\S+ ?", SAID)
        if "script" in model or "script" in asked:
            said.append(HOSTILE)
        await link.send(*[chunk(_event(model, {"content": word})) for word in said])
        usage = {"prompt_tokens": 21, "completion_tokens": 34, "total_tokens": 55}
        last = chunk(_event(model, {}, "stop"), _event(model, None, usage=usage), DONE)
        await link.send(last + END)


def _event(
    model: str, delta: dict[str, str] | None, finish: str | None = None, usage: object = None
) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": model}
    said = {**event, "choices": choices, **({} if usage is None else {"usage": usage})}
    return b"data: " + json.dumps(said).encode() + b"\n\n"


def _whole(body: dict[str, Any]) -> bytes:
    message = {"role": "assistant", "content": SAID}
    usage = {"prompt_tokens": 21, "completion_tokens": 34, "total_tokens": 55}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    event = {"id": "c", "object": "chat.completion", "created": 1, "model": body["model"]}
    said = json.dumps({**event, "choices": [choice], "usage": usage}).encode()
    return HEAD.format("application/json", f"content-length: {len(said)}").encode() + said


def wait_until(true: Callable[[], bool], otherwise: str, patience: float = PATIENCE) -> None:
    """Look again and again until it is true."""
    deadline = time.monotonic() + patience
    turn = threading.Event()
    while not true():
        assert time.monotonic() < deadline, otherwise
        turn.wait(0.01)


@contextmanager
def provider() -> Iterator[Provider]:
    """Run a provider; at the end its thread has ended."""
    here = Provider()
    ready = threading.Event()
    stop: list[Callable[[], None]] = []

    async def run() -> None:
        token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            here.server = await listen(nursery, here.script)
            here.port = here.server.port
            stop.append(lambda: token.run_sync_soon(nursery.cancel_scope.cancel))
            ready.set()

    thread = threading.Thread(target=trio.run, args=(run,), name="provider")
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield here
    finally:
        stop[0]()
        thread.join(PATIENCE)
        assert not thread.is_alive()
