"""What answers say beside their bodies: their status, and what time it is there."""

import httpx2
import pytest

from gateway.commands.diagnosis.witness import MOST_NOTED, Witness, ahead_of
from gateway.words.target import Origin

NOON = 1_792_065_600.0
SAID = "Tue, 15 Oct 2026 12:00:00 GMT"


class Fixed(httpx2.AsyncBaseTransport):
    """Answers the same to everybody."""

    def __init__(self, status: int, **fields: str) -> None:
        self.status, self.fields = status, fields
        self.closed = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(self.status, headers=self.fields)

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("began", "ended", "ahead"),
    [
        (NOON, NOON + 0.2, 0.0),
        (NOON + 0.9, NOON + 3, 0.0),
        (NOON + 31, NOON + 31.5, 30.0),
        (NOON - 20, NOON - 15, -15.0),
        (NOON - 5, NOON + 5, 0.0),
    ],
)
def test_a_clock_is_ahead_or_behind_by_what_is_certain(
    began: float, ended: float, ahead: float
) -> None:
    assert ahead_of(SAID, began, ended) == ahead


@pytest.mark.parametrize(
    "said", ["", "noon", "Tue, 99 Oct 2026 12:00:00 GMT", "1 Jan 99999 0:0:0", "\x00" * 9, "," * 99]
)
def test_a_date_that_cannot_be_read_is_none(said: str) -> None:
    assert ahead_of(said, NOON, NOON) is None


def test_a_date_without_a_zone_is_taken_for_utc() -> None:
    assert ahead_of("Tue, 15 Oct 2026 12:00:00", NOON, NOON) == 0.0


async def test_the_status_and_the_time_of_each_origin_are_noted() -> None:
    inner = Fixed(401, date=SAID)
    witness = Witness(inner, lambda: NOON + 61)
    async with httpx2.AsyncClient(transport=witness) as client:
        await client.get("http://a.test/v1/models")
        inner.fields = {}
        inner.status = 200
        await client.get("http://b.test/v1/models")
        for number in range(MOST_NOTED):
            await client.get(f"http://h{number}.test/")
    assert inner.closed
    assert witness.statuses[Origin("http", "a.test", 80)] == 401
    assert witness.ahead == {Origin("http", "a.test", 80): 60.0}
    assert len(witness.statuses) == MOST_NOTED
