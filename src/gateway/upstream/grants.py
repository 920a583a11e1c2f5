"""Makes the sources of credentials that are configured. What they need beside is an extra."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import trio

from gateway.upstream.entra import Entra
from gateway.upstream.google import Assert, Google
from gateway.upstream.tokens import Grant, Learns, Source, Tells, Tokens
from gateway.words.grants import AwsGrant, EntraGrant, GoogleGrant
from gateway.words.grants import Grant as Wanted

MOST_THREADS = 2
"""One looks, and one may have been left behind in a lookup that hangs."""


@dataclass(frozen=True, slots=True)
class Seams:
    """What all sources need of their process.

    `today` is Unix time, `draw` returns a number below 1 by chance; relative paths begin in the
    folder `beside`. `learn` is told of what was fetched.
    """

    today: Callable[[], float]
    draw: Callable[[], float]
    learn: Learns
    beside: Path


def open_tokens(wanted: Mapping[str, Wanted], seams: Seams, log: Tells) -> Tokens:
    """Return who has the credentials; nobody is asked for any yet. Raises `ValueError`."""
    return Tokens(
        {
            name: Grant(name, _source(grant, seams), log, seams.draw, seams.learn)
            for name, grant in wanted.items()
        }
    )


def _source(grant: Wanted, seams: Seams) -> Source:
    match grant:
        case EntraGrant():
            return Entra(grant)
        case AwsGrant():
            return chain(grant, seams.today)
        case GoogleGrant():
            if grant.file:
                grant = replace(grant, file=str(seams.beside / grant.file))
            limiter = trio.CapacityLimiter(MOST_THREADS)
            return Google(grant, os.environ, seams.today, signer(), limiter)


def signer() -> Assert:
    """Return who signs for Google. It imports the extra `oidc`, and nobody else does."""
    from gateway.upstream.assertions import sign  # noqa: PLC0415 (an optional dependency)

    return sign


def chain(grant: AwsGrant, today: Callable[[], float]) -> Source:
    """Return who finds keys of AWS's. It imports the extra `aws`, and nobody else does."""
    from gateway.upstream.aws import Aws  # noqa: PLC0415 (an optional dependency)

    return Aws(grant, today, trio.CapacityLimiter(MOST_THREADS))
