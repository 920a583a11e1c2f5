"""What the members of LiteLLM's teams may each spend of their team's money. Pure.

Where all members have as much, the team says so for each user. Where they differ, it is said of
each key of a member's.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from gateway.commands.moving.database_budgets import Terms
from gateway.commands.moving.database_rows import BudgetRow, MemberRow, TeamRow, dollars

MEMBERS_BUDGET: Final = "team_member_budget_id"
"""Where a team's metadata name the budget that each new member gets."""


class Members:
    """The members of all teams that have a budget, a limit or models of their own."""

    def __init__(
        self,
        rows: Iterable[MemberRow],
        budgets: Mapping[str, BudgetRow],
        every: Iterable[Mapping[str, object]] = (),
    ) -> None:
        """`every` are all rows, those that could not be read among them."""
        self._budgets = budgets
        self._every = {(row.get("team_id"), row.get("user_id")) for row in every}
        self._of: dict[str, dict[str, MemberRow]] = {}
        self._common: dict[str, BudgetRow | None] = {}
        for row in rows:
            self._of.setdefault(row.team_id, {})[row.user_id] = row

    def common(self, team: TeamRow) -> BudgetRow | None:
        """Return the budget that each member has, if all have the same."""
        if team.team_id not in self._common:
            self._common[team.team_id] = self._found_common(team)
        return self._common[team.team_id]

    def _found_common(self, team: TeamRow) -> BudgetRow | None:
        said = team.metadata.get(MEMBERS_BUDGET) if _is_table(team.metadata) else None
        usual = self._budgets.get(said) if isinstance(said, str) else None
        if usual is not None:
            return usual if dollars(usual.max_budget) is not None else None
        own = [self._budgets.get(row.budget_id or "") for row in self.of(team)]
        found = [row for row in own if row is not None and dollars(row.max_budget) is not None]
        return found[0] if len(found) == len(own) and len(set(map(_terms, found))) == 1 else None

    def is_lost(self, team: TeamRow, user: str | None) -> bool:
        """Say whether there is something of a member that could not be read."""
        found = self._of.get(team.team_id, {}).get(user or "")
        if found is None:
            return (team.team_id, user) in self._every
        return bool(found.budget_id) and found.budget_id not in self._budgets

    def of(self, team: TeamRow) -> Iterator[MemberRow]:
        """Yield the members of a team, with what each has spent."""
        yield from self._of.get(team.team_id, {}).values()

    def own(self, team: TeamRow, user: str | None) -> tuple[BudgetRow | None, Terms | None]:
        """Return what holds for one member: limits and models, and a budget that is not common."""
        member = self._of.get(team.team_id, {}).get(user or "")
        row = None if member is None else self._budgets.get(member.budget_id or "")
        if member is None or row is None:
            return None, None
        common = self.common(team)
        if common is not None and _terms(common) == _terms(row):
            return row, None
        return row, Terms(
            usd=row.max_budget,
            duration=row.budget_duration,
            soft=row.soft_budget,
            spent=member.spend,
            reset_at=row.budget_reset_at,
        )


def _terms(row: BudgetRow) -> tuple[float | None, str | None]:
    return row.max_budget, row.budget_duration


def _is_table(value: object) -> bool:
    return isinstance(value, dict)
