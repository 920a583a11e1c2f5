"""Rows may come twice and in any order: what is known of a call only grows."""

import itertools

from gateway.store.calls import STEPS, add, bury, forget, leave, number_of
from gateway.store.connection import Connection
from gateway.store.journal import MOST_CALLS, Numbered
from gateway.store.rows import row_of
from tests.store.receipts import call, end


def opened(number: int) -> Numbered:
    return number, row_of(call(), number, None)


def ended(number: int) -> Numbered:
    return number, row_of(end(call()), number, number + 1)


def outcomes(connection: Connection) -> list[tuple[int, str | None]]:
    found = connection.execute("SELECT id, outcome FROM calls ORDER BY id")
    return [(number % MOST_CALLS, outcome) for number, outcome in found]


def test_any_number_of_rows_are_added(connection: Connection) -> None:
    count = 2 * sum(STEPS) + 3
    assert add(connection, 1, [ended(number) for number in range(count)]) == []
    assert outcomes(connection) == [(number, "completed") for number in range(count)]
    assert add(connection, 1, []) == []


def test_in_whatever_order_they_come_the_end_stands(connection: Connection) -> None:
    rows = [opened(1), ended(1), ended(1)]
    for writer, order in enumerate(itertools.permutations(range(4)), 1):
        for step in order:
            if step < len(rows):
                add(connection, writer, [rows[step]])
            else:
                bury(connection, writer)
    found = set(outcomes(connection))
    assert found == {(1, "completed")}


def test_a_batch_may_hold_both_rows_of_a_call(connection: Connection) -> None:
    add(connection, 1, [opened(1), ended(1), opened(2)])
    assert outcomes(connection) == [(1, "completed"), (2, None)]


def test_processes_have_numbers_that_never_come_again(connection: Connection) -> None:
    assert [number_of(connection, name) for name in ("a", "b", "a")] == [1, 2, 1]
    assert forget(connection, lambda: {"a"}) == 0
    assert number_of(connection, "b") == 3
    leave(connection, 3)
    assert number_of(connection, "b", before=3) == 3
    assert number_of(connection, "c", before=3) == 4


def test_only_what_the_dead_left_open_is_lost(connection: Connection) -> None:
    alive, dead = (number_of(connection, name) for name in ("alive", "dead"))
    for writer in (alive, dead):
        add(connection, writer, [opened(0), ended(1), opened(MOST_CALLS - 1)])
    assert forget(connection, lambda: {"alive"}) == 2
    told = [outcome for _, outcome in outcomes(connection)]
    assert told == [None, "completed", None, "lost", "completed", "lost"]


def test_a_row_that_no_column_can_hold_takes_no_other_along(
    connection: Connection,
) -> None:
    _, row = ended(2)
    too_large: Numbered = (2, [2**64, *row[1:]])
    unset: Numbered = (3, [None] * len(row))
    surrogate: Numbered = (4, [4, "\ud800", *row[2:]])
    odd: Numbered = (5, [["list"], *row[1:]])  # type: ignore[list-item]
    nul: Numbered = (6, [6, "\0", *row[2:]])
    bad = [too_large, unset, surrogate, odd, *([nul] if connection.kind == "postgres" else [])]
    assert add(connection, 1, [ended(1), *bad, ended(6)]) == bad
    assert outcomes(connection) == [(1, "completed"), (6, "completed")]
