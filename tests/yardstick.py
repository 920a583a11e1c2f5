"""A fixed piece of work, with which the instructions of the gateway are compared.

A program of its own that imports nothing of the house. It does a little of all that a call is
made of, with the same libraries, so that a new interpreter or library changes both alike. Budgets
are told in rounds of it: whoever changes it changes every one of them.

It warms up, says `ready`, then does as many rounds as each line of its input says, and says `done`.
"""

import sys
from dataclasses import dataclass, field
from functools import partial

import httptools
import msgspec
import trio

WARM_UP = 200

HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost:4000\r\naccept: */*\r\n"
    b"user-agent: yardstick/1.0\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
)
CHUNK = (
    b'{"id":"c1","object":"chat.completion.chunk","created":1,"model":"m-1",'
    b'"choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}'
)
EVENTS = b"data: %b\n\n" % CHUNK * 4


class Delta(msgspec.Struct):
    """What a choice adds."""

    content: str | None = None


class Choice(msgspec.Struct):
    """One of the choices of a chunk."""

    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct):
    """What is read of an event."""

    model: str | None = None
    choices: list[Choice] = []


DECODER = msgspec.json.Decoder(Chunk)


@dataclass
class Request:
    """Takes what the parser finds."""

    url: bytes = b""
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value))

    def on_body(self, data: bytes) -> None:
        self.body += data


class Pump:
    """Passes bytes from one end of a socket pair to the other."""

    def __init__(self, near: trio.socket.SocketType, far: trio.socket.SocketType) -> None:
        self._near, self._far = near, far
        self.heard = 0.0

    async def pass_on(self, data: bytes) -> bytes:
        with trio.move_on_after(60):
            await self._near.send(data)
        data = await self._read()
        self.heard = trio.current_time()
        return data

    async def _read(self) -> bytes:
        await trio.lowlevel.wait_readable(self._far)
        return await self._far.recv(65_536)


def events_of(data: bytes) -> list[bytes]:
    """Cut events and return what they hold."""
    return [each.removeprefix(b"data: ") for each in data.split(b"\n\n") if each]


def write_head(fields: list[tuple[bytes, bytes]], length: int) -> bytes:
    """Write the head of an answer."""
    kept = {name: value for name, value in fields if name.startswith((b"content", b"user"))}
    kept[b"content-length"] = b"%d" % length
    lines = b"".join(b"%b: %b\r\n" % (name, value) for name, value in kept.items())
    return b"HTTP/1.1 200 OK\r\n%b\r\n" % lines


async def _watch(ended: trio.Event) -> None:
    with trio.CancelScope(deadline=trio.current_time() + 60):
        await ended.wait()


async def do_round(pump: Pump) -> None:
    """Do the work once."""
    request = Request()
    httptools.HttpRequestParser(request).feed_data(await pump.pass_on(HEAD))
    ended = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(_watch, ended))
        data = await pump.pass_on(write_head(request.fields, len(EVENTS)) + EVENTS)
        _, _, body = data.partition(b"\r\n\r\n")
        said = []
        for each in events_of(body):
            chunk = DECODER.decode(each)
            said += [choice.delta.content for choice in chunk.choices if choice.delta]
            await pump.pass_on(b"%x\r\n%b\r\n" % (len(each), each))
        assert said == ["word "] * 4
        ended.set()
    assert dict(request.fields)[b"content-type"] == b"application/json"


async def main() -> None:
    """Do rounds as they are asked for."""
    near, far = trio.socket.socketpair()
    with near, far:
        pump = Pump(near, far)
        rounds, said = WARM_UP, "ready"
        while rounds:
            for _ in range(rounds):
                await do_round(pump)
            sys.stdout.write(said + "\n")
            sys.stdout.flush()
            rounds, said = int(sys.stdin.readline() or 0), "done"


if __name__ == "__main__":
    trio.run(main)
