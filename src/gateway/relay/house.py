"""All that a call decides with: frozen, so that a call ends with what it began with."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from httpx2 import AsyncBaseTransport

from gateway.forms.chat_thread import thread_of
from gateway.policy.allowance import Allowance
from gateway.policy.asking import Ask
from gateway.policy.health import Health
from gateway.policy.keys import Keyring
from gateway.policy.limits import Limiter
from gateway.policy.routes import Routes
from gateway.policy.scrub import Scrubber
from gateway.relay.costs import Costs
from gateway.relay.kept import Answers
from gateway.relay.options import AnswerOptions, ClockOptions
from gateway.relay.shared import Sharing
from gateway.words.call import Call
from gateway.words.caller import Caller
from gateway.words.receipt import Receipt, Tap
from gateway.words.target import Plan


class Books(Protocol):
    """The ledger, as far as a call that begins knows it."""

    def started(self, receipt: Receipt) -> object:
        """Note a call right before the first target is asked, without waiting."""


@dataclass(frozen=True, slots=True)
class House:
    """The state that calls share. A reload builds another and swaps one reference.

    `turns` counts calls, so that keys take turns; `new_id` makes request ids. `draw` returns a
    number below 1 by chance, `today` is Unix time: for dates that providers name, never a clock.
    """

    routes: Routes
    keys: Keyring | None
    """The virtual keys; None where there are none, and anyone may call."""
    limiter: Limiter
    costs: Costs | None
    """Who puts a price on attempts; None where nobody asks what they cost."""
    books: Books | None
    """The ledger; None where there is none."""
    health: Health
    hedges: Allowance
    sharing: Sharing
    kept: Answers
    clocks: ClockOptions
    answers: AnswerOptions
    transports: Mapping[str, AsyncBaseTransport]
    scrubber: Scrubber
    taps: tuple[Tap, ...]
    turns: Iterator[int]
    new_id: Callable[[], str]
    draw: Callable[[], float]
    today: Callable[[], float]
    report: Callable[[str, BaseException, str], None]
    """Tell the log of a bug: what was being done, the exception, the request id."""

    def plan(self, call: Call, caller: Caller, now: float) -> Plan:
        """Return whom to ask for this caller, in order. Raises `UnknownModel`."""
        if self.keys is not None:
            self.check(call.model, caller)
        thread = partial(thread_of, call)
        ask = Ask(now, next(self.turns), self.draw(), thread, self.health)
        return self.routes.plan(call.model, ask)

    def check(self, name: str, caller: Caller) -> None:
        """Raise `UnknownModel` for a name that has no home, or that the caller may not ask for."""
        if not self.routes.knows(name) or not (self.keys is None or self.keys.may(caller, name)):
            raise self.routes.unknown(name, self.names_for(caller))

    def names_for(self, caller: Caller) -> list[str]:
        """Return all names that the caller may ask for, in order."""
        names = self.routes.names
        keys = self.keys
        return names if keys is None else [name for name in names if keys.may(caller, name)]


@dataclass(slots=True)
class Current:
    """The one reference that is swapped."""

    house: House
