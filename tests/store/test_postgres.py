"""PostgreSQL never waits without end, tells no password, and no broken connection is used again."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from gateway.store.calls import number_of
from gateway.store.connection import DatabaseFault, RowRefused, transaction
from gateway.store.places import PostgresPlace
from gateway.store.postgres import PostgresConnection, fault_of, open_postgres
from gateway.words.secret import Secret
from tests.store.real_postgres import LOCKED, PASSWORD, RealPostgres

WRONG = "wrong-password-1"
PATIENCE = 5.0


@pytest.fixture
def place(postgres: RealPostgres, tmp_path: Path) -> PostgresPlace:
    return postgres.place(tmp_path)


def opened(place: PostgresPlace, busy_timeout: float | None = 0.2) -> PostgresConnection:
    return open_postgres(place, busy_timeout, readonly=False)


def said(place: PostgresPlace, *, readonly: bool = False) -> str:
    with pytest.raises(DatabaseFault) as caught:
        open_postgres(place, 0.1, readonly=readonly)
    return str(caught.value)


def test_our_tables_have_a_schema_of_their_own(
    place: PostgresPlace, postgres: RealPostgres
) -> None:
    postgres.say("CREATE TABLE public.calls (theirs int)", database=place.database)
    opened(place).close()
    question = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'gateway'"
    tables = {name for (name,) in postgres.say(question, database=place.database)}
    assert tables == {
        *("audit", "calls", "keys", "meta", "objects", "openings", "taken", "writers")
    }
    rights = postgres.say(
        "SELECT nspacl FROM pg_namespace WHERE nspname = 'gateway'", database=place.database
    )
    assert rights == [(None,)], "R13: nobody but its owner has any"


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("CREATE SCHEMA gateway; CREATE TABLE gateway.x (y int)", "another program's"),
        ("CREATE SCHEMA gateway; CREATE TABLE gateway.meta (y int)", "is another program's"),
        (
            "CREATE SCHEMA gateway; CREATE TABLE gateway.meta (name text, value int)",
            "is another program's",
        ),
        (
            "CREATE SCHEMA gateway; CREATE TABLE gateway.meta (name text, value int);"
            "INSERT INTO gateway.meta VALUES ('version', 9)",
            "is of a newer version (9; this one knows up to 6)",
        ),
    ],
)
@pytest.mark.parametrize("readonly", [False, True])
def test_what_is_not_ours_or_newer_is_told_and_left_as_it_is(
    made: str, told: str, *, readonly: bool, place: PostgresPlace, postgres: RealPostgres
) -> None:
    postgres.say(made, database=place.database)
    assert told in said(place, readonly=readonly)
    question = "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'gateway'"
    assert postgres.say(question, database=place.database) == [(1,)]


def test_a_schema_that_the_operator_has_made_for_us_is_used(
    place: PostgresPlace, postgres: RealPostgres
) -> None:
    postgres.say("CREATE SCHEMA gateway", database=place.database)
    opened(place).close()
    open_postgres(place, 0.1, readonly=True).close()


def test_one_of_an_older_version_is_not_read(place: PostgresPlace) -> None:
    assert "older version: `gateway serve` brings it up to date" in said(place, readonly=True)


@pytest.fixture
def silent() -> Iterator[int]:
    """Return a port where somebody listens and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_whom_it_cannot_reach_it_names_and_says_why(
    place: PostgresPlace, silent: int, postgres: RealPostgres
) -> None:
    tcp = replace(place, host="127.0.0.1", port=1)
    assert said(tcp) == (
        f"postgresql://127.0.0.1:1/{place.database} cannot be reached: Connection refused."
    )
    assert said(replace(place, database="none")).endswith('database "none" does not exist.')
    assert said(replace(place, port=1)).endswith("cannot be reached: No such file or directory.")
    assert "failed to resolve host 'nowhere.invalid'" in said(replace(tcp, host="nowhere.invalid"))
    began = time.monotonic()
    assert said(replace(tcp, port=silent)).endswith("connection timeout expired.")
    assert time.monotonic() - began < PATIENCE


