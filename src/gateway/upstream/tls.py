"""TLS over a wire: the cipher works in memory, the bytes travel by the socket.

So a reset stays a reset and is no mere end, one read of the socket brings all records that have
come and not only the first, and there is one socket to close, whatever the handshake was at.
"""

import ssl
from contextlib import suppress

import trio
from trio.lowlevel import cancel_shielded_checkpoint, checkpoint_if_cancelled

from gateway.upstream.wire import READ_BYTES, Ragged, Wire

RECORD_BYTES = 16_384
WRITE_BYTES = 65_536


class TlsWire(trio.abc.Stream):
    """A connection under TLS. It says no farewell: to close it is to close its socket."""

    def __init__(self, wire: Wire, context: ssl.SSLContext, host: str) -> None:
        self._wire = wire
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)
        self._over = False
        self._failure: trio.BrokenResourceError | None = None

    async def handshake(self) -> None:
        """Agree with the peer. Raises `ssl.SSLError`, `BrokenResourceError`."""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._wire.send_all(self._out.read())
                self._take(await self._wire.receive_some())
            except ssl.SSLError:
                # The alert that says why; there is no waiting for it.
                with suppress(trio.BrokenResourceError):
                    self._wire.write_now(self._out.read())
                raise
            else:
                break
        await self._wire.send_all(self._out.read())

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await checkpoint_if_cancelled()
        size = max_bytes or READ_BYTES
        data = self.read_now(size)
        if data is not None:
            await cancel_shielded_checkpoint()
            return data
        while data is None:
            await self._wire.wait_for_bytes()
            data = self.read_now(size)
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        with memoryview(data) as view:
            for begin in range(0, len(view), WRITE_BYTES):
                try:
                    self._tls.write(view[begin : begin + WRITE_BYTES])
                except ssl.SSLError as error:
                    raise trio.BrokenResourceError(f"encrypting failed: {error}") from error
                await self._wire.send_all(self._out.read())
            if not view:
                await self._wire.send_all(view)

    async def wait_send_all_might_not_block(self) -> None:
        await self._wire.wait_send_all_might_not_block()

    def read_now(self, max_bytes: int) -> bytes | None:
        data = self._decrypt(max_bytes)
        while data is None and (raw := self._wire.read_now(READ_BYTES)) is not None:
            self._take(raw)
            data = self._decrypt(max_bytes)
        return data

    def write_now(self, data: bytes | bytearray | memoryview) -> int:
        """Take nothing: a record that was taken in part could not be finished without waiting."""
        return 0

    def close(self) -> None:
        self._wire.close()

    async def aclose(self) -> None:
        await self._wire.aclose()

    def _take(self, raw: bytes) -> None:
        if raw:
            self._in.write(raw)
        else:
            self._in.write_eof()

    def _decrypt(self, max_bytes: int) -> bytes | None:
        """Return what can be read of the records that have come; None if none is whole."""
        records: list[bytes] = []
        size = 0
        while size < max_bytes and not self._over:
            try:
                record = self._tls.read(min(max_bytes - size, RECORD_BYTES))
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                # Kept, for it must not swallow the records before it.
                self._over, self._failure = True, _broken(error)
            else:
                self._over = not record
                records.append(record)
                size += len(record)
        if size:
            return b"".join(records)
        if self._failure is not None:
            raise self._failure
        return b"" if self._over else None


def _broken(cause: ssl.SSLError) -> trio.BrokenResourceError:
    kind = Ragged if isinstance(cause, ssl.SSLEOFError) else trio.BrokenResourceError
    failure = kind(f"decrypting failed: {cause}")
    failure.__cause__ = cause
    return failure
