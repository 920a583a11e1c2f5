"""HTTP/1.1 and nothing else for the admin (R19), and an end for each connection whose client left.

Hypercorn speaks HTTP/2 to whoever begins with it, no setting turns that off, and one odd request
there ends its server. It chooses the protocol in one place, which has a name of its own only within
it: so what stands here holds for the versions of it that `pyproject.toml` allows, and
`tests/admin/test_http1.py` says when one learns to be told.
"""

from contextlib import suppress
from typing import Any

import trio
from hypercorn import protocol
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h11 import H11Protocol


class Http1Protocol(H11Protocol):
    """Takes every request for one of HTTP/1.1; the wall refuses what is none."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._reading = trio.CancelScope()
        self._is_closed = False
        self._hand_on = self.send
        self.send = self._send

    async def _send(self, event: Event) -> None:
        """Send nothing more where the connection is being closed meanwhile.

        Hypercorn's own end of it is a write, too, and Trio calls two at a time a conflict: whoever
        answered would take it for a bug.
        """
        with suppress(trio.BusyResourceError):
            await self._hand_on(event)

    async def handle(self, event: Event) -> None:
        """Read nothing more of a connection that is closed.

        Where a request waits behind another one whose answer cannot be sent, Hypercorn would keep
        it waiting for its turn, and the connection's descriptor with it, for ever.
        """
        if isinstance(event, RawData):
            if not self._is_closed:
                with trio.CancelScope() as self._reading:
                    await super().handle(event)
            return
        await super().handle(event)
        if isinstance(event, Closed):
            self._is_closed = True
            self._reading.cancel()

    async def _check_protocol(self, event: object) -> None:
        """Follow no wish for another protocol."""


def speak_http_1_1_alone() -> None:
    """Have all connections that Hypercorn takes from now on, in this process, be of HTTP/1.1."""
    vars(protocol)["H11Protocol"] = Http1Protocol
