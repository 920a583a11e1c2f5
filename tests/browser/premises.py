"""A gateway as an operator has it: keys, teams, prices, a past, and a provider that can be seen.

The provider is one that streams as slowly as it is asked to, so that there is something to watch.
"""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.policy.keys import digest_of
from tests.browser import past
from tests.browser.provider import PATIENCE, SLOW, Provider, provider
from tests.process import Gateway, free_port, gateway

ADMIN_KEY = "the-operators-key-0123456789"
VIEWER_KEY = "the-viewers-key-0123456789"
CLIENT_KEY = "ngw-a-clients-key-0123456789"
NIGHTLY_KEY = "ngw-a-nightly-key-0123456789"
PEPPER = "0123456789abcdef0123456789abcdef"

HOSTILE_MODEL = "<script>window.harmed=3</script>"
HOSTILE_KEY = "<b onmouseover=window.harmed=4>key</b>"

CONFIG = f"""\
[admin]
key = {{ env = "ADMIN" }}
viewer_key = {{ env = "VIEWER" }}
[auth]
pepper = {{ env = "PEPPER" }}
[store]
database = "sqlite:///gateway.db"
[providers.cloud]
kind = "openai"
base_url = "http://127.0.0.1:PORT/v1"
api_key = {{ env = "CLOUD" }}
models = ["gpt-5.2", "claude-sonnet-5", "small", "{SLOW}"]
[providers.near]
kind = "openai"
base_url = "http://127.0.0.1:PORT/v1"
models = ["gpt-5.2", "small"]
[models."gpt-5.2"]
prices = {{ input = 1.25, output = 10.0 }}
[models.claude-sonnet-5]
prices = {{ input = 3.0, output = 15.0 }}
[models.small]
prices = {{ input = 0.1, output = 0.4 }}
[models.{SLOW}]
prices = {{ input = 0.1, output = 0.4 }}
[teams.research]
budgets = [{{ usd = 200, per = "month" }}]
[teams.product]
limits = {{ requests_per_minute = 6000, concurrency = 50 }}
budgets = [{{ usd = 400, per = "month" }}, {{ usd = 40, per = "day" }}]
[[keys]]
name = "assistant"
hash = "{digest_of(CLIENT_KEY.encode(), PEPPER.encode())}"
team = "product"
user = "ben@example.com"
[[keys]]
name = "nightly"
hash = "{digest_of(NIGHTLY_KEY.encode(), PEPPER.encode())}"
team = "research"
user = "ada@example.com"
models = ["gpt-5.2", "claude-*", "small"]
limits = {{ requests_per_minute = 600, tokens_per_minute = 200_000 }}
budgets = [{{ usd = 25, per = "day" }}]
"""

HARM = f"""\
[providers.odd]
kind = "openai"
base_url = "http://127.0.0.1:PORT/v1"
models = ["{HOSTILE_MODEL}"]
[models."{HOSTILE_MODEL}"]
prices = {{ input = 0.1, output = 0.4 }}
[[keys]]
name = "{HOSTILE_KEY}"
hash = "{"ab" * 32}"
team = "research"
"""
"""Names that are there to do harm."""

ENVIRON = {
    "ADMIN": ADMIN_KEY, "VIEWER": VIEWER_KEY, "PEPPER": PEPPER, "CLOUD": "sk-of-the-cloud-9f2c",
}  # fmt: skip


@dataclass
class Premises:
    """The gateway, where its page is, and the provider behind it."""

    real: Gateway
    url: str
    upstream: Provider

    def call(self, model: str = SLOW, said: str = "Hello", key: str = CLIENT_KEY) -> "Client":
        """Begin a stream as a client of the gateway."""
        return Client(self.real.port, model, said, key)


class Client:
    """A client in the middle of a stream; `request_id` is what the gateway calls its request."""

    def __init__(self, port: int, model: str, said: str, key: str) -> None:
        self._wire = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        messages = [{"role": "user", "content": said}]
        body = json.dumps({"model": model, "stream": True, "messages": messages})
        headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        self._wire.request("POST", "/v1/chat/completions", body, headers)
        self._answer = self._wire.getresponse()
        self.status = self._answer.status
        self.request_id = self._answer.headers["x-request-id"]

    def first(self) -> bytes:
        """Wait for the first piece."""
        return self._answer.readline()

    def rest(self) -> bytes:
        """Read whatever comes up to the end."""
        try:
            return self._answer.read()
        except http.client.IncompleteRead as cut:
            return cut.partial

    def leave(self) -> None:
        """Go away, whatever is still to come."""
        self._answer.close()
        self._wire.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()


@contextmanager
def premises(folder: Path, config: str = CONFIG + HARM) -> Iterator[Premises]:
    """Open them; at the end all that belongs to them has ended."""
    past.write(folder / "gateway.db", time.time_ns())
    port = free_port()
    with provider() as upstream:
        whole = config.replace("PORT", str(upstream.port))
        options = ("--admin-port", str(port))
        with gateway(folder, whole, *options, environ=ENVIRON) as real:
            _wait_for(port)
            yield Premises(real, f"http://127.0.0.1:{port}", upstream)


def _wait_for(port: int) -> None:
    """Wait for the admin: who comes early waits in its queue until it serves."""
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    wire.request("GET", "/healthz")
    assert wire.getresponse().read() == b'{"status":"ok"}'
    wire.close()
