"""How full budgets are is told the fullest first, and of several workers as one."""

from gateway.policy.balances import Balance, balances, together
from gateway.policy.budgets import Funds, Purses
from gateway.words.budget import Account, Budget, Per

TODAY = 1_790_000_000.0
DOLLAR = 1_000_000_000


def account(name: str, dollars: int = 10, per: Per = "day", **who: str) -> Account:
    of = "user" if "user" in who else "team" if "team" in who else "key"
    return Account(name, of, Budget(dollars * DOLLAR, per), **(who or {"key": name}))  # type: ignore[arg-type]


def filled(*spent: int) -> Purses:
    purses = Purses()
    for number, dollars in enumerate(spent):
        purses.of(account(f"key-{number}"), TODAY).spent = dollars * DOLLAR
    return purses


def test_the_fullest_come_first_and_the_rest_is_counted() -> None:
    found, left_out = balances(filled(1, 9, 5, 12), TODAY, most=3)
    assert [each.name for each in found] == ["key-3", "key-1", "key-2"]
    assert left_out == 1


def test_what_open_calls_hold_fills_a_budget_too() -> None:
    purses = filled(5)
    purse = purses.of(account("held"), TODAY)
    Funds([purse]).take(8 * DOLLAR)
    (first, second), _ = balances(purses, TODAY)
    assert (first.name, first.reserved, first.spent) == ("held", 8 * DOLLAR, 0)
    assert (first.fullness, second.fullness) == (0.8, 0.5)


def test_a_budget_of_nothing_is_full() -> None:
    purses = filled(9)
    purses.of(account("nothing", 0), TODAY)
    (first, _), _ = balances(purses, TODAY)
    assert (first.name, first.fullness) == ("nothing", 1.0)


def test_a_window_that_is_over_is_passed_by() -> None:
    purses = filled(9)
    assert balances(purses, TODAY + 86_400) == ([], 0)


def test_it_says_whose_budget_it_is() -> None:
    purses = Purses()
    for each in (
        account("a", key="ci"),
        account("b", team="research"),
        account("c", team="research", user="anna"),
        Account("d", "user", Budget(DOLLAR, "month"), key="ada", team="research"),
    ):
        purses.of(each, TODAY)
    found, _ = balances(purses, TODAY)
    told = {each.name: (each.of, each.whose, each.team) for each in found}
    assert told == {
        "a": ("key", "ci", ""),
        "b": ("team", "research", "research"),
        "c": ("user", "anna", "research"),
        "d": ("user", "ada", "research"),
    }


def balance(name: str, spent: int = 0, start: int = 0, known: int = 0) -> Balance:
    return Balance(
        name=name, of="key", whose=name, team="", per="day", models=(), limit=100, spent=spent,
        reserved=5, known=known, start=start, end=start + 1,
    )  # fmt: skip


def test_workers_are_added_up_and_what_all_have_taken_counts_once() -> None:
    told = [
        [balance("a", 10, known=40), balance("b", 60)],
        [balance("a", 20, known=50), balance("c", 1)],
    ]
    b, a, c = together(told)
    assert (a.name, a.spent, a.reserved, a.known, a.used) == ("a", 30, 10, 50, 40)
    assert (b.name, b.used) == ("b", 60)
    assert c.name == "c"
    assert together(told, 1) == [b]


def test_what_calls_hold_of_a_shared_store_is_not_taken_twice() -> None:
    """They hold a part of what was granted here, and the store counts that as taken."""
    purses = Purses(common=True)
    purse = purses.of(account("a"), TODAY)
    purse.ceiling = purse.known = 4 * DOLLAR
    Funds([purse]).take(3 * DOLLAR)
    ((told,), _) = balances(purses, TODAY)
    assert (told.used, told.reserved, told.fullness) == (1 * DOLLAR, 3 * DOLLAR, 0.4)


def test_of_two_windows_the_later_is_the_present() -> None:
    old, new = balance("a", 90), balance("a", 1, start=86_400)
    assert together([[old], [new]]) == together([[new], [old]]) == [new]
