"""OpenAI's official client over a WebSocket: a real process, a scripted provider that speaks chat.

Codex asks so first, and only then with POST.
"""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import trio
from openai.types.responses import ResponsesServerEvent
from websockets.exceptions import InvalidStatus

from tests.nginx import nginx
from tests.process import Gateway, free_port, gateway
from tests.scripted import Link, Scripted, listen
from tests.stage import DONE, STOP, event
from tests.test_client_leaves import STREAM_HEAD, WITHIN

ENDS = {"response.completed", "response.failed", "error"}

# The official client opens its sockets in a way that their library calls old.
pytestmark = pytest.mark.filterwarnings("ignore:connect.. must be used:DeprecationWarning")


@pytest.fixture(scope="module")
def upstream_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, upstream_port: int) -> Iterator[Gateway]:
    """One server process for all tests."""
    config = f"""
[providers.chats]
kind = "litellm"
responses = false
base_url = "http://127.0.0.1:{upstream_port}/v1"
models = {{ m = "small-1" }}
"""
    with gateway(tmp_path_factory.mktemp("socket"), config) as running:
        yield running


class Provider:
    """A provider that answers so many turns, and then begins and says no more."""

    def __init__(self, turns: int) -> None:
        self.turns = turns
        self.asked: list[dict[str, Any]] = []

    async def __call__(self, link: Link) -> None:
        while True:
            self.asked.append(json.loads((await link.request()).body))
            await link.send(STREAM_HEAD)
            await link.chunk(event("hel"))
            if len(self.asked) > self.turns:
                return
            await link.chunk(event("lo"), STOP, DONE, b"")


def client(real: Gateway, **options: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=real.api, api_key="none", max_retries=0, **options)


def text_of(events: list[ResponsesServerEvent]) -> str:
    return "".join(e.delta for e in events if e.type == "response.output_text.delta")


async def test_turns_follow_each_other_on_one_socket(
    real: Gateway, upstream_port: int, nursery: trio.Nursery
) -> None:
    provider = Provider(turns=2)
    await listen(nursery, provider, port=upstream_port)

    def talk() -> list[str]:
        said = []
        before: dict[str, Any] = {}
        with client(real) as asks, asks.responses.connect() as connection:
            for text in ("Hello", "More"):
                asked: Any = {"type": "response.create", "model": "m", "input": text, **before}
                connection.send(asked)
                events = []
                for each in connection:
                    events.append(each)
                    if each.type in ENDS:
                        break
                said.append(text_of(events))
                assert events[-1].type == "response.completed"
                before = {"previous_response_id": events[-1].response.id}
        return said

    assert await trio.to_thread.run_sync(talk) == ["hello", "hello"]
    said = [(each["role"], each["content"]) for each in provider.asked[1]["messages"]]
    assert said == [("user", "Hello"), ("assistant", "hello"), ("user", "More")]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize("way", ["closes", "falls away"])
async def test_a_client_that_leaves_in_mid_stream_stops_the_provider(
    real: Gateway, upstream_port: int, nursery: trio.Nursery, way: str
) -> None:
    """C1, C2: with a goodbye, and without one."""
    server: Scripted = await listen(nursery, Provider(turns=0), port=upstream_port)
    before = real.descriptors()

    def leave() -> None:
        with client(real) as asks:
            connection = asks.responses.connect().enter()
            connection.send({"type": "response.create", "model": "m", "input": "Hello"})
            for each in connection:
                if each.type == "response.output_text.delta":
                    break
            if way == "closes":
                connection.close()
            else:
                connection._connection.socket.shutdown(socket.SHUT_RDWR)

    await trio.to_thread.run_sync(leave)
    link = await server.link(0)
    with trio.fail_after(WITHIN):
        await link.gone.wait()
    (line,) = await real.wait_for_lines(1, lambda each: each["outcome"] == "client_gone")
    assert line["endpoint"] == "chat"
    with trio.fail_after(5):
        while real.descriptors() > before:
            await trio.sleep(0.01)
    real.log.write_text("")
    nursery.cancel_scope.cancel()


async def test_through_nginx_a_client_that_leaves_stops_the_provider(
    require: Callable[[str], str],
    real: Gateway,
    upstream_port: int,
    nursery: trio.Nursery,
    tmp_path: Path,
) -> None:
    """With the configuration that we ship."""
    server = await listen(nursery, Provider(turns=1), port=upstream_port)
    with nginx(require("nginx"), tmp_path, real.port) as front:

        def talk() -> str:
            options: Any = {"ssl": front.trust()}
            with openai.OpenAI(base_url=front.api, api_key="none") as asks:
                opened = asks.responses.connect(websocket_connection_options=options)
                with opened as connection:
                    connection.send({"type": "response.create", "model": "m", "input": "Hello"})
                    said = ""
                    for each in connection:
                        if each.type == "response.output_text.delta":
                            said += each.delta
                        if each.type == "response.completed":
                            break
                    connection.send({"type": "response.create", "model": "m", "input": "More"})
                    for each in connection:
                        if each.type == "response.output_text.delta":
                            break
            return said

        assert await trio.to_thread.run_sync(talk) == "hello"
        link = await server.link(0)
        with trio.fail_after(WITHIN):
            await link.gone.wait()
    nursery.cancel_scope.cancel()


def test_who_shows_no_key_is_refused_at_the_handshake(tmp_path: Path) -> None:
    config = '[providers.echo]\nmodels = ["echo"]\n[store]\ndatabase = "sqlite:///g.db"\n'
    peppered = '[auth]\nrequired = true\npepper = "made-up-pepper-of-the-tests"\n'
    with gateway(tmp_path, config + peppered) as running, client(running) as asks:
        with pytest.raises(InvalidStatus) as refused:
            asks.responses.connect().enter()
        assert refused.value.response.status_code == 401
