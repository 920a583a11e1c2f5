"""Takes another configuration while calls are open: one reference is swapped, and nobody notices.

    renewal.py   reads, checks, and says what differs
    here         builds another house beside the one that stands, then swaps `current.house`

A call keeps the house that it began with, and what that needs goes on until the call has ended.
What the gateway has found out goes over to the next house: which homes rest, what callers have in
use, what is spent, the keys of issuers, and the credentials and models of providers that stay as
they are. A provider that is another one now is tried again at once. Answers that were kept do not
go over: their names may stand for something else now.
"""

import signal
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from math import inf

import trio

from gateway.assembly import App
from gateway.config.compose import Config
from gateway.config.homes import Homes, homes_of, keyring_of, known_secrets
from gateway.config.issuers import issuers_of
from gateway.config.mistakes import ConfigMistake
from gateway.config.models import limits_of_models, overrides_of
from gateway.config.ways import ways_of
from gateway.drain import Terminal
from gateway.furnish import (
    guarding_of,
    keys_of,
    naming_of,
    passes_keys,
    peers_of,
    tokens_of,
    transports_of,
)
from gateway.policy.budgets import Before
from gateway.policy.keys import Keyring
from gateway.policy.prices import Prices
from gateway.policy.routes import Routes
from gateway.relay.costs import Costs
from gateway.relay.house import House
from gateway.relay.shared import Sharing
from gateway.renewal import KEPT, Renewal, Watched, news_of
from gateway.services import windows_of
from gateway.store.connection import DatabaseFault
from gateway.store.recall import recall
from gateway.upstream.issuers import Issuers, open_issuers
from gateway.upstream.tokens import Tokens

LOOK_EVERY = 1.0
"""Seconds between two looks at the configuration's files."""

RETRY_EVERY = 10.0
"""Seconds until it is tried again where the store was away."""

REFUSED = (ConfigMistake, DatabaseFault, ValueError)
"""What keeps the old configuration: a mistake in the file, a store that is away."""


