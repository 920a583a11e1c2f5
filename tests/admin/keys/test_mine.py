"""Who has signed in sees what is theirs, and nothing of anybody else."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.admin.keys.mine import DAYS, UsedTold, added_up, part_of, plot_of
from gateway.admin.keys.purses import PurseTold
from gateway.admin.routes import EVERYONE, Role
from gateway.policy.keys import KeyRecord
from gateway.store.archive import Archive
from gateway.store.calls import add
from gateway.store.database import Database
from gateway.store.keys import KeyStore
from gateway.store.rows import row_of
from gateway.words.budget import Budget
from tests.admin.desks import NOW, TEXT, Room
from tests.admin.visitor import Visitor, site
from tests.store.receipts import CALLER, DAY_NS, call, end

AT = NOW * 10**9
ADA = replace(CALLER, key="ada-1", user="ada")
EVE = replace(CALLER, key="eve-1", user="eve")
OF_EVE = f"""\
[[keys]]
name = "weekly"
hash = "{"c" * 64}"
user = "eve"
"""
USED = UsedTold(day="2025-11-30", model="m", calls=1, tokens_in=2, tokens_out=3, cost_nanos=4)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path, TEXT + OF_EVE)
    budgets = (Budget(5_000_000_000, "day"),)
    with closing(room.database.connect()) as connection:
        store = KeyStore(connection)
        store.create(KeyRecord("ada-1", "b" * 64, "ngw-…bbbb", None, "ada", budgets=budgets))
        store.create(KeyRecord("eve-1", "e" * 64, "ngw-…eeee", "research", "eve"))
        store.create(KeyRecord("nobody", "f" * 64, "ngw-…ffff", "research"))
        receipts = [
            (end(call(caller=ADA), 1_000_000_000), AT),
            (end(call(caller=ADA, model="mini"), 500_000_000), AT - DAY_NS),
            (end(call(caller=EVE, model="secret-model"), 3_000_000_000), AT),
            (end(call(caller=ADA, model="old"), 7), AT - DAYS * DAY_NS),
        ]
        rows = [(n, row_of(each, at, at + 1)) for n, (each, at) in enumerate(receipts)]
        add(connection, 1, rows)
    yield room
    room.close()


def visitor(room: Room, role: Role = Role.DEVELOPER) -> Visitor:
    return Visitor(site([room.mine]), role)


def test_s11_everybody_who_has_signed_in_sees_their_own(room: Room) -> None:
    assert {(route.method, route.path, route.who) for route in room.mine.routes()} == {
        ("GET", "/mine", EVERYONE),
        ("GET", "/api/me", EVERYONE),
    }


async def test_a_developer_is_told_who_they_are_and_what_is_theirs(room: Room) -> None:
    me = (await visitor(room).get("/api/me")).json
    assert (me["name"], me["role"], me["user"], me["team"]) == (
        *("ada@example.com", "developer", "ada", "research"),
    )
    assert sorted(me["models"]) == ["echo", "gpt-5.2"]
    assert [(key["name"], key["source"]) for key in me["keys"]] == [
        ("nightly", "file"),
        ("ada-1", "database"),
    ]
    assert [row for row in me["used"] if row["model"] == "old"] == []
    assert [(row["day"], row["model"], row["cost_nanos"]) for row in me["used"]] == [
        ("2025-11-29", "mini", 500_000_000),
        ("2025-11-30", "gpt-5.2", 1_000_000_000),
    ]


async def test_budgets_are_those_of_the_user_and_of_their_keys(room: Room) -> None:
    me = (await visitor(room).get("/api/me")).json
    told = [(each["of"], each["whose"], each["spent_nanos"]) for each in me["budgets"]]
    assert told == [
        ("user", "ada", 1_000_000_000),
        ("team", "research", 4_500_000_000),
        ("key", "ada-1", 1_000_000_000),
    ]
    assert me["budgets"][0]["left_nanos"] == 59_000_000_000


async def test_a_key_that_opens_nothing_has_no_budget(room: Room) -> None:
    with closing(room.database.connect()) as connection:
        KeyStore(connection).revoke("ada-1", NOW)
    me = (await visitor(room).get("/api/me")).json
    assert "ada-1" in [key["name"] for key in me["keys"]]
    assert [each["of"] for each in me["budgets"]] == ["user", "team"]


async def test_s13_nothing_is_told_of_others(room: Room) -> None:
    """S13: neither their keys nor what they asked; and a model that is forbidden has no name."""
    own = visitor(room)
    for path in ("/api/me", "/mine", "/mine?model=gpt-5.2-mini"):
        said = (await own.get(path)).text
        for word in ("eve-1", "weekly", "secret-model", "nobody", "text-embedding"):
            assert word not in said
    assert "gpt-5.2-mini" not in (await own.get("/mine?model=gpt-5.2-mini")).text
    for query in ("?user=eve", "?model=" + "x" * 300):
        assert (await own.get(f"/mine{query}")).status == 400


async def test_the_page_shows_it_with_lines_for_each_client(room: Room) -> None:
    page = (await visitor(room).get("/mine?model=echo")).text
    assert 'data-key="ada-1"' in page
    assert "$59.00 left" in page
    assert "<svg" in page
    assert '<option value="echo" selected>' in page
    for client in ("curl", "openai-python", "claude-code", "codex", "cursor", "langchain"):
        assert f'data-copy="#snippet-{client}"' in page
    assert "http://127.0.0.1:4000/v1" in page
    assert "style=" not in page


@pytest.mark.parametrize("role", [Role.ADMIN, Role.VIEWER])
async def test_who_signs_in_with_a_key_of_the_site_has_nothing_of_their_own(
    room: Room, role: Role
) -> None:
    own = visitor(room, role)
    me = (await own.get("/api/me")).json
    assert (me["keys"], me["budgets"], me["used"], me["user"]) == ([], [], None, None)
    assert "text-embedding-3-small" in me["models"]
    page = (await own.get("/mine")).text
    assert "which belongs to no user" in page
    assert "snippet-curl" in page


async def test_without_a_database_the_lines_stand_all_the_same(room: Room) -> None:
    room.close()
    room.archive = None
    me = (await visitor(room).get("/api/me")).json
    assert [key["name"] for key in me["keys"]] == ["nightly"]
    assert me["used"] is None
    assert {each["left_nanos"] for each in me["budgets"]} == {None}
    page = (await visitor(room).get("/mine")).text
    assert "There is no ledger to ask now." in page
    assert "snippet-curl" in page


async def test_a_database_that_is_away_takes_nothing_else_with_it(
    room: Room, tmp_path: Path
) -> None:
    room.close()
    room.archive = Archive(Database(tmp_path / "nowhere" / "x.db"), room.heard)
    answered = await visitor(room).get("/api/me")
    assert (answered.status, answered.json["used"]) == (200, None)


async def test_who_has_nothing_is_told_so(tmp_path: Path) -> None:
    text = TEXT.partition("[teams.research]")[0]
    room = Room(tmp_path, f'{text}[server]\nunix = "/run/gateway.sock"\n')
    page = (await visitor(room).get("/mine")).text
    for said in ("No key is yours yet.", "No budget holds", "not asked anything", "public_url"):
        assert said in page
    room.close()


def test_usage_is_added_up_by_day_and_by_model() -> None:
    other = UsedTold(day="2025-11-30", model="n", calls=1, tokens_in=1, tokens_out=1, cost_nanos=1)
    (both,) = added_up([USED, other], "day")
    assert (both.day, both.calls, both.tokens_in, both.tokens_out, both.cost_nanos) == (
        *("2025-11-30", 2, 3, 4, 5),
    )
    assert added_up([USED, other], "model") == [USED, other]


def test_a_plot_shows_money_or_calls_where_nothing_has_cost_any() -> None:
    plot = plot_of([USED], NOW)
    assert len(plot.bars) == DAYS
    assert plot.bars[-1].name == "11-30"
    assert plot.bars[-1].said.startswith("$")
    free = UsedTold(day="2025-11-30", model="m", calls=7, tokens_in=2, tokens_out=3, cost_nanos=0)
    assert plot_of([free], NOW).bars[-1].said == "7"


def test_a_part_of_a_budget_is_drawn_where_it_is_known() -> None:
    told = PurseTold(
        of="key", whose="k", in_words="", limit_nanos=10, spent_nanos=4, left_nanos=6, until=None
    )
    assert part_of(told) == 40.0
    unknown = PurseTold(
        of="key",
        whose="k",
        in_words="",
        limit_nanos=10,
        spent_nanos=None,
        left_nanos=None,
        until="",
    )
    assert part_of(unknown) is None
