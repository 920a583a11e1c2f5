"""Databases are brought forward from each earlier version, with what lies in them."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.store.calls import add, number_of
from gateway.store.connection import Connection, Kind, transaction
from gateway.store.database import Database
from gateway.store.keys import KeyStore
from gateway.store.rows import row_of
from gateway.store.sqlite import APPLICATION
from gateway.store.usage import usage
from gateway.store.versions import scripts, statements
from tests.store.real_postgres import RealPostgres
from tests.store.receipts import NOON_NS, call, end

NEWEST = len(scripts("sqlite"))

RELEASED: dict[Kind, dict[str, str]] = {
    "sqlite": {"0001.sql": "cf9ae63259584aab1c748115a7642f9e8eb6aa294ffd5a890c3bf5f1604ecca6"},
    "postgres": {},
}
"""What people have: a script that was released never changes again."""

POSTGRES_ALONE = {("writers", "seen_at")}
"""Where no file can tell who lives, the database has to."""

OLD_KEY = """
INSERT INTO keys (name, digest, hint, models, limits, created)
VALUES ('old', '{}', 'ngw-…', '["m"]', '{{"concurrency": 2}}', 7)
""".format("a" * 64)
OLD_CALLS = (
    "INSERT INTO calls (id, started_at_ns, request_id, tokens_in, cost_nanos, outcome)"
    " VALUES (1, ?, 'req_old', 5, 90, 'completed'), (2, ?, 'req_open', NULL, NULL, NULL)"
)

Older = Callable[[int], Database]


@pytest.fixture(params=["sqlite", "postgres"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Older:
    """Return a maker of databases of an earlier version; version 0 is empty."""

    def file(version: int) -> Database:
        path = tmp_path / "gateway.db"
        with closing(sqlite3.connect(path, isolation_level=None)) as plain:
            for statement in statements("\n".join(scripts("sqlite")[:version])):
                plain.execute(statement)
            if version:
                plain.execute(f"PRAGMA application_id = {APPLICATION}")
                plain.execute(f"PRAGMA user_version = {version}")
        return Database(path)

    def server(version: int) -> Database:
        postgres: RealPostgres = request.getfixturevalue("postgres")
        name = postgres.create()
        made = "CREATE SCHEMA gateway; SET search_path = gateway;"
        if version:
            marked = f"INSERT INTO meta (name, value) VALUES ('version', {version})"
            script = "".join(scripts("postgres")[:version])
            postgres.say(f"{made}{script}{marked}", database=name)
        return Database(postgres.place(tmp_path, name))

    return file if request.param == "sqlite" else server


def columns(connection: Connection) -> dict[tuple[str, str], str]:
    """Return all columns of a database, with their types in the words of SQLite."""
    if connection.kind == "sqlite":
        question = (
            "SELECT m.name, c.name, c.type FROM sqlite_master AS m, pragma_table_info(m.name) AS c"
            " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
        )
    else:
        question = (
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'gateway'"
        )
    words = {"bigint": "INTEGER", "text": "TEXT", "double precision": "REAL", "bytea": "BLOB"}
    found = connection.execute(question).fetchall()
    return {(table, column): words.get(kind, kind) for table, column, kind in found}


@pytest.mark.parametrize("version", range(NEWEST + 1))
def test_from_each_version_all_that_lay_there_is_there(older: Older, version: int) -> None:
    database = older(version)
    if version:
        write_as_then(database)
    with closing(database.connect()) as connection:
        if version:
            (key,) = KeyStore(connection).list()
            assert (key.name, key.models, key.limits.concurrency) == ("old", ("m",), 2)
            assert key.budgets == ()
            found = connection.execute("SELECT drained, asked, cache_write_tokens FROM calls")
            assert set(found.fetchall()) == {(0, None, None)}
        writer = number_of(connection, "new")
        assert add(connection, writer, [(1, row_of(end(call()), NOON_NS, NOON_NS))]) == []
        (used,) = usage(connection, "day").values()
        assert used.calls == (3 if version else 1)
    again = database.connect(readonly=True)
    again.close()


def write_as_then(database: Database) -> None:
    """Put a key and two calls into a database as an earlier version has left it."""
    if not database.is_shared:
        with closing(sqlite3.connect(database.path, isolation_level=None)) as plain:
            plain.execute(OLD_KEY)
            plain.execute(OLD_CALLS, (NOON_NS, NOON_NS))
        return
    import psycopg

    place = database.place
    assert not isinstance(place, Path)
    with psycopg.connect(
        host=place.host, user=place.user, dbname=place.database, options="-csearch_path=gateway"
    ) as plain_line:
        plain_line.execute(OLD_KEY.encode())
        plain_line.execute(OLD_CALLS.replace("?", "%s").encode(), (NOON_NS, NOON_NS))


def test_both_databases_have_the_same_columns(tmp_path: Path, postgres: RealPostgres) -> None:
    with closing(Database(tmp_path / "gateway.db").connect()) as file:
        ours = columns(file)
    with closing(Database(postgres.place(tmp_path)).connect()) as server:
        theirs = columns(server)
    # What stands under a name in `meta` has no type in SQLite.
    ours["meta", "value"] = "INTEGER"
    alone = {each: theirs.pop(each) for each in POSTGRES_ALONE}
    assert set(alone.values()) == {"timestamp with time zone"}
    assert ours == theirs


def test_both_have_the_same_versions() -> None:
    assert len(scripts("postgres")) == NEWEST


def test_what_was_released_stays_as_it_is() -> None:
    for kind, released in RELEASED.items():
        folder = Path(__file__).parents[2] / "src/gateway/store/migrations" / kind
        found = {name: sha256((folder / name).read_bytes()).hexdigest() for name in released}
        assert found == released


def test_statements_end_where_sql_says() -> None:
    script = "-- one; two\nCREATE TABLE a (x); -- end\nINSERT INTO a VALUES ('; \n');\n"
    found = [" ".join(statement.split()) for statement in statements(script)]
    assert found == ["-- one; two CREATE TABLE a (x); -- end", "INSERT INTO a VALUES ('; ');"]


def test_a_migration_that_fails_leaves_nothing(postgres: RealPostgres, tmp_path: Path) -> None:
    database = Database(postgres.place(tmp_path))
    with closing(database.connect()) as connection, transaction(connection):
        connection.execute("UPDATE meta SET value = 0 WHERE name = 'version'")
    with pytest.raises(Exception, match="already exists"):
        database.connect()
    place = database.place
    assert not isinstance(place, Path)
    found = postgres.say("SELECT value FROM gateway.meta ORDER BY name", database=place.database)
    assert found == [(0,), (0,)]
