"""What a user has used is told to that user, and nothing of others."""

from dataclasses import replace

from gateway.store.calls import add
from gateway.store.connection import Connection
from gateway.store.own_usage import MOST_LINES, Own, usage_of
from gateway.store.rows import row_of
from tests.store.receipts import CALLER, DAY_NS, NOON_NS, call, end

DAY = NOON_NS // DAY_NS


def fill(connection: Connection) -> None:
    eve = replace(CALLER, user="eve")
    receipts = [
        (end(call(), 5), NOON_NS),
        (end(call(), 10**15), NOON_NS + 1),
        (end(call(model="mini"), None), NOON_NS),
        (end(call(), 7), NOON_NS + DAY_NS),
        (end(call(), 9), NOON_NS - DAY_NS),
        (end(call(caller=eve), 11), NOON_NS),
        (end(call(caller=replace(CALLER, user=None)), 13), NOON_NS),
    ]
    rows = [(n, row_of(each, at, at + 1)) for n, (each, at) in enumerate(receipts)]
    rows.append((9, row_of(call(model=None), NOON_NS, None)))
    add(connection, 1, rows)


def test_own_calls_are_added_up_by_day_and_model(connection: Connection) -> None:
    fill(connection)
    assert usage_of(connection, "anna", DAY) == [
        Own(DAY, "", 1, 0, 0, 0),
        Own(DAY, "gpt-5.2", 2, 240, 480, 10**15 + 5),
        Own(DAY, "mini", 1, 120, 240, 0),
        Own(DAY + 1, "gpt-5.2", 1, 120, 240, 7),
    ]


def test_of_too_much_the_last_days_are_told(connection: Connection) -> None:
    """A client of one's own may ask for many names: they hide what was used today from nobody."""
    rows = [
        (n, row_of(end(call(model=f"m-{n}"), 5), NOON_NS, NOON_NS + 1)) for n in range(MOST_LINES)
    ]
    rows.append((MOST_LINES, row_of(end(call(), 7), NOON_NS + DAY_NS, NOON_NS + DAY_NS)))
    add(connection, 1, rows)
    found = usage_of(connection, "anna", DAY)
    assert (len(found), found[-1].day, found[-1].cost_nanos) == (MOST_LINES, DAY + 1, 7)


def test_s19_a_name_is_no_pattern_and_no_sql(connection: Connection) -> None:
    fill(connection)
    for user in ("%", "ann_", "", "anna' OR 1=1 --", "ANNA"):
        assert usage_of(connection, user, 0) == []
