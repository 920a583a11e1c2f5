"""Asks a provider now and again whether it is there, beside all calls: a service of the process.

It asks for something cheap and never for a completion. One answer that fails to come is nothing
yet; what follows from two of them is for whoever listens to say.
"""

from dataclasses import dataclass
from typing import NoReturn, Protocol

import httpx2
import trio

from gateway.upstream.probe import is_there
from gateway.words.client import Header
from gateway.words.errors import GatewayError
from gateway.words.target import Origin

ENOUGH = 2
"""Probes in a row that must fail before a provider is taken to be away."""


class Listens(Protocol):
    """Who is told what the probes find."""

    def found(self, provider: str, now: float) -> None:
        """Take note that the provider answers."""

    def missed(self, provider: str, until: float) -> None:
        """Take note that it does not, which counts until then."""


class Tells(Protocol):
    """The log, as far as a pulse speaks to it."""

    def warning(self, event: str, **fields: object) -> None: ...

    def info(self, event: str, **fields: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Pulse:
    """One provider's probe: every `interval` seconds, with `timeout` seconds for each answer."""

    provider: str
    origin: Origin
    path: str
    headers: tuple[Header, ...]
    interval: float
    timeout: float

    async def feel(self, client: httpx2.AsyncClient, listener: Listens, log: Tells) -> NoReturn:
        """Probe until cancelled."""
        missed = 0
        while True:
            failure = await self._ask(client)
            now = trio.current_time()
            if failure is None:
                listener.found(self.provider, now)
                if missed >= ENOUGH:
                    log.info("provider is back", provider=self.provider)
                missed = 0
            else:
                missed += 1
                if missed == ENOUGH:
                    log.warning("provider is away", provider=self.provider, error=failure)
                if missed >= ENOUGH:
                    # It counts until the next probe has been answered, or has not.
                    listener.missed(self.provider, now + self.interval + 2 * self.timeout)
            await trio.sleep(self.interval)

    async def _ask(self, client: httpx2.AsyncClient) -> str | None:
        """Return why the provider is not there; None where it is."""
        try:
            with trio.fail_after(self.timeout):
                await is_there(self.origin, self.path, self.headers, client)
        except GatewayError as error:
            return error.message
        except trio.TooSlowError:
            return f"no answer within {self.timeout:g} seconds"
        return None
