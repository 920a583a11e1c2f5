"""Stands before a transport and takes note of what answers say beside their bodies."""

from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

import httpx2

from gateway.upstream.transport import origin_of
from gateway.words.target import Origin

MOST_NOTED: Final = 256
DATE_SECONDS: Final = 1.0
"""A date in a header is that of a whole second that has begun."""


class Witness(httpx2.AsyncBaseTransport):
    """Notes the status of each origin's last answer, and how far its clock is from ours."""

    def __init__(self, transport: httpx2.AsyncBaseTransport, today: Callable[[], float]) -> None:
        """`today` is Unix time."""
        self._transport = transport
        self._today = today
        self.statuses: dict[Origin, int] = {}
        self.ahead: dict[Origin, float] = {}
        """By how many seconds our clock is ahead of each origin's, at least; 0: it may be right."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        began = self._today()
        response = await self._transport.handle_async_request(request)
        origin = origin_of(request.url)
        if len(self.statuses) < MOST_NOTED:
            self.statuses[origin] = response.status_code
            skew = ahead_of(response.headers.get("date", ""), began, self._today())
            if skew is not None:
                self.ahead[origin] = skew
        return response

    async def aclose(self) -> None:
        await self._transport.aclose()


def ahead_of(date: str, began: float, ended: float) -> float | None:
    """Return by how much a clock is at least ahead of a `Date` that came between two moments.

    Negative: it is behind. None: there is no date, or none that can be read.
    """
    try:
        moment = parsedate_to_datetime(date)
        theirs = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    if began > theirs + DATE_SECONDS:
        return began - theirs - DATE_SECONDS
    return ended - theirs if ended < theirs else 0.0
