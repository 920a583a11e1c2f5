"""The page and the API of keys: who may what, and that nothing from outside is believed."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.admin.keys.page import MOST_SHOWN
from gateway.admin.routes import ADMINS, OPERATORS, Role
from gateway.admin.site import MAX_BODY_BYTES
from gateway.policy.keys import KeyRecord
from gateway.store.archive import Archive
from gateway.store.calls import add
from gateway.store.database import Database
from gateway.store.keys import KeyStore
from gateway.store.rows import row_of
from tests.admin.desks import NOW, TEXT, Room
from tests.admin.visitor import JSON, Visitor, site
from tests.store.receipts import CALLER, call, end

SCRIPT = "<script>alert(1)</script>"
OVERRIDE = "a\N{RIGHT-TO-LEFT OVERRIDE}b"
CHANGES = {
    "/api/keys": {"name": "made"},
    "/api/keys/change": {"name": "ci", "models": ["echo"]},
    "/api/keys/rotate": {"name": "ci"},
    "/api/keys/revoke": {"name": "ci"},
}


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    with closing(room.database.connect()) as connection:
        KeyStore(connection).create(KeyRecord("ci", "c" * 64, "ngw-…cccc", created=NOW))
    yield room
    room.close()


def visitor(room: Room, role: Role = Role.ADMIN) -> Visitor:
    return Visitor(site([room.keys, room.audit]), role)


def names(told: Any) -> list[str]:
    return [key["name"] for key in told["keys"]]


def kept(room: Room) -> tuple[KeyRecord, ...]:
    with closing(room.database.connect()) as connection:
        return KeyStore(connection).list()


def test_s11_operators_look_and_admins_change(room: Room) -> None:
    found = {(route.method, route.path): route.who for route in room.keys.routes()}
    assert found == {
        ("GET", "/keys"): OPERATORS,
        ("GET", "/api/keys"): OPERATORS,
        ("GET", "/api/teams"): OPERATORS,
        **{("POST", path): ADMINS for path in CHANGES},
    }


@pytest.mark.parametrize("path", CHANGES)
@pytest.mark.parametrize("role", [Role.VIEWER, Role.DEVELOPER])
async def test_s11_whoever_may_not_change_keys_changes_nothing(
    room: Room, path: str, role: Role
) -> None:
    before = kept(room)
    answered = await visitor(room, role).post(path, CHANGES[path])
    assert (answered.status, answered.code) == (403, "forbidden")
    assert kept(room) == before
    assert room.deeds == []


async def test_a_key_is_made_used_in_the_list_and_its_secret_is_told_once(room: Room) -> None:
    own = visitor(room)
    answered = await own.post("/api/keys", {"name": "made", "team": "research", "expires": "9d"})
    assert answered.status == 200
    assert answered.headers["cache-control"] == "no-store"
    secret = answered.json["secret"]
    assert secret.startswith("ngw-")
    listed = await own.get("/api/keys")
    assert names(listed.json) == ["nightly", "ci", "made"]
    page = await own.get("/keys")
    actions = await own.get("/api/audit")
    assert [each["action"] for each in actions.json["actions"]] == ["create key"]
    for later in (listed, page, actions):
        assert secret not in later.text


async def test_rights_are_changed_a_secret_is_turned_and_a_key_is_revoked(room: Room) -> None:
    own = visitor(room)
    for path in list(CHANGES)[1:]:
        answered = await own.post(path, CHANGES[path])
        assert answered.status == 200, answered.text
    (record,) = kept(room)
    assert (record.models, record.revoked) == (("echo",), NOW)
    assert record.digest != "c" * 64
    assert [action for action, _, _ in room.deeds] == ["change key", "rotate key", "revoke key"]
    page = await own.get("/keys")
    assert 'data-key="ci"' not in page.text
    assert "1 more opens nothing" in page.text
    assert 'data-key="ci"' in (await own.get("/keys?show=all")).text


async def test_s17_the_list_has_no_digest(room: Room) -> None:
    own = visitor(room, Role.VIEWER)
    for path in ("/api/keys", "/keys"):
        said = (await own.get(path)).text
        assert "c" * 13 not in said
        assert "a" * 13 not in said


async def test_s20_a_name_from_outside_is_text(room: Room) -> None:
    """A script in a name, and a sign that turns the writing round: shown and harmless."""
    own = visitor(room)
    made = await own.post("/api/keys", {"name": SCRIPT, "user": SCRIPT, "metadata": {"a": SCRIPT}})
    assert made.status == 200
    refused = await own.post("/api/keys", {"name": OVERRIDE})
    assert (refused.status, refused.code) == (400, "invalid_value")
    with closing(room.database.connect()) as connection:
        odd = KeyRecord(OVERRIDE, "d" * 64, user=OVERRIDE, models=(SCRIPT, OVERRIDE))
        KeyStore(connection).create(odd)
    page = (await own.get("/keys")).text
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a\\u202eb" in page
    assert page.count(OVERRIDE) == 1  # as the row's own mark, which nobody sees


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"name": null}',
        b'{"name": ""}',
        b'{"name": "x", "else": 1}',
        b'{"name": "x", "limits": {"concurrency": 0}}',
        b'{"name": "x", "limits": {"concurrency": 1.5}}',
        b'{"name": "x", "budgets": [{"usd": -1, "per": "day"}]}',
        b'{"name": "x", "budgets": [{"usd": 1, "per": "dya"}]}',
        b'{"name": "x", "budgets": [{"usd": 1e400, "per": "day"}]}',
        b'{"name": "x", "expires": "9999999999d"}',
        b'{"name": "x", "expires": "99999d"}' * 2,
        b'{"name": "x\\ud800"}',
        b'{"name": "' + b"x" * 257 + b'"}',
        b"[" * 100_000,
    ],
)
async def test_a_body_that_makes_no_sense_is_told(room: Room, body: bytes) -> None:
    answered = await visitor(room).ask("POST", "/api/keys", headers=JSON, data=body)
    assert (answered.status, answered.code) == (400, "invalid_value")
    assert len(kept(room)) == 1


async def test_r14_a_body_of_ten_megabytes_is_refused(room: Room) -> None:
    body = json.dumps({"name": "x" * 10_000_000}).encode()
    assert len(body) > MAX_BODY_BYTES
    answered = await visitor(room).ask("POST", "/api/keys", headers=JSON, data=body)
    assert answered.status == 413
    assert len(kept(room)) == 1


async def test_what_cannot_be_is_told_with_its_reason(room: Room) -> None:
    own = visitor(room)
    answered = await own.post("/api/keys", {"name": "ci"})
    assert (answered.status, answered.code) == (409, "name_taken")
    answered = await own.post("/api/keys/revoke", {"name": "nightly"})
    assert (answered.status, answered.code) == (409, "key_of_the_file")
    answered = await own.post("/api/keys/change", {"name": "gone"})
    assert (answered.status, answered.code) == (404, "not_found")


async def test_money_of_this_month_stands_beside_keys_and_teams(room: Room) -> None:
    nightly = replace(CALLER, key="nightly")
    at = NOW * 10**9
    with closing(room.database.connect()) as connection:
        rows = [(1, end(call(caller=nightly), 2_000_000_000)), (2, end(call(), 10**9))]
        add(connection, 1, [(n, row_of(each, at, at + 1)) for n, each in rows])
    own = visitor(room, Role.VIEWER)
    spent = {key["name"]: key["spent_nanos"] for key in (await own.get("/api/keys")).json["keys"]}
    assert spent == {"nightly": 2_000_000_000, "ci": 1_000_000_000}
    (team,) = (await own.get("/api/teams")).json["teams"]
    assert (team["name"], team["keys"], team["spent_nanos"]) == ("research", 1, 3_000_000_000)
    page = (await own.get("/keys")).text
    assert "$3.00" in page


async def test_a_viewer_is_shown_no_button(room: Room) -> None:
    page = (await visitor(room, Role.VIEWER).get("/keys")).text
    assert 'id="new-key"' not in page
    assert "data-revoke" not in page
    assert "data-revoke" in (await visitor(room).get("/keys")).text


async def test_the_page_says_where_keys_of_the_file_are_changed(room: Room) -> None:
    page = (await visitor(room).get("/keys")).text
    row = page[page.index('data-key="nightly"') : page.index('data-key="ci"')]
    assert "in the file" in row
    assert "data-revoke" not in row
    assert str(room.config.source) in page


async def test_without_a_database_the_page_says_how_to_get_one(room: Room) -> None:
    room.close()
    room.archive = None
    page = (await visitor(room).get("/keys")).text
    assert "[store] names no database" in page
    assert "sqlite:///gateway.db" in page
    assert 'id="new-key"' not in page
    assert 'data-key="nightly"' in page
    answered = await visitor(room).post("/api/keys", {"name": "x"})
    assert (answered.status, answered.code) == (409, "no_database")


async def test_a_database_that_is_away_is_told_on_the_page(room: Room, tmp_path: Path) -> None:
    room.close()
    room.archive = Archive(Database(tmp_path / "nowhere" / "x.db"), room.heard)
    page = await visitor(room).get("/keys")
    assert page.status == 200
    assert "There is no database at" in page.text
    assert "Add what is missing" not in page.text
    assert 'id="new-key"' not in page.text
    assert (await visitor(room).get("/api/keys")).status == 503


async def test_the_page_is_bounded_and_names_what_is_damaged(room: Room) -> None:
    with closing(room.database.connect()) as connection:
        store = KeyStore(connection)
        for number in range(MOST_SHOWN):
            store.create(KeyRecord(f"k{number:04}", f"{number:064}"))
        connection.execute("UPDATE keys SET limits = 'x' WHERE name = 'k0007'")
    page = (await visitor(room).get("/keys")).text
    assert page.count("data-key=") == MOST_SHOWN
    assert "And 1 more" in page
    assert "“k0007” is damaged" in page


async def test_where_there_are_no_keys_and_no_teams_it_says_so(tmp_path: Path) -> None:
    text = TEXT.partition("[teams.research]")[0]
    room = Room(tmp_path, text)
    page = (await visitor(room).get("/keys")).text
    assert "There are no keys yet." in page
    assert "There are no teams" in page
    room.close()
