"""Puts a house together: all that calls decide with, from the configuration."""

import itertools
import os
import random
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import trio
from httpx2 import AsyncBaseTransport

from gateway.config.compose import Config, must_show_key
from gateway.config.guarding import guards_of
from gateway.config.homes import Homes, keyring_of, known_secrets
from gateway.config.issuers import issuers_of
from gateway.config.models import limits_of_models, overrides_of
from gateway.config.traces import parse_collector, shown_to
from gateway.config.ways import ways_of
from gateway.policy.allowance import Allowance
from gateway.policy.budgets import Purse, Purses, dollars
from gateway.policy.health import Health
from gateway.policy.keys import KeyRecord, Keyring
from gateway.policy.limits import Limiter
from gateway.policy.prices import Prices
from gateway.policy.routes import Routes
from gateway.policy.scrub import Scrubber
from gateway.policy.tracing import Tracing
from gateway.relay.costs import Costs
from gateway.relay.gate import LocalGate
from gateway.relay.guards import Guarding
from gateway.relay.house import House
from gateway.relay.kept import Answers
from gateway.relay.objects import LocalObjects
from gateway.relay.shared import Sharing
from gateway.store.database import Database, parse_database
from gateway.store.ledger import Ledger
from gateway.store.objects import StoredObjects
from gateway.store.receipts import Beginnings, Seams, Sink, open_receipts
from gateway.store.shared import Member, SharedStore, open_shared
from gateway.store.sink_address import SinkAddress
from gateway.telemetry.access_log import AccessLog
from gateway.telemetry.endings import Endings
from gateway.telemetry.log import Log
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.naming import Naming, provider_name
from gateway.telemetry.refusals import Refusals
from gateway.telemetry.spans import Peer
from gateway.telemetry.traces import OTLP, Batch, Traces, about
from gateway.upstream.collector import Collector
from gateway.upstream.echo import EchoTransport
from gateway.upstream.grants import Seams as TokenSeams
from gateway.upstream.grants import open_tokens
from gateway.upstream.issuers import Issuers, open_issuers
from gateway.upstream.posting import Posting
from gateway.upstream.probe import client_on
from gateway.upstream.tokens import Tokens
from gateway.upstream.transport import Transport
from gateway.words.grants import Grant
from gateway.words.receipt import Tap
from gateway.words.target import Target

HEDGED_SHARE = 0.1
"""Of the calls that may be hedged, so many are, in the long run."""

MOST_HEDGES = 10.0
"""Hedges that are saved up while few calls are late."""

Listed = Mapping[str, tuple[str, ...]]
"""The models of providers, by their names."""

Taps = tuple[Tap, ...]

KEPT_BYTES = 67_108_864
"""What kept answers may take of a process's memory."""


@dataclass(frozen=True, slots=True)
class Exporting:
    """Traces on their way out: who takes part in them, who keeps them, who takes them along."""

    tracing: Tracing
    tap: Traces
    collector: Collector[Batch]


@dataclass(frozen=True, slots=True)
class Outside:
    """What of a house lies outside of the process, where that is configured."""

    shared: SharedStore | None
    database: Database | None
    ledger: Ledger | None
    receipts: Sink | None
    issuers: Issuers | None
    objects: StoredObjects | None
    traces: Exporting | None

    def know(self, scrubber: Scrubber, log: Log) -> None:
        """Have secrets masked in what leaves the house, whoever wrote them (R11)."""
        log.know(scrubber)
        if self.traces is not None:
            self.traces.tap.scrubber = scrubber

    def within(self, house: House) -> House:
        """Return a house that knows of what lies outside of it."""
        return replace(
            house,
            issuers=self.issuers,
            objects=self.objects or LocalObjects(),
            tracing=None if self.traces is None else self.traces.tracing,
        )

    @property
    def books(self) -> tuple[Ledger | Sink, ...]:
        """Those that keep what each call came to."""
        return tuple(each for each in (self.ledger, self.receipts) if each is not None)

    @property
    def taps(self) -> Taps:
        """Those that are told of each call that has ended."""
        return self.books if self.traces is None else (*self.books, self.traces.tap)


