"""Lines of usage: days in their order, the dearest first, no formula in a cell."""

from gateway.admin.ledger.usage_lines import OUTCOMES, csv_of, lines_of, object_of, total_of
from gateway.store.usage import Used

DEAR = Used(2, 10, 5, 20, 7_000_000_000, 1, {"completed": 1, "client_gone": 1})
CHEAP = Used(3, 1, 0, 2, 1, 0, {"completed": 3})


def test_days_come_in_their_order() -> None:
    found = lines_of({20_001: CHEAP, 20_000: DEAR, None: CHEAP}, "day")
    assert [name for name, _ in found] == ["2024-10-04", "2024-10-05"]


def test_of_names_the_dearest_come_first() -> None:
    found = lines_of({None: CHEAP, "b": DEAR, "a": CHEAP}, "model")
    assert [name for name, _ in found] == ["b", None, "a"]


def test_all_of_it_is_added_up() -> None:
    total = total_of([("a", DEAR), ("b", CHEAP)])
    assert total == Used(5, 11, 5, 22, 7_000_000_001, 1, {"completed": 4, "client_gone": 1})
    assert DEAR.calls == 2
    assert object_of(total)["cost_usd"] == "7.000000001"


def test_a_table_has_every_outcome_and_no_formula() -> None:
    head, row = csv_of("model", [("=cmd", DEAR)]).splitlines()
    assert head.split(",")[-len(OUTCOMES) :] == list(OUTCOMES)
    assert row.startswith("'=cmd,2,10,5,20,7.00,1,1,0,1,")
