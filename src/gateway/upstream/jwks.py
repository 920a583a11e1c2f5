"""The public keys of an issuer of tokens: fetched, kept, fetched anew. A service of the process.

A request never fetches them: it asks here, and waits for the one fetch that is under way for all,
for a while. So keys that nobody has heard of are asked for now and then, however many tokens name
them, and while an issuer is away its last keys go on for a day.
"""

import re
from collections.abc import Callable
from math import ceil, inf
from typing import Final, NoReturn, Protocol

import httpx2
import msgspec
import trio

from gateway.policy.callers import is_loopback
from gateway.upstream.issuer_address import address_of, discovery_of
from gateway.upstream.send import USER_AGENT, at_the_border, body_within, url_of
from gateway.words.client import Header
from gateway.words.errors import Busy, GatewayError, UpstreamFailure
from gateway.words.target import Origin

FETCH_TIMEOUT: Final = 10.0
PATIENCE: Final = 5.0
"""Seconds that a request waits for keys."""

MAX_BYTES: Final = 1_048_576
USUAL, SHORTEST, LONGEST = 3600.0, 300.0, 86_400.0
"""Seconds for which keys are fresh, and the bounds of what an issuer may say of that."""

RENEWED_AT: Final = 0.8
"""The share of that time after which they are fetched anew."""

KEPT: Final = 86_400.0
UNKNOWN_EVERY: Final = 30.0
RETRY: Final = 10.0

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?([0-9]{1,9})(?![0-9])", re.IGNORECASE)
_FIELDS: Final[tuple[Header, ...]] = (
    (b"accept", b"application/json"),
    (b"accept-encoding", b"identity"),
    (b"user-agent", USER_AGENT),
)


