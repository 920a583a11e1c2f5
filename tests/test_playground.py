"""The playground from a browser's socket to the provider's: three processes, and one leaves."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from gateway.admin.token_file import path_of, read
from tests.process import Gateway, free_port, gateway, provider
from tests.scripted import Link, Scripted, listen

CONFIG = """
[auth]
pepper = "0123456789abcdef"
[[keys]]
name = "ci"
hash = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
"""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"tick"}}]}\n\n'
SOON = 1.0
"""Seconds within which the provider's socket sees it, on a machine with much else to do."""


async def tick(link: Link) -> None:
    await link.request()
    await link.send(HEAD)
    await link.chunk(CHUNK)


class Browser:
    """One who has a page open: asks the admin, and reads until something has come."""

    def __init__(self, real: Gateway, port: int) -> None:
        found = read(path_of(real.control, real.process.pid))
        assert found is not None
        self._token = found.token
        self._port = port

    async def ask(self, **more: object) -> trio.SocketStream:
        said = {"model": "m", "messages": [{"role": "user", "content": "hello"}], **more}
        body = json.dumps(said).encode()
        client = await trio.open_tcp_stream("127.0.0.1", self._port)
        head = (
            f"POST /api/playground HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json"
            f"\r\nauthorization: Bearer {self._token}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        await client.send_all(head.encode() + body)
        return client


async def read_to(client: trio.SocketStream, mark: bytes) -> bytes:
    said = b""
    with trio.fail_after(5):
        while mark not in said:
            said += await client.receive_some() or pytest.fail(said.decode())
    return said


@pytest.fixture
async def upstream(nursery: trio.Nursery) -> Scripted:
    return await listen(nursery, tick)


@pytest.fixture
async def keyed(tmp_path: Path, upstream: Scripted) -> AsyncIterator[tuple[Gateway, Browser]]:
    """A gateway whose callers must show a key, with an admin."""
    port = free_port()
    config = CONFIG + provider(upstream.port)
    with gateway(tmp_path, config, "--admin-port", str(port)) as real:
        await real.wait_for_admin()
        yield real, Browser(real, port)


async def test_who_leaves_the_playground_leaves_the_provider_and_the_log_knows_the_key(
    keyed: tuple[Gateway, Browser], upstream: Scripted
) -> None:
    real, browser = keyed
    client = await browser.ask()
    said = await read_to(client, b"tick")
    assert b"event: answer" in said
    link = await upstream.link(0)
    left = trio.current_time()
    await client.aclose()
    with trio.fail_after(5):
        await link.gone.wait()
    assert link.saw_at - left < SOON
    (line,) = await real.wait_for_lines(1)
    assert (line["key"], line["outcome"], line["phase"]) == (
        "playground",
        "client_gone",
        "streaming",
    )
    assert line["team"] is None
    client = await browser.ask(key="ngw-nobodys")
    said = await read_to(client, b"event: failure")
    assert b'"status":401' in said
    await client.aclose()
    assert "ngw-nobodys" not in real.log.read_text()
