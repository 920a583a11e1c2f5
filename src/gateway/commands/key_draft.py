"""What somebody types to make a key, checked as the same would be in the configuration's file."""

import re
import time
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Final, TypedDict

import click

from gateway.commands.reading import Refused
from gateway.config.budgets import BudgetList, read_budgets
from gateway.config.compose import Config, counts_apart
from gateway.config.files import Files
from gateway.config.keys import ALONE, is_limited, moment_of
from gateway.config.known import Known
from gateway.config.lines import Key, Lines
from gateway.config.mistakes import ConfigMistake, Notes, quoted
from gateway.config.names import check_name
from gateway.config.naming import Naming
from gateway.config.passthrough import check_opened
from gateway.config.secrets import Secrets
from gateway.config.tables import Reading, read_value
from gateway.config.teams import checked_name
from gateway.policy.keys import Budgets, KeyRecord
from gateway.words.caller import Limits

SECONDS_A_DAY: Final = 86_400

_DAYS = re.compile(r"([0-9]{1,5})d", re.ASCII)
_BUDGET = re.compile(r"(?P<usd>[0-9]+(_[0-9]+)*(\.[0-9]+)?)/(?P<per>[^/:]+)(:(?P<models>.+))?")


def this_second() -> int:
    """Return the Unix time, in seconds."""
    return time.time_ns() // 1_000_000_000


EXAMPLE = '{ usd = 5, per = "day" }'

Written = dict[str, object]
"""A table of the file's, not checked yet."""


class Wanted(TypedDict):
    """What a new key is to be, besides its name."""

    team: str | None
    user: str | None
    models: tuple[str, ...]
    requests_per_minute: int | None
    tokens_per_minute: int | None
    concurrency: int | None
    budgets: tuple[Written, ...]
    expires: int | None
    metadata: tuple[tuple[str, str], ...]
    passthrough: tuple[str, ...]


def expiry(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Read a date, which is its beginning in UTC, or so many days from now, into Unix time."""
    if value is None:
        return None
    now = this_second()
    if days := _DAYS.fullmatch(value):
        at = now + int(days[1]) * SECONDS_A_DAY
    else:
        try:
            at = moment_of(date.fromisoformat(value))
        except ValueError:
            said = f"{quoted(value)} is neither a date, as 2027-01-01, nor days, as 30d."
            raise click.BadParameter(said, ctx, param) from None
    if at <= now:
        raise click.BadParameter(f"{quoted(value)} is over already.", ctx, param)
    return at


def pairs(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Read what is written as `name=text`."""
    try:
        return tuple(map(_pair, value))
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def _pair(written: str) -> tuple[str, str]:
    name, equals, text = written.partition("=")
    if not equals:
        raise ValueError(f"{quoted(written)} has no = in it, as ticket=17 has.")
    try:
        check_name(name)
    except ValueError as error:
        raise ValueError(f"{quoted(written)}: {error}.") from None
    if not text.isprintable():
        raise ValueError(f"{quoted(written)} holds a character that cannot be seen.")
    return name, text


def budgets(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[Written, ...]:
    """Read what is written as `5/day`, as `100/month:gpt-*,echo`, or as a table of the file's."""
    try:
        return tuple(map(_budget, value))
    except ValueError as error:
        raise click.BadParameter(str(error), ctx, param) from None


def _budget(written: str) -> Written:
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


def draft(name: str, wanted: Wanted, config: Config) -> tuple[KeyRecord, Sequence[str]]:
    """Return the key without its digest, and warnings. Raises `Refused` with all that is wrong."""
    budgets, warnings = _check(name, wanted, config)
    record = KeyRecord(
        name=name,
        digest="",
        team=wanted["team"],
        user=wanted["user"],
        models=tuple(wanted["models"]),
        limits=Limits(
            wanted["requests_per_minute"], wanted["tokens_per_minute"], wanted["concurrency"]
        ),
        created=this_second(),
        expires=wanted["expires"],
        metadata=dict(wanted["metadata"]),
        budgets=budgets,
        passthrough=tuple(wanted["passthrough"]),
    )
    if is_limited({}, [record]) and counts_apart(config.listen, config.store):
        raise click.ClickException(f"server.workers {ALONE}.")
    return record, warnings


def _check(name: str, wanted: Wanted, config: Config) -> tuple[Budgets, Sequence[str]]:
    """Go by the rules of the file; return the budgets, and what is allowed yet should be known."""
    notes = Notes("gateway keys create", Lines(""))
    reading = Reading(notes, Files(Path()), Secrets({}, Files(Path())))
    checked_name(name, ("NAME",), reading)
    if any(record.name == name for record in config.keys):
        notes.mistake(("NAME",), f"is the name of a key in {config.source} already")
    if wanted["user"] is not None:
        checked_name(wanted["user"], ("--user",), reading)
    _check_team(wanted["team"], config, notes)
    groups = {group: list(names) for group, names in config.groups.items()}
    known = Known(config.providers, config.models)
    naming = Naming(groups, known, reading)
    naming.check(wanted["models"], ("--model",))
    check_opened(wanted["passthrough"], ("--passthrough",), config.providers, reading)
    budgets = _read_budgets(wanted["budgets"], naming, reading)
    if notes.findings:
        raise Refused(ConfigMistake(notes.findings))
    return budgets, notes.warnings


def _read_budgets(written: Sequence[Written], naming: Naming, reading: Reading) -> Budgets:
    key: Key = ("--budget",)
    said = read_value(BudgetList, list(written), key, reading)
    assert isinstance(said, list)
    return read_budgets(said, key, naming, reading, team=False)


def _check_team(team: str | None, config: Config, notes: Notes) -> None:
    teams: Mapping[str, object] = config.teams
    if team is None or team in teams:
        return
    if teams:
        notes.unknown(("--team",), team, teams, "team")
    else:
        notes.mistake(("--team",), f"{config.source} has no [teams]")