class Reloading:
    """Whoever wants the configuration read anew asks here; it is done once at a time."""

    def __init__(self, app: App, environ: Mapping[str, str], worker: int | None = None) -> None:
        """`environ` is the environment of the start, for the secrets that the file names.

        What has changed is told by whoever has several workers, else here.
        """
        self._app = app
        self._environ = environ
        self._worker = worker
        self._asked = trio.Event()
        self._thread = trio.CapacityLimiter(1)
        self._looks = trio.CapacityLimiter(1)
        self._watched = Watched()

    def ask(self) -> None:
        """Have the file read anew, soon. Several who ask at once are one."""
        self._asked.set()

    async def heed_signal(
        self,
        terminal: Terminal,
        end: Callable[[str], None],
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Ask at each SIGHUP, until cancelled; where it says that the terminal is gone, `end`."""
        with trio.open_signal_receiver(signal.SIGHUP) as signals:
            task_status.started()
            async for told in signals:
                if terminal.hung_up:
                    end(signal.Signals(told).name)
                else:
                    self.ask()

    async def watch(self, every: float = LOOK_EVERY) -> None:
        """Ask when a file of the configuration has changed, until cancelled."""
        while True:
            await trio.sleep(every)
            look = partial(self._watched.changed, self._app.config)
            # A disk that is away holds its thread alone, and nobody who ends.
            if await trio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=self._looks):
                self.ask()

    async def run(self) -> None:
        """Do what is asked, until cancelled. A service of the process."""
        patience = inf
        while True:
            with trio.move_on_after(patience):
                await self._asked.wait()
            self._asked = trio.Event()
            patience = RETRY_EVERY if await self.reload() else inf

    async def reload(self) -> bool:
        """Take the file as it is now, or say why it is not taken, and whether it may be soon."""
        app = self._app
        try:
            renewal = await trio.to_thread.run_sync(
                self._renew, abandon_on_cancel=True, limiter=self._thread
            )
            await adopt(app, renewal)
        except REFUSED as mistake:
            app.log.error(KEPT, reason=str(mistake), **self._place())
            return isinstance(mistake, DatabaseFault)
        said = {"info": app.log.info, "warning": app.log.warning}
        for level, event, fields in news_of(renewal) if self._worker is None else ():
            said[level](event, **fields)
        app.log.info("new calls go by what was read", **self._place(), on_the_old=len(app.calls))
        return False

    def _renew(self) -> Renewal:
        return self._watched.renew(self._app.config, self._environ)

    def _place(self) -> dict[str, int]:
        return {} if self._worker is None else {"worker": self._worker}


async def adopt(app: App, renewal: Renewal) -> None:
    """Have all that begins from now on go by another configuration.

    Raises `ConfigMistake`, `DatabaseFault` or `ValueError`; then nothing has changed.
    """
    config = renewal.config
    homes = homes_of(config)
    before = await _before(app, config, _keys(app, config))
    # From here on nobody else runs. While the past was read a key may have been made.
    keys = _keys(app, config)
    house = _house(app, config, homes, keys, renewal.same)
    if app.learner is not None:
        app.learner.follow(config, keys)
    house.purses.before = before
    _forget(app, renewal)
    app.metrics.widen(naming_of(homes, app.listed))
    if app.outside.traces is not None:
        app.outside.traces.tap.meet(peers_of(homes))
    app.config, app.homes, app.current.house = config, homes, house
    app.fingerprint = renewal.fingerprint
    app.reloads += 1
    told, app.reloaded = app.reloaded, trio.Event()
    told.set()


def _house(
    app: App, config: Config, homes: Homes, keys: Keyring | None, same: Collection[str]
) -> House:
    """Return the next house: what is decided is new, what was found out goes over.

    The providers that stay as they are, are the `same`.
    """
    old = app.current.house
    old.scrubber.know(known_secrets(config))
    listed = {name: models for name, models in app.listed.items() if name in same}
    return replace(
        old,
        routes=Routes(homes.offers, homes.aliases, listed, homes.rules),
        keys=keys,
        issuers=_issuers(app, config),
        tokens=_tokens(app, config, homes, same),
        open_use=config.auth.required is False,
        passes_keys=passes_keys(homes),
        limits_of_models=limits_of_models(config.models),
        costs=old.costs and Costs(Prices(overrides_of(config.models, homes.offers))),
        sharing=Sharing(),
        kept=old.kept.anew(),
        transports=transports_of(app.transport, homes),
        ways=ways_of(config, homes),
        guarding=guarding_of(config, app.transport),
    )


def _forget(app: App, renewal: Renewal) -> None:
    """Forget what was found out of providers that are gone, or are others by now."""
    house, now = app.current.house, trio.current_time()
    house.kept.end()
    for name in app.config.providers.keys() - renewal.same:
        app.listed.pop(name, None)
        if name in renewal.config.providers:
            house.health.replaced(name, now)
        else:
            house.health.forget(name)


def _keys(app: App, config: Config) -> Keyring | None:
    """Return all virtual keys. Where there were any nobody comes in without, also if all are gone;
    unless the file says that none is required.
    """
    keys = keys_of(config, ()) if app.learner is None else app.learner.keys_under(config)
    if keys is None and app.current.house.keys is not None and config.auth.required is None:
        return keyring_of(config)
    return keys


def _issuers(app: App, config: Config) -> Issuers | None:
    """Return who knows callers by tokens. Where nothing differs all who are known stay known."""
    before = app.current.house.issuers
    known = before if isinstance(before, Issuers) else None
    same = app.config.auth.issuers == config.auth.issuers and app.config.teams == config.teams
    if same:
        return known
    return open_issuers(issuers_of(config.auth), config.teams, app.log, known)


def _tokens(app: App, config: Config, homes: Homes, same: Collection[str]) -> Tokens:
    """Return the credentials that end; those of providers that stay as they are go on."""
    old = app.current.house.tokens.grants
    kept = {name: old[name] for name in homes.grants if name in old and name in same}
    wanted = {name: grant for name, grant in homes.grants.items() if name not in kept}
    fresh = tokens_of(config, wanted, app.current.house.scrubber, app.log)
    return Tokens({**fresh.grants, **kept})


async def _before(app: App, config: Config, keys: Keyring | None) -> Before:
    """Return what was spent before, also of budgets by which nobody has counted until now."""
    before = app.current.house.purses.before
    asked = frozenset() if keys is None else windows_of(config, keys)
    same = (config.teams, config.keys) == (app.config.teams, app.config.keys)
    if app.outside.database is None or not asked or same:
        return before
    return (await recall(app.outside.database, asked, app.current.house.today())).before
