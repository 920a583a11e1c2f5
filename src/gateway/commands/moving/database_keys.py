"""LiteLLM's keys as keys of ours: the same secrets, what they may do, what they have spent. Pure.

It keeps the SHA-256 of a secret, and what rests of one here is made of just that. Where it is not
clear that a key would open no more here than there, it is not taken over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from gateway.commands.moving.database_budgets import (
    Funded,
    Note,
    Terms,
    funded,
    models_of,
    start_of,
    windows_of,
)
from gateway.commands.moving.database_models import Models, met
from gateway.commands.moving.database_names import cleaned, metadata_of
from gateway.commands.moving.database_notes import LOST, WIDER, Notes
from gateway.commands.moving.database_rows import (
    BudgetRow,
    KeyRow,
    OldKeyRow,
    UserRow,
    is_hash,
    limits_of,
    masked,
    moment,
)
from gateway.commands.moving.database_source import Source
from gateway.commands.moving.database_teams import Teams
from gateway.commands.moving.saying import is_holding
from gateway.config.keys import LATEST
from gateway.policy.budgets import window_of
from gateway.policy.keys import KeyRecord, accounts_of, sealed
from gateway.policy.wording import day_of
from gateway.store.litellm import Daily
from gateway.store.openings import Opening
from gateway.words.caller import Limits

DASHBOARD: Final = "litellm-dashboard"
"""The team of the keys that LiteLLM makes for each visit of its own pages."""

ROUTES: Final = frozenset({"llm_api_routes", "openai_routes", "/*", "*"})
"""What of `allowed_routes` opens all endpoints of models; a part of them cannot be said here."""

LEFT: Final = f"{LOST}, keys that"
NOT_HASHED: Final = f"{LEFT} are kept as no SHA-256"
EXPIRED: Final = f"{LEFT} have expired"
OF_PAGES: Final = f"{LEFT} were made for visits of LiteLLM's own pages"
FEW_ROUTES: Final = f"{LEFT} open some paths alone (`allowed_routes`): here they would open more"
NO_TEAM: Final = f"{LEFT} belong to a team that is not there"
OPEN_TEAM: Final = f"{LEFT} belong to a team that lets nobody in there, and is open in the file"
NO_MODEL: Final = f"{LEFT} may ask for no model"
NO_LIMIT: Final = f"{LEFT} have a limit of 0, so that nothing is let in"
NO_END: Final = f"{LEFT} end at a moment that cannot be read"
NO_ROW: Final = f"{LEFT} have a budget that is not in the table of budgets"

NO_ONE: Final = f"{LEFT} have a user or a member of whom a row cannot be read"
FORMER: Final = f"{LOST}, former secrets whose row cannot be read, of the keys"

BLOCKED: Final = "keys that are blocked there: they are revoked here, for ever"
METADATA: Final = "keys with `metadata` of which a part is left out: tables, lists, maybe secrets"
HOLDING: Final = (
    f"{WIDER}, keys whose `metadata` limits or checks what does not hold here: see"
    " `gateway keys create --help`, [models.NAME] limits, docs/guards.md"
)
MEMBERS: Final = "keys for which a member's own budget or limits hold here, for each key by itself"
USERS: Final = "keys for which their user's limits hold here, for each key by itself"
USERS_MODELS: Final = f"{WIDER}, users with budgets for single models, which are left out"
MEMBERS_MODELS: Final = (
    f"{WIDER}, keys of members with budgets for single models, which are left out"
)
ROTATED: Final = (
    "former secrets of keys that were rotated: each opens a key of its own until then, with limits"
    " and budgets of its own"
)


class NotTaken(Exception):
    """A key is left where it is; the text says why."""


@dataclass(frozen=True, slots=True)
class KeyDraft:
    """A key as it is to be here, but for its name; and what its own budgets have spent."""

    record: KeyRecord
    funds: tuple[Funded, ...]

    def openings(self, name: str, now: int) -> Iterator[Opening]:
        """Yield what was spent in the windows that are now, under the name that the key has."""
        accounts = accounts_of(name, None, self.record.budgets, "", ())
        for account, each in zip(accounts, self.funds, strict=True):
            if each.spent:
                start = window_of(each.budget.per, now).start
                yield Opening(account.name, start, each.spent)


class Days:
    """What keys spent each day for each model."""

    def __init__(self, daily: Sequence[Daily]) -> None:
        self._of: dict[str, list[Daily]] = {}
        for each in daily:
            self._of.setdefault(each.token, []).append(each)

    def fill(self, terms: Terms, token: str, now: int) -> Terms:
        """Say of a key's budget what was spent of it since its window began."""
        since = day_of(start_of(terms, now))
        found = (one for one in self._of.get(token, ()) if one.day >= since)
        spent = sum(one.usd for one in found if terms.model in {"", one.model})
        return terms._replace(spent=spent)


