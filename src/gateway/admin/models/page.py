"""The page of models and routes: what each name comes to, and the plan of a call for one of them.

A plan is what one worker would make now: each worker finds out for itself who rests, and so the
page says whose it is.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gateway.admin.desk import Desk
from gateway.admin.models.catalogue import (
    MAX_MODEL,
    Catalogue,
    ModelTold,
    OpenEnd,
    counts_in,
    listed_by,
)
from gateway.admin.models.flow import Flow, flow_of
from gateway.admin.models.standing import Report, absences, reports_of, standings
from gateway.admin.routes import OPERATORS, Page, Refusal, Route, Visit
from gateway.policy.explain import Explained, ToldPlan, told
from gateway.words.errors import UnknownModel

MOST_SHOWN: Final = 500
"""Names of one answer."""

Name = Annotated[str, Meta(max_length=MAX_MODEL)]
Number = Annotated[int, Meta(ge=1, le=100_000)]


class ModelsAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which names are wanted: those that have `q` in them."""

    q: Name = ""


class PlanAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose plan is wanted, for which conversation (its `prompt_cache_key`), by which worker."""

    model: Annotated[str, Meta(min_length=1, max_length=MAX_MODEL)]
    thread: Name = ""
    worker: Number | None = None


class PageAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page is to show: names, or the plan of one."""

    q: Name = ""
    model: Name = ""
    thread: Name = ""
    worker: Number | None = None


class ModelsTold(msgspec.Struct, frozen=True):
    """The names, those in trouble first. `workers` are those that have told how homes stand."""

    models: list[ModelTold]
    left_out: int
    open_ends: list[OpenEnd]
    workers: list[int]


class PlanTold(msgspec.Struct, frozen=True):
    """A plan, by which worker (null: none answers), and which others there are."""

    plan: ToldPlan
    worker: int | None
    workers: list[int]


class Models:
    """The page of models, and what of the API it needs."""

    def __init__(self, desk: Desk, catalogue: Catalogue) -> None:
        self._desk = desk
        self._catalogue = catalogue

    def routes(self) -> Sequence[Route]:
        return (
            Route("GET", "/models", self._page, OPERATORS, asks=PageAsked),
            Route(
                *("GET", "/api/models", self._list, OPERATORS),
                summary="All names of models: their homes and how they are, prices, fallbacks.",
                asks=ModelsAsked,
                gives=ModelsTold,
            ),
            Route(
                *("GET", "/api/plan", self._plan, OPERATORS),
                summary="Which targets a call for a model would be sent to, and why.",
                asks=PlanAsked,
                gives=PlanTold,
            ),
        )

    async def _list(self, visit: Visit) -> ModelsTold:
        asked: ModelsAsked = visit.asked
        return await self._told(asked.q)

    async def _plan(self, visit: Visit) -> PlanTold:
        asked: PlanAsked = visit.asked
        explained, report, workers = await self._explained(asked.model, asked.thread, asked.worker)
        return PlanTold(told(asked.model, explained), report.worker or None, workers)

    async def _page(self, visit: Visit) -> Page:
        asked: PageAsked = visit.asked
        if asked.model:
            return Page("plan.html", await self._drawn(asked))
        return Page("models.html", {"told": await self._told(asked.q), "asked": asked})

    async def _told(self, wanted: str) -> ModelsTold:
        reports = reports_of(await self._desk.health())
        answers = await self._desk.models()
        listed = listed_by(answers)
        models = self._catalogue.models(
            listed, standings(reports), wanted.strip().lower(), absences(reports)
        )
        return ModelsTold(
            models[:MOST_SHOWN],
            len(models[MOST_SHOWN:]),
            list(self._catalogue.open_ends(listed, counts_in(answers))),
            [report.worker for report in reports],
        )

    async def _explained(
        self, model: str, thread: str, worker: int | None
    ) -> tuple[Explained, Report, list[int]]:
        """Return a plan, whose view it is, and which workers there are. Raises `Refusal`."""
        reports = reports_of(await self._desk.health())
        listed = listed_by(await self._desk.models())
        workers = [report.worker for report in reports]
        if worker is not None and worker not in workers:
            raise Refusal(404, "unknown_worker", f"There is no worker {worker} that answers.")
        found = [report for report in reports if worker in {None, report.worker}]
        report = found[0] if found else Report()
        try:
            explained = self._catalogue.plan(model, thread or None, report, listed)
        except UnknownModel as unknown:
            raise Refusal(404, "model_not_found", unknown.message) from None
        return explained, report, workers

    async def _drawn(self, asked: PageAsked) -> Mapping[str, object]:
        explained, report, workers = await self._explained(asked.model, asked.thread, asked.worker)
        stand = standings([report])
        flow: Flow = flow_of(explained, self._catalogue, stand)
        return {"asked": asked, "flow": flow, "worker": report.worker or None, "workers": workers}
