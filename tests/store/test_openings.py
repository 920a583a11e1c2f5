"""Opening balances are kept once for each account and window, in both databases."""

from gateway.store.connection import Connection
from gateway.store.openings import Opening, keep_openings, openings_at

MORNING, NOON = 1_000_000, 1_043_200


def test_each_account_and_window_has_one_and_the_last_holds(connection: Connection) -> None:
    first = [Opening("a", NOON, 5), Opening("b", NOON, 6), Opening("a", MORNING, 7)]
    assert keep_openings(connection, first) == 3
    assert keep_openings(connection, first) == 0
    assert keep_openings(connection, [Opening("a", NOON, 5), Opening("b", NOON, 2**53)]) == 1
    assert openings_at(connection, NOON) == {"a": 5, "b": 2**53}
    assert openings_at(connection, MORNING) == {"a": 7}
    assert openings_at(connection, 0) == {}
