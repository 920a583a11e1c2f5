"""Puts a house together: all that calls decide with, from the configuration."""

import itertools
import random
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio
from httpx2 import AsyncBaseTransport

from gateway.config.compose import Config, must_show_key
from gateway.config.homes import Homes, keyring_of, known_secrets
from gateway.config.models import overrides_of
from gateway.policy.allowance import Allowance
from gateway.policy.health import Health
from gateway.policy.keys import KeyRecord, Keyring
from gateway.policy.limits import Limiter
from gateway.policy.prices import Prices
from gateway.policy.routes import Routes
from gateway.policy.scrub import Scrubber
from gateway.relay.costs import Costs
from gateway.relay.house import House
from gateway.relay.kept import Answers
from gateway.relay.shared import Sharing
from gateway.store.database import Database, parse_database
from gateway.store.ledger import Ledger
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


@dataclass(frozen=True, slots=True)
class Furnished:
    """A house, and what of it lies outside of the process, where that is configured."""

    house: House
    shared: SharedStore | None
    database: Database | None
    ledger: Ledger | None


def furnish(
    config: Config,
    homes: Homes,
    log: Log,
    transport: Transport,
    listed: Mapping[str, tuple[str, ...]],
    taps: tuple[Tap, ...],
) -> Furnished:
    """Put it together. The keys of a database are not read yet: that is the key book's first deed.

    `listed` holds the models of providers that have been asked already; `taps` are further ones.
    """
    scrubber = Scrubber(known_secrets(config))
    log.know(scrubber)
    health = Health()
    shared = _share(config, health, log)
    database = database_of(config)
    ledger = None if database is None else Ledger(database, time.time_ns, log)
    prices = Prices(overrides_of(config.models, homes.offers))
    house = House(
        routes=Routes(homes.offers, homes.aliases, listed, homes.rules),
        keys=keys_of(config, ()),
        limiter=Limiter(),
        costs=None if ledger is None else Costs(prices),
        books=ledger,
        health=health,
        hedges=Allowance(HEDGED_SHARE, MOST_HEDGES),
        sharing=Sharing(),
        kept=Answers(KEPT_BYTES, None if shared is None else shared.kept),
        clocks=config.clocks,
        answers=config.answers,
        transports=_transports(transport, homes),
        scrubber=scrubber,
        taps=(*(() if ledger is None else (ledger,)), AccessLog(log), *taps),
        turns=itertools.count(),
        new_id=request_ids(),
        draw=lots().random,
        today=lambda: time.time_ns() / 1e9,
        report=partial(_report, log),
    )
    return Furnished(house, shared, database, ledger)


def _transports(transport: Transport, homes: Homes) -> dict[str, AsyncBaseTransport]:
    return {"http": transport, "https": transport, "echo": EchoTransport(paces=homes.paces)}


def _report(log: Log, what: str, error: BaseException, request_id: str) -> None:
    log.exception(f"bug in {what}", error, request_id=request_id)


def database_of(config: Config) -> Database | None:
    """Return the database that is configured, not opened yet; it may lie beside the file."""
    if not config.store.database:
        return None
    beside = Path.cwd() if config.source is None else config.source.absolute().parent
    return Database(parse_database(config.store.database, beside))


def keys_of(config: Config, records: Iterable[KeyRecord]) -> Keyring | None:
    """Return all virtual keys; None where anyone may call without."""
    keyring = keyring_of(config, records)
    return keyring if len(keyring) or must_show_key(config, len(keyring)) else None


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
