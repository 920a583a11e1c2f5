"""Whichever database is named, it is opened the same way, and made once."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.database import Database, parse_database
from gateway.store.places import Address, PostgresPlace
from tests.store.real_postgres import RealPostgres

TOGETHER = """
import sys
from pathlib import Path
from gateway.store.database import Database, parse_database
sys.stdin.readline()
Database(parse_database(sys.argv[1], Path())).connect().close()
"""

WITHOUT = """
import sys
sys.modules["psycopg"] = None
from pathlib import Path
from gateway.store.connection import DatabaseFault
from gateway.store.database import Database, connect_foreign, parse_database
folder = Path(sys.argv[1])
Database(folder / "gateway.db").connect().close()
place = parse_database("postgresql://db/gateway", folder)
for connect in (Database(place).connect, lambda: connect_foreign(place)):
    try:
        connect()
    except DatabaseFault as fault:
        print(fault)
"""


def test_an_address_is_a_file_or_a_server(tmp_path: Path) -> None:
    assert parse_database("sqlite:///g.db", tmp_path, {}) == tmp_path / "g.db"
    address = Address("postgresql://me@db/gateway")
    assert parse_database(address, tmp_path, {}) == PostgresPlace(
        "db", "gateway", tmp_path / "gateway.postgres", user="me"
    )


def test_journals_lie_in_the_folder_for_state_if_there_is_one() -> None:
    environ = {"STATE_DIRECTORY": "/var/lib/gateway:/var/lib/other"}
    place = parse_database("postgres://db/gateway", Path("/etc"), environ)
    assert Database(place).path == Path("/var/lib/gateway/gateway.postgres")
    assert parse_database("sqlite:///g.db", Path("/etc"), environ) == Path("/etc/g.db")


def test_it_says_what_it_is(tmp_path: Path) -> None:
    file = Database(tmp_path / "gateway.db")
    assert (str(file), file.path, file.is_shared) == (str(file.place), file.place, False)
    assert file.identity is None
    file.connect().close()
    assert file.identity is not None
    server = Database(PostgresPlace("db", "gateway", tmp_path / "gateway.postgres"))
    assert (str(server), server.is_shared) == ("postgresql://db:5432/gateway", True)
    assert server.identity == server.identity != file.identity


def test_without_the_extra_it_is_told_which_one_is_missing_and_a_file_needs_none(
    tmp_path: Path,
) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(tmp_path)], check=True, capture_output=True, text=True
    )
    assert ran.stdout.count("db:5432/gateway needs the extra `postgres`: pip install 'nursery") == 2


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_processes_that_begin_together_make_it_once(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    address = f"sqlite:///{tmp_path}/gateway.db"
    if kind == "postgres":
        server: RealPostgres = request.getfixturevalue("postgres")
        address = server.url(server.create())
    started = [
        subprocess.Popen([sys.executable, "-c", TOGETHER, address], stdin=subprocess.PIPE)
        for _ in range(5)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
    codes = [process.wait(60) for process in started]
    assert codes == [0] * 5
    database = Database(parse_database(address, tmp_path))
    with closing(database.connect(readonly=True)) as connection:
        found = connection.execute("SELECT value FROM meta WHERE name = 'keys_version'")
        assert found.fetchall() == [(0,)]
