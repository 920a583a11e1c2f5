"""Reads `[[keys]]`, and what keys need beside them: a pepper, teams, groups of models."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from gateway.config.budgets import BudgetList, read_budgets
from gateway.config.known import Known
from gateway.config.limits import LimitOptions, limits_of
from gateway.config.lines import Key
from gateway.config.naming import Models, Naming
from gateway.config.options import GuardNames
from gateway.config.passthrough import Opened, check_opened
from gateway.config.tables import Reading, as_table, read_table
from gateway.config.teams import check_groups, checked_name, read_groups, read_teams
from gateway.downstream.options import AuthOptions
from gateway.policy.keys import INNER, KeyRecord, Team
from gateway.words.caller import Limits

SHORTEST_PEPPER = 16
"""Characters: a pepper that can be guessed is none (S18)."""

LATEST = 253_402_300_799
"""The last second that has a date, in Unix time."""

ALONE = (
    "must be 1 where keys, teams or models have limits or budgets and [store] names no `shared`:"
    " each process counts by itself, and several would let in several times as much"
)
NO_PEPPER = (
    "is missing: the hashes of keys are made with it. `openssl rand -hex 32` makes one; name it"
    ' here as { env = "NAME" } or { file = "path" }'
)
SHORT = f"is shorter than {SHORTEST_PEPPER} characters; `openssl rand -hex 32` makes a good one"
NO_KEYS = (
    "no key could be shown: there are no [[keys]] and no [[auth.issuers]], and [store] names no"
    " database for keys"
)
NO_HASH = (
    "is no hash of a key: that has 64 hexadecimal digits, as `gateway keys hash` prints them. The"
    " key itself never stands here"
)
OURS = "is the name of the key with which the operator's page asks: give it another"

_HASH = re.compile(r"[0-9A-Fa-f]{64}")
_MOMENTS = [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]


class KeyOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One virtual key under version control: who holds it, and what they may do."""

    name: Annotated[str, Meta(description="The key's own name, in logs and in the ledger.")]
    hash: Annotated[
        str,
        Meta(
            description="What `gateway keys hash` prints of the key; never the key itself.",
            extra_json_schema={"pattern": f"^{_HASH.pattern}$"},
        ),
    ]
    team: Annotated[str | None, Meta(description="The name of one of `[teams]`.")] = None
    user: Annotated[str | None, Meta(description="Whose key it is.")] = None
    models: Models = msgspec.field(default_factory=list)
    limits: Annotated[LimitOptions, Meta(description="How much this key may ask for.")] = (
        LimitOptions()
    )
    budgets: Annotated[BudgetList, Meta(description="What this key may spend.")] = msgspec.field(
        default_factory=list
    )
    expires: Annotated[
        Any,  # a date or a date and time, which msgspec does not take for two types
        Meta(
            description="From this moment on the key opens nothing; a date is its beginning, and"
            " what says no offset is UTC.",
            extra_json_schema={"anyOf": _MOMENTS},
        ),
    ] = None
    metadata: Annotated[
        dict[str, str], Meta(description="What else is to be known of the key; it changes nothing.")
    ] = msgspec.field(default_factory=dict)
    passthrough: Opened = msgspec.field(default_factory=list)
    guards: GuardNames = msgspec.field(default_factory=list)


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """Who may call, and what they may ask for."""

    groups: dict[str, tuple[str, ...]] = {}
    teams: dict[str, Team] = {}
    keys: tuple[KeyRecord, ...] = ()


def read_rights(document: Mapping[str, object], known: Known | None, reading: Reading) -> Rights:
    """Read these tables of a document, and check that their names fit together.

    `known` is None where the names of models cannot be told.
    """
    tables = {
        name: as_table(document.get(name, {}), (name,), reading) for name in ("groups", "teams")
    }
    groups = read_groups(tables["groups"], reading)
    naming = Naming(groups, known, reading)
    check_groups(groups, naming, reading)
    teams = read_teams(tables["teams"], naming, reading)
    keys = _read_keys(document.get("keys", []), naming, teams, reading)
    return Rights(
        groups={name: tuple(names) for name, names in groups.items()}, teams=teams, keys=keys
    )


