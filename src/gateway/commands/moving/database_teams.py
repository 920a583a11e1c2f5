"""LiteLLM's teams, and what it grants each user, as teams of ours. Pure.

Teams stand in the file, so a part of a file is made of those that it does not have yet. A team that
is blocked stands there as a comment: what has no team opens nothing, until somebody says otherwise.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Final

from gateway.commands.moving.database_budgets import (
    Funded,
    Note,
    Terms,
    funded,
    models_of,
    windows_of,
)
from gateway.commands.moving.database_members import MEMBERS_BUDGET, Members
from gateway.commands.moving.database_models import Models
from gateway.commands.moving.database_names import Names, cleaned
from gateway.commands.moving.database_notes import WIDER, Notes
from gateway.commands.moving.database_rows import BudgetRow, Json, TeamRow, UserRow, limits_of
from gateway.commands.moving.saying import is_holding
from gateway.commands.moving.toml import value_of
from gateway.policy.budgets import window_of
from gateway.policy.keys import Team, accounts_of
from gateway.store.openings import Opening
from gateway.words.budget import Budget
from gateway.words.caller import Limits

BLOCKED: Final = "it is blocked in LiteLLM"
NO_LIMIT: Final = "it has a limit of 0, so nothing is let in"
NO_MODEL: Final = "it may ask for no model"

CLOSED: Final = "the team stands in the part as a comment, and its keys open nothing: "
UNKNOWN_MODEL: Final = "a team's budget for a model that nobody answers here: it is left out"
FROM_ZERO: Final = f"{WIDER}, a team's budget for one model, or a further one: it begins at $0"
DIFFERS: Final = "teams of the file with other models, limits or budgets: they stay as they are"
OPENED: Final = (
    f"{WIDER}, teams that let nobody in there and are open in the file: take them out of"
    " it, or their keys that are here already go on"
)
HOLDING: Final = (
    f"{WIDER}, teams whose `metadata` limits or checks what does not hold here: see limits"
    " in [models.NAME], docs/guards.md"
)
METADATA: Final = "what LiteLLM notes of a team besides (`metadata`): a team has no notes here"


@dataclass(frozen=True, slots=True)
class TeamDraft:
    """A team as it is to be here. `each` is for each of its users; `closed` says why it is shut."""

    name: str
    models: tuple[str, ...] = ()
    limits: Limits = field(default=Limits())
    budgets: tuple[Funded, ...] = ()
    each: tuple[Budget, ...] = ()
    closed: str = ""


class Teams:
    """All teams, those that users are put into among them. `openings` is what they have spent."""

    def __init__(self, models: Models, there: Mapping[str, Team], notes: Notes, now: int) -> None:
        """`there` are the teams of the file: who has the name of one is that team."""
        self.rows: dict[str, TeamRow] = {}
        self.openings: list[Opening] = []
        self._drafts: dict[str, TeamDraft] = {}
        self._personal: dict[str, TeamDraft] = {}
        self._models = models
        self._there = there
        self._names = Names(())
        self._notes = notes
        self._now = now

    def add(self, row: TeamRow, members: Members) -> None:
        """Take over a team."""
        wanted = cleaned(row.team_alias) or cleaned(row.team_id) or "team"
        name = self._names.give(wanted, cleaned(row.team_id)[:8] or "2")

        def note(what: str) -> None:
            self._notes.tell(what, f"the team {name}")

        models, limits = self._models.of(row.models), limits_of(row)
        closed = _why_closed(row, limits, models)
        if closed:
            note(OPENED if name in self._there else CLOSED + closed)
        common = members.common(row)
        each = () if common is None else funded([Terms(*_said(common))], self._now, note)
        draft = TeamDraft(
            name,
            models or (),
            limits or Limits(),
            self._budgets(row, note),
            tuple(_for_each(one.budget) for one in each),
            closed,
        )
        self.rows[row.team_id], self._drafts[row.team_id] = row, draft
        self._compare(draft, note)
        self._tell_more(row.metadata, name)
        self._open(draft)
        if common is not None:
            for member in members.of(row):
                terms = Terms(*_said(common), "", member.spend, common.budget_reset_at)
                self._open_user(draft, member.user_id, funded([terms], self._now, _nobody))

    def _tell_more(self, metadata: Json, name: str) -> None:
        """Tell of what is noted of a team, and has no place here."""
        said = metadata if isinstance(metadata, dict) else {"": metadata}
        names = [each for each, value in said.items() if value and each != MEMBERS_BUDGET]
        held = [each for each in names if is_holding(each)]
        if held:
            self._notes.tell(HOLDING, f"the team {name} ({', '.join(map(cleaned, held))})")
        if len(held) < len(names):
            self._notes.tell(METADATA, f"the team {name}")

    def is_open_here(self, draft: TeamDraft) -> bool:
        """Say whether a team that lets nobody in there stands open in the file."""
        return bool(draft.closed) and draft.name in self._there

    def of(self, team_id: str) -> TeamDraft | None:
        """Return a team by LiteLLM's own name for it."""
        return self._drafts.get(team_id)

    def of_user(self, row: UserRow, note: Note) -> TeamDraft | None:
        """Return the team of those who have as much as this user; None where that is no budget.

        What a user has holds there for the keys that are in no team.
        """
        terms = Terms(row.max_budget, row.budget_duration, None, "", row.spend, row.budget_reset_at)
        found = funded([terms], self._now, note)
        if not found:
            return None
        budget = found[0].budget
        name = f"personal-{budget.nanos / 1e9:g}-{budget.per}"
        draft = self._personal.get(name)
        if draft is None:
            draft = TeamDraft(self._names.give(name, "2"), each=(_for_each(budget),))
            self._personal[name] = draft
        self._open_user(draft, row.user_id, found)
        return draft

    def part(self) -> Iterator[str]:
        """Yield the lines of the teams that the file does not have, and of the groups they name."""
        if not (self.missing() or self._models.groups):
            return
        if self._models.groups:
            yield from ("", "[groups]")
            for group, names in self._models.groups.items():
                yield f"{value_of(group)} = {value_of(names)}"
        for draft in self._absent():
            yield ""
            if draft.closed:
                yield f"# {draft.closed}:"
            yield from (f"# {line}" if draft.closed else line for line in _lines(draft))

    def missing(self) -> list[str]:
        """Return the names of the teams that the file does not have yet."""
        return [each.name for each in self._absent() if not each.closed]

    def _absent(self) -> Iterator[TeamDraft]:
        every = (*self._drafts.values(), *self._personal.values())
        return (each for each in every if each.name not in self._there)

    def _compare(self, draft: TeamDraft, note: Note) -> None:
        """Tell where a team of the file says something else."""
        there = self._there.get(draft.name)
        if there is None or draft.closed:
            return
        budgets = {*(one.budget for one in draft.budgets), *draft.each}
        said = (set(draft.models), draft.limits, budgets)
        if said != (set(there.models), there.limits, set(there.budgets)):
            note(DIFFERS)

    def _budgets(self, row: TeamRow, note: Note) -> tuple[Funded, ...]:
        """Return the budgets that all of a team share."""
        more = [*models_of(row.model_max_budget, note), *windows_of(row.budget_limits, note)]
        known = [each for each in more if not each.model or self._models.answers(each.model)]
        if len(known) < len(more):
            note(UNKNOWN_MODEL)
        if known:
            note(FROM_ZERO)
        usd, duration, soft = _said(row)
        own = Terms(usd, duration, soft, "", row.spend, row.budget_reset_at)
        return funded([own, *known], self._now, note)

    def _open(self, draft: TeamDraft) -> None:
        budgets = tuple(one.budget for one in draft.budgets)
        accounts = accounts_of("", None, (), draft.name, budgets)
        for account, one in zip(accounts, draft.budgets, strict=True):
            self._keep(account.name, one)

    def _open_user(self, draft: TeamDraft, user_id: str, found: Sequence[Funded]) -> None:
        user = cleaned(user_id)
        for one in found if user else ():
            (account,) = accounts_of("", user, (), draft.name, (_for_each(one.budget),))
            self._keep(account.name, one)

    def _keep(self, account: str, one: Funded) -> None:
        if one.spent:
            start = window_of(one.budget.per, self._now).start
            self.openings.append(Opening(account, start, one.spent))