class Keys:
    """Makes keys of rows, with all that holds for them."""

    def __init__(
        self, pepper: bytes, source: Source, models: Models, teams: Teams, notes: Notes
    ) -> None:
        self._pepper = pepper
        self._source = source
        self._models = models
        self._teams = teams
        self._notes = notes
        self._days = Days(source.daily)

    def draft(self, row: KeyRow, now: int) -> KeyDraft | None:
        """Return a key as it is to be here; None where it is not taken over, which is told."""
        name = cleaned(row.key_alias) or cleaned(masked(row.key_name)) or _nameless(row)
        try:
            return self._draft(row, name, now)
        except NotTaken as why:
            self._notes.tell(str(why), name)
            return None

    def former(self, row: OldKeyRow, draft: KeyDraft, now: int) -> KeyDraft | None:
        """Return the former secret of a key, as a key with the same rights that ends soon.

        One that has ended already opens nothing there either, and is no more told of.
        """
        try:
            ends = min(moment(row.revoke_at), draft.record.expires or LATEST)
        except (ValueError, OverflowError):
            ends = None
        if ends is None or not is_hash(row.token):
            self._notes.tell(FORMER, draft.record.name)
            return None
        if ends <= now:
            return None
        self._notes.tell(ROTATED, f"{draft.record.name} ({day_of(ends)})")
        digest = sealed(bytes.fromhex(row.token), self._pepper)
        name = f"{draft.record.name}-former"
        record = replace(draft.record, name=name, digest=digest, hint="", expires=ends)
        return KeyDraft(record, draft.funds)

    def _draft(self, row: KeyRow, name: str, now: int) -> KeyDraft:
        def note(what: str) -> None:
            self._notes.tell(what, f"the key {name}")

        expires = _checked(row, now)
        digest = sealed(bytes.fromhex(row.token), self._pepper)
        wanted = cleaned(row.key_alias) or cleaned(masked(row.key_name)) or f"key-{digest[:12]}"
        around = self._around(row, note)
        limits = limits_of(row, *around.rows)
        if limits is None:
            raise NotTaken(NO_LIMIT)
        models = self._models_of(row, around)
        funds = self._funds(row, around, now, note)
        metadata, left = metadata_of(row.metadata)
        if held := [each for each in left if is_holding(each)]:
            self._notes.tell(HOLDING, f"{name} ({', '.join(held)})")
        if rest := [each for each in left if each not in held]:
            self._notes.tell(METADATA, f"{name} ({', '.join(rest)})")
        is_shut = bool(row.blocked) or row.project_id in self._source.shut_projects
        if is_shut:
            self._notes.tell(BLOCKED, name)
        record = KeyRecord(
            name=wanted,
            digest=digest,
            hint=masked(row.key_name) or "",
            team=around.team,
            user=cleaned(row.user_id) or None,
            models=models,
            limits=limits,
            created=_created(row, now),
            expires=expires,
            revoked=now if is_shut else None,
            metadata=metadata,
            budgets=tuple(each.budget for each in funds),
        )
        return KeyDraft(record, funds)

    def _around(self, row: KeyRow, note: Note) -> "_Around":
        """Return what holds for a key besides what it says itself."""
        budget = self._source.budgets.get(row.budget_id or "")
        if row.budget_id and budget is None:
            raise NotTaken(NO_ROW)
        if row.team_id:
            return self._in_team(row, budget)
        if row.user_id in self._source.lost_users:
            raise NotTaken(NO_ONE)
        user = self._source.users.get(row.user_id or "")
        if user is None:
            return _Around(None, budget)
        if limits_of(user) != Limits():
            self._notes.tell(USERS, cleaned(row.key_alias) or cleaned(user.user_id))
        if user.model_max_budget:
            self._notes.tell(USERS_MODELS, cleaned(user.user_id))
        team = self._teams.of_user(user, note)
        models = (tuple(user.models or ()),)
        return _Around(None if team is None else team.name, budget, (user,), models)

    def _in_team(self, row: KeyRow, budget: BudgetRow | None) -> "_Around":
        team_id = row.team_id or ""
        team = self._teams.of(team_id)
        if team is None:
            raise NotTaken(NO_TEAM)
        if self._teams.is_open_here(team):
            raise NotTaken(OPEN_TEAM)
        if self._source.members.is_lost(self._teams.rows[team_id], row.user_id):
            raise NotTaken(NO_ONE)
        member, terms = self._source.members.own(self._teams.rows[team_id], row.user_id)
        if member is None:
            return _Around(team.name, budget)
        if terms is not None or limits_of(member) != Limits():
            self._notes.tell(MEMBERS, cleaned(row.key_alias) or cleaned(row.user_id))
        if member.model_max_budget:
            self._notes.tell(MEMBERS_MODELS, cleaned(row.key_alias) or cleaned(row.user_id))
        models = (tuple(member.allowed_models or ()),)
        return _Around(team.name, budget, (member,), models, terms)

    def _models_of(self, row: KeyRow, around: "_Around") -> tuple[str, ...]:
        found: tuple[str, ...] = ()
        for said in (row.models, *around.models, *self._scopes(row)):
            theirs = self._models.of(said)
            both = None if theirs is None else met(found, theirs)
            if both is None:
                raise NotTaken(NO_MODEL)
            found = both
        return found

    def _scopes(self, row: KeyRow) -> Iterator[tuple[str, ...]]:
        """Yield the models of a key's project, its organization and its team's."""
        team = self._teams.rows.get(row.team_id or "")
        for scope in (row.project_id, row.organization_id, team and team.organization_id):
            yield self._source.scopes.get(scope or "", ())

    def _funds(self, row: KeyRow, around: "_Around", now: int, note: Note) -> tuple[Funded, ...]:
        """Return all budgets of a key, with what was spent of each."""
        budget = around.budget
        usd, duration, reset_at = row.max_budget, row.budget_duration, row.budget_reset_at
        by_model, soft = row.model_max_budget, None
        if budget is not None:
            usd = budget.max_budget if usd is None else usd
            duration = duration or budget.budget_duration
            reset_at = reset_at or budget.budget_reset_at
            by_model, soft = by_model or budget.model_max_budget, budget.soft_budget
        more = [*models_of(by_model, note), *windows_of(row.budget_limits, note)]
        terms = [
            Terms(usd, duration, soft, "", row.spend, reset_at),
            *(self._days.fill(each, row.token, now) for each in more),
            *(() if around.terms is None else (around.terms,)),
        ]
        return funded(terms, now, note)


