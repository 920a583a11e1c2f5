"""The way from the admin to the gateway's own public listener: it asks there as any client does.

So what is asked from here is let in, limited, told and written down like every other call, and ends
like one when whoever asked has gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import httpx2

from gateway.admin.routes import Refusal
from gateway.policy.keys import GATEWAY_FIELD
from gateway.upstream.outgoing import Clocks, Outgoing, write_head
from gateway.upstream.send import USER_AGENT
from gateway.upstream.stream import DirectStream
from gateway.upstream.transport import Connect, Transport
from gateway.words.client import Header
from gateway.words.secret import Secret
from gateway.words.target import Origin

CONNECT_TIMEOUT: Final = 5.0
WRITE_TIMEOUT: Final = 10.0

CLOCKS: Final = Clocks(connect=CONNECT_TIMEOUT, write=WRITE_TIMEOUT)

_LOST: Final = (httpx2.HTTPError, httpx2.StreamError)


@dataclass(frozen=True, slots=True)
class Approach:
    """Where the public listener is, how to connect there, and the key that opens it from here.

    `public` is the address by which clients reach it, where that is another.
    """

    origin: Origin
    connect: Connect
    key: Secret | None = None
    public: str = ""

    @property
    def address(self) -> str:
        """The base URL as clients are shown it; empty where there is none, but a path."""
        if self.public:
            return f"{self.public}/v1"
        return "" if self.origin.port == 0 else f"{self.origin}/v1"

    async def ask(
        self, method: str, path: str, fields: Sequence[Header], body: bytes = b""
    ) -> "Told":
        """Ask on a connection of its own, and wait for the head of the answer.

        To close what is returned is to leave, which ends the call. Raises `Refusal` where nobody
        answers. The wait is the caller's to bound.
        """
        given = ((b"user-agent", USER_AGENT), *fields)
        transport = Transport(self.connect)
        try:
            head = write_head(method, path.encode("ascii"), self.origin, given)
            stream = await transport.ask(self.origin, Outgoing(method, head, body), 1, CLOCKS)
        except _LOST as error:
            raise _unreachable(error) from error
        return Told(stream, transport)

    def shown(self, key: str) -> Header:
        """Return the field that shows a key: the given one, else the one that is here.

        It is not `authorization`: a gateway without keys would take what stands there for the
        caller's own key with a provider.
        """
        own = "" if self.key is None else self.key.reveal()
        return (GATEWAY_FIELD, (key or own).encode("ascii"))


class Told:
    """What the listener answers, on a connection that serves for nothing else."""

    def __init__(self, stream: DirectStream, transport: Transport) -> None:
        self.status = stream.status
        self._transport = transport
        self._stream = stream
        self._fields = dict(stream.headers)

    def field(self, name: bytes) -> str:
        """Return a header field; empty where there is none."""
        return self._fields.get(name, b"").decode("latin-1")

    async def receive(self) -> bytes:
        """Wait for the next part of the body; b"" is the end. Raises `Refusal`."""
        try:
            return await self._stream.receive_some()
        except _LOST as error:
            raise _unreachable(error) from error

    async def whole(self, most_bytes: int) -> bytes:
        """Read the body, but no more of it than so many bytes. Raises `Refusal`."""
        body = bytearray()
        while len(body) <= most_bytes and (part := await self.receive()):
            body += part
        return bytes(body[:most_bytes])

    def close(self) -> None:
        """Leave, at once. May be called again."""
        self._stream.close()
        self._transport.pool.close_unused()


def _unreachable(error: Exception) -> Refusal:
    return Refusal(502, "unreachable", f"The gateway's own listener does not answer: {error}.")
