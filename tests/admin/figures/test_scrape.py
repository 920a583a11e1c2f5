"""What machines ask for is open to whoever reaches the port, and to no page of another site."""

from collections.abc import Mapping

import trio

from gateway.admin.desk import Desk
from gateway.admin.figures.scrape import Scraping
from gateway.admin.workers import Answer
from tests.admin.figures.test_metrics import values
from tests.admin.visitor import Visitor, site


class Crew:
    """Worker 1 answers; 2 does not."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.gauges = {"open_calls": 2}

    async def ask(self, question: Mapping[str, object]) -> list[Answer]:
        await trio.lowlevel.checkpoint()
        self.asked.append(question["ask"])
        return [{"worker": 1, "pid": 7, "uptime": 3.0, "gauges": self.gauges}]


def machine(crew: Crew) -> Visitor:
    return Visitor(site([Scraping(Desk(crew.ask), (1, 2), "1.2.3")]), None)


async def test_figures_are_told_to_whoever_asks_and_workers_are_asked_once() -> None:
    crew = Crew()
    visitor = machine(crew)
    for _ in range(3):
        answered = await visitor.get("/metrics")
        assert answered.status == 200
        assert answered.headers["content-type"].startswith("text/plain")
        assert values(answered.text, "worker_up") == {"1": 1.0, "2": 0.0}
        assert values(answered.text, "open_calls") == {"1": 2.0}
        crew.gauges["open_calls"] += 1  # what was written is told again: nothing is read anew
    assert crew.asked == ["gauges", "metrics"]


async def test_whether_it_is_there_is_said_without_the_workers() -> None:
    crew = Crew()
    answered = await machine(crew).get("/healthz")
    assert (answered.status, answered.json) == (200, {"status": "ok"})
    assert crew.asked == []


async def test_r27_a_page_of_another_site_reads_no_figures() -> None:
    for headers in ({"host": "evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert (await machine(Crew()).get("/metrics", headers=headers)).status == 403