@dataclass(frozen=True, slots=True)
class _Around:
    """What holds for a key besides what it says: its team, rows that limit it, lists of models."""

    team: str | None
    budget: BudgetRow | None
    more: tuple[BudgetRow | UserRow, ...] = ()
    models: tuple[tuple[str, ...], ...] = ()
    terms: Terms | None = None

    @property
    def rows(self) -> tuple[BudgetRow | UserRow, ...]:
        return self.more if self.budget is None else (self.budget, *self.more)


def _checked(row: KeyRow, now: int) -> int | None:
    """Return when a key ends. Raises `NotTaken` where it is none that may be taken over."""
    if row.team_id == DASHBOARD:
        raise NotTaken(OF_PAGES)
    if not is_hash(row.token):
        raise NotTaken(NOT_HASHED)
    try:
        expires = None if row.expires is None else min(moment(row.expires), LATEST)
    except (ValueError, OverflowError):
        raise NotTaken(NO_END) from None
    if expires is not None and expires <= now:
        raise NotTaken(EXPIRED)
    if row.allowed_routes and ROUTES.isdisjoint(row.allowed_routes):
        raise NotTaken(FEW_ROUTES)
    return expires


def _nameless(row: KeyRow) -> str:
    """Return what a key without a name is told by; its hash opens nothing, and no secret is one."""
    return f"one without a name, {row.token[:8]}…" if is_hash(row.token) else "one without a name"


def _created(row: KeyRow, now: int) -> int:
    """Return when a key was made; now, where nobody says it."""
    try:
        return min(max(0, moment(row.created_at or "")), now)
    except ValueError:
        return now
