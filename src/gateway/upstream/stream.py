"""The body of an answer as this house's own transports give it: read directly, closed at once."""

import httpx2

from gateway.words.client import Header


class DirectStream(httpx2.AsyncByteStream):
    """A body that httpx2 can iterate, and that the corridor reads without any generator."""

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
