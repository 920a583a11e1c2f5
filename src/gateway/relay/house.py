"""All that a call decides with: frozen, so that a call ends with what it began with."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import msgspec
from httpx2 import AsyncBaseTransport

from gateway.forms.chat_thread import thread_of
from gateway.policy.allowance import Allowance
from gateway.policy.areas import Ways
from gateway.policy.asking import Ask
from gateway.policy.budgets import Purse, Purses, Want
from gateway.policy.health import Health
from gateway.policy.issuers import Identifies
from gateway.policy.keys import Keyring
from gateway.policy.limits import Lease, Subject
from gateway.policy.own_key import OwnKey, own_key
from gateway.policy.routes import Routes
from gateway.policy.scrub import Scrubber
from gateway.policy.thoughts import Thoughts
from gateway.policy.tracing import Tracing
from gateway.policy.wishes import Wishes
from gateway.relay.costs import Costs
from gateway.relay.guards import Guarding
from gateway.relay.kept import Answers
from gateway.relay.objects import LocalObjects
from gateway.relay.options import AnswerOptions, ClockOptions
from gateway.relay.shared import Sharing
from gateway.upstream.tokens import Tokens
from gateway.words.call import Call
from gateway.words.caller import Caller, Limits
from gateway.words.client import Header
from gateway.words.owned import Owned
from gateway.words.receipt import Receipt, Tap
from gateway.words.target import Plan


class Gate(Protocol):
    """Who counts what callers have in use: this process alone, or several together."""

    @property
    def away(self) -> bool:
        """Whether those who count together cannot be asked; then `mode` says what holds."""

    @property
    def mode(self) -> str:
        """`local`, `open` or `closed` (see `on_shared_loss`)."""

    async def admit(self, subjects: Sequence[Subject], tokens: int, wants: Sequence[Want]) -> Lease:
        """Let a call in that will take about so many tokens, and put money into purses.

        The lease is to be entered at once. Raises `RateLimited`, or `Busy`.
        """

    async def fund(self, wants: Sequence[Want]) -> None:
        """Put more money into purses, as far as there is any."""

    def headers(self, subjects: Sequence[Subject], lease: Lease) -> tuple[Header, ...]:
        """Return what a caller is told of its limits."""


class Books(Protocol):
    """The ledger, as far as a call that begins knows it."""

    def started(self, receipt: Receipt) -> object:
        """Note a call right before the first target is asked, without waiting."""


class Objects(Protocol):
    """Who knows whose the objects are that providers keep: files, batches, responses (API1).

    A scope is `relay.scope.scope_of` of a caller. Whoever had an object first keeps it.
    """

    async def owner_of(self, id: str) -> Owned | None:
        """Return whose an object is; None where nobody had it made here. Raises `Busy`."""

    async def owners_of(self, ids: Iterable[str]) -> Mapping[str, Owned]:
        """Return the owners of those that have one. Raises `Busy`."""

    async def claim(self, kind: str, ids: Iterable[str], provider: str, scope: bytes) -> None:
        """Note whose objects are; what can be no id is passed over. Raises nothing."""

    async def forget(self, id: str) -> None:
        """Note that an object is no more. Raises nothing."""


@dataclass(frozen=True, slots=True)
class House:
    """The state that calls share. A reload builds another and swaps one reference.

    `turns` counts calls, so that keys take turns; `new_id` makes request ids. `draw` returns a
    number below 1 by chance, `today` is Unix time: for dates that providers name, never a clock.
    """

    routes: Routes
    keys: Keyring | None
    """The virtual keys; None where there are none, and anyone may call."""
    gate: Gate
    limits_of_models: Mapping[str, Limits]
    """What all callers together may ask for, by the names of models."""
    purses: Purses
    warn_of: Callable[[Purse, float], None]
    """Tell the log that a part of a budget has been spent."""
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
    issuers: Identifies | None = None
    """Who knows callers by the tokens of issuers; None where there are none."""
    objects: Objects = field(default_factory=LocalObjects)
    """Whose the objects are that providers keep."""
    ways: Ways = field(default_factory=Ways)
    """Who serves what passes through."""
    tokens: Tokens = field(default_factory=Tokens)
    """Who has the credentials that end after a while."""
    open_use: bool = False
    """Whether a gateway without keys answers under any name, and one with keys without them."""
    passes_keys: bool = False
    """Whether any provider is shown the caller's own key."""
    thoughts: Thoughts = field(default_factory=Thoughts)
    """The thoughts behind calls of tools, for clients that do not send them back."""
    guarding: Guarding | None = None
    """Who looks at what is asked and answered; None where there are no guards."""
    tracing: Tracing | None = None
    """Who takes part in traces; None where what clients say of theirs is only passed on."""

    def with_own_key(self, wishes: Wishes, headers: Mapping[bytes, bytes]) -> Wishes:
        """Return the wishes with the key that the caller has with a provider, if it shows one."""
        return msgspec.structs.replace(wishes, own=self.own_key(headers))

    def own_key(self, headers: Mapping[bytes, bytes]) -> OwnKey | None:
        """Return the key that the caller has with a provider; None where it shows none."""
        known = self.keys is not None or self.issuers is not None
        return own_key(headers, self._is_ours if known else None)

    def _is_ours(self, shown: bytes) -> bool:
        """Say whether a key or a token is for this gateway: nobody else is to be shown it."""
        keys, issuers = self.keys, self.issuers
        known = keys is not None and keys.knows(shown)
        return known or (issuers is not None and issuers.is_meant_here(shown))

    def plan(self, call: Call, caller: Caller, now: float) -> Plan:
        """Return whom to ask for this caller, in order. Raises `UnknownModel`."""
        if self.keys is not None:
            self.check(call.model, caller)
        return self.plan_for(call.model, call, now)

    def plan_for(self, model: str, call: Call, now: float) -> Plan:
        """Return whom to ask for a model, whoever asks, in order. Raises `UnknownModel`."""
        thread = partial(thread_of, call)
        ask = Ask(now, next(self.turns), self.draw(), thread, self.health)
        return self.routes.plan(model, ask)

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
