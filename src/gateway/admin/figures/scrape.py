"""What machines ask the admin for: whether it is there, and the figures that Prometheus reads."""

from collections.abc import Sequence

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from quart import Response

from gateway.admin.desk import Desk
from gateway.admin.figures.metrics import exposition
from gateway.admin.figures.targets import Names
from gateway.admin.routes import OPEN, Route, Visit
from gateway.admin.workers import Answer


class Scraping:
    """Two paths that are open to whoever reaches the port.

    The figures name providers, models, targets, and the keys and teams that have budgets; no user,
    no secret, and nothing that was asked or answered.
    """

    def __init__(self, desk: Desk, numbers: Sequence[int], version: str) -> None:
        """`numbers` are those of the workers that there should be."""
        self._desk = desk
        self._numbers = numbers
        self._version = version
        self._names = Names()
        self._read: tuple[list[Answer], list[Answer]] = ([], [])
        self._text = b""

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", "/healthz", self._healthz, OPEN),
            Route("GET", "/metrics", self._metrics, OPEN),
        )

    async def _healthz(self, _: Visit) -> dict[str, str]:
        return {"status": "ok"}

    async def _metrics(self, _: Visit) -> Response:
        gauges, metrics = await self._desk.gauges(), await self._desk.metrics()
        before, beside = self._read
        if not (gauges is before and metrics is beside):
            # Many series take a tenth of a second: however many ask, what is fresh is written once.
            self._read = gauges, metrics
            self._text = exposition(gauges, self._numbers, self._version, self._names, metrics)
        return Response(self._text, content_type=CONTENT_TYPE_LATEST)
