"""A provider that is probed and is not there: nobody has to find out by waiting for it."""

from pathlib import Path

import trio

from tests.process import gateway
from tests.rows_client import ask, request
from tests.scripted import Link, listen
from tests.test_provider_fails import SAID, WHOLE, Speaker

CONFIG = """
[defaults]
retries = 0
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{up}/v1"
api_key = "sk-0123456789abcdef"
models = ["m"]
probe = {{ interval = 0.02, path = "/health", timeout = 0.5 }}
[providers.spare]
kind = "openai"
base_url = "http://127.0.0.1:{spare}/v1"
models = ["n"]
[fallbacks]
m = "n"
"""

ANSWER = b"HTTP/1.1 %b\r\ncontent-length: 0\r\n\r\n"


class Probed:
    """A provider that answers probes by its state, and calls by a stream."""

    def __init__(self) -> None:
        self.state = b"503 Away"
        self.probes: list[bytes] = []
        self.calls = 0

    async def __call__(self, link: Link) -> None:
        while True:
            received = await link.request()
            method, path, _ = received.line.split(b" ")
            if method == b"GET":
                self.probes.append(path)
                await link.send(ANSWER % self.state)
            else:
                self.calls += 1
                await link.send(WHOLE)


async def test_a_provider_that_is_away_is_not_asked_until_it_is_back(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    up, spare = Probed(), Speaker()
    at_up, at_spare = await listen(nursery, up), await listen(nursery, spare)
    with gateway(tmp_path, CONFIG.format(up=at_up.port, spare=at_spare.port)) as real:
        with trio.fail_after(5):
            while not real.lines("provider is away"):
                await trio.sleep(0.01)
        spare.say(WHOLE)
        reply = await ask(real, request(model="m"))
        assert (reply.body, up.calls) == (SAID, 0)
        assert reply.fields[b"x-gateway-attempts"].startswith(b"spare/n;ok;")
        up.state = b"401 Who are you"
        with trio.fail_after(5):
            while not real.lines("provider is back"):
                await trio.sleep(0.01)
        reply = await ask(real, request(model="m"))
        assert (reply.body, up.calls) == (SAID, 1)
        assert set(up.probes) == {b"/v1/health"}
    nursery.cancel_scope.cancel()
