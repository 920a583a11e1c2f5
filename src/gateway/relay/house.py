"""All that a call decides with: frozen, so that a call ends with what it began with."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from httpx2 import AsyncBaseTransport

from gateway.forms.chat_thread import thread_of
from gateway.policy.allowance import Allowance
from gateway.policy.asking import Ask
from gateway.policy.health import Health
from gateway.policy.routes import Routes
from gateway.policy.scrub import Scrubber
from gateway.relay.kept import Answers
from gateway.relay.options import AnswerOptions, ClockOptions
from gateway.relay.shared import Sharing
from gateway.words.call import Call
from gateway.words.receipt import Tap
from gateway.words.target import Plan


@dataclass(frozen=True, slots=True)
class House:
    """The state that calls share. A reload builds another and swaps one reference.

    `turns` counts calls, so that keys take turns; `new_id` makes request ids. `draw` returns a
    number below 1 by chance, `today` is Unix time: for dates that providers name, never a clock.
    """

    routes: Routes
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

    def plan(self, call: Call, now: float) -> Plan:
        """Return whom to ask, in order. Raises `UnknownModel`."""
        thread = partial(thread_of, call)
        ask = Ask(now, next(self.turns), self.draw(), thread, self.health)
        return self.routes.plan(call.model, ask)


@dataclass(slots=True)
class Current:
    """The one reference that is swapped."""

    house: House
