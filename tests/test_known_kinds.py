"""Kinds that are known by name, in the real process: what each is asked, and which key it is shown.

Their addresses are on the net or are the usual ones of this machine, so each is given another.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.openai_clients import SPEAKERS
from tests.process import POLL, Gateway, gateway
from tests.scripted import Link, Received, listen
from tests.test_client_leaves import STREAM_HEAD
from tests.test_openai_client import DONE, chunk

CONFIG = """
[providers.groq]
api_key = {{ env = "GROQ_API_KEY" }}
base_url = "http://127.0.0.1:{port}/openai/v1"

[providers.perplexity]
api_key = {{ env = "PERPLEXITY_API_KEY" }}
base_url = "http://127.0.0.1:{port}"
models = ["sonar"]

[providers.vllm]
base_url = "http://127.0.0.1:{port}/v1"
models = ["writer"]
running_usage = true
"""
KEYS = {"GROQ_API_KEY": "gsk-0123456789abcdef", "PERPLEXITY_API_KEY": "pplx-fedcba9876543210"}

LIST = b'{"object":"list","data":[{"id":"llama","object":"model"}]}'


class Upstream:
    """All three providers at one port: it lists one model, streams one word, and notes requests."""

    def __init__(self) -> None:
        self.asked: list[Received] = []

    async def __call__(self, link: Link) -> None:
        while True:
            request = await link.request()
            self.asked.append(request)
            if request.line.startswith(b"GET"):
                length = b"content-length: %d\r\n\r\n" % len(LIST)
                await link.send(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + length + LIST
                )
            else:
                await link.send(STREAM_HEAD)
                await link.chunk(chunk("stop", content="yes"), DONE, b"")

    def seen(self) -> Iterator[tuple[str, list[str]]]:
        """Yield of each request where it went and the credentials that it showed."""
        for request in self.asked:
            shown = [value.decode() for value in request.values(b"authorization")]
            yield request.line.decode().removesuffix(" HTTP/1.1"), shown


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


async def listed(real: Gateway) -> None:
    """Wait until the one that lists its models has been asked for them."""
    with trio.fail_after(5):
        while not real.lines("models listed"):
            await trio.sleep(POLL)


@pytest.mark.parametrize("flavour", SPEAKERS)
async def test_each_kind_is_asked_at_its_address_and_shown_its_own_key(
    tmp_path: Path, nursery: trio.Nursery, upstream: Upstream, flavour: str
) -> None:
    port = (await listen(nursery, upstream)).port
    with gateway(tmp_path, CONFIG.format(port=port), environ=KEYS) as real:
        await listed(real)
        speaker = SPEAKERS[flavour](real.api, max_retries=0, api_key="a-client's-own")
        assert {"llama", "sonar", "writer"} <= {model.id for model in await speaker.models()}
        for model in ("llama", "sonar", "writer"):
            heard = await speaker.stream(model=model)
            assert (heard.text, heard.error) == ("yes", None)
    nursery.cancel_scope.cancel()
    groq, perplexity = (f"Bearer {key}" for key in KEYS.values())
    assert list(upstream.seen()) == [
        ("GET /openai/v1/models", [groq]),
        ("POST /openai/v1/chat/completions", [groq]),
        ("POST /chat/completions", [perplexity]),
        ("POST /v1/chat/completions", []),
    ]
    options = [json.loads(request.body)["stream_options"] for request in upstream.asked[1:]]
    usage = {"include_usage": True}
    assert options == [usage, usage, {**usage, "continuous_usage_stats": True}]