class PublicKey(Protocol):
    """One key of an issuer."""

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Say whether these bytes were signed by whoever has the other half of the key."""


class KeySet(Protocol):
    """All keys of an issuer; two sets are one where they hold the same."""

    def __len__(self) -> int: ...

    def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """Return the key of a name; where a token names none, the only one that fits."""


Read = Callable[[bytes], KeySet]
"""Reads a set of keys. Raises `ValueError` where none in it is of use."""


class Tells(Protocol):
    """The log, as far as it hears of issuers."""

    def warning(self, event: str, **fields: object) -> None: ...

    def info(self, event: str, **fields: object) -> None: ...


class _Discovered(msgspec.Struct, frozen=True):
    issuer: str
    jwks_uri: str


_read_discovery = msgspec.json.Decoder(_Discovered).decode


class Jwks:
    """The keys of one issuer. `serve` must be running, else whoever asks waits in vain."""

    def __init__(self, issuer: str, jwks_url: str, read: Read, log: Tells) -> None:
        """Without a `jwks_url` the issuer's own address leads there. Raises `ValueError`."""
        self.issuer = issuer
        self.changes = 0
        """How often the keys were others than before; what an old one vouched for ends there."""
        self._direct = bool(jwks_url)
        self._address = address_of(jwks_url) if jwks_url else discovery_of(issuer)
        self._read = read
        self._log = log
        self._keys: KeySet | None = None
        self._confirmed = self._tried = self._next = -inf
        self._fetching = self._away = False
        self._wanted, self._answered = trio.Event(), trio.Event()

    async def serve(self, client: httpx2.AsyncClient) -> NoReturn:
        """Have keys and keep them fresh, until cancelled."""
        while True:
            pause = await self._renew(client)
            self._next = trio.current_time() + pause
            with trio.move_on_after(pause):
                await self._wanted.wait()

    async def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """Return the key that a token names; None where the issuer has none such.

        Waits, where the key is not known yet, for `PATIENCE` seconds at most. Raises `Busy` while
        no key of the issuer is known at all.
        """
        key = self._known(kid, algorithm)
        if key is not None:
            return key
        due = trio.current_time() - self._tried >= UNKNOWN_EVERY
        if self._fetching or due:
            self._wanted.set()
            with trio.move_on_after(PATIENCE):
                await self._answered.wait()
        if self._keys is None:
            wait = self._next - trio.current_time()
            after = b"%d" % max(1, ceil(wait) if wait > 0 else 1)
            raise Busy(
                "The keys of the token's issuer cannot be had now.",
                headers=((b"retry-after", after),),
            )
        return self._known(kid, algorithm)

    def _known(self, kid: str | None, algorithm: str) -> PublicKey | None:
        return None if self._keys is None else self._keys.find(kid, algorithm)

    async def _renew(self, client: httpx2.AsyncClient) -> float:
        """Fetch the keys once; return after how many seconds they are to be fetched again."""
        self._tried, self._fetching = trio.current_time(), True
        try:
            with trio.fail_after(FETCH_TIMEOUT):
                body, lifetime = await self._fetch(client)
            self._take(self._read(body))
        except (GatewayError, ValueError) as error:
            return self._missed(str(error))
        except trio.TooSlowError:
            return self._missed(f"no answer within {FETCH_TIMEOUT:g} seconds")
        else:
            return lifetime * RENEWED_AT
        finally:
            self._fetching = False
            self._answered.set()
            self._wanted, self._answered = trio.Event(), trio.Event()

    def _take(self, keys: KeySet) -> None:
        self._confirmed = trio.current_time()
        if self._away or self._keys is None:
            self._log.info("keys of an issuer", issuer=self.issuer, keys=len(keys))
        self._away = False
        if keys != self._keys:
            self._keys = keys
            self.changes += 1

    def _missed(self, reason: str) -> float:
        if not self._away:
            self._log.warning("keys of an issuer not fetched", issuer=self.issuer, error=reason)
        self._away = True
        if self._keys is not None and trio.current_time() - self._confirmed >= KEPT:
            self._log.warning("keys of an issuer given up", issuer=self.issuer, error=reason)
            self._keys = None
            self.changes += 1
        return RETRY if self._keys is None else UNKNOWN_EVERY

    async def _fetch(self, client: httpx2.AsyncClient) -> tuple[bytes, float]:
        """Return the document of keys, and for how many seconds it is fresh."""
        if self._direct:
            return await fetch(*self._address, client)
        body, _ = await fetch(*self._address, client)
        try:
            found = _read_discovery(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise ValueError("its configuration names no jwks_uri") from None
        if found.issuer != self.issuer:
            raise ValueError("its configuration is another issuer's")
        try:
            origin, path = address_of(found.jwks_uri)
        except ValueError as error:
            raise ValueError(f"the jwks_uri of its configuration {error}") from None
        if origin.scheme != "https" and not is_loopback(self._address[0].host):
            raise ValueError("the jwks_uri of its configuration leads to this machine")
        return await fetch(origin, path, client)


async def fetch(origin: Origin, path: str, client: httpx2.AsyncClient) -> tuple[bytes, float]:
    """Return a document of an issuer's, and for how many seconds it is fresh.

    Raises `UpstreamFailure` and `Timeout`. The wait as a whole is the caller's to bound.
    """
    name = str(origin)
    try:
        async with client.stream(
            "GET", url_of(origin, "", path), headers=list(_FIELDS)
        ) as response:
            if response.status_code != 200:
                raise UpstreamFailure(f"{name} answered {response.status_code}.")
            if response.headers.get("content-encoding", "identity") != "identity":
                raise UpstreamFailure(f"The answer of {name} is compressed, unasked.")
            body = await _body_of(response, name)
            return body, lifetime_of(response.headers.get("cache-control", ""))
    except (httpx2.HTTPError, httpx2.StreamError) as error:
        raise at_the_border(error, name) from error


async def _body_of(response: httpx2.Response, name: str) -> bytes:
    body = await body_within(response, MAX_BYTES)
    if len(body) > MAX_BYTES:
        raise UpstreamFailure(f"The answer of {name} is longer than {MAX_BYTES} bytes.")
    return body


def lifetime_of(cache_control: str) -> float:
    """Return for how many seconds an answer is fresh, by its `cache-control`, within bounds."""
    said = _MAX_AGE.search(cache_control)
    return USUAL if said is None else min(max(float(said[1]), SHORTEST), LONGEST)
