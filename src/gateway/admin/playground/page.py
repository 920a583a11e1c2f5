"""The playground: a conversation with any model that the gateway knows, as its clients have it."""

from typing import Final

import msgspec
import trio
from quart import Response
from quart.wrappers.response import ResponseBody

from gateway.admin.playground.approach import Approach
from gateway.admin.playground.trial import Question, Trial
from gateway.admin.routes import ASKERS, Page, Refusal, Role, Route, Routes, Visit

MOST_TRIALS: Final = 8
"""Conversations at a time."""

MOST_NAMES: Final = 2_000
MOST_LIST_BYTES: Final = 1_048_576
LIST_TIMEOUT: Final = 2.0

EVENTS: Final = "text/event-stream"


class _Model(msgspec.Struct, frozen=True):
    id: str


class _Models(msgspec.Struct, frozen=True):
    data: list[_Model]


_read_models = msgspec.json.Decoder(_Models).decode


class Playground:
    """The page and what it asks, over the way to the public listener."""

    def __init__(self, approach: Approach, *, ledger: bool = False) -> None:
        """`ledger`: what a call came to can be looked up."""
        self._approach = approach
        self._ledger = ledger
        self._trials = 0

    def routes(self) -> Routes:
        """Return all that there is of it."""
        return (
            Route("GET", "/playground", self._page, ASKERS),
            Route(
                "POST",
                "/api/playground",
                self._ask,
                ASKERS,
                summary="Ask a model, and stream its answer as server-sent events.",
                takes=Question,
                kind=EVENTS,
            ),
        )

    async def _page(self, visit: Visit) -> Page:
        # What a developer may not ask for has no name either (S13).
        needs_key = visit.who.role is not Role.ADMIN
        names = [] if needs_key else await self._names()
        values = {
            "models": names,
            "needs_key": needs_key,
            "address": self._approach.address,
            "ledger": self._ledger,
        }
        return Page("playground.html", values)

    async def _ask(self, visit: Visit) -> Response:
        question: Question = visit.said
        if visit.who.role is not Role.ADMIN and not question.key:
            raise Refusal(403, "key_required", "Give a virtual key of your own in `key`.")
        if self._trials >= MOST_TRIALS:
            raise full()
        trial = Trial(self._approach, question, visit.who)
        response = Response(Streamed(self, trial), content_type=EVENTS)
        # Quart would cut it off after a while, without a word.
        response.timeout = None
        return response

    async def _names(self) -> list[str]:
        """Return what may be asked for; none where the list cannot be had."""
        with trio.move_on_after(LIST_TIMEOUT):
            try:
                told = await self._approach.ask("GET", "/v1/models", (self._approach.shown(""),))
                try:
                    said = await told.whole(MOST_LIST_BYTES)
                finally:
                    told.close()
                return [model.id for model in _read_models(said).data[:MOST_NAMES]]
            except (Refusal, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return []
        return []

    def enter(self) -> bool:
        """Count a conversation that has begun; say whether there was room for it."""
        self._trials += 1
        return self._trials <= MOST_TRIALS

    def leave(self) -> None:
        """Count one that is over."""
        self._trials -= 1


def full() -> Refusal:
    """Return what one conversation too many is told."""
    said = f"{MOST_TRIALS} conversations are open, which is the most."
    return Refusal(503, "overloaded", said, 1)


class Streamed(ResponseBody):
    """An answer on its way to a browser. Whatever ends it, the call behind it ends there.

    Nothing is asked before the answer's own body is entered: from then on its exit is certain.
    """

    def __init__(self, place: Playground, trial: Trial) -> None:
        self._place = place
        self._trial = trial

    async def __aenter__(self) -> "Streamed":
        if not self._place.enter():
            # It was let in beside others, before any of them had begun.
            self._trial.refuse(full())
        return self

    async def __aexit__(self, kind: object, error: object, trace: object) -> None:
        self._trial.close()
        self._place.leave()

    def __aiter__(self) -> "Streamed":
        return self

    async def __anext__(self) -> bytes:
        data = await self._trial.next()
        if not data:
            raise StopAsyncIteration
        return data
