"""docs/reliability.md says what the tests show: no row without one, and nothing drifts."""

from collections.abc import Iterable
from datetime import date

import pytest

from tests.figures import Figure, read
from tests.house import reliability, rows
from tests.house.reliability import PAGE, TEXT, files, machines, page
from tests.house.rows import (
    IDS,
    MOST_DAYS,
    Later,
    Promises,
    Row,
    Shown,
    marks_of,
    misnamed,
    problems,
    promises,
    read_words,
)
from tests.house.source import source, sources

COMMAND = "python -m tests.house.reliability"
TODAY = date(2026, 11, 24)
ALL = [Row(name, "it leaves", "closed") for name in IDS]


def newest(figures: Iterable[Figure]) -> date:
    """Return the day of the newest figure: the project's own today."""
    return date.fromisoformat(max(figure.day for figure in figures))


def test_every_row_is_shown_or_stands_on_the_list() -> None:
    assert list(problems(promises(), newest(read()))) == []


def test_every_id_in_a_tests_name_stands_in_its_docstring_and_is_a_row() -> None:
    assert list(misnamed(rows.tests_of(sources("tests")))) == []


def test_every_figure_is_of_a_row_and_of_a_test_that_there_is() -> None:
    tests = {test.place for test in rows.tests_of(sources("tests"))}
    strangers = [figure.test for figure in read() if figure.test not in tests]
    assert strangers == []
    assert {figure.row for figure in read()} <= set(IDS)


def test_the_page_is_what_is_made_now() -> None:
    made = page(promises(), read(), TEXT.read_text(encoding="utf-8"))
    assert PAGE.read_text(encoding="utf-8") == made, f"docs/reliability.md is old: run `{COMMAND}`"


@pytest.mark.parametrize(
    ("docstring", "marks"),
    [
        ("C9.", {"C9": True}),
        ("C9. As nginx does.", {"C9": True}),
        ("U13, U14: told in band.", {"U13": True, "U14": True}),
        ("R11, U1 in part: no other target.", {"R11": True, "U1": False}),
        ("C5 in part, U1: a\nb", {"C5": False, "U1": True}),
        ("U13,\nU14 in\npart: on three lines.", {"U13": True, "U14": False}),
        ("As C9: it is a reference.", {}),
        ("C9 is a reference.", {}),
        ("C9.5 seconds", {}),
        ("", {}),
    ],
)
def test_a_docstring_begins_with_what_a_test_shows(docstring: str, marks: dict[str, bool]) -> None:
    assert marks_of(docstring) == marks


MODULE = '''
    from tests.process import Gateway{gateway}

    async def test_a_client_leaves() -> None:
        """C1."""

    def helper() -> None:
        """C2."""

    class Case:
        def test_it_stays_there(self) -> None:
            pass
'''


@pytest.mark.parametrize("real", [True, False])
def test_tests_are_found_with_what_they_show_and_whether_they_drive_the_process(real: bool) -> None:
    module = source("tests/test_a.py", MODULE.format(gateway=", gateway" if real else ""))
    assert rows.tests_of([module]) == [
        Shown("tests/test_a.py", "test_a_client_leaves", {"C1": True}, real),
        Shown("tests/test_a.py", "test_it_stays_there", {}, real),
    ]


def shown(*, real: bool = True, **marks: bool) -> Shown:
    return Shown("tests/test_a.py", "test_a", marks, real)


WHOLE = shown(**dict.fromkeys(IDS, True))
LATER = Later(TODAY, "no rows", "reload")
UNSHOWN = {"C2": "C2 is shown by no test", "C1": "C1 is shown by no test"}
STALE = (
    "C1 is shown whole by tests/test_a.py::test_a: take it off the list in "
    "docs/reliability.toml, or let the test say `C1 in part`"
)


def but(row: str, *tests: Shown) -> list[Shown]:
    """Return a test that shows all rows but one, and further tests."""
    return [shown(**{name: True for name in IDS if name != row}), *tests]


@pytest.mark.parametrize(
    ("tests", "later", "found"),
    [
        ([WHOLE], {}, []),
        (but("C1"), {}, ["C1 is shown by no test"]),
        (but("C1", shown(C1=False)), {}, ["C1 is shown in part only"]),
        (but("C1", shown(C1=False), shown(C1=True)), {}, []),
        (but("C1"), {"C1": LATER}, []),
        (but("C1", shown(C1=False)), {"C1": LATER}, []),
        ([WHOLE], {"C1": LATER}, [STALE]),
        ([WHOLE], {"C99": LATER}, ["C99 is on the list and no row"]),
        (
            but("C1"),
            {"C1": Later(TODAY, "more", "time")},
            ["C1 needs time, which is nothing that is still to be built"],
        ),
        (
            but("C1"),
            {"C1": Later(date(2026, 1, 1), "more", "reload")},
            ["C1 is on the list since 2026-01-01: build what it needs, or say why not"],
        ),
    ],
)
def test_a_row_that_nothing_shows_and_an_entry_that_has_no_business_on_the_list_are_found(
    tests: list[Shown], later: dict[str, Later], found: list[str]
) -> None:
    assert list(problems(Promises(ALL, later, tests), TODAY)) == found


def test_an_entry_may_grow_as_old_as_it_may_and_no_older() -> None:
    since = date.fromordinal(TODAY.toordinal() - MOST_DAYS)
    told = Promises(ALL, {"C1": Later(since, "more", "reload")}, but("C1"))
    assert list(problems(told, TODAY)) == []
    assert len(list(problems(told, date.fromordinal(TODAY.toordinal() + 1)))) == 1


