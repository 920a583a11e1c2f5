"""The clock of a shared answer: it tells the clocks of all its readers what the provider sends."""

import trio

from gateway.relay.hearing import CallClock


class SharedClock:
    """Tells the clocks of all readers what the provider sends, whoever of them reads it.

    So each call has its idle clock, and all of them run alike. `heard_at` is when the provider
    last sent an event; time in which nobody wanted to read is taken for none of its silence.
    """

    def __init__(self) -> None:
        self._clocks: list[CallClock] = []
        self._reading: trio.CancelScope | None = None
        self._silent = False
        self._resting_since: float | None = None
        self.bytes_at = self.heard_at = trio.current_time()

    @property
    def silent(self) -> bool:
        """True once a reader was ended because the provider fell silent, and it still is."""
        return self._silent or any(clock.silent for clock in self._clocks)

    def silence(self, now: float) -> float:
        """Return for how many seconds the provider has had nothing to say to those who listen."""
        until = now if self._resting_since is None else self._resting_since
        return until - self.heard_at

    def received(self) -> None:
        self.bytes_at = trio.current_time()
        for clock in self._clocks:
            clock.received()

    def heard(self) -> None:
        self.heard_at = self.bytes_at
        self._silent = False
        for clock in self._clocks:
            clock.heard()

    def commit(self) -> float:
        self.heard_at = self.bytes_at
        for clock in self._clocks:
            clock.commit()
        return self.bytes_at

    def doubt(self) -> None:
        for clock in self._clocks:
            clock.doubt()

    def watch(self, reading: trio.CancelScope | None) -> None:
        self._reading = reading
        for clock in self._clocks:
            clock.watch(reading)

    def add(self, clock: CallClock) -> None:
        """Let one more hear."""
        self._clocks.append(clock)
        if self._reading is not None:
            clock.watch(self._reading)

    def remove(self, clock: CallClock) -> None:
        """Let one hear no more."""
        self._clocks.remove(clock)
        self._silent = self._silent or clock.silent
        if self._reading is not None:
            clock.watch(None)

    def listen(self) -> None:
        """Say that somebody wants to read from now on."""
        if self._resting_since is not None:
            self.heard_at += trio.current_time() - self._resting_since
            self._resting_since = None

    def rest(self) -> None:
        """Say that nobody reads: the readers have enough to pass on."""
        self._resting_since = trio.current_time()
