"""The circuit of one home: closed while it answers, open while it is left alone, then half open.

    closed ──failures──▶ open ──`rest` seconds──▶ half open ──content──▶ closed
                          ▲                           │
                          └──────────failure──────────┘

Half open, one call goes to the home to see how it is, the probe; all others pass it by until it
has ended. Content closes the circuit in every state, because nothing says more.

Calls are not told apart here. A call that was under way before the circuit opened may so release
the probe's claim, which lets one more call through; no claim can outlive the calls that are open.
"""

from collections import deque
from typing import Final, Literal

from gateway.words.target import Cooldown

CircuitState = Literal["closed", "open", "half_open"]

REMEMBERED: Final = 128
"""Ended calls that are looked back on, at most."""

MOST_FAILURES: Final = REMEMBERED // 2
"""More `failures` than these open a circuit when these do."""


class Circuit:
    """Whether a home is asked. What makes it open is told anew with each end, in a `Cooldown`."""

    __slots__ = ("_ended", "_probing", "until")

    def __init__(self) -> None:
        self.until: float | None = None
        """When the rest is over; None while it is closed."""
        self._probing = False
        self._ended: deque[tuple[float, bool]] = deque(maxlen=REMEMBERED)
        """When calls ended since it was closed last, and whether they failed."""

    def state(self, now: float) -> CircuitState:
        if self.until is None:
            return "closed"
        return "open" if now < self.until else "half_open"

    def rests_for(self, now: float) -> float:
        """Say for how many seconds it is still open; 0.0 where it may be asked."""
        return 0.0 if self.until is None else max(self.until - now, 0.0)

    @property
    def failures(self) -> int:
        """How many calls have failed one after the other, up to the last one that ended."""
        for count, (_, failed) in enumerate(reversed(self._ended)):
            if not failed:
                return count
        return len(self._ended)

    def claim(self, now: float, *, must: bool) -> bool:
        """Say whether a call may ask the home, and let it be the probe if there is none.

        With `must` it may in any case.
        """
        if self.until is None:
            return True
        if now < self.until or self._probing:
            return must
        self._probing = True
        return True

    def close(self) -> None:
        """Take note of content; where it is closed already that changes nothing."""
        if self.until is None:
            return
        self.until = None
        self._probing = False
        self._ended.clear()

    def release(self) -> None:
        """Take note of an end that says nothing of the home."""
        self._probing = False

    def succeeded(self, now: float) -> None:
        """Take note of an answer that came to its end."""
        self._probing = False
        if self.until is None:
            self._ended.append((now, False))

    def failed(self, now: float, cooldown: Cooldown) -> bool:
        """Take note of a failure, and open if there were too many; True where it has opened.

        While it is open, failures of calls that are under way do not make the rest longer.
        """
        self._probing = False
        if self.until is None:
            self._ended.append((now, True))
            opens = self._has_had_enough(now, cooldown)
        else:
            opens = now >= self.until and cooldown.failures > 0
        if opens:
            self.until = now + cooldown.rest
        return opens

    def rest_until(self, moment: float) -> None:
        """Open, or stay open, until this moment at least: somebody else has seen it fail."""
        self.until = moment if self.until is None else max(self.until, moment)

    def try_again(self, now: float) -> None:
        """Be half open at once where it is open: it has been seen to answer."""
        if self.until is not None:
            self.until = min(self.until, now)

    def _has_had_enough(self, now: float, cooldown: Cooldown) -> bool:
        """So many failures one after the other, or half of twice as many calls."""
        enough = min(cooldown.failures, MOST_FAILURES)
        if enough <= 0:
            return False
        ended = failures = in_a_row = 0
        for when, failed in reversed(self._ended):
            if when < now - cooldown.window:
                break
            if failed:
                in_a_row += failures == ended
                failures += 1
            ended += 1
        return in_a_row >= enough or (ended >= 2 * enough and 2 * failures >= ended)
