"""HTTP/2 from a client's end: OpenAI's client over it, and a connection that a test can steer.

The latter says when it grants a window and when it resets a stream.
"""

import json
import ssl
from collections.abc import Callable

import httpx2
import trio
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded
from h2.settings import SettingCodes
from openai import OpenAI

from tests.openai_clients import SyncSpeaker

READ_BYTES = 65_536


class OverHttp2(SyncSpeaker):
    """The official client; each question on a connection of its own."""

    def __init__(self, base_url: str, trust: ssl.SSLContext) -> None:
        super().__init__(base_url, max_retries=0)
        self._trust = trust

    def open(self) -> OpenAI:
        http = httpx2.Client(verify=self._trust, http2=True)
        return OpenAI(**self.options, http_client=http)


class Http2:
    """Many requests on one connection; each has the number of its stream."""

    def __init__(self, stream: trio.SSLStream[trio.SocketStream], window: int = 65_535) -> None:
        """A `window` of fewer bytes is used up soon: nothing that arrives is acknowledged then."""
        self.stream = stream
        self.heads: dict[int, dict[str, str]] = {}
        self.bodies: dict[int, bytes] = {}
        self.ended: set[int] = set()
        self._window = window
        self._connection = H2Connection(H2Configuration(header_encoding="utf-8"))
        self._connection.initiate_connection()
        self._connection.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
        self._arrived = trio.Condition()
        self._writing = trio.Lock()

    async def run(self) -> None:
        """Read until the connection is closed, by whichever side."""
        try:
            await self._flush()
            while data := await self.stream.receive_some(READ_BYTES):
                for event in self._connection.receive_data(bytes(data)):
                    self._note(event)
                await self._flush()
                async with self._arrived:
                    self._arrived.notify_all()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self.close()

    def close(self) -> None:
        """Leave the whole connection, without a farewell."""
        self.stream.transport_stream.socket.close()

    def _note(self, event: Event) -> None:
        match event:
            case ResponseReceived(stream_id=int(number), headers=list(fields)):
                self.heads[number] = {str(name): str(value) for name, value in fields}
            case DataReceived(stream_id=int(number), data=bytes(data)):
                self.bodies[number] += data
                if self._window >= READ_BYTES - 1:
                    size = event.flow_controlled_length or 0
                    self._connection.acknowledge_received_data(size, number)
            case StreamEnded(stream_id=int(number)):
                self.ended.add(number)

    async def post(self, wish: dict[str, object], declared: int = 0) -> int:
        """Ask for a completion; return the number of its stream.

        With a `declared` length the wish is only the beginning of a body that never ends.
        """
        number = self._connection.get_next_available_stream_id()
        self.bodies[number] = b""
        self._connection.send_headers(
            number,
            [
                (":method", "POST"),
                (":path", "/v1/chat/completions"),
                (":scheme", "https"),
                (":authority", "localhost"),
                ("content-type", "application/json"),
                *([("content-length", str(declared))] if declared else []),
            ],
        )
        body = json.dumps(wish).encode()
        self._connection.send_data(number, body, end_stream=not declared)
        await self._flush()
        return number

    async def reset(self, number: int) -> None:
        """Leave one stream: RST_STREAM."""
        self._connection.reset_stream(number, ErrorCodes.CANCEL)
        await self._flush()

    async def wait_for(self, number: int, enough: Callable[[bytes], bool]) -> bytes:
        """Wait until what a stream has brought is enough."""
        async with self._arrived:
            while not enough(self.bodies[number]):
                await self._arrived.wait()
        return self.bodies[number]

    async def _flush(self) -> None:
        async with self._writing:
            if data := self._connection.data_to_send():
                await self.stream.send_all(data)
