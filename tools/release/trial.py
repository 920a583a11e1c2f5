"""The main job, done by a gateway that was installed from the wheel into an empty environment.

It streams to OpenAI's client, cuts the provider when the client leaves, and ends with 0. Nothing of
the project's own tree is in reach: the gateway runs in a folder of its own, without `PYTHONPATH`.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import openai
from openai.types.chat import ChatCompletionMessageParam

PATIENCE = 10.0
"""Seconds for each thing that is waited for."""

LEAVING = 0.5
"""Seconds from the client's leaving to the provider's end, on a busy machine."""

WORDS = "One two three four five six seven"
ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": WORDS}]

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = (
    b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m",'
    b'"choices":[{"index":0,"delta":{"content":"word"},"finish_reason":null}]}\n\n'
)

CONFIG = """
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{port}/v1"
models = ["m"]
"""


class Failed(Exception):
    """The installed gateway did not do what a release must."""


@dataclass(slots=True)
class Provider:
    """A server that says one word and falls silent; it notes when its one caller has gone."""

    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    gone: threading.Event = field(default_factory=threading.Event)
    when: float = 0.0

    @property
    def port(self) -> int:
        """The port at which it listens."""
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        """Answer one call, then wait for its end."""
        link, _ = self.listener.accept()
        with link:
            link.settimeout(PATIENCE)
            asked = b""
            while b"messages" not in asked:
                asked += link.recv(65_536)
            link.sendall(HEAD + b"%x\r\n%b\r\n" % (len(EVENT), EVENT))
            while _receives(link):
                continue
            self.when = time.monotonic()
            self.gone.set()


def _receives(link: socket.socket) -> bool:
    try:
        return bool(link.recv(65_536))
    except ConnectionError:
        return False


@contextmanager
def installed(programs: Path, folder: Path, config: str) -> Iterator[str]:
    """Serve with the installed program; give its URL, and have it end by SIGTERM with 0."""
    (folder / "gateway.toml").write_text(config, encoding="utf-8")
    program = str(programs / "gateway")
    environ = {"PATH": os.defpath, "HOME": str(folder), "RUNTIME_DIRECTORY": str(folder)}
    subprocess.run([program, "check"], check=True, cwd=folder, env=environ, capture_output=True)
    process = subprocess.Popen(
        [program, "serve", "--port", "0", "--admin-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=folder,
        env=environ,
    )
    try:
        said = process.stdout.readline() if process.stdout else ""
        if " serves " not in said:
            raise Failed(f"it did not start: {said!r}")
        yield said.rpartition(" ")[2].strip()
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE)
        if code:
            raise Failed(f"it ended with {code} at SIGTERM")
    finally:
        process.kill()
        process.wait()


def streams(client: openai.OpenAI) -> None:
    """Stream and ask whole: the built-in model says the same words back."""
    whole = client.chat.completions.create(model="echo", messages=ASKED)
    events = client.chat.completions.create(model="echo", messages=ASKED, stream=True)
    said = "".join(event.choices[0].delta.content or "" for event in events if event.choices)
    if not said == whole.choices[0].message.content == WORDS:
        raise Failed(f"echo said {said!r}")


def leaves(client: openai.OpenAI, provider: Provider) -> float:
    """Leave in the middle of a stream; return after how many seconds the provider was cut."""
    server = threading.Thread(target=provider.serve, daemon=True)
    server.start()
    events = client.chat.completions.create(model="m", messages=ASKED, stream=True)
    if next(iter(events)).choices[0].delta.content != "word":
        raise Failed("the provider's word did not arrive")
    left = time.monotonic()
    events.close()
    if not provider.gone.wait(PATIENCE) or provider.when - left > LEAVING:
        raise Failed("the provider went on after the client had left")
    return provider.when - left


def main(programs: str) -> int:
    """Try the programs in this folder."""
    provider = Provider()
    with tempfile.TemporaryDirectory(prefix="gateway-") as scratch:
        config = CONFIG.format(port=provider.port)
        with installed(Path(programs), Path(scratch), config) as url:
            client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
            streams(client)
            seconds = leaves(client, provider)
            client.close()
    print(
        f"served, streamed, provider closed {seconds * 1000:.1f} ms after its client, ended with 0"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