def test_s17_a_password_is_in_no_sentence(place: PostgresPlace, postgres: RealPostgres) -> None:
    locked = replace(place, user=LOCKED, database=postgres.create(LOCKED))
    for password in (None, Secret(WRONG)):
        told = said(replace(locked, password=password))
        assert "password" in told
        assert WRONG not in told
    right = replace(locked, password=Secret(PASSWORD))
    with closing(opened(right)) as connection:
        assert PASSWORD not in repr(connection)
        with pytest.raises(DatabaseFault) as caught:
            connection.execute(f"SELECT nothing_{PASSWORD[:5]}")
        assert "column" in str(caught.value)
    odd = psycopg.OperationalError(f"connection to {PASSWORD} failed")
    assert PASSWORD not in str(fault_of(odd, right))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (psycopg.errors.DiskFull(), "cannot grow: its disk is full"),
        (psycopg.errors.ReadOnlySqlTransaction(), "can only be read: is it a standby"),
        (psycopg.errors.TooManyConnections(), "takes no more connections"),
        (psycopg.errors.InsufficientPrivilege(), "forbids it to this user"),
        (psycopg.errors.DataCorrupted(), "is damaged"),
        (psycopg.InterfaceError("odd.\nmore"), "cannot be used: odd"),
    ],
)
def test_what_the_server_says_becomes_a_sentence(
    error: psycopg.Error, told: str, tmp_path: Path
) -> None:
    fault = fault_of(error, PostgresPlace("db", "gateway", tmp_path))
    assert str(fault) == f"postgresql://db:5432/gateway {told}."
    assert not isinstance(fault, RowRefused)


def hang(connection: PostgresConnection) -> None:
    connection.execute("SELECT pg_sleep(60)")


def end_itself(connection: PostgresConnection) -> None:
    connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def misspell(connection: PostgresConnection) -> None:
    connection.execute("SELEC 1")


def nonsense(connection: PostgresConnection) -> None:
    connection.execute("SELECT ?", (object(),))


@pytest.mark.parametrize("broken", [hang, end_itself, misspell, nonsense])
def test_s21_a_connection_whose_exchange_failed_is_closed_and_never_used_again(
    broken: Callable[[PostgresConnection], None], place: PostgresPlace
) -> None:
    connection = opened(place)
    connection._line.execute("SET statement_timeout = 100")
    with pytest.raises(DatabaseFault):
        broken(connection)
    assert connection._line.closed
    assert not connection.in_transaction
    with pytest.raises(DatabaseFault, match="is closed"):
        connection.execute("SELECT 1")


class Cancelled(BaseException):
    """What ends a thread's work from outside."""


def cancel(*_: object) -> None:
    raise Cancelled


def test_s21_one_whose_exchange_was_cut_off_is_closed_too(place: PostgresPlace) -> None:
    """The answer to the first question must never be taken for that to the second."""
    connection = opened(place)
    before = signal.signal(signal.SIGALRM, cancel)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(Cancelled):
            connection.execute("SELECT pg_sleep(0.5), 'of the first'")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(DatabaseFault, match="is closed"):
        connection.execute("SELECT 'of the second'")


def test_a_server_that_hangs_is_left_after_a_while(place: PostgresPlace) -> None:
    """Neither its own clock nor TCP's would ever end this."""
    connection = opened(place)
    connection.allow(0.3)
    ((pid,),) = connection.execute("SELECT pg_backend_pid()")
    began = time.monotonic()
    try:
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(DatabaseFault, match="did not answer in time"):
            connection.execute("SELECT 1")
        assert time.monotonic() - began < PATIENCE
        assert connection._line.closed
    finally:
        os.kill(pid, signal.SIGCONT)


def test_who_locks_a_table_is_waited_for_a_while(place: PostgresPlace) -> None:
    with closing(opened(place)) as first, closing(opened(place)) as second, transaction(first):
        first.execute("LOCK TABLE writers")
        began = time.monotonic()
        with pytest.raises(DatabaseFault, match="is locked by another program"):
            number_of(second, "second")
        assert time.monotonic() - began < 1.5


def test_a_person_may_wait_longer(place: PostgresPlace) -> None:
    with closing(opened(place, None)) as connection:
        limits = connection.execute("SELECT current_setting('statement_timeout')").fetchone()
        assert limits == ("10min",)
        assert connection._line.patience > 600
