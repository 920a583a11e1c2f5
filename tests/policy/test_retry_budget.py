"""Retries are a share of what is asked at all, besides a few that are free."""

from gateway.policy.retry_budget import DEPOSIT, FREE, FREE_WITHIN, MOST, RetryBudget


def taken(budget: RetryBudget, now: float) -> int:
    """Take retries until none is left, and count them."""
    count = 0
    while budget.withdraw(now):
        count += 1
    return count


def test_a_home_that_was_never_asked_has_its_free_retries() -> None:
    assert taken(RetryBudget(5.0), 5.0) == FREE


def test_free_retries_come_back_with_time() -> None:
    budget = RetryBudget(0.0)
    taken(budget, 0.0)
    assert taken(budget, FREE_WITHIN / 2) == FREE / 2
    assert taken(budget, FREE_WITHIN) == FREE / 2


def test_a_retry_that_was_refused_does_not_lose_the_time_that_has_passed() -> None:
    budget = RetryBudget(0.0)
    taken(budget, 0.0)
    assert [budget.withdraw(at) for at in (0.5, 1.0, 1.5, 2.0)] == [False, True, False, True]


def test_free_retries_do_not_pile_up() -> None:
    budget = RetryBudget(0.0)
    taken(budget, 0.0)
    assert taken(budget, 100 * FREE_WITHIN) == FREE


def test_five_attempts_pay_for_one_retry() -> None:
    budget = RetryBudget(0.0)
    taken(budget, 0.0)
    for _ in range(51):
        budget.deposit()
    assert taken(budget, 0.0) == 10


def test_what_was_paid_in_has_a_limit() -> None:
    budget = RetryBudget(0.0)
    for _ in range(10_000):
        budget.deposit()
    assert taken(budget, 0.0) == MOST


def test_there_is_no_storm_of_retries_where_all_attempts_fail() -> None:
    budget = RetryBudget(0.0)
    retries = 0
    for _ in range(1000):
        budget.deposit()
        while budget.withdraw(0.0):
            retries += 1
            budget.deposit()
    assert retries <= 1000 * DEPOSIT / (1 - DEPOSIT) + FREE / (1 - DEPOSIT) + 1