def _said(row: TeamRow | BudgetRow) -> tuple[float | None, str | None, float | None]:
    return row.max_budget, row.budget_duration, row.soft_budget


def _why_closed(row: TeamRow, limits: Limits | None, models: tuple[str, ...] | None) -> str:
    """Say why a team lets nobody in; nothing where it does."""
    if row.blocked:
        return BLOCKED
    if limits is None:
        return NO_LIMIT
    return NO_MODEL if models is None else ""


def _nobody(what: str) -> None:
    """Tell nobody: it was told of the team."""


def _for_each(budget: Budget) -> Budget:
    return Budget(budget.nanos, budget.per, budget.models, "user", alert=budget.alert)


def _lines(draft: TeamDraft) -> Iterator[str]:
    yield f"[teams.{value_of(draft.name)}]"
    if draft.models:
        yield f"models = {value_of(list(draft.models))}"
    limits = {name: most for name, most in asdict(draft.limits).items() if most is not None}
    if limits:
        yield f"limits = {value_of(limits)}"
    budgets = [*(one.budget for one in draft.budgets), *draft.each]
    if budgets:
        yield "budgets = ["
        yield from (f"    {value_of(_table(budget))}," for budget in budgets)
        yield "]"


def _table(budget: Budget) -> dict[str, object]:
    """Return a budget as it stands in a file, without what goes without saying."""
    said: dict[str, object] = {"usd": budget.nanos / 1e9, "per": budget.per}
    if budget.models:
        said["models"] = list(budget.models)
    if budget.each:
        said["each"] = budget.each
    if budget.alert:
        said["alert"] = list(budget.alert)
    return said
