"""The tap that remembers the calls that ended last, so that one can see a call vanish, and why.

It says nothing of what was asked or answered (R21).
"""

from collections import deque
from itertools import chain
from typing import Final

import msgspec

from gateway.telemetry.access_log import LOST, PROBES, shown
from gateway.words.answer import MOST_TOKENS
from gateway.words.receipt import Outcome, Receipt

MOST_ENDED: Final = 64
"""Calls that are remembered of each sort: those that were cut off, and all others."""


class SeenEnded(msgspec.Struct, frozen=True):
    """A call that has ended, `ago` seconds ago; its names are safe to show.

    `number` counts the calls of the worker. `cut` says that it was ended from outside, `cancel_ms`
    how many milliseconds later the last provider's connection was let go; None where there was
    none.
    """

    number: int = 0
    id: str = ""
    method: str = ""
    path: str = ""
    model: str | None = None
    target: str | None = None
    key: str = ""
    outcome: str = ""
    phase: str = ""
    cause: str | None = None
    ago: float = 0.0
    duration: float = 0.0
    tokens: int = 0
    cut: bool = False
    cancel_ms: float | None = None


class Endings:
    """A tap (see `words.receipt.Tap`). The receipt itself is kept: it no longer changes.

    What was cut off has a room of its own: in a busy second more calls end well than are kept.
    """

    def __init__(self) -> None:
        self._count = 0
        self._cut: deque[tuple[int, Receipt]] = deque(maxlen=MOST_ENDED)
        self._others: deque[tuple[int, Receipt]] = deque(maxlen=MOST_ENDED)

    def settled(self, receipt: Receipt) -> None:
        """Remember it, unless it is a probe; what is told of it is worked out for who asks."""
        if receipt.endpoint in PROBES:
            return
        self._count += 1
        room = self._others
        if receipt.cut_at is not None and _is_cut(receipt):
            room = self._cut
        room.append((self._count, receipt))

    def last(self, now: float) -> list[SeenEnded]:
        """Return what is remembered, the first that ended first."""
        known = sorted(chain(self._cut, self._others), key=lambda each: each[0])
        return [_ended(number, receipt, now) for number, receipt in known]


def _is_cut(receipt: Receipt) -> bool:
    """Say whether it was ended from outside: a client may leave after the last byte too."""
    return receipt.cut_at is not None and receipt.outcome is not Outcome.COMPLETED


def _ended(number: int, receipt: Receipt, now: float) -> SeenEnded:
    ended = now if receipt.ended is None else receipt.ended
    return SeenEnded(
        number=number,
        id=receipt.request_id,
        method=shown(receipt.method) or "",
        path=shown(receipt.path.partition("?")[0]) or "",
        model=shown(receipt.model),
        target=shown(receipt.target),
        key=receipt.caller.key,
        outcome=str(receipt.outcome or Outcome.INTERNAL),
        phase=str(receipt.phase),
        cause=receipt.cause,
        ago=round(now - ended, 3),
        duration=round(ended - receipt.began, 3),
        tokens=tokens_of(receipt),
        cut=_is_cut(receipt),
        cancel_ms=cancel_ms(receipt),
    )


def cancel_ms(receipt: Receipt) -> float | None:
    """Return the milliseconds from the cut to the moment when the last provider was let go.

    None where the call was not cut, or no attempt was open then.
    """
    cut_at = receipt.cut_at
    if cut_at is None:
        return None
    ends = [each.ended for each in receipt.attempts if each.ended is not None]
    later = [end for end in ends if end >= cut_at]
    return round((max(later) - cut_at) * 1000, 3) if later else None


def tokens_of(receipt: Receipt) -> int:
    """Return the tokens that have been answered, as far as they are known.

    They are what the provider has counted, and a token for each piece with content that came since.
    Of a race only the winner answers; an answer that was read along has no attempt of its own.
    """
    if not receipt.attempts:
        usage = receipt.usage
        return receipt.pieces if usage is None else min(usage.output_tokens, MOST_TOKENS)
    tokens = 0
    for each in receipt.attempts:
        if each.outcome != LOST:
            told = 0 if each.usage is None else each.usage.output_tokens
            tokens += told + max(each.pieces - each.counted, 0)
    return min(tokens, MOST_TOKENS)
