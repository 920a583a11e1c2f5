"""Clocks as far as they are told what a provider sends: one call's own, or that of many."""

from typing import Protocol

import trio


class Hearing(Protocol):
    """A clock, as far as it is told what a provider sends."""

    @property
    def silent(self) -> bool:
        """True once a call was ended because its provider fell silent."""

    def received(self) -> None:
        """Say that the provider sent bytes, whatever they hold."""

    def heard(self) -> None:
        """Say that the provider sent an event; comments are none."""


class CallClock(Hearing, Protocol):
    """The clock of one call, as far as it hears of the answer that the call reads."""

    def commit(self) -> float:
        """Say that content has come: from now on the idle clock counts. Returns when it came."""

    def doubt(self) -> None:
        """Say that another content must come before the idle clock counts again."""

    def watch(self, reading: trio.CancelScope | None) -> None:
        """End this scope, while it is given, and not the call where the provider falls silent."""
