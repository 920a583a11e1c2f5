"""Budgets and reading on in a real gateway: what OpenAI's client sees, what a restart remembers.

The same in every corner and in virtual time: `test_budgets.py`, `test_reading_on.py`.
"""

import json
from pathlib import Path
from typing import Any

import openai
import pytest
import trio
from click.testing import CliRunner

from gateway.__main__ import cli
from tests.process import Gateway, gateway
from tests.rows_client import request
from tests.scripted import Link, Scripted, listen
from tests.test_audit import DONE, FINISH
from tests.test_client_leaves import CHUNK, STREAM_HEAD
from tests.test_ledger import keys, rows, until

CONFIG = """
[server]
max_body_bytes = 1_000_000
[store]
database = "sqlite:///gateway.db"
[auth]
pepper = "a-pepper-for-tests-alone"
required = {required}
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
models = ["m"]
[models.m]
prices = {{ input = 0.0, output = 1.0 }}
on_client_gone = "{gone}"
"""
"""A micro-dollar for each token that is answered."""

USAGE = b'{"prompt_tokens":9,"completion_tokens":7,"total_tokens":16}'
TOLD = b'data: {"choices":[],"usage":%b}\n\n' % USAGE


def configured(port: int, gone: str = "cancel", *, required: bool = False) -> str:
    return CONFIG.format(port=port, gone=gone, required=str(required).lower())


async def talks(link: Link) -> None:
    """Say a word every two milliseconds, for as long as anybody listens."""
    while True:
        await link.request()
        await link.send(STREAM_HEAD)
        for _ in range(10_000):
            await link.chunk(CHUNK % b"x")
            await trio.sleep(0.002)


def stream_to_the_end(port: int, key: str) -> tuple[int, str | None]:
    """Have OpenAI's client read a stream; return how many words came, and the error's code."""
    client = openai.OpenAI(
        base_url=f"http://127.0.0.1:{port}/v1", api_key=key, max_retries=2, timeout=10
    )
    words = 0
    with client:
        try:
            stream: Any = client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": "hello"}], stream=True
            )
            for chunk in stream:
                words += bool(chunk.choices and chunk.choices[0].delta.content)
        except openai.APIError as error:
            return words, error.code
    return words, None


async def ask_with_sdk(running: Gateway, key: str) -> tuple[int, str | None]:
    return await trio.to_thread.run_sync(stream_to_the_end, running.port, key)


async def once_known(running: Gateway, key: str) -> tuple[int, str | None]:
    """Ask until the gateway has heard of the key."""
    with trio.fail_after(5):
        while (came := await ask_with_sdk(running, key))[1] == "invalid_api_key":
            pass
    return came


async def test_a_stream_stops_where_the_money_ends_and_a_restart_remembers_it(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    upstream: Scripted = await listen(nursery, talks)
    text = configured(upstream.port, required=True)
    with gateway(tmp_path, text) as running:
        key = keys(tmp_path, "create", "ada", "--budget", "0.0002/day")
        words, code = await once_known(running, key)
        assert code == "insufficient_quota"
        assert 190 <= words <= 201, "two hundred micro-dollars are two hundred words"
        row = await until(tmp_path, 1, "stopped")
        assert row["cause"] == "insufficient_quota"
        assert 190_000 <= row["cost_nanos"] <= 201_000
        with trio.fail_after(5):
            await upstream.links[0].gone.wait()
        asked = len(upstream.links)
        assert await ask_with_sdk(running, key) == (0, "insufficient_quota")
        assert len(upstream.links) == asked, "nobody was asked, and the client asked but once"
    with gateway(tmp_path, text) as running:
        assert await ask_with_sdk(running, key) == (0, "insufficient_quota")
        result = CliRunner().invoke(cli, ["usage", "--by", "key", "--json", *_config(tmp_path)])
        assert "ada" in result.stdout
    nursery.cancel_scope.cancel()


def _config(folder: Path) -> list[str]:
    return ["--config", str(folder / "gateway.toml")]


@pytest.mark.parametrize("gone", ["cancel", "drain"])
async def test_an_answer_is_read_on_where_the_operator_says_so(
    tmp_path: Path, nursery: trio.Nursery, gone: str
) -> None:
    """C1 in part."""
    left = trio.Event()

    async def script(link: Link) -> None:
        await link.request()
        await link.send(STREAM_HEAD)
        await link.chunk(CHUNK % b"one")
        await left.wait()
        if gone == "drain":
            await trio.sleep(0.05)
            await link.chunk(CHUNK % b"two")
            await link.chunk(FINISH + TOLD + DONE)
            await link.chunk(b"")

    upstream = await listen(nursery, script)
    with gateway(tmp_path, configured(upstream.port, gone)) as running:
        client = await trio.open_tcp_stream("127.0.0.1", running.port)
        await client.send_all(request())
        with trio.fail_after(5):
            while b"one" not in (got := await client.receive_some(65_536)):
                assert got
        await client.aclose()
        left.set()
        row = await until(tmp_path, 1, "client_gone")
        names = ("drained", "usage_quality", "tokens_out", "cost_nanos")
        told = tuple(row[name] for name in names)
        if gone == "drain":
            assert told == (1, "exact", 7, 7_000)
        else:
            assert told[:2] == (0, "estimated")
            with trio.fail_after(5):
                await upstream.links[0].gone.wait()
        assert len(rows(tmp_path)) == 1
        assert json.loads(row["attempts"])[0]["outcome"] == (
            "completed" if gone == "drain" else "cancelled"
        )
    nursery.cancel_scope.cancel()
