"""Keys and teams as the API and the pages tell them; never a secret, never a whole digest (S17)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Literal

from gateway.admin.keys.forms import BudgetTold, KeyTold, LimitsSaid, TeamTold
from gateway.policy.budgets import Spent
from gateway.policy.keys import KeyRecord, Team
from gateway.policy.wording import IN_FORCE, NANOS, budget_in_words, moment_of, state_of
from gateway.words.budget import Budget
from gateway.words.caller import Limits

Source = Literal["file", "database"]


def key_told(
    record: KeyRecord,
    source: Source,
    teams: Mapping[str, Team],
    now: int,
    spent: Mapping[str, int] | None,
) -> KeyTold:
    """Tell one key. `spent` holds nano-dollars by the names of keys; None where nobody knows."""
    state = state_of(record, teams, now)
    return KeyTold(
        name=record.name,
        id=record.key_id,
        hint=record.hint,
        source=source,
        state=state,
        in_force=state == IN_FORCE,
        team=record.team,
        user=record.user,
        models=list(record.models),
        limits=limits_told(record.limits),
        budgets=budgets_told(record.budgets),
        created=moment_of(record.created),
        expires=moment_of(record.expires),
        revoked=moment_of(record.revoked),
        metadata=record.metadata,
        passthrough=list(record.passthrough),
        spent_nanos=None if spent is None else spent.get(record.name, 0),
    )


def team_told(name: str, team: Team, keys: int, spent: Mapping[str, int] | None) -> TeamTold:
    """Tell one team, and how many keys it has. `spent` holds nano-dollars by names of teams."""
    return TeamTold(
        name=name,
        models=list(team.models),
        limits=limits_told(team.limits),
        budgets=budgets_told(team.budgets),
        unpriced=team.unpriced,
        members=list(team.members),
        passthrough=list(team.passthrough),
        keys=keys,
        spent_nanos=None if spent is None else spent.get(name, 0),
    )


def limits_told(limits: Limits) -> LimitsSaid:
    return LimitsSaid(**asdict(limits))


def budgets_told(budgets: Sequence[Budget]) -> list[BudgetTold]:
    return [
        BudgetTold(
            usd=budget.nanos / NANOS,
            per=budget.per,
            models=list(budget.models),
            each=budget.each,
            reserve=budget.reserve,
            then=budget.then,
            alert=list(budget.alert),
            in_words=budget_in_words(budget),
        )
        for budget in budgets
    ]


def rights_in_words(record: KeyRecord) -> str:
    """Say in a line what a key may, for the audit log."""
    limits = record.limits
    told = {
        "team": record.team,
        "user": record.user,
        "models": ", ".join(record.models) or "all",
        "requests a minute": limits.requests_per_minute,
        "tokens a minute": limits.tokens_per_minute,
        "at once": limits.concurrency,
        "budgets": ", ".join(map(budget_in_words, record.budgets)),
        "expires": moment_of(record.expires),
        "passthrough": ", ".join(record.passthrough),
    }
    return "; ".join(f"{name}: {value}" for name, value in told.items() if value)


def by_key(spent: Sequence[Spent]) -> dict[str, int]:
    """Add up nano-dollars of calls by the names of keys."""
    found: dict[str, int] = {}
    for row in _calls(spent):
        found[row.key] = found.get(row.key, 0) + row.nanos
    return found


def by_team(spent: Sequence[Spent]) -> dict[str, int]:
    """Add up nano-dollars of calls by the names of teams; what has no team is under no name."""
    found: dict[str, int] = {}
    for row in _calls(spent):
        found[row.team or ""] = found.get(row.team or "", 0) + row.nanos
    return found


def _calls(spent: Sequence[Spent]) -> Iterator[Spent]:
    """Yield what calls have cost here: what a budget had spent elsewhere was none of them."""
    return (row for row in spent if not row.account)