def check_auth(
    auth: AuthOptions, keys: Sequence[object], database: object, reading: Reading
) -> None:
    """Note a pepper that is missing or weak, and keys that are required and cannot be."""
    notes = reading.notes
    pepper: Key = ("auth", "pepper")
    meant = any(notes.is_wrong(key) for key in (("keys",), ("auth", "issuers")))
    if auth.required and not (keys or database or auth.issuers or meant):
        notes.mistake(("auth", "required"), NO_KEYS)
    if auth.pepper is not None:
        if len(auth.pepper.reveal()) < SHORTEST_PEPPER:
            notes.mistake(pepper, SHORT)
    elif notes.is_wrong(("auth",)):
        pass  # it may be meant to be there
    elif keys or (auth.required and (database or not auth.issuers)):
        notes.mistake(pepper, NO_PEPPER)


def is_limited(teams: Mapping[str, Team], keys: Sequence[KeyRecord]) -> bool:
    """Say whether any key or team has a limit or a budget, which processes must count together."""
    holders: list[Team | KeyRecord] = [*teams.values(), *keys]
    return any(each.limits != Limits() or each.budgets for each in holders)


def has_budgets(teams: Mapping[str, Team], keys: Sequence[KeyRecord]) -> bool:
    """Say whether money is counted for any key or team."""
    holders: list[Team | KeyRecord] = [*teams.values(), *keys]
    return any(each.budgets for each in holders)


def moment_of(value: date) -> int:
    """Return the Unix time of a date or a date and time, within the years that have dates."""
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 (UTC is added below)
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return min(max(int(value.timestamp()), 0), LATEST)


def _read_keys(
    value: object, naming: Naming, teams: Mapping[str, Team], reading: Reading
) -> tuple[KeyRecord, ...]:
    if not isinstance(value, list):
        reading.notes.mistake(("keys",), "is a list of tables: begin each with [[keys]]")
        return ()
    found: list[KeyRecord] = []
    names: set[str] = set()
    digests: set[str] = set()
    for index, table in enumerate(value):
        key: Key = ("keys", index)
        record = _read_key(table, key, naming, reading)
        if record is None:
            continue
        if record.name in names:
            reading.notes.mistake((*key, "name"), "is the name of a key before it, too")
        if record.digest in digests:
            reading.notes.mistake((*key, "hash"), "is the hash of a key before it, too")
        _check_team(record.team, teams, (*key, "team"), reading)
        names.add(record.name)
        digests.add(record.digest)
        found.append(record)
    return tuple(found)


def _check_team(team: str | None, teams: Mapping[str, Team], key: Key, reading: Reading) -> None:
    # Where teams are no table at all, that is told, and each of them would look forgotten.
    if team is not None and team not in teams and (teams or not reading.notes.is_wrong(("teams",))):
        reading.notes.unknown(key, team, teams, "team")


def _read_key(value: object, key: Key, naming: Naming, reading: Reading) -> KeyRecord | None:
    options = read_table(KeyOptions, value, key, reading)
    if options is None:
        return None
    checked_name(options.name, (*key, "name"), reading)
    if options.name == INNER:
        reading.notes.mistake((*key, "name"), OURS)
    if options.user is not None:
        checked_name(options.user, (*key, "user"), reading)
    naming.check(options.models, (*key, "models"))
    check_opened(options.passthrough, (*key, "passthrough"), naming.providers, reading)
    if _HASH.fullmatch(options.hash) is None:
        reading.notes.mistake((*key, "hash"), NO_HASH)
    return KeyRecord(
        name=options.name,
        digest=options.hash.lower(),
        team=options.team,
        user=options.user,
        models=tuple(options.models),
        limits=limits_of(options.limits),
        expires=_expiry(options.expires, (*key, "expires"), reading),
        metadata=options.metadata,
        budgets=read_budgets(options.budgets, (*key, "budgets"), naming, reading, team=False),
        passthrough=tuple(options.passthrough),
        guards=tuple(options.guards),
    )


def _expiry(value: object, key: Key, reading: Reading) -> int | None:
    if isinstance(value, date):
        return moment_of(value)
    if value is not None:
        reading.notes.mistake(key, "expected a date or a date and time, as 2027-01-01")
    return None
