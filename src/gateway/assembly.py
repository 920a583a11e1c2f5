"""What one process holds: its rooms, put together from its configuration."""

import resource
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import trio

from gateway.config.compose import Config, counts_apart
from gateway.config.diff import fingerprint
from gateway.config.homes import Homes, homes_of, keyring_of
from gateway.config.keys import is_limited
from gateway.downstream.accept import Reserve
from gateway.downstream.calls import Calls
from gateway.downstream.connection import Hall
from gateway.downstream.front import Front
from gateway.downstream.gone import Watcher
from gateway.downstream.idle import Idle
from gateway.downstream.lag import Lag
from gateway.downstream.memory import room_for_bodies, usable_bytes
from gateway.furnish import Furnished, Outside, furnish, keys_of
from gateway.policy.keys import KeyRecord, Keyring
from gateway.relay.house import Current
from gateway.store.keys import KeyBook
from gateway.telemetry.endings import Endings
from gateway.telemetry.log import Log
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.refusals import Refusals
from gateway.upstream.dial import Dialer
from gateway.upstream.dns import Resolver
from gateway.upstream.transport import Transport
from gateway.words.receipt import Tap

SPARE_DESCRIPTORS = 128


class Learner:
    """Hears of keys that change in the database, and knows which there are."""

    def __init__(self, config: Config, current: Current, log: Log) -> None:
        self._config = config
        self._current = current
        self._log = log
        self._records: tuple[KeyRecord, ...] = ()

    def learn(self, records: tuple[KeyRecord, ...]) -> None:
        """Have these keys and those of the file open what they open, and no others."""
        config, current = self._config, self._current
        self._records = records
        if counts_apart(config.listen, config.store) and is_limited({}, records):
            self._log.warning("limits of keys hold for each worker by itself", keys=len(records))
        keys = self.keys_under(config)
        self._tell_astray(keys)
        if keys is None and current.house.keys is not None:
            # Once there was a key nobody comes in without, also if the database was taken away.
            keys = keyring_of(config)
        current.house = replace(current.house, keys=keys)

    def keys_under(self, config: Config) -> Keyring | None:
        """Return all virtual keys, with the teams of a configuration."""
        return keys_of(config, self._records)

    def follow(self, config: Config, keys: Keyring | None) -> None:
        """Go on with another configuration, whose keys are these."""
        self._config = config
        self._tell_astray(keys)

    def _tell_astray(self, keys: Keyring | None) -> None:
        for name in () if keys is None else keys.astray:
            self._log.warning("key opens nothing: its team is not in the configuration", key=name)


@dataclass(slots=True)
class App:
    """Everything that one process holds. A reload sets `config` and `homes`, and swaps a house."""

    config: Config
    homes: Homes
    log: Log
    current: Current
    calls: Calls
    front: Front
    resolver: Resolver
    transport: Transport
    watcher: Watcher
    idle: Idle
    lag: Lag
    reserve: Reserve
    listed: dict[str, tuple[str, ...]]
    most_connections: int
    outside: Outside
    refusals: Refusals
    endings: Endings
    metrics: Metrics
    book: KeyBook | None
    learner: Learner | None
    fingerprint: str = ""
    """What tells the configuration from any other."""
    reloads: int = 0
    """How often another configuration was taken."""
    reloaded: trio.Event = field(default_factory=trio.Event)
    """Is set when another one is taken, and replaced by one that is not."""

    def hall(self) -> Hall:
        """Return what all connections share."""
        house, serve = self.current.house, self.front.serve
        return Hall(
            options=self.config.http,
            calls=self.calls,
            gone=self.watcher,
            idle=self.idle,
            answer=serve,
            new_id=house.new_id,
            report=house.report,
        )


def assemble(
    config: Config,
    log: Log,
    listed: Mapping[str, tuple[str, ...]] | None = None,
    taps: tuple[Tap, ...] = (),
) -> App:
    """Build a process's rooms from its configuration. Opens nothing but one epoll.

    `listed` holds the models of providers that have been asked already; `taps` are further ones.
    """
    homes = homes_of(config)
    known = dict(listed or {})
    transport = Transport(Dialer(config.upstream.upstream_ca).connect)
    furnished = furnish(config, homes, log, transport, known, taps)
    current = Current(furnished.house)
    calls, most_connections = _limits(config, log)
    learner, book = _learning(config, furnished, current, log)
    return App(
        config=config,
        homes=homes,
        log=log,
        current=current,
        calls=calls,
        front=Front(
            current,
            calls,
            frozenset(config.http.trusted_proxies),
        ),
        resolver=Resolver(),
        transport=transport,
        watcher=Watcher(),
        idle=Idle(),
        lag=Lag(log),
        reserve=Reserve(log),
        listed=known,
        most_connections=most_connections,
        outside=furnished.outside,
        refusals=furnished.refusals,
        endings=furnished.endings,
        metrics=furnished.metrics,
        book=book,
        learner=learner,
        fingerprint=fingerprint(config),
    )


def _learning(
    config: Config, furnished: Furnished, current: Current, log: Log
) -> tuple[Learner | None, KeyBook | None]:
    """Return who hears of the keys of a database, and who tells of them."""
    database = furnished.outside.database
    if database is None:
        return None, None
    learner = Learner(config, current, log)
    return learner, KeyBook(database, learner.learn, log)


def _limits(config: Config, log: Log) -> tuple[Calls, int]:
    """Return the registry with how many calls there may be, and how many connections."""
    # A call holds two descriptors: its client's and its provider's.
    limit = raise_descriptor_limit()
    half = max(1, (limit - SPARE_DESCRIPTORS) // 2)
    bodies = room_for_bodies(usable_bytes(), config.listen.workers)
    calls = Calls(config.calls.max_calls or half, bodies)
    most_connections = config.listen.max_connections or half + SPARE_DESCRIPTORS // 2
    if most_connections + calls.most > limit:
        most = {"max_calls": calls.most, "max_connections": most_connections}
        log.warning("fewer descriptors than may be needed", descriptors=limit, **most)
    return calls, most_connections


def raise_descriptor_limit() -> int:
    """Raise the limit of open descriptors to its hard value; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
