"""A budget is shown with what is left of it, or with nothing where nobody knows."""

from gateway.admin.keys.purses import purses_told
from gateway.policy.budgets import Spent, window_of
from gateway.policy.keys import accounts_of
from gateway.words.budget import Budget

NOON = 1_764_504_000
OWN = (Budget(100, "day", ("gpt-*",)),)
COMMON = (Budget(50, "month", each="user"), Budget(10, "month"))
ACCOUNTS = accounts_of("ci", "ada", OWN, "research", COMMON)
SINCE = {
    window_of("day", NOON).start: [Spent("ci", "research", "ada", "gpt-5", 30)],
    window_of("month", NOON).start: [
        Spent("ci", "research", "ada", "gpt-5", 30),
        Spent("other", "research", "eve", "gpt-5", 8),
    ],
}


def test_each_budget_counts_what_is_paid_from_it() -> None:
    told = purses_told(ACCOUNTS, SINCE, NOON)
    assert [(each.of, each.whose, each.spent_nanos, each.left_nanos) for each in told] == [
        ("key", "ci", 30, 70),
        ("user", "ada", 30, 20),
        ("team", "research", 38, 0),
    ]
    assert [each.until for each in told] == [
        *("2025-12-01T00:00:00Z", "2025-12-01T00:00:00Z", "2025-12-01T00:00:00Z"),
    ]
    assert told[0].in_words == "$0.0000001 a day for gpt-*"
    assert told[0].limit_nanos == 100


def test_a_user_without_a_name_is_told_by_the_key() -> None:
    (account,) = accounts_of("ci", None, (), "research", COMMON[:1])
    (told,) = purses_told([account], SINCE, NOON)
    assert (told.of, told.whose, told.spent_nanos) == ("user", "ci", 0)


def test_where_no_ledger_can_be_asked_nothing_is_said_to_be_left() -> None:
    assert {(each.spent_nanos, each.left_nanos) for each in purses_told(ACCOUNTS, None, NOON)} == {
        (None, None)
    }
