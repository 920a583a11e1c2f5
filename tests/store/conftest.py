"""What tests of the store share: a real PostgreSQL, and a database of each kind."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.connection import Connection
from gateway.store.database import Database
from tests.store.real_postgres import RealPostgres, running


@pytest.fixture(scope="session")
def started() -> RealPostgres:
    """Start the server before a test's own time begins."""
    return running()


@pytest.fixture
def postgres(started: RealPostgres) -> RealPostgres:
    """Lend the server, which runs."""
    started.start()
    return started


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """Return an empty database, not opened yet: one of each kind in turn."""
    if request.param == "sqlite":
        return Database(tmp_path / "gateway.db")
    server: RealPostgres = request.getfixturevalue("postgres")
    return Database(server.place(tmp_path))


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with closing(database.connect()) as connection:
        yield connection
