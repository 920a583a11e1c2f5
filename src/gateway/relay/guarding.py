"""The step in the corridor at which guards look: at a request before anybody is asked it, and at
its answer before it leaves, whoever has told it and whoever else reads it.
"""

from typing import Final

import msgspec
import trio

from gateway.policy.guards.finding import Findings
from gateway.policy.guards.guard import Guard
from gateway.policy.guards.inspection import Inspection
from gateway.policy.guards.watch import Watch
from gateway.relay.checking import go_without, is_match
from gateway.relay.errand import Errand
from gateway.relay.guards import Guarding
from gateway.words.answer import Answer, Piece
from gateway.words.call import COUNT_INPUT, COUNT_TOKENS, Call
from gateway.words.caller import Caller
from gateway.words.client import Header
from gateway.words.errors import GatewayError
from gateway.words.receipt import Receipt

MOST_HELD_BYTES: Final = 16_777_216
"""Of an answer that waits to be judged whole; a longer one nobody judges."""

_TOLD: Final = frozenset({"chat", "completions", "compact"})
"""Operations whose answers are text that can be looked at."""

_SILENT: Final = frozenset({"embeddings", "moderation", "rerank", COUNT_TOKENS, COUNT_INPUT})
"""Operations whose answers hold no text that a model has made."""


class Guarded:
    """An answer (see `words.answer.Answer`) that is looked at on its way."""

    def __init__(self, answer: Answer, guards: tuple[Guard, ...], errand: Errand) -> None:
        self._answer = answer
        self._errand = errand
        self._findings = Findings(errand.receipt.note_guard, answer=True)
        self._checks = tuple(guard for guard in guards if guard.check is not None)
        form = errand.call.form
        self._watch = Watch(form, guards, self._findings, keeps_texts=bool(self._checks))
        self._held_bytes = 0
        self._failure: GatewayError | None = None
        self._told = False
        self.ended = False

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> tuple[Header, ...]:
        return self._answer.headers

    async def next(self) -> list[Piece]:
        """Return what may leave, which may be nothing yet. Raises `ContentBlocked` also.

        An error waits until what may leave before it has left, if any of the answer has.
        """
        if self._failure is not None:
            raise self._failure
        try:
            await self._read()
        except GatewayError as error:
            if self._checks or not self._told:
                raise
            self._failure = error
        if self._checks and not self.ended:
            return []
        passed, self._watch.passed = self._watch.passed, []
        self._told = self._told or bool(passed)
        return passed

    async def _read(self) -> None:
        watch = self._watch
        try:
            pieces = await self._answer.next()
        except GatewayError:
            watch.end()
            raise
        for _ in watch.feed(pieces):
            await trio.lowlevel.checkpoint()
        if self._answer.ended:
            watch.end()
            await self._check()
            self.ended = True
        elif self._checks:
            self._held_bytes += sum(len(piece.raw) for piece in pieces)
            if self._held_bytes > MOST_HELD_BYTES:
                for guard in self._checks:
                    go_without(guard, self._errand)
                self._checks = ()

    async def _check(self) -> None:
        for guard in self._checks:
            assert guard.check is not None, "it is a check"
            if await is_match(guard, guard.check, self._watch.texts, "answer", self._errand):
                self._findings.hit(guard)

    async def __aenter__(self) -> "Guarded":
        await self._answer.__aenter__()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        await self._answer.__aexit__(kind, error, trace)


class Look:
    """What guards make of one call: the errand as it may go on, and who looks at its answer."""

    def __init__(self, errand: Errand, guards: tuple[Guard, ...]) -> None:
        self.errand = errand
        self._guards = guards

    def over(self, answer: Answer) -> Answer:
        """Return the answer as it may be told."""
        return Guarded(answer, self._guards, self.errand) if self._guards else answer


async def look_into(errand: Errand, guarding: Guarding) -> Look:
    """Have the guards look at a request. Raises `ContentBlocked`, `GuardAway`."""
    receipt = errand.receipt
    guards = guarding.guards.concerning(receipt.caller, errand.call.model, receipt.asked)
    asks = tuple(guard for guard in guards if guard.asks)
    if asks:
        call = await _inspected(errand, asks)
        errand = msgspec.structs.replace(errand, call=call)
    return Look(errand, _answering(errand.call, guards, receipt))


def check_passage(caller: Caller, receipt: Receipt, guarding: Guarding) -> None:
    """Refuse what passes through unseen, where a guard must see it. Raises `ContentBlocked`."""
    guards = guarding.guards.concerning(caller)
    Findings(receipt.note_guard, answer=False).unseen(guards)


async def _inspected(errand: Errand, guards: tuple[Guard, ...]) -> Call:
    findings = Findings(errand.receipt.note_guard, answer=False)
    inspection = Inspection(errand.call, guards, findings)
    for _ in inspection.run():
        await trio.lowlevel.checkpoint()
    for guard in guards:
        if guard.check is not None:
            asking = msgspec.structs.replace(errand, call=inspection.call)
            if await is_match(guard, guard.check, inspection.texts, "request", asking):
                findings.hit(guard)
    return inspection.call


def _answering(call: Call, guards: tuple[Guard, ...], receipt: Receipt) -> tuple[Guard, ...]:
    """Return the guards that look at the answer. Raises `ContentBlocked` where none could."""
    answering = tuple(guard for guard in guards if guard.answers)
    if not answering or call.operation in _SILENT:
        return ()
    if call.operation not in _TOLD:
        Findings(receipt.note_guard, answer=True).unseen(answering)
        return ()
    return answering
