"""What holds for a call of one key: whether it may ask at all, its limits, its budgets."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Final

import click

from gateway.commands.key_draft import this_second
from gateway.commands.key_place import Place
from gateway.commands.key_views import view_of
from gateway.config.budgets import written
from gateway.config.compose import Config
from gateway.config.limits import limits_of
from gateway.config.mistakes import quoted
from gateway.furnish import database_of
from gateway.policy.budgets import History, Window, accounts_for, window_of
from gateway.policy.keys import KeyRecord, Keyring
from gateway.policy.wording import budget_in_words, limits_in_words, usd_in_words
from gateway.store.connection import DatabaseFault
from gateway.store.spent import spent_since
from gateway.telemetry.amounts import NANOS
from gateway.words.budget import Account
from gateway.words.caller import Caller, Limits

ANY: Final = b"any"
"""Shown in place of a secret that nobody here knows."""

NOT_FOUND: Final = "It is told 404 model_not_found, as for a name that nobody answers."


@dataclass(frozen=True, slots=True)
class Paying:
    """An account in its present window. `spent` is what the ledger says, None where it is silent.

    Calls that are open have not cost anything yet.
    """

    account: Account
    window: Window
    spent: int | None

    @property
    def left(self) -> int | None:
        return None if self.spent is None else max(0, self.account.budget.nanos - self.spent)


@dataclass(frozen=True, slots=True)
class Rights:
    """What a call of one key is held to: limits by whose they are, and what it is paid from."""

    caller: Caller
    limits: tuple[tuple[str, Limits], ...]
    paying: tuple[Paying, ...]


def rights_of(place: Place, name: str, model: str) -> Rights:
    """Return what holds where this key asks for a model.

    Raises `ClickException` where there is no such key, where it opens nothing, and where it may not
    ask for the model.
    """
    config = place.config
    record, source = _find(place, name)
    ring = Keyring([record], config.teams, config.groups, ANY, digest=lambda *_: record.digest)
    now = this_second()
    caller = ring.identify(ANY, now)
    if caller is None:
        state = view_of(record, source, config.teams, now).state
        raise click.ClickException(f"The key {quoted(name)} lets nobody in: {state}.")
    if not ring.may(caller, model):
        why = _who_forbids(ring, caller, model)
        said = f"The key {quoted(name)} may not ask for {quoted(model)}: {why}. {NOT_FOUND}"
        raise click.ClickException(said)
    accounts = accounts_for(caller.accounts, model)
    return Rights(
        caller, tuple(_limits(caller, model, config)), tuple(_paying(place, accounts, now))
    )


def lines_of(rights: Rights) -> Iterator[tuple[str, str]]:
    """Yield what holds in words: what it is, and how much."""
    for whose, limits in rights.limits:
        yield f"limits of the {whose}", limits_in_words(limits)
    for paying in rights.paying:
        yield f"budget of the {paying.account.of}", _in_words(paying)
    if rights.paying:
        refused = rights.caller.unpriced == "refuse"
        yield "without a price", "the call is refused" if refused else "the call is free"


def object_of(rights: Rights) -> dict[str, object]:
    """Return the same for programs."""
    caller = rights.caller
    return {
        "key": caller.key,
        "team": caller.team,
        "user": caller.user,
        "limits": [{"of": whose, **asdict(limits)} for whose, limits in rights.limits],
        "budgets": [_object(paying) for paying in rights.paying],
        "unpriced": caller.unpriced,
    }


def _in_words(paying: Paying) -> str:
    said = budget_in_words(paying.account.budget)
    if paying.spent is None or paying.left is None:
        return said
    spent, left = usd_in_words(paying.spent), usd_in_words(paying.left)
    return f"{said}; {spent} spent, {left} left until {_moment(paying.window.end)}"


def _object(paying: Paying) -> dict[str, object]:
    return {
        "of": paying.account.of,
        **written(paying.account.budget),
        "spent_usd": None if paying.spent is None else paying.spent / NANOS,
        "left_usd": None if paying.left is None else paying.left / NANOS,
        "until": _moment(paying.window.end),
    }


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%MZ}"


def _find(place: Place, name: str) -> tuple[KeyRecord, str]:
    """Return a key, and where it is kept; of two of one name the file's."""
    for record in place.config.keys:
        if record.name == name:
            return record, place.file
    kept = place.read()
    for record in kept.records:
        if record.name == name:
            return record, "database"
    if name in kept.damaged:
        said = f"The key {quoted(name)} is damaged in the database, and lets nobody in."
        raise click.ClickException(said)
    raise place.unknown(name, kept)


def _paying(place: Place, accounts: Sequence[Account], now: int) -> Iterator[Paying]:
    """Yield the accounts with what the ledger says was spent; it may not be there to be asked."""
    windows = [window_of(account.budget.per, now) for account in accounts]
    history = _history(place, [window.start for window in windows])
    for account, window in zip(accounts, windows, strict=True):
        spent = None if history is None else history.before(account, window)
        yield Paying(account, window, spent)


def _history(place: Place, starts: Sequence[int]) -> History | None:
    database = database_of(place.config)
    if database is None or database.identity is None:
        return None
    try:
        with closing(database.connect(readonly=True)) as connection:
            found = spent_since(connection, starts)
    except DatabaseFault:
        return None
    return History(found)


def _who_forbids(ring: Keyring, caller: Caller, model: str) -> str:
    team = quoted(caller.team or "")
    if ring.may(replace(caller, models=()), model):
        return "its own models do not hold it"
    if ring.may(replace(caller, team_models=()), model):
        return f"the models of its team {team} do not hold it"
    return f"neither its own models nor those of its team {team} hold it"


def _limits(caller: Caller, model: str, config: Config) -> Iterator[tuple[str, Limits]]:
    said = config.models.get(model)
    found = (
        ("key", caller.limits),
        ("team", caller.team_limits),
        ("model", Limits() if said is None else limits_of(said.limits)),
    )
    return ((whose, limits) for whose, limits in found if limits != Limits())