@dataclass(frozen=True, slots=True)
class Furnished:
    """A house, what of it lies outside, who counts what it refuses, who remembers what ended."""

    house: House
    outside: Outside
    refusals: Refusals
    endings: Endings
    metrics: Metrics


def furnish(
    config: Config, homes: Homes, log: Log, transport: Transport, listed: Listed, taps: Taps
) -> Furnished:
    """Put it together. The keys of a database are not read yet: that is the key book's first deed.

    `listed` holds the models of providers that have been asked already; `taps` are further ones.
    """
    scrubber = Scrubber(known_secrets(config))
    health, purses = Health(), Purses(common=config.store.shared is not None)
    outside = _open(config, homes, transport, log, _share(config, health, purses, log))
    outside.know(scrubber, log)
    shared, books, refusals, endings = outside.shared, outside.books, Refusals(), Endings()
    metrics = Metrics(naming_of(homes, listed))
    house = House(
        routes=Routes(homes.offers, homes.aliases, listed, homes.rules),
        keys=keys_of(config, ()),
        tokens=tokens_of(config, homes.grants, scrubber, log),
        open_use=config.auth.required is False,
        passes_keys=passes_keys(homes),
        gate=LocalGate(Limiter(), trio.current_time) if shared is None else shared.gate,
        limits_of_models=limits_of_models(config.models),
        purses=purses,
        warn_of=partial(_warn_of, log),
        costs=Costs(Prices(overrides_of(config.models, homes.offers))) if books else None,
        books=Beginnings(books) if books else None,
        health=health,
        hedges=Allowance(HEDGED_SHARE, MOST_HEDGES),
        sharing=Sharing(),
        kept=Answers(KEPT_BYTES, None if shared is None else shared.kept),
        clocks=config.clocks,
        answers=config.answers,
        transports=transports_of(transport, homes),
        scrubber=scrubber,
        taps=(*outside.taps, AccessLog(log), refusals, endings, metrics, *taps),
        turns=itertools.count(),
        new_id=request_ids(),
        draw=lots().random,
        today=_unix_time,
        report=partial(_report, log),
        ways=ways_of(config, homes),
        guarding=guarding_of(config, transport),
    )
    return Furnished(outside.within(house), outside, refusals, endings, metrics)


def guarding_of(config: Config, transport: Transport) -> Guarding | None:
    """Return who looks at what is asked and answered; None where there are no guards."""
    guards = guards_of(config)
    return None if guards is None else Guarding(guards, client_on(transport))


def passes_keys(homes: Homes) -> bool:
    """Say whether any provider is shown the caller's own key."""
    return any(offer.target.client_key for offer in homes.offers)


def naming_of(homes: Homes, listed: Listed) -> Naming:
    """Return the names that may become labels: those of the configuration, and what is listed."""
    offers = homes.offers
    naming = Naming(
        {offer.provider: offer.target.kind for offer in offers},
        itertools.chain(homes.aliases, *(offer.names for offer in offers)),
        itertools.chain.from_iterable(offer.names.values() for offer in offers),
    )
    for offer in offers:
        naming.learn(listed.get(offer.provider, ()), offer.prefix)
    return naming


def _open(
    config: Config, homes: Homes, transport: Transport, log: Log, shared: SharedStore | None
) -> Outside:
    """Open what is configured; nobody is asked for anything yet."""
    database = database_of(config)
    return Outside(
        shared=shared,
        database=database,
        ledger=None if database is None else Ledger(database, time.time_ns, log),
        receipts=_open_receipts(config, transport, log),
        issuers=open_issuers(issuers_of(config.auth), config.teams, log),
        objects=None if database is None else StoredObjects(database, time.time_ns, log),
        traces=_open_traces(config, homes, transport, log),
    )


def _open_receipts(config: Config, transport: Transport, log: Log) -> Sink | None:
    """Open what receipts go to besides the ledger, where that is configured."""

    def post_to(place: SinkAddress) -> Posting:
        assert place.origin is not None
        assert place.target is not None
        return Posting(client_on(transport), place.origin, place.target, place.authorization)

    name = secrets.token_hex(8)
    seams = Seams(post_to, name, time.time_ns, lots().random, log)
    return open_receipts(config.log.receipts, seams)


