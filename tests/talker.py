"""A client of a WebSocket in memory, on wsproto's own client: what it says and what it hears."""

import json
from typing import Any

from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Event, Ping, TextMessage

from tests.caller import Caller, Reply
from tests.stage import get

HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


class Talker:
    """Who talks over one connection."""

    def __init__(self, caller: Caller, *fields: str) -> None:
        self.caller = caller
        self._wire = Connection(ConnectionType.CLIENT)
        self._heard: list[Event] = []
        caller.send(get("/v1/responses", *HANDSHAKE, *fields))

    async def opened(self) -> Reply:
        """Wait for the answer to the handshake."""
        return await self.caller.reply(to_head=True)

    def create(self, text: str = "Hello", **fields: object) -> None:
        """Ask for a response."""
        said = {"type": "response.create", "model": "m", "input": text, **fields}
        self.say(TextMessage(json.dumps(said)))

    def say(self, event: Event) -> None:
        """Send anything."""
        self.caller.send(self.written(event))

    def written(self, event: Event) -> bytes:
        """Return what says it, for whoever sends it together with more."""
        return self._wire.send(event)

    async def hear(self) -> Event:
        """Wait for what the gateway says next."""
        while not self._heard:
            data = await self.caller.read(1)
            self._wire.receive_data(data or None)
            self._heard += self._wire.events()
        return self._heard.pop(0)

    async def message(self) -> dict[str, Any]:
        """Wait for a message, which is one whole JSON object."""
        text = ""
        while True:
            event = await self.hear()
            if isinstance(event, Ping):
                continue
            assert isinstance(event, TextMessage), event
            text += event.data
            if event.message_finished:
                break
        read: dict[str, Any] = json.loads(text)
        return read

    async def response(self) -> list[dict[str, Any]]:
        """Wait for all events of a turn."""
        events = [await self.message()]
        ends = {"response.completed", "response.incomplete", "response.failed"}
        while events[-1]["type"] not in ends:
            events.append(await self.message())
        return events

    async def goodbye(self) -> int:
        """Wait until the gateway says goodbye; return why."""
        while not isinstance(event := await self.hear(), CloseConnection):
            pass
        return event.code
