"""What is told is told once, of all whom it concerns, and no name commands a terminal."""

from gateway.commands.moving.database_notes import LOST, SHOWN_MUCH, WIDER, Notes


def test_each_thing_is_a_line_with_all_whom_it_concerns() -> None:
    notes = Notes()
    for name in ("ada", "bob", "ada", "a\x1b[2J"):
        notes.tell("keys that are odd", name)
    for number in range(1200):
        notes.tell("teams that are odd", f"t{number}")
    assert list(notes) == [
        r"keys that are odd (3): ada, bob, a\x1b[2J",
        "teams that are odd (1,200): t0, t1, t2, t3, t4, t5, t6, t7 and 1,192 more",
    ]


def test_where_nothing_is_told_there_is_no_line() -> None:
    assert list(Notes()) == []


def test_of_what_is_not_taken_over_many_more_are_told_by_name() -> None:
    notes = Notes()
    notes.tell(f"{WIDER}, budgets", "ada")
    for number in range(SHOWN_MUCH + 2):
        notes.tell(f"{LOST}, keys", f"k{number}")
    line, last = notes
    assert f"k{SHOWN_MUCH - 1} and 2 more" in line
    assert last.startswith(WIDER)
