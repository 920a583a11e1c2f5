"""Where an answer comes from: what is kept, what others are being told, or the plan's targets.

The story in `carry.py` cannot tell them apart. What is not asked for by `coalesce` or `cache` costs
nothing here.
"""

from collections.abc import Callable

import msgspec

from gateway.forms.chat_facts import is_finished
from gateway.policy.cache import Kept, weight
from gateway.policy.sameness import digest
from gateway.relay.counting import count
from gateway.relay.errand import Errand
from gateway.relay.hearing import CallClock
from gateway.relay.replay import Replayed
from gateway.relay.scope import scope_of
from gateway.relay.shared import Lasting
from gateway.relay.shared_clock import SharedClock
from gateway.relay.start import first_to_speak
from gateway.words.answer import Answer, Piece
from gateway.words.call import COUNT_TOKENS
from gateway.words.client import Header
from gateway.words.target import Plan


async def answer_to(plan: Plan, errand: Errand, clock: CallClock) -> Answer:
    """Return the answer at its first content; raises `GatewayError`."""
    if errand.call.operation == COUNT_TOKENS:
        return await count(plan, errand, clock)
    conduct = plan.conduct
    if (conduct.cache_ttl or conduct.coalesce) and not _asks_with_own_key(plan):
        key = digest(errand.call, scope_of(errand.receipt.caller))
        if key is not None:
            return await _kept_or_told(key, plan, errand, clock)
    return await first_to_speak(plan, errand, clock)


def _asks_with_own_key(plan: Plan) -> bool:
    """Say whether the answer may be one that a caller pays for himself: that is nobody else's."""
    return any(target.client_key for target in (*plan.targets, *plan.context_targets))


async def _kept_or_told(key: bytes, plan: Plan, errand: Errand, clock: CallClock) -> Answer:
    house, receipt, ttl = errand.house, errand.receipt, plan.conduct.cache_ttl
    if ttl and errand.wishes.reads_cache:
        kept = await house.kept.get(key)
        if kept is not None:
            receipt.cache, receipt.target = "hit", kept.target
            return Replayed(kept)
    if plan.conduct.coalesce and errand.wishes.reads_cache:
        answer: Answer = await _told(key, plan, errand, clock)
    else:
        answer = await first_to_speak(plan, errand, clock)
    if not ttl:
        return answer
    receipt.cache = receipt.cache or "miss"
    if not errand.wishes.writes_cache or receipt.shared_with is not None:
        return answer
    return Keeping(answer, lambda kept: house.kept.put(key, kept, ttl), errand)


async def _told(key: bytes, plan: Plan, errand: Errand, clock: CallClock) -> Answer:
    """Read along what another call is being told, or begin what others may read along."""

    async def begin(shared: SharedClock) -> Lasting:
        return await first_to_speak(plan, msgspec.structs.replace(errand, clock=shared), shared)

    receipt = errand.receipt
    seat = await errand.house.sharing.join_or_begin(key, receipt, clock, begin)
    receipt.shared_with = seat.shared_with
    if seat.shared_with is not None:
        receipt.cache, receipt.target = "shared", seat.owner.target
    return seat


class Keeping:
    """An answer (see `words.answer.Answer`) that is kept once it has been told whole."""

    def __init__(self, answer: Answer, keep: Callable[[Kept], None], errand: Errand) -> None:
        self._answer = answer
        self._keep = keep
        self._receipt = errand.receipt
        self._most = errand.house.kept.largest
        self._pieces: list[Piece] | None = []
        self._bytes = 0

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> tuple[Header, ...]:
        return self._answer.headers

    @property
    def ended(self) -> bool:
        return self._answer.ended

    async def next(self) -> list[Piece]:
        pieces = await self._answer.next()
        if self._pieces is not None:
            self._pieces += pieces
            self._bytes += weight(pieces)
            if self._bytes > self._most:
                self._pieces = None
        return pieces

    async def __aenter__(self) -> "Keeping":
        await self._answer.__aenter__()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None and self.ended and self._pieces and is_finished(self._pieces):
            target = self._receipt.target or ""
            usage = self._receipt.usage
            pieces = tuple(self._pieces)
            self._keep(Kept(pieces, self.status, self.headers, target, usage))
        await self._answer.__aexit__(kind, error, trace)
