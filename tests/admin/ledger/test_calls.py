"""Calls are found and told, to each as much as is theirs, with and without a script."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.admin.ledger.calls import ENDS, Calls
from gateway.admin.ledger.records import Records
from gateway.admin.routes import Identity, Role
from gateway.store.database import Database
from gateway.store.rows import LOST
from gateway.store.search import MOST_FOUND
from gateway.store.usage import OPEN
from gateway.words.receipt import Outcome
from tests.admin.shelved import EVIL, FIRST, records_of, shelve
from tests.admin.visitor import Visitor, guard, site

DEVELOPER = Identity(Role.DEVELOPER, "nobody@example.com")


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with records_of(shelve(tmp_path / "gateway.db")) as records:
        yield records


def visitor(records: Records, role: Role | None = Role.ADMIN) -> Visitor:
    return Visitor(site([Calls(records)]), role)


async def ids(records: Records, query: str, role: Role = Role.VIEWER) -> list[str]:
    found = await visitor(records, role).get(f"/api/calls{query}")
    assert found.status == 200, found.text
    return [each["request_id"] for each in found.json["calls"]]


ALL = ["req_open", "req_retried", EVIL, "req_grace", "req_ada", "req_before"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ALL),
        ("?key=ada", ["req_ada"]),
        ("?key=", ALL),
        ("?team=platform&user=grace", ["req_grace"]),
        ("?model=%3Cscript%3Ealert(1)%3C/script%3E", ["req_grace"]),
        ("?target=openai/gpt-5.2&outcome=open", ["req_open"]),
        ("?request=req_&until=2024-10-03", ["req_before"]),
        ("?since=2024-10-04T12:00:03Z", ["req_open", "req_retried"]),
        ("?since=2024-10-04T12:01", []),
        ("?limit=1", ["req_open"]),
    ],
)
async def test_calls_are_found(query: str, found: list[str], records: Records) -> None:
    assert await ids(records, query) == found


async def test_pages_follow_one_another(records: Records) -> None:
    first = (await visitor(records).get("/api/calls?limit=4")).json
    assert (len(first["calls"]), first["too_many"]) == (4, False)
    rest = (await visitor(records).get(f"/api/calls?before={first['older']}")).json
    assert [each["request_id"] for each in rest["calls"]] == ALL[4:]
    assert rest["older"] is None


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", f"limit={MOST_FOUND + 1}", "limit=x", "before=-1", "outcome=x", "colour=red"),
        *("since=yesterday", "since=2024-13-01", f"key={'k' * 257}"),
    ],
)
async def test_what_cannot_be_asked_is_refused(query: str, records: Records) -> None:
    assert (await visitor(records).get(f"/api/calls?{query}")).status == 400


async def test_one_call_is_told_by_its_number_or_its_request_id(records: Records) -> None:
    for name in ("req_retried", str(FIRST + 3)):
        told = (await visitor(records).get(f"/api/calls/{name}")).json
        assert (told["call"]["id"], told["call"]["request_id"]) == (str(FIRST + 3), "req_retried")
        assert [step["why"] for step in told["story"]["steps"]][1] == (
            "The next of the plan, because openai/gpt-5.2 was over its rate limit."
        )


@pytest.mark.parametrize("name", ["req_x", "1", "9" * 19, "9" * 40, "%00", "²", "req_ada' OR 1=1"])
async def test_a_call_that_is_not_there_is_unknown(name: str, records: Records) -> None:
    for path in ("/api/calls/", "/calls/"):
        assert (await visitor(records).get(path + name)).status == 404


async def test_a_request_id_that_is_a_number_is_found_too(tmp_path: Path) -> None:
    database = shelve(tmp_path / "gateway.db")
    with closing(database.connect()) as connection:
        connection.execute("UPDATE calls SET request_id = ? WHERE id = ?", ("42", FIRST))
        connection.execute(
            "UPDATE calls SET request_id = ? WHERE id = ?", (str(FIRST + 1), FIRST + 2)
        )
    with records_of(database) as records:
        told = (await visitor(records).get("/api/calls/42")).json
        assert told["call"]["id"] == str(FIRST)
        page = await visitor(records).get(f"/calls/{FIRST + 1}")
        assert "Other calls of this id" in page.text


async def test_a_developer_finds_what_is_their_own(records: Records) -> None:
    for query in ("", "?user=grace", "?key=ada"):
        assert await ids(records, query, Role.DEVELOPER) == ["req_ada"]
    assert await ids(records, "?key=grace", Role.DEVELOPER) == []
    own = visitor(records, Role.DEVELOPER)
    for path in ("/api/calls/", "/calls/"):
        assert (await own.get(path + "req_ada")).status == 200
        for name in ("req_grace", str(FIRST + 1)):
            assert (await own.get(path + name)).status == 404
    page = await own.get("/calls/req_ada")
    assert "/models" not in page.text.partition("<main")[2]
    assert 'name="user"' not in (await own.get("/calls")).text


async def test_whose_answer_was_shared_is_not_told_to_a_developer(tmp_path: Path) -> None:
    database = shelve(tmp_path / "gateway.db")
    with closing(database.connect()) as connection:
        connection.execute(
            "UPDATE calls SET cache = 'shared', shared_with = 'req_grace' WHERE request_id = ?",
            ("req_ada",),
        )
    with records_of(database) as records:
        for path in ("/api/calls", "/api/calls/req_ada", "/calls/req_ada"):
            assert "req_grace" in (await visitor(records).get(path)).text
            assert "req_grace" not in (await visitor(records, Role.DEVELOPER).get(path)).text


async def test_a_developer_without_a_user_finds_nothing(records: Records) -> None:
    own = guard()
    asker = Visitor(site([Calls(records)], own), None, own.sessions.begin(DEVELOPER))
    assert (await asker.get("/api/calls")).status == 403
    assert (await asker.get("/api/calls/req_ada")).status == 404


async def test_the_page_is_a_plain_form_and_a_table(records: Records) -> None:
    page = await visitor(records, Role.VIEWER).get("/calls?outcome=completed&limit=2")
    assert page.status == 200
    assert '<form class="card" method="get" action="/calls"' in page.text
    assert '<option value="completed" selected>' in page.text
    assert f'href="/calls/{FIRST + 3}"' in page.text
    assert f"before={FIRST + 2}" in page.text
    older = await visitor(records).get(f"/calls?outcome=completed&limit=2&before={FIRST + 2}")
    assert "To the newest" in older.text
    assert "No call is like that." in (await visitor(records).get("/calls?key=x")).text


async def test_a_name_is_text_and_never_markup_s20(records: Records) -> None:
    """S20, R20: clients choose the names of models and requests."""
    for path in ("/calls", f"/calls/{FIRST + 1}", f"/calls/{FIRST + 2}", f"/calls?model={EVIL}"):
        page = await visitor(records).get(path)
        assert page.status == 200
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert" in page.text


async def test_the_page_of_a_call_draws_its_attempts(records: Records) -> None:
    page = await visitor(records).get("/calls/req_retried")
    assert page.text.count('class="bar') >= 2
    assert "<title id=" in page.text
    assert "began at 200 ms" in page.text
    assert "/models?model=gpt-5.2" in page.text
    assert "<svg" not in (await visitor(records).get("/calls/req_open")).text


async def test_without_a_database_it_says_how_to_get_one() -> None:
    with records_of(None) as records:
        for path in ("/calls", "/calls/req_1"):
            page = await visitor(records).get(path)
            assert (page.status, "[store]" in page.text) == (200, True)
        for path in ("/api/calls", "/api/calls/1"):
            refused = await visitor(records).get(path)
            assert (refused.status, refused.code) == (404, "no_database")


async def test_without_an_answer_it_says_why(tmp_path: Path) -> None:
    with records_of(Database(tmp_path / "none.db")) as records:
        refused = await visitor(records).get("/api/calls")
        assert (refused.status, refused.code) == (503, "database_away")
        assert refused.headers["retry-after"] == "2"


def test_every_end_can_be_looked_for() -> None:
    assert set(ENDS) == {*map(str, Outcome), LOST, OPEN}
