"""What the house's own transports have beyond httpx2's: asked and read directly, closed at once."""

import httpx2

from gateway.upstream.outgoing import Clocks, Outgoing
from gateway.words.client import Header
from gateway.words.target import Origin


class DirectStream(httpx2.AsyncByteStream):
    """A body that httpx2 can iterate, and that the corridor reads without any generator."""

    status: int = 200
    """The answer's status."""

    headers: tuple[Header, ...] = ()
    """The answer's header fields; the names are lower case."""

    async def receive_some(self) -> bytes:
        """Wait for the next part; b"" is the end. Raises the errors of `failures.py`."""
        raise NotImplementedError

    def close(self) -> None:
        """Be done with it, without waiting. May be called again."""
        raise NotImplementedError

    def park(self) -> None:
        """Be done with it although its end may not have come yet: all that matters was read."""
        self.close()

    def __aiter__(self) -> "DirectStream":
        return self

    async def __anext__(self) -> bytes:
        data = await self.receive_some()
        if not data:
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        self.close()


class DirectTransport(httpx2.AsyncBaseTransport):
    """A transport that the corridor asks without making any object of httpx2's."""

    async def ask(
        self, origin: Origin, outgoing: Outgoing, limit: int, clocks: Clocks
    ) -> DirectStream:
        """Send a request that is ready to go out, and wait for the head of its answer.

        At most `limit` connections are open to the origin. Raises as any transport of httpx2.
        """
        raise NotImplementedError
