"""A connection to a provider in memory, for virtual time: the test says what the provider does."""

import trio

from gateway.upstream.wire import Ragged


class MemoryStream:
    """An `UpstreamStream`. `sent` is what the house wrote; `stuck` makes its writes hang.

    `answers` are said one after another, each as soon as a whole write has come.
    """

    def __init__(self, *answers: bytes) -> None:
        self.sent: list[bytes] = []
        self.closed = False
        self.stuck = False
        self.write_error: Exception | None = None
        self._answers = list(answers)
        self._incoming: list[bytes | Exception] = []
        self._woken = trio.Event()

    def say(self, *parts: bytes) -> None:
        """Let parts arrive, each in a read of its own; b"" is the end."""
        self._incoming += parts
        self._wake()

    def reset(self) -> None:
        """Break the connection for whoever reads."""
        self._incoming.append(trio.BrokenResourceError())
        self._wake()

    def cut(self) -> None:
        """End the connection without a TLS farewell."""
        self._incoming.append(Ragged())
        self._wake()

    async def receive_some(self, max_bytes: int | None = None, /) -> bytes:
        await trio.lowlevel.checkpoint()
        while (data := self.read_now(max_bytes or 65_536)) is None:
            self._woken = trio.Event()
            await self._woken.wait()
        return data

    def read_now(self, max_bytes: int, /) -> bytes | None:
        if self.closed:
            raise trio.ClosedResourceError
        if not self._incoming:
            return None
        first = self._incoming[0]
        if isinstance(first, Exception):
            raise first
        if not first:
            return b""
        self._incoming[0] = first[max_bytes:]
        if not self._incoming[0]:
            del self._incoming[0]
        return first[:max_bytes]

    async def send_all(self, data: bytes | bytearray | memoryview, /) -> None:
        await trio.lowlevel.checkpoint()
        if self.write_error is not None:
            raise self.write_error
        if self.stuck:
            await trio.sleep_forever()
        self.sent.append(bytes(data))
        if self._answers:
            self.say(self._answers.pop(0))

    def write_now(self, data: bytes | bytearray | memoryview, /) -> int:
        """Take nothing: every write has its chance to hang."""
        return 0

    def close(self) -> None:
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self._woken.set()
