"""The client of one turn on a WebSocket (see `words.client.Client`): events leave as messages."""

from collections.abc import Sequence
from math import inf

import trio

from gateway.downstream.calls import Calls, OpenCall
from gateway.downstream.talk import Talk, told
from gateway.forms.sse import Splitter
from gateway.words.client import Header, Take
from gateway.words.errors import UpgradeNeeded
from gateway.words.life import Cause

LARGEST_EVENT_BYTES = 268_435_456
"""What is written here is whole events; they were bounded as they came."""


class TalkClient:
    """Who asked with one message."""

    listens = True
    spare = False
    id_name = b""

    def __init__(self, talk: Talk, body: bytes, calls: Calls) -> None:
        self._talk = talk
        self._body = body
        self._calls = calls
        self._events = Splitter(LARGEST_EVENT_BYTES)
        self.life: OpenCall | None = None
        self.gone = self.started = False
        self.status = self.bytes_in = self.bytes_out = 0

    @property
    def torn(self) -> bool:
        """True where a write was cut half-way."""
        return self._talk.torn

    def attach(self, life: OpenCall) -> None:
        """Take the life that ends when this client goes away."""
        self.life = life
        if self.gone:
            life.cut(Cause.CLIENT_GONE)

    def went_away(self) -> None:
        """Take note that nobody is there any more."""
        self.gone = True
        if self.life is not None:
            self.life.cut(Cause.CLIENT_GONE)

    async def listen(self) -> None:
        """Notice that the client says goodbye."""
        await self._talk.listen()
        self.went_away()

    async def body(self) -> bytes:
        """Return what the message asked with. Raises `Busy` where there is no memory for it."""
        size = self.bytes_in = len(self._body)
        if self.life is not None:
            self._calls.hold(self.life, size, size)
        await trio.lowlevel.checkpoint()
        return self._body

    async def pour(self, take: Take) -> None:
        """Give what the message asked with to `take`, in one part. Raises as `body`."""
        await take(await self.body())

    def start(self, status: int, headers: Sequence[Header]) -> None:
        """Begin to answer: a message has no head."""
        self.status = status

    async def send(self, data: bytes) -> None:
        """Write whole events, each as a message; a comment asks whether the client is there."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self.started = True
        events = [event.data for event in self._events.feed(data)]
        said = [each for each in events if each is not None]
        for each in said:
            self._talk.thread.note(each)
        try:
            if said:
                await self._talk.say(*said, patience=inf)
            elif events:
                await self._talk.ask_whether_there()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.went_away()
            await trio.lowlevel.checkpoint()
        self.bytes_out += len(data)

    async def finish(self, data: bytes, patience: float = inf) -> None:
        """Write the last events; the WebSocket stays open for the next turn."""
        with trio.fail_after(patience):
            await self.send(data)

    async def respond(self, status: int, headers: Sequence[Header], body: bytes) -> None:
        """Tell in one message what is no answer: an error."""
        self.status = status
        self.started = True
        try:
            await self._talk.say(told(status, body), patience=inf)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self.went_away()
            await trio.lowlevel.checkpoint()
        self.bytes_out += len(body)

    async def switch(self, headers: Sequence[Header]) -> None:
        """Never asked: it speaks another protocol already."""
        raise UpgradeNeeded("This is a WebSocket already.")

    def abort(self) -> None:
        """Leave the answer unfinished, as the error that was told says; another turn may follow."""
