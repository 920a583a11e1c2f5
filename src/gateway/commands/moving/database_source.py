"""What was read of a database of LiteLLM's, row by row, and what of it nothing here means."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from gateway.commands.moving.database_members import Members
from gateway.commands.moving.database_models import access_groups
from gateway.commands.moving.database_names import cleaned
from gateway.commands.moving.database_notes import LOST, WIDER, Notes
from gateway.commands.moving.database_rows import (
    AnyRow,
    BudgetRow,
    KeyRow,
    MemberRow,
    OldKeyRow,
    TeamRow,
    UserRow,
    beyond,
    read_row,
)
from gateway.commands.moving.saying import is_holding
from gateway.store.litellm import Daily, Row, Theirs

NAMES: Final = {
    "keys": "key_alias",
    "teams": "team_alias",
    "users": "user_id",
    "budgets": "budget_id",
    "organizations": "organization_alias",
    "customers": "user_id",
    "tags": "tag_name",
    "models": "model_name",
    "tokens": "jwt_claim_name",
    "mcp_servers": "server_id",
    "guardrails": "guardrail_name",
    "projects": "project_alias",
}
"""What a row of a table is called by."""

UNREADABLE: Final = f"{LOST}, rows that cannot be read, in the table of {{}}"
LARGE: Final = f"{LOST}, keys whose rows are too large, nested too deeply, or past reading"
BEYOND: Final = "`{}` of {}: there is nothing like it here"

WHY: Final = {
    "organizations": f"{WIDER}, organizations: there is nothing above a team here, so their budgets"
    " and limits do not hold; their models do, for each key",
    "projects": f"{WIDER}, projects: their budgets and limits do not hold; their models do, for"
    " each key, and of one that is blocked the keys are",
    "customers": f"{WIDER}, customers (the field `user` of requests) with a budget or blocked: what"
    " a client says of itself decides nothing here",
    "tags": f"{WIDER}, tags with a budget: money is counted by key, team and user here",
    "tokens": "claims of tokens that stand for keys: see [[auth.issuers]]",
    "models": "models that are kept in the database, with credentials that only LiteLLM can read:"
    " name them in the file",
    "mcp_servers": "servers of MCP",
    "guardrails": f"{WIDER}, guardrails",
}
"""Tables of which nothing is taken over, and why."""

READ: Final = ("keys", "teams", "users", "budgets", "members", "old_keys")


@dataclass(frozen=True, slots=True)
class Source:
    """All that is taken over, or that decides how."""

    keys: tuple[KeyRow, ...]
    old_keys: tuple[OldKeyRow, ...]
    teams: tuple[TeamRow, ...]
    users: dict[str, UserRow]
    budgets: dict[str, BudgetRow]
    members: Members
    lost_users: frozenset[str]
    """Those whose row cannot be read: what holds for them nobody knows."""
    shut_projects: frozenset[str]
    scopes: dict[str, tuple[str, ...]]
    """The models of organizations and projects, by their ids: of both, those that say any."""
    access: dict[str, list[str]]
    daily: tuple[Daily, ...]


def source_of(theirs: Theirs, notes: Notes) -> Source:
    """Understand what was read; tell what is not."""
    for what, why in WHY.items():
        for row in theirs.rows.get(what, ()):
            notes.tell(why, _name(what, row))
    if theirs.large:
        notes.tell(LARGE, f"{theirs.large:,} in all")
    rows = theirs.rows
    budgets = {row.budget_id: row for row in _read(BudgetRow, "budgets", rows, notes)}
    users = {row.user_id: row for row in _read(UserRow, "users", rows, notes)}
    members = list(_read(MemberRow, "members", rows, notes))
    projects = rows.get("projects", ())
    return Source(
        keys=tuple(_read(KeyRow, "keys", rows, notes)),
        old_keys=tuple(_read(OldKeyRow, "old_keys", rows, notes)),
        teams=tuple(_read(TeamRow, "teams", rows, notes)),
        users=users,
        budgets=budgets,
        members=Members(members, budgets, rows.get("members", ())),
        lost_users=frozenset(str(row.get("user_id")) for row in rows.get("users", ())) - set(users),
        shut_projects=frozenset(
            str(row.get("project_id")) for row in projects if row.get("blocked")
        ),
        scopes={
            **dict(_models_of(projects, "project_id")),
            **dict(_models_of(rows.get("organizations", ()), "organization_id")),
        },
        access=access_groups(rows.get("models", ())),
        daily=tuple(theirs.daily),
    )


def _read(
    kind: type[AnyRow], what: str, rows: dict[str, list[Row]], notes: Notes
) -> Iterator[AnyRow]:
    for row in rows.get(what, ()):
        found = read_row(kind, row)
        name = _name(what, row)
        if found is None:
            notes.tell(UNREADABLE.format(what), name)
            continue
        for column in beyond(kind, row):
            told = BEYOND.format(column, what)
            notes.tell(f"{WIDER}, {told}" if is_holding(column) else told, name)
        yield found


def _models_of(rows: Iterable[Row], key: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the models that rows allow, by the rows' ids."""
    for row in rows:
        models = row.get("models")
        if isinstance(models, list) and models:
            yield str(row.get(key)), tuple(map(str, models))


def _name(what: str, row: Row) -> str:
    """Return what a row is called by; never what may be a secret."""
    name = row.get(NAMES.get(what, ""), "")
    return cleaned(name if isinstance(name, str) else "") or "one without a name"
