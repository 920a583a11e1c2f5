"""Puts a house together: all that calls decide with, from the configuration."""

import itertools
import random
import secrets
import time
from collections.abc import Callable, Mapping

import trio

from gateway.config.compose import Config
from gateway.config.homes import Homes, known_secrets
from gateway.policy.allowance import Allowance
from gateway.policy.health import Health
from gateway.policy.routes import Routes
from gateway.policy.scrub import Scrubber
from gateway.relay.house import House
from gateway.relay.kept import Answers
from gateway.relay.shared import Sharing
from gateway.store.shared import SharedStore, open_shared
from gateway.telemetry.access_log import AccessLog
from gateway.telemetry.log import Log
from gateway.upstream.echo import EchoTransport
from gateway.upstream.transport import Transport
from gateway.words.receipt import Tap

HEDGED_SHARE = 0.1
"""Of the calls that may be hedged, so many are, in the long run."""

MOST_HEDGES = 10.0
"""Hedges that are saved up while few calls are late."""

KEPT_BYTES = 67_108_864
"""What kept answers may take of a process's memory."""


def furnish(
    config: Config,
    homes: Homes,
    log: Log,
    transport: Transport,
    listed: Mapping[str, tuple[str, ...]],
    taps: tuple[Tap, ...],
) -> tuple[House, SharedStore | None]:
    """Return the house, and what it shares with other processes where that is configured.

    `listed` holds the models of providers that have been asked already; `taps` are further ones.
    """
    scrubber = Scrubber(known_secrets(config))
    log.know(scrubber)
    health = Health()
    shared = _share(config, health, log)

    def report(what: str, error: BaseException, request_id: str) -> None:
        log.exception(f"bug in {what}", error, request_id=request_id)

    house = House(
        routes=Routes(homes.offers, homes.aliases, listed, homes.rules),
        health=health,
        hedges=Allowance(HEDGED_SHARE, MOST_HEDGES),
        sharing=Sharing(),
        kept=Answers(KEPT_BYTES, None if shared is None else shared.kept),
        clocks=config.clocks,
        answers=config.answers,
        transports={
            "http": transport,
            "https": transport,
            "echo": EchoTransport(paces=homes.paces),
        },
        scrubber=scrubber,
        taps=(AccessLog(log), *taps),
        turns=itertools.count(),
        new_id=request_ids(),
        draw=lots().random,
        today=lambda: time.time_ns() / 1e9,
        report=report,
    )
    return house, shared


def _share(config: Config, health: Health, log: Log) -> SharedStore | None:
    """Have other processes know what this one finds out of homes, and the reverse."""

    def learn(name: str, key_number: int | None, seconds: float) -> None:
        health.learn(name, key_number, seconds, trio.current_time())

    who, draw = secrets.token_bytes(16), lots().random
    shared = open_shared(config.store, who, learn, log, draw, config.upstream.upstream_ca)
    if shared is not None:
        health.tell = shared.rests.tell
    return shared


def lots() -> random.Random:
    """Return a source of chance that no two processes have in common."""
    return random.Random(secrets.randbits(256))  # noqa: S311 (no secret is made of it)


def request_ids() -> Callable[[], str]:
    """Return who makes ids for requests whose clients sent none. They are unique, not secret."""
    source = lots()
    return lambda: f"req_{source.getrandbits(96):024x}"
