"""What a key may be that is made or changed while the gateway runs: the rules of the file hold."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from gateway.config.budgets import BudgetList, read_budgets
from gateway.config.compose import Config, counts_apart
from gateway.config.files import Files
from gateway.config.keys import ALONE, OURS, is_limited, moment_of
from gateway.config.known import Known
from gateway.config.lines import Lines
from gateway.config.mistakes import ConfigMistake, Notes, quoted
from gateway.config.names import check_name
from gateway.config.naming import Naming
from gateway.config.passthrough import check_opened
from gateway.config.secrets import Secrets
from gateway.config.tables import Reading, read_value
from gateway.config.teams import checked_name
from gateway.policy.keys import INNER, Budgets, KeyRecord
from gateway.words.caller import Limits

SECONDS_A_DAY: Final = 86_400

EXAMPLE: Final = '{ usd = 5, per = "day" }'

_DAYS = re.compile(r"([0-9]{1,5})d", re.ASCII)
_BUDGET = re.compile(r"(?P<usd>[0-9]+(_[0-9]+)*(\.[0-9]+)?)/(?P<per>[^/:]+)(:(?P<models>.+))?")

Written = dict[str, object]
"""A table as it stands in a file, not checked yet."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a key is to be, besides its name. Nothing of it is checked yet but its limits."""

    team: str | None = None
    user: str | None = None
    models: tuple[str, ...] = ()
    limits: Limits = field(default=Limits())
    budgets: tuple[Written, ...] = ()
    expires: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    passthrough: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """How those who draft a key call its parts, and where: so mistakes are told to them."""

    where: str
    name: str = "name"
    team: str = "team"
    user: str = "user"
    models: str = "models"
    budgets: str = "budgets"
    metadata: str = "metadata"
    passthrough: str = "passthrough"


class Drafted(NamedTuple):
    """A key that may be, where it is new without its digest; and what is allowed yet noteworthy."""

    record: KeyRecord
    warnings: Sequence[str]


def new_key(name: str, draft: Draft, config: Config, terms: Terms, now: int) -> Drafted:
    """Return a key that is made at this moment. Raises `ConfigMistake` with all that is wrong."""
    reading = _reading(terms)
    notes = reading.notes
    checked_name(name, (terms.name,), reading)
    if name == INNER:
        notes.mistake((terms.name,), OURS)
    if any(record.name == name for record in config.keys):
        notes.mistake((terms.name,), f"is the name of a key in {config.source} already")
    if draft.user is not None:
        checked_name(draft.user, (terms.user,), reading)
    _check_team(draft.team, config, terms, notes)
    bare = KeyRecord(name, digest="", team=draft.team, user=draft.user, created=now)
    return _with_rights(bare, draft, config, terms, reading)


def changed_key(record: KeyRecord, draft: Draft, config: Config, terms: Terms) -> Drafted:
    """Return a key with other rights; whose it is stays. Raises `ConfigMistake` as `new_key`."""
    return _with_rights(record, draft, config, terms, _reading(terms))


def expiry_of(written: str, now: int) -> int:
    """Read a date, which is its beginning in UTC, a moment, or days from now, into Unix time.

    Raises `ValueError` with a sentence, as all that reads here.
    """
    if days := _DAYS.fullmatch(written):
        at = now + int(days[1]) * SECONDS_A_DAY
    else:
        try:
            at = moment_of(datetime.fromisoformat(written))
        except ValueError:
            said = f"{quoted(written)} is neither a date, as 2027-01-01, nor days, as 30d."
            raise ValueError(said) from None
    if at <= now:
        raise ValueError(f"{quoted(written)} is over already.")
    return at


def pair_of(written: str) -> tuple[str, str]:
    """Read `name=text`."""
    name, equals, text = written.partition("=")
    if not equals:
        raise ValueError(f"{quoted(written)} has no = in it, as ticket=17 has.")
    if (wrong := _fault_of(name, text)) is not None:
        raise ValueError(f"{quoted(written)}{wrong}.")
    return name, text


def budget_of(written: str) -> Written:
    """Read `5/day`, `100/month:gpt-*,echo`, or a table as in the file."""
    if written.startswith("{"):
        return _table(written)
    match = _BUDGET.fullmatch(written)
    if match is None:
        raise ValueError(f"{quoted(written)} is neither as 5/day nor as 100/month:gpt-*.")
    budget: Written = {"usd": float(match["usd"]), "per": match["per"]}
    if match["models"] is not None:
        budget["models"] = match["models"].split(",")
    return budget


def _table(written: str) -> Written:
    text = f"budget = {written}"
    if Lines(text).too_deep is not None:
        raise ValueError(f"{quoted(written)} is nested too deeply.")
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        document = {}
    if list(document) != ["budget"]:
        raise ValueError(f"{quoted(written)} is no table of TOML, as {EXAMPLE} is.")
    table: Written = document["budget"]
    return table


def _fault_of(name: str, text: str) -> str | None:
    """Say what is wrong with a thing that is to be known of a key."""
    try:
        check_name(name)
    except ValueError as error:
        return f": {error}"
    return None if text.isprintable() else " holds a character that cannot be seen"


def _reading(terms: Terms) -> Reading:
    files = Files(Path())
    return Reading(Notes(terms.where, Lines("")), files, Secrets({}, files))


def _with_rights(
    record: KeyRecord, draft: Draft, config: Config, terms: Terms, reading: Reading
) -> Drafted:
    """Give a key its rights, by the rules of the file."""
    notes = reading.notes
    groups = {group: list(names) for group, names in config.groups.items()}
    naming = Naming(groups, Known(config.providers, config.models), reading)
    naming.check(draft.models, (terms.models,))
    check_opened(draft.passthrough, (terms.passthrough,), config.providers, reading)
    for name, text in draft.metadata.items():
        if (wrong := _fault_of(name, text)) is not None:
            notes.mistake((terms.metadata, name), wrong.lstrip(": "))
    found = replace(
        record,
        models=draft.models,
        limits=draft.limits,
        budgets=_read_budgets(draft.budgets, terms, naming, reading),
        expires=draft.expires,
        metadata=dict(draft.metadata),
        passthrough=draft.passthrough,
    )
    if is_limited({}, [found]) and counts_apart(config.listen, config.store):
        notes.mistake(("server", "workers"), ALONE)
    if notes.findings:
        raise ConfigMistake(notes.findings)
    return Drafted(found, notes.warnings)


def _read_budgets(
    written: Sequence[Written], terms: Terms, naming: Naming, reading: Reading
) -> Budgets:
    said = read_value(BudgetList, list(written), (terms.budgets,), reading)
    assert isinstance(said, list)
    return read_budgets(said, (terms.budgets,), naming, reading, team=False)


def _check_team(team: str | None, config: Config, terms: Terms, notes: Notes) -> None:
    teams: Mapping[str, object] = config.teams
    if team is None or team in teams:
        return
    if teams:
        notes.unknown((terms.team,), team, teams, "team")
    else:
        notes.mistake((terms.team,), f"{config.source} has no [teams]")
