"""A real provider: llama.cpp's own server, seen to stop generating when the client leaves.

Streams only. Asked for an answer in one piece, this server does not look whether its client is
still there, and goes on to the end even where nothing stands between.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
import trio
from openai.types.chat import ChatCompletionChunk

from tests.named import line_of
from tests.openai_clients import SyncSpeaker, Wish
from tests.process import Gateway, gateway

ENDLESS: Wish = {"max_tokens": 30_000, "extra_body": {"ignore_eos": True}}
"""Some seconds of work: `ignore_eos` is a field of llama.cpp's own."""

WITHIN = 1.0
"""Seconds until llama.cpp must say that it is idle. It makes thousands of tokens a second."""

NAME = "tiny/random"
POLL = 0.01


@dataclass(frozen=True)
class Llama:
    """The running server."""

    url: str

    async def slots(self) -> list[int | None]:
        """Ask what it is doing: for each slot the tokens that it has made, or None if idle."""
        host, _, port = self.url.removeprefix("http://").rpartition(":")
        async with await trio.open_tcp_stream(host, int(port)) as stream:
            await stream.send_all(
                b"GET /slots HTTP/1.1\r\nHost: llama\r\nConnection: close\r\n\r\n"
            )
            answer = b"".join([part async for part in stream])
        slots = json.loads(answer.partition(b"\r\n\r\n")[2])
        return [
            slot["next_token"][0]["n_decoded"] if slot["is_processing"] else None for slot in slots
        ]


@pytest.fixture(scope="session")
def llama(
    require: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Llama]:
    for name in ("gguf", "xllamacpp"):
        require(name)
    from tests.tiny_model import write_model

    directory = tmp_path_factory.mktemp("llama")
    model = directory / "tiny.gguf"
    write_model(model)
    program = Path(__file__).with_name("llama_server.py")
    with (directory / "stderr.log").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, str(program), str(model)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    with process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, (directory / "stderr.log").read_text()
        yield Llama(url)
        process.kill()


@pytest.fixture(scope="session")
def real(llama: Llama, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    config = f'[providers.llama]\nkind = "openai"\nbase_url = "{llama.url}/v1"\nmodels = "*"\n'
    with gateway(tmp_path_factory.mktemp("before-llama"), config) as running:
        yield running


@pytest.fixture
async def model(real: Gateway) -> str:
    """The model's name, once the gateway has asked for the list."""
    with trio.fail_after(5):
        while not real.lines("models listed"):
            await trio.sleep(POLL)
    names = [model.id for model in await SyncSpeaker(real.api).models()]
    assert set(names) == {"echo", NAME}
    return NAME


class Listening:
    """A client that listens to an endless answer in the background, until told to leave."""

    def __init__(self, real: Gateway, model: str) -> None:
        self._speaker = SyncSpeaker(real.api)
        self._model = model
        self._leave = threading.Event()
        self.heard = 0

    async def run(self) -> None:
        await self._speaker.stream(self._enough, model=self._model, **ENDLESS)

    def _enough(self, _: ChatCompletionChunk) -> bool:
        self.heard += 1
        return self._leave.is_set()

    def leave(self) -> None:
        self._leave.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.leave()


async def until_busy(llama: Llama, busy: int) -> list[int]:
    """Wait until so many slots work; return the tokens that each of these has made."""
    with trio.fail_after(5):
        while len(made := [tokens for tokens in await llama.slots() if tokens]) != busy:
            await trio.sleep(POLL)
    return made


async def test_its_model_is_listed(real: Gateway, model: str) -> None:
    shown = await SyncSpeaker(real.api).model(model)
    assert shown.id == NAME


async def test_an_answer_in_one_piece(real: Gateway, model: str) -> None:
    answer = await SyncSpeaker(real.api).whole(model=model, **{**ENDLESS, "max_tokens": 12})
    assert answer.choices[0].finish_reason == "length"
    assert isinstance(answer.choices[0].message.content, str)
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12
    assert answer._request_id
    line = await line_of(real, answer._request_id)
    assert (line["outcome"], line["tokens_out"]) == ("completed", 12)
    assert line["tokens_in"] == answer.usage.prompt_tokens


async def test_a_stream_with_its_usage(real: Gateway, model: str) -> None:
    wish: Wish = {**ENDLESS, "max_tokens": 40, "model": model}
    heard = await SyncSpeaker(real.api).stream(stream_options={"include_usage": True}, **wish)
    assert heard.error is None
    assert heard.text
    *told, last = heard.chunks
    assert told[-1].choices[0].finish_reason == "length"
    assert all(not chunk.usage for chunk in told)
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == 40
    line = await line_of(real, heard.request_id)
    assert (line["outcome"], line["tokens_out"]) == ("completed", 40)


async def test_usage_is_not_shown_to_whoever_did_not_ask(real: Gateway, model: str) -> None:
    """The gateway asks for it, for its own account."""
    heard = await SyncSpeaker(real.api).stream(model=model, **{**ENDLESS, "max_tokens": 5})
    assert all(chunk.choices and not chunk.usage for chunk in heard.chunks)
    line = await line_of(real, heard.request_id)
    assert line["tokens_out"] == 5


async def test_it_stops_when_its_listener_leaves(
    real: Gateway, llama: Llama, model: str, nursery: trio.Nursery
) -> None:
    """C1: of two listeners one leaves; the other one's answer goes on."""
    with Listening(real, model) as staying, Listening(real, model) as leaving:
        nursery.start_soon(staying.run)
        nursery.start_soon(leaving.run)
        await until_busy(llama, 2)
        leaving.leave()
        with trio.fail_after(WITHIN):
            (made,) = await until_busy(llama, 1)
        heard = staying.heard
        with trio.fail_after(5):
            while staying.heard < heard + 200:
                await trio.sleep(POLL)
        (later,) = await until_busy(llama, 1)
        assert later > made + 100, "whoever stays is served"
    with trio.fail_after(WITHIN):
        await until_busy(llama, 0)
