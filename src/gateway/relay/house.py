"""All that a call decides with: frozen, so that a call ends with what it began with."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from httpx2 import AsyncBaseTransport

from gateway.policy.routes import Routes
from gateway.policy.scrub import Scrubber
from gateway.relay.options import AnswerOptions, ClockOptions
from gateway.words.receipt import Tap


@dataclass(frozen=True, slots=True)
class House:
    """The state that calls share. A reload builds another and swaps one reference.

    `turns` counts calls, so that keys take turns; `new_id` makes request ids.
    """

    routes: Routes
    clocks: ClockOptions
    answers: AnswerOptions
    transports: Mapping[str, AsyncBaseTransport]
    scrubber: Scrubber
    taps: tuple[Tap, ...]
    turns: Iterator[int]
    new_id: Callable[[], str]
    report: Callable[[str, BaseException, str], None]
    """Tell the log of a bug: what was being done, the exception, the request id."""


@dataclass(slots=True)
class Current:
    """The one reference that is swapped."""

    house: House
