"""Members of a team have all the same, which the team says, or each their own."""

from collections import UserDict

from gateway.commands.moving.database_budgets import Terms
from gateway.commands.moving.database_members import Members
from gateway.commands.moving.database_rows import BudgetRow, MemberRow, TeamRow

TEN = BudgetRow(budget_id="ten", max_budget=10, budget_duration="1d")
SAME = BudgetRow(budget_id="same", max_budget=10, budget_duration="1d", rpm_limit=5)
FIVE = BudgetRow(budget_id="five", max_budget=5, budget_duration="7d", budget_reset_at="x")
LIMITS = BudgetRow(budget_id="limits", rpm_limit=5)
BUDGETS = {row.budget_id: row for row in (TEN, SAME, FIVE, LIMITS)}
TEAM = TeamRow(team_id="t")


def members(*pairs: tuple[str, str | None]) -> Members:
    rows = [MemberRow(user_id=user, team_id="t", spend=2, budget_id=each) for user, each in pairs]
    return Members([*rows, MemberRow(user_id="ada", team_id="other")], BUDGETS)


def test_where_all_have_the_same_it_is_common() -> None:
    found = members(("ada", "ten"), ("bob", "same"))
    assert found.common(TEAM) == TEN
    assert found.own(TEAM, "ada") == (TEN, None)
    assert found.own(TEAM, "bob") == (SAME, None)
    assert [row.user_id for row in found.of(TEAM)] == ["ada", "bob"]


def test_where_they_differ_or_some_have_none_each_has_its_own() -> None:
    found = members(("ada", "ten"), ("bob", "five"))
    assert found.common(TEAM) is None
    assert found.own(TEAM, "bob") == (FIVE, Terms(5, "7d", None, "", 2, "x"))
    assert members(("ada", "ten"), ("bob", None)).common(TEAM) is None
    assert members(("ada", "ten"), ("bob", "limits")).common(TEAM) is None


def test_what_the_team_says_of_its_members_is_common_but_for_those_who_differ() -> None:
    team = TeamRow(team_id="t", metadata={"team_member_budget_id": "ten"})
    found = members(("ada", "same"), ("bob", "five"), ("eve", None), ("max", "gone"))
    assert found.common(team) == TEN
    assert found.own(team, "ada") == (SAME, None)
    assert found.own(team, "bob")[1] is not None
    nothing = (None, None)
    assert [found.own(team, who) for who in ("eve", "max", "nobody", None)] == [nothing] * 4


def test_a_member_of_whom_something_cannot_be_read_is_lost() -> None:
    rows = [MemberRow(user_id=user, team_id="t", budget_id=each) for user, each in
            (("ada", "ten"), ("bob", "gone"), ("eve", None))]  # fmt: skip
    found = Members(rows, BUDGETS, [{"team_id": "t", "user_id": "odd", "spend": "much"}])
    who = ("ada", "eve", "nobody", None, "bob", "odd")
    assert [found.is_lost(TEAM, each) for each in who] == [False] * 4 + [True] * 2


def test_a_team_without_members_or_with_an_odd_note_has_nothing_common() -> None:
    assert members().common(TEAM) is None
    for said in ({"team_member_budget_id": 5}, {"team_member_budget_id": "limits"}, [1], "x"):
        assert members().common(TeamRow(team_id="t", metadata=said)) is None


def test_what_is_common_is_found_once_however_many_members_ask() -> None:
    class Counted(UserDict[str, BudgetRow]):
        asked = 0

        def __getitem__(self, name: str) -> BudgetRow:
            self.asked += 1
            return super().__getitem__(name)

    users = [f"u{number}" for number in range(50)]
    budgets = Counted(BUDGETS)
    rows = [MemberRow(user_id=user, team_id="t", budget_id="ten") for user in users]
    found = Members(rows, budgets)
    assert all(found.own(TEAM, user) == (TEN, None) for user in users)
    assert budgets.asked <= 3 * len(users)
