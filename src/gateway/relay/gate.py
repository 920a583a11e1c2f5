"""Lets calls in by what this process alone knows: nobody is asked, and nothing is waited for."""

from collections.abc import Callable, Sequence

from gateway.policy.admission import admit, headers_of
from gateway.policy.budgets import Want
from gateway.policy.limits import Lease, Limiter, Subject
from gateway.words.client import Header


class LocalGate:
    """A gate (see `relay.house.Gate`) with its own limiter. Times are Trio's."""

    def __init__(self, limiter: Limiter, clock: Callable[[], float]) -> None:
        self._limiter = limiter
        self._clock = clock

    away = False
    mode = "local"

    async def admit(self, subjects: Sequence[Subject], tokens: int, wants: Sequence[Want]) -> Lease:
        return admit(self._limiter, subjects, tokens, self._clock())

    async def fund(self, wants: Sequence[Want]) -> None:
        """Grant nothing: all the money there is lies in the purses already."""

    def headers(self, subjects: Sequence[Subject], lease: object) -> tuple[Header, ...]:
        return headers_of(self._limiter, subjects, self._clock())