def _open_traces(config: Config, homes: Homes, transport: Transport, log: Log) -> Exporting | None:
    """Open what traces go to, where that is configured."""
    options = config.log
    if options.otlp_endpoint is None:
        return None
    place = parse_collector(options.otlp_endpoint.reveal())
    assert place.origin is not None
    assert place.target is not None
    to = (place.origin, place.target, place.authorization)
    posting = Posting(client_on(transport), *to, media=OTLP, fields=shown_to(options))
    peers, source = peers_of(homes), lots()
    resource = about(options.service_name, f"{source.getrandbits(128):032x}", os.getpid())
    tap = Traces(peers, resource, time.time_ns, log)
    collector = Collector(tap, posting.post, source.random)
    return Exporting(Tracing(source.getrandbits, options.trace_sample), tap, collector)


def peers_of(homes: Homes) -> dict[str, Peer]:
    """Return all providers as spans name them."""
    return {offer.provider: peer_of(offer.target) for offer in homes.offers}


def peer_of(target: Target) -> Peer:
    """Return a provider as spans name it; one that is built in has no address."""
    name, origin = provider_name(target.kind), target.origin
    return Peer(name, origin.host, origin.port) if origin.port else Peer(name)


def tokens_of(config: Config, wanted: Mapping[str, Grant], scrubber: Scrubber, log: Log) -> Tokens:
    """Open the sources of credentials that end after a while. Raises `ValueError`."""
    seams = TokenSeams(_unix_time, lots().random, scrubber.learn, _beside(config))
    return open_tokens(wanted, seams, log)


def transports_of(transport: Transport, homes: Homes) -> dict[str, AsyncBaseTransport]:
    return {"http": transport, "https": transport, "echo": EchoTransport(paces=homes.paces)}


def _report(log: Log, what: str, error: BaseException, request_id: str) -> None:
    log.exception(f"bug in {what}", error, request_id=request_id)


def _warn_of(log: Log, purse: Purse, part: float) -> None:
    spent, budget = max(purse.spent, purse.known), purse.account.budget
    log.warning(
        "budget nears its end" if spent < purse.limit else "budget is spent",
        budget=purse.account.name,
        part=part,
        spent=dollars(spent),
        of=dollars(budget.nanos),
        until=purse.window.end,
    )


def database_of(config: Config) -> Database | None:
    """Return the database that is configured, not opened yet; it may lie beside the file."""
    if not config.store.database:
        return None
    return Database(parse_database(config.store.database, _beside(config)))


def _beside(config: Config) -> Path:
    """Return the folder in which relative paths of a configuration begin."""
    return Path.cwd() if config.source is None else config.source.absolute().parent


def keys_of(config: Config, records: Iterable[KeyRecord]) -> Keyring | None:
    """Return all virtual keys; None where anyone may call without."""
    keyring = keyring_of(config, records)
    needed = len(keyring) or config.auth.issuers or must_show_key(config, len(keyring))
    return keyring if needed else None


def _share(config: Config, health: Health, purses: Purses, log: Log) -> SharedStore | None:
    """Have other processes know what this one finds out of homes, and the reverse."""

    def learn(name: str, key_number: int | None, seconds: float) -> None:
        health.learn(name, key_number, seconds, trio.current_time())

    member = Member(secrets.token_bytes(16), learn, purses)
    shared = open_shared(config.store, member, log, lots().random, config.upstream.upstream_ca)
    if shared is not None:
        health.tell = shared.rests.tell
    return shared


def lots() -> random.Random:
    """Return a source of chance that no two processes have in common."""
    return random.Random(secrets.randbits(256))  # noqa: S311 (no secret is made of it)


def _unix_time() -> float:
    return time.time_ns() / 1e9


def request_ids() -> Callable[[], str]:
    """Return who makes ids for requests whose clients sent none. They are unique, not secret."""
    source = lots()
    return lambda: f"req_{source.getrandbits(96):024x}"
