"""Keys of AWS's, as its usual chain finds them: environment, files, roles, the machine's own.

botocore looks for them, by a thread, and renews what is lent for a time a quarter of an hour before
it ends. This module and `sigv4.py` alone import the extra `aws`.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Final

import botocore.credentials
import botocore.exceptions
import botocore.session
import httpx2
import trio

from gateway.upstream.aws_keys import AwsKeys
from gateway.upstream.sigv4 import sign
from gateway.upstream.tokens import Fetched
from gateway.words.call import UpstreamRequest
from gateway.words.client import Header
from gateway.words.grants import AwsGrant
from gateway.words.secret import Secret
from gateway.words.target import Target

LOOKED_AT_EVERY: Final = 600.0
"""Seconds for which what botocore hands out holds, at least: it renews it before."""

_FAILURES: Final = (
    botocore.exceptions.BotoCoreError,
    botocore.exceptions.ClientError,
    *(OSError, ValueError, LookupError, TypeError),
)
"""botocore's own, and those of the files and commands of others where it looks."""


@dataclass(frozen=True, slots=True)
class Signing:
    """A pair of keys with which each request is signed."""

    keys: AwsKeys
    today: Callable[[], float]

    @property
    def secrets(self) -> tuple[Secret, ...]:
        token = self.keys.token
        return (self.keys.secret,) if token is None else (self.keys.secret, token)

    def headers(self, target: Target, request: UpstreamRequest) -> tuple[Header, ...]:
        """Return the fields that a signature is made of."""
        return sign(request, target, self.keys, self.today())


class Aws:
    """The source of keys of one account."""

    def __init__(
        self, grant: AwsGrant, today: Callable[[], float], limiter: trio.CapacityLimiter
    ) -> None:
        """`today` is Unix time; `limiter` has the thread in which botocore looks."""
        self._grant = grant
        self._today = today
        self._limiter = limiter
        self._found = -inf
        self._lent: botocore.credentials.RefreshableCredentials | None = None

    async def fetch(self, client: httpx2.AsyncClient) -> Fetched:
        """Find the keys. Raises `ValueError` where there are none."""
        grant = self._grant
        if grant.secret is not None:
            keys = AwsKeys(grant.access_key_id, grant.secret, grant.token)
            return Fetched(Signing(keys, self._today), inf)
        keys = await trio.to_thread.run_sync(
            partial(self._find), limiter=self._limiter, abandon_on_cancel=True
        )
        return Fetched(Signing(keys, self._today), LOOKED_AT_EVERY)

    def _find(self) -> AwsKeys:
        """Ask botocore. What is lent is asked for again at the same place, all else looked for.

        Who asks again before it is time doubts what was lent: then that is looked for anew, too.
        """
        now = self._today()
        if now - self._found < LOOKED_AT_EVERY / 2:
            self._lent = None
        try:
            found = self._lent or _look(self._grant.profile)
            keys = None if found is None else found.get_frozen_credentials()
        except _FAILURES as error:
            self._lent = None
            # Its sentences may hold an answer of others; the name says what went wrong.
            raise ValueError(f"AWS's credentials: {type(error).__name__}") from None
        if keys is None:
            raise ValueError("AWS's usual chain of credentials has none")
        self._found = now
        lent = isinstance(found, botocore.credentials.RefreshableCredentials)
        self._lent = found if lent else None
        token = Secret(keys.token) if keys.token else None
        return AwsKeys(keys.access_key, Secret(keys.secret_key), token)


def _look(profile: str) -> botocore.credentials.Credentials | None:
    return botocore.session.Session(profile=profile or None).get_credentials()
