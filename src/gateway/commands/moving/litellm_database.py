"""Moves keys, teams and budgets of a running LiteLLM here: its database is read, and only read.

    its rows ──▶ drafts ──▶ keys and opening balances, in one transaction
                   └──────▶ a part for the file, on stdout: [groups], [teams]

A second run finds what the first has brought, and changes nothing but what was spent since.
"""

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from gateway.commands.key_draft import this_second
from gateway.commands.key_place import Place
from gateway.commands.moving.database_keys import KeyDraft, Keys
from gateway.commands.moving.database_models import Models
from gateway.commands.moving.database_names import Names, cleaned
from gateway.commands.moving.database_notes import WIDER, Notes
from gateway.commands.moving.database_source import Source, source_of
from gateway.commands.moving.database_teams import Teams
from gateway.config.compose import counts_apart
from gateway.config.keys import ALONE, is_limited
from gateway.config.mistakes import quoted
from gateway.policy.budgets import window_of
from gateway.policy.keys import KeyRecord
from gateway.policy.wording import day_of
from gateway.store.connection import DatabaseFault, RowRefused
from gateway.store.keys import Kept, NameTaken
from gateway.store.litellm import Theirs, place_of, read_litellm
from gateway.store.openings import Opening

IN_FILE: Final = "keys that stand in the file already: they stay as they are there"
DIFFERS: Final = "keys that are here already and say something else now: they stay as they are here"
CLOSED_THERE: Final = "keys that are blocked there and in force here: `gateway keys revoke NAME`"
GONE_THERE: Final = (
    f"{WIDER}, keys that were taken over and open nothing there any more (deleted, expired,"
    " or as told above), and are in force here: `gateway keys revoke NAME`"
)
CHANGED_HERE: Final = "keys that have another secret here by now: the one of LiteLLM's stays shut"
NO_NAMES: Final = "names in `models` that can be no name here: they are left out"
EMPTY: Final = "names in `models` that nobody answers here: groups to be filled, which open nothing"
BY_NAME: Final = "env:"
NOT_SET: Final = "--database names the variable {name}, which is not set."
OTHERS: Final = "Somebody makes keys in this database just now. Nothing is changed: run it again."
HEAD: Final = (
    "# Teams of LiteLLM's, as they were on {day}. Add these lines to {file}; where it has a\n"
    "# [groups] already, what stands under [groups] here goes there."
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done: new keys, opening balances; `known` keys were here already."""

    new: tuple[KeyRecord, ...]
    openings: tuple[Opening, ...]
    known: int


def move(url: str, into: Path, dry_run: bool, console: Console) -> int:
    """Take over what a LiteLLM has in its database, and tell what was done. Returns 0.

    `url` is its address, or `env:NAME` for the variable that holds it.
    The part for the file goes to stdout, all else to the console. With `dry_run` nothing is
    written. Raises `ClickException` with a sentence where it cannot be done.
    """
    home, now, notes = Place(into), this_second(), Notes()
    pepper, _ = home.pepper, home.database
    source = source_of(_read(url, now), notes)
    kept = home.read()
    models = Models(home.config, source.access)
    teams = Teams(models, home.config.teams, notes, now)
    for row in source.teams:
        teams.add(row, source.members)
    keys = Keys(pepper, source, models, teams, notes)
    planner = _Planner(home, kept, _taken(home), notes, now)
    plan = planner.plan(list(_drafts(source, keys, now)), teams.openings)
    if is_limited({}, plan.new) and counts_apart(home.config.listen, home.config.store):
        raise click.ClickException(f"{home.file}: [server] workers {ALONE}.")
    changed = 0 if dry_run else _write(home, plan)
    _tell_names(models, notes)
    part = list(teams.part())
    if part:
        click.echo(HEAD.format(day=day_of(now), file=home.file))
        click.echo("\n".join(part))
    for line in (*notes, *_told(plan, teams, home, changed, dry_run=dry_run)):
        style = "bold red" if line.startswith(WIDER) else ""
        console.print(Text(line, style), soft_wrap=True)
    return 0


def _read(url: str, now: int) -> Theirs:
    if url.startswith(BY_NAME):
        # What stands on a command line, all users of the machine may read.
        name = url.removeprefix(BY_NAME)
        url = os.environ.get(name, "")
        if not url:
            raise click.ClickException(NOT_SET.format(name=quoted(name)))
    try:
        place, schema = place_of(url)
        return read_litellm(place, schema, lambda found: _wanted(found, now))
    except ValueError as error:
        raise click.ClickException(f"--database {error}.") from None
    except DatabaseFault as fault:
        raise click.ClickException(str(fault)) from None


def _wanted(theirs: Theirs, now: int) -> tuple[str, Sequence[str]]:
    """Say of which keys each day is to be known: those with budgets of which no row has the sum."""
    shared = {
        row.get("budget_id")
        for row in theirs.rows.get("budgets", ())
        if row.get("model_max_budget")
    }
    tokens = [
        row["token"]
        for row in theirs.rows["keys"]
        if row.get("model_max_budget")
        or row.get("budget_limits")
        or (row.get("budget_id") and row["budget_id"] in shared)
    ]
    return day_of(window_of("year", now).start), tokens


def _drafts(source: Source, keys: Keys, now: int) -> Iterator[KeyDraft]:
    """Yield the keys that are taken over, then former secrets of those."""
    found: dict[str, KeyDraft] = {}
    for row in source.keys:
        draft = keys.draft(row, now)
        if draft is not None:
            found[row.token] = draft
    yield from found.values()
    for old in source.old_keys:
        if old.active_token_id in found and old.token not in found:
            former = keys.former(old, found[old.active_token_id], now)
            if former is not None:
                yield former


def _taken(home: Place) -> frozenset[str]:
    """Return the digests of what earlier runs have taken over. To look makes no database."""
    if home.database.identity is None:
        return frozenset()
    with home.opened() as store:
        return store.taken()


class _Planner:
    """Tells keys that are new from those that are here, or were."""

    def __init__(
        self, home: Place, kept: Kept, taken: frozenset[str], notes: Notes, now: int
    ) -> None:
        """`taken` are the digests of what earlier runs have taken over."""
        self._notes, self._now, self._taken = notes, now, taken
        self._ours = {record.digest: record for record in kept.records}
        self._in_file = {record.digest for record in home.config.keys}
        self._names = Names(
            [*kept.damaged, *(each.name for each in (*kept.records, *home.config.keys))]
        )

    def plan(self, drafts: Sequence[KeyDraft], common: Sequence[Opening]) -> Plan:
        """Return what is to be done for these keys, and for what their teams have spent."""
        new: dict[str, KeyRecord] = {}
        openings = {(each.account, each.starts): each for each in common}
        known = 0
        for draft in drafts:
            record = draft.record
            there = self._ours.get(record.digest)
            if record.digest in self._in_file:
                self._notes.tell(IN_FILE, record.name)
                continue
            if there is None and record.digest in self._taken:
                self._notes.tell(CHANGED_HERE, record.name)
                continue
            if there is None:
                name = self._names.give(record.name, record.digest[:6])
                new[record.digest] = replace(record, name=name)
            else:
                known += 1
                name = there.name
                _compare(there, record, self._notes)
            for each in draft.openings(name, self._now):
                openings[each.account, each.starts] = each
        self._tell_gone({draft.record.digest for draft in drafts})
        return Plan(tuple(new.values()), tuple(openings.values()), known)

    def _tell_gone(self, there: Collection[str]) -> None:
        """Tell which keys an earlier run has taken over that would not be taken over now."""
        for digest in self._taken.difference(there):
            record = self._ours.get(digest)
            if record is not None and record.holds(self._now):
                self._notes.tell(GONE_THERE, record.name)


def _tell_names(models: Models, notes: Notes) -> None:
    """Tell which names in lists of models open nothing here, or not yet."""
    for name in models.left:
        notes.tell(NO_NAMES, cleaned(name) or "one that nobody can see")
    for group, names in models.groups.items():
        if not names:
            notes.tell(EMPTY, group)


def _compare(ours: KeyRecord, theirs: KeyRecord, notes: Notes) -> None:
    """Tell what a key that is here already says that is not what LiteLLM says now."""
    if theirs.revoked is not None and ours.revoked is None:
        notes.tell(CLOSED_THERE, ours.name)
    said = {
        "team": (ours.team, theirs.team),
        "user": (ours.user, theirs.user),
        "models": (set(ours.models), set(theirs.models)),
        "limits": (ours.limits, theirs.limits),
        "budgets": (set(ours.budgets), set(theirs.budgets)),
        "expires": (ours.expires, theirs.expires),
    }
    other = [name for name, (here, there) in said.items() if here != there]
    if other:
        notes.tell(DIFFERS, f"{ours.name} ({', '.join(other)})")


def _write(home: Place, plan: Plan) -> int:
    """Keep it all or nothing; return how many opening balances that has changed."""
    with home.opened() as store:
        try:
            return store.take(plan.new, plan.openings)
        except (NameTaken, RowRefused):
            raise click.ClickException(OTHERS) from None


def _told(plan: Plan, teams: Teams, home: Place, changed: int, *, dry_run: bool) -> Iterator[str]:
    """Say what was done, and what is to be done now."""
    new, openings = len(plan.new), len(plan.openings)
    missing = len(teams.missing())
    if missing:
        yield (
            f"{_many(missing, 'team', 'is', 'are')} not in {home.file} yet; until then its keys"
            " open nothing. The lines for it are those on stdout."
        )
    if dry_run:
        yield (
            f"Nothing is written. It would be {_many(new, 'new key')} and"
            f" {_many(openings, 'opening balance')}; {_many(plan.known, 'key', 'is', 'are')} here"
            " already."
        )
    elif not new and not changed:
        yield (
            f"Nothing is changed: {_many(plan.known, 'key')} and"
            f" {_many(openings, 'opening balance')} are here already."
        )
    else:
        yield (
            f"{_many(new, 'key')} of LiteLLM's {'is' if new == 1 else 'are'} taken over;"
            f" {plan.known:,} {'was' if plan.known == 1 else 'were'} here already."
            f" {_many(changed, 'opening balance')} of budgets {'is' if changed == 1 else 'are'}"
            " kept."
        )
        if changed:
            yield "Gateways that run already count them once they are started again."


def _many(count: int, what: str, one: str = "", more: str = "") -> str:
    said = f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
    return f"{said} {one if count == 1 else more}".rstrip()
