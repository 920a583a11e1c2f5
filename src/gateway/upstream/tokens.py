"""Credentials that end after a while: fetched, kept, fetched anew. Services of the process.

A request never fetches them: it shows what is there, and only where there is nothing yet does it
wait, for a while, for the one fetch that is under way for all. They are fetched anew long before
they end, so that a source which is away for some minutes is not noticed; what was fetched last
goes on for as long as it holds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import ceil, inf
from typing import Final, NoReturn, Protocol

import httpx2
import trio

from gateway.words.call import UpstreamRequest
from gateway.words.client import Header
from gateway.words.errors import GatewayError, NoCredentials
from gateway.words.secret import Secret
from gateway.words.target import Target

FETCH_TIMEOUT: Final = 10.0
PATIENCE: Final = 5.0
"""Seconds that a request waits where there is nothing to show yet."""

RENEWED_AT: Final = 0.8
"""The share of their time after which credentials are fetched anew."""

MARGIN: Final = 10.0
"""Seconds before their end at which they are shown no more: a request is on its way for a while."""

LONGEST: Final = 86_400.0
"""Seconds. What holds longer, or for ever, is looked at again after that."""

SHORTEST_PAUSE: Final = 5.0
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds before what failed is tried again: each time twice as long, up to the second."""

DOUBTED_EVERY: Final = 30.0
"""Seconds. However often a provider refuses them, credentials are fetched anew no more often."""


class Credentials(Protocol):
    """What is shown to a provider, for as long as it holds."""

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must not be told to others."""

    def headers(self, target: Target, request: UpstreamRequest) -> tuple[Header, ...]:
        """Return the header fields that show a request to be ours."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """Credentials, and for how many seconds from now they hold."""

    credentials: Credentials
    lasts: float


class Source(Protocol):
    """Where credentials are fetched."""

    async def fetch(self, client: httpx2.AsyncClient) -> Fetched:
        """Fetch them once. The wait as a whole is the caller's to bound.

        Raises `GatewayError`, or `ValueError` with a sentence for the operator; neither holds a
        secret.
        """


class Tells(Protocol):
    """The log, as far as it hears of credentials."""

    def warning(self, event: str, **fields: object) -> None: ...

    def info(self, event: str, **fields: object) -> None: ...


Learns = Callable[[str, Iterable[Secret]], None]
"""Told of the secrets that were fetched, under the name of their source."""


def learns_nothing(name: str, secrets: Iterable[Secret]) -> None:
    """Take no note of secrets."""


class Grant:
    """The credentials of one source. `serve` must be running, else whoever asks waits in vain."""

    def __init__(
        self,
        name: str,
        source: Source,
        log: Tells,
        draw: Callable[[], float],
        learn: Learns = learns_nothing,
    ) -> None:
        """`draw` returns a number below 1 by chance: those who fail together part that way."""
        self.name = name
        self._source = source
        self._log = log
        self._draw = draw
        self._learn = learn
        self._held: Credentials | None = None
        self._until = self._tried = self._next = -inf
        self._fetching = True
        self._failures = 0
        self._reason = ""
        self._doubted, self._answered = trio.Event(), trio.Event()

    async def serve(self, client: httpx2.AsyncClient) -> NoReturn:
        """Have credentials and keep them fresh, until cancelled."""
        while True:
            pause = await self._renew(client)
            self._next = trio.current_time() + pause
            with trio.move_on_after(pause):
                await self._doubted.wait()

    async def get(self) -> Credentials:
        """Return the credentials; where there are none yet, wait for `PATIENCE` seconds at most.

        Raises `NoCredentials`, with the reason.
        """
        if self._held is None or trio.current_time() >= self._until:
            if self._fetching:
                with trio.move_on_after(PATIENCE):
                    await self._answered.wait()
            if self._held is None or trio.current_time() >= self._until:
                raise self._missing()
        return self._held

    def doubt(self) -> None:
        """Have them fetched anew, since a provider has refused them; not more than now and then."""
        if trio.current_time() - self._tried >= DOUBTED_EVERY:
            self._doubted.set()

    def _missing(self) -> NoCredentials:
        reason = self._reason or "they have not come yet"
        wait = self._next - trio.current_time()
        after = b"%d" % max(1, ceil(wait) if wait > 0 else 1)
        return NoCredentials(
            f"The credentials for the provider {self.name} cannot be had now: {reason}.",
            headers=((b"retry-after", after),),
        )

    async def _renew(self, client: httpx2.AsyncClient) -> float:
        """Fetch them once; return after how many seconds they are to be fetched again."""
        self._tried, self._fetching = trio.current_time(), True
        try:
            with trio.fail_after(FETCH_TIMEOUT):
                fetched = await self._source.fetch(client)
        except (GatewayError, ValueError) as error:
            return self._missed(str(error).removesuffix("."))
        except trio.TooSlowError:
            return self._missed(f"no answer within {FETCH_TIMEOUT:g} seconds")
        else:
            return self._take(fetched)
        finally:
            self._fetching = False
            self._answered.set()
            self._doubted, self._answered = trio.Event(), trio.Event()

    def _take(self, fetched: Fetched) -> float:
        if self._failures or self._held is None:
            self._log.info("credentials fetched", provider=self.name)
        self._held, self._failures, self._reason = fetched.credentials, 0, ""
        self._learn(self.name, fetched.credentials.secrets)
        lasts = max(fetched.lasts - MARGIN, fetched.lasts / 2)
        self._until = trio.current_time() + lasts
        return max(min(lasts * RENEWED_AT, LONGEST), SHORTEST_PAUSE)

    def _missed(self, reason: str) -> float:
        if reason != self._reason:
            holds = self._held is not None and trio.current_time() < self._until
            event = "credentials not renewed" if holds else "credentials not fetched"
            self._log.warning(event, provider=self.name, error=reason)
        self._reason = reason
        pause = min(FIRST_PAUSE * 2.0**self._failures, LONGEST_PAUSE)
        self._failures = min(self._failures + 1, 16)
        return pause * (0.75 + 0.5 * self._draw())


class Tokens:
    """All sources of credentials, by the names by which targets know them."""

    __slots__ = ("grants",)

    def __init__(self, grants: Mapping[str, Grant] | None = None) -> None:
        self.grants = dict(grants or {})

    async def credentials(self, target: Target, request: UpstreamRequest) -> tuple[Header, ...]:
        """Return the header fields that show a target's provider whose request it is.

        Waits only where nothing has been fetched yet. Raises `NoCredentials`, with the reason.
        """
        held = await self.grants[target.grant].get()
        return held.headers(target, request)

    def doubt(self, target: Target) -> None:
        """Take note that a target's provider has refused what it was shown."""
        self.grants[target.grant].doubt()