@pytest.mark.parametrize(
    ("real", "off_the_wire", "found"),
    [
        (True, "", []),
        (False, "time is virtual", []),
        (
            True,
            "time is virtual",
            ["C1 is shown in the real process: take its `off_the_wire` away"],
        ),
        (
            False,
            "",
            ["C1 is not shown in the real process, and no `off_the_wire` says why not"],
        ),
    ],
)
def test_a_row_that_never_meets_the_real_process_has_a_reason_and_no_other_has(
    real: bool, off_the_wire: str, found: list[str]
) -> None:
    told = [Row("C1", "it leaves", "closed", off_the_wire), *ALL[1:]]
    tests = but("C1", shown(C1=True, real=real), shown(C1=False))
    assert list(problems(Promises(told, {}, tests), TODAY)) == found


@pytest.mark.parametrize("told", [ALL[1:], [*ALL, ALL[0]], [ALL[1], ALL[0], *ALL[2:]]])
def test_rows_that_are_missing_or_out_of_order_are_found(told: list[Row]) -> None:
    found = list(problems(Promises(told, {}, [WHOLE]), TODAY))
    assert found == ["docs/reliability.toml has not all rows, or not in their order"]


@pytest.mark.parametrize(
    ("name", "marks", "found"),
    [
        ("test_c9_it_stalls", {"C9": True}, []),
        ("test_c9_it_stalls", {"C9": False}, []),
        ("test_it_stalls", {"C9": True, "R2": True, "S8": True}, []),
        ("test_c9_it_stalls", {}, ["C9"]),
        ("test_u13_u14_it_ends", {"U13": True}, ["U14"]),
        ("test_over_http_2_and_utf8", {}, []),
    ],
)
def test_an_id_in_a_name_alone_is_found(
    name: str, marks: dict[str, bool], found: list[str]
) -> None:
    test = Shown("tests/test_a.py", name, marks, real=True)
    assert list(misnamed([test])) == [
        f"tests/test_a.py::{name} does not begin its docstring with {row}" for row in found
    ]


def test_an_id_that_no_row_has_is_found() -> None:
    tests = [shown(C29=True), shown(U0=False), shown(C28=True)]
    assert list(misnamed(tests)) == [
        "tests/test_a.py::test_a shows C29, which is no row",
        "tests/test_a.py::test_a shows U0, which is no row",
    ]


WORDS = """
[C1]
situation = "it leaves"
does = "closed"
[C2]
situation = "it stays"
does = "served"
off_the_wire = "no socket matters"
[later.C2]
since = 2026-11-24
needs = "reload"
missing = "no rows"
"""


def test_words_are_read_in_their_order_and_a_word_too_many_is_refused() -> None:
    told, later = read_words(WORDS)
    assert told == [
        Row("C1", "it leaves", "closed"),
        Row("C2", "it stays", "served", "no socket matters"),
    ]
    assert later == {"C2": LATER}
    with pytest.raises(TypeError):
        read_words(WORDS + 'whom = "us"\n')


FIGURES = [
    Figure(
        "C1", "until it is seen, median", 0.4, "ms", "tests/test_a.py::test_a", "2026-11-24", "m"
    ),
    Figure("C1", "worst", 2, "ms", "tests/test_a.py::test_a", "2026-11-30", "m"),
]
PAGE_OF_TWO = """\
Of 2 rows: 1 kept, 1 in part, 0 not yet.
Measured on 2026-11-24 on m. Measured on 2026-11-30 on m.
| id | situation | what the gateway does | state | shown by |
|---|---|---|---|---|
| C1 | it leaves | closed<br>*Measured: until it is seen, median: 0.4 ms; worst: 2 ms.* | kept \
| **[a](../tests/test_a.py)** |
| C2 | it stays | served<br>*Not whole in the real process: no socket matters.*\
<br>*Missing since 2026-11-24: no rows (needs: reload).* | in part \
| **[a](../tests/test_a.py)**, [room/b](../tests/room/test_b.py) |
"""


def test_a_page_is_put_together() -> None:
    told, later = read_words(WORDS)
    elsewhere = Shown("tests/room/test_b.py", "test_b", {"C2": False}, real=False)
    both = Promises(told, later, [elsewhere, shown(C1=True, C2=False), shown(C2=False)])
    text = "<!-- count -->\n<!-- measured -->\n<!-- C -->\n<!-- U --><!-- G -->"
    made = page(both, FIGURES, text)
    assert made.startswith(PAGE_OF_TWO)
    with pytest.raises(AssertionError, match="no place for C"):
        page(both, FIGURES, text.replace("<!-- C -->", ""))


def test_each_file_is_linked_to_once_and_bold_where_it_drives_the_real_process() -> None:
    tests = [shown(C1=True), shown(C1=False), Shown("tests/up/test_b.py", "test_b", {}, real=False)]
    assert files(tests) == ["**[a](../tests/test_a.py)**", "[up/b](../tests/up/test_b.py)"]


def test_each_day_and_machine_is_told_once() -> None:
    assert machines([*FIGURES, FIGURES[0]]).count("2026-11-24") == 1


def test_the_tests_of_a_row_are_named_for_pytest(capsys: pytest.CaptureFixture[str]) -> None:
    reliability.main("C9")
    named = capsys.readouterr().out.splitlines()
    assert named
    places = {test.place: test for test in rows.promises().tests}
    assert all("C9" in places[name].marks for name in named)
