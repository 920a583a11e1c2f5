"""The border to PostgreSQL: the one file that imports psycopg, which is an extra.

All of it blocks, so it is called in threads. Nothing waits without end: the server is told how long
a statement may take, and the socket is left soon after that. **A connection whose exchange was cut
off or has failed is closed, never used again** (S21): the rest of an answer on it would be taken
for the answer to the next question. Only a row that the server has refused, in so many words,
leaves the connection as it was.

Our tables lie in a schema of their own, `gateway`, which other programs' tables may lie beside. A
pooler in between must give each connection a session of its own.
"""

from collections.abc import Callable, Sequence
from functools import cache
from time import monotonic
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

from gateway.store.connection import DatabaseFault, Kind, RowRefused, Rows, transaction
from gateway.store.places import PostgresPlace
from gateway.store.roll import LOCKS
from gateway.store.versions import scripts

MIGRATING: Final = 0
"""The number of the lock of whoever brings the database up to date; writers have all others."""

CONNECT_TIMEOUT: Final = 3
"""Whole seconds."""

OPENING: Final = 10.0
"""Seconds that each of the first questions may take."""

SLACK: Final = 2.0
"""Seconds for the work itself, beside what is waited for others."""

LONG: Final = 600.0
"""Seconds for a person's question, and for bringing the database up to date."""

FOREIGN: Final = 60.0
"""Seconds for a question to another program's database, which may be in use."""

_SAID: Final = {
    "08006": "has ended the connection",
    "25006": "can only be read: is it a standby",
    "28000": "refuses this user",
    "28P01": "refuses this user, or the password",
    "3D000": "is not there: the server has no database of this name",
    "42501": "forbids it to this user",
    "53100": "cannot grow: its disk is full",
    "53300": "takes no more connections",
    "55P03": "is locked by another program",
    "57014": "did not answer in time",
    "57P01": "is shutting down",
    "57P02": "has crashed",
    "57P03": "is starting or shutting down",
    "XX001": "is damaged",
    "XX002": "is damaged",
}

_REFUSALS: Final = ("22", "23", "54")
"""Classes of what is said of a value that no column or index can hold."""

_SETTINGS: Final = (
    "SELECT set_config('search_path', 'gateway', false),"
    " set_config('statement_timeout', ?, false), set_config('lock_timeout', ?, false),"
    " set_config('idle_in_transaction_session_timeout', ?, false),"
    " set_config('default_transaction_read_only', ?, false),"
    # So the server too finds out, and gives our lock back, where this machine is gone for good.
    " set_config('tcp_keepalives_idle', '10', false),"
    " set_config('tcp_keepalives_interval', '5', false),"
    " set_config('tcp_keepalives_count', '3', false)"
)
_SCHEMA: Final = (
    "SELECT 2 = (SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('gateway.meta')"
    " AND attname IN ('name', 'value')),"
    " EXISTS (SELECT FROM pg_namespace WHERE nspname = 'gateway'),"
    " EXISTS (SELECT FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
    " WHERE nspname = 'gateway')"
)
_VERSION: Final = "SELECT value FROM meta WHERE name = 'version'"
_SET_VERSION: Final = (
    "INSERT INTO meta (name, value) VALUES ('version', ?)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
_NO_LIMIT: Final = (
    "SELECT set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true)"
)
_LOCK: Final = "SELECT pg_advisory_xact_lock(?, ?)"

T = TypeVar("T")


class _Silent(psycopg.OperationalError):
    """The server said nothing for too long."""


class _Line(psycopg.Connection[tuple[Any, ...]]):
    """Psycopg's connection, which gives up waiting."""

    patience = OPENING
    left: Callable[[], bool] | None = None

    def wait(self, gen: PQGen[T], *args: Any, **more: Any) -> T:
        return super().wait(_within(gen, self.patience, self.left), *args, **more)


def _within(gen: PQGen[T], seconds: float, left: Callable[[], bool] | None = None) -> PQGen[T]:
    """Go on with an exchange for so long, or until it was left. Psycopg asks ten times a second."""
    deadline = monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if monotonic() > deadline or (left is not None and left()):
                raise _Silent
            wanted = gen.send(ready)
    except StopIteration as end:
        result: T = end.value
        return result  # noqa: B901 (who waits for a generator of psycopg's is given what it returns)


class PostgresConnection:
    """A connection to PostgreSQL (see `store.connection.Connection`)."""

    def __init__(self, line: _Line, place: PostgresPlace) -> None:
        self._line = line
        self._place = place

    @property
    def kind(self) -> Kind:
        return "postgres"

    @property
    def in_transaction(self) -> bool:
        return self._line.info.transaction_status in {
            TransactionStatus.INTRANS,
            TransactionStatus.INERROR,
        }

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Rows:
        try:
            cursor = self._line.execute(_in_its_words(statement), values or None)
            return Rows(cursor.fetchall() if cursor.description else (), cursor.rowcount)
        except (psycopg.Error, UnicodeEncodeError) as error:
            fault = fault_of(error, self._place)
            if not isinstance(fault, RowRefused):
                self._line.close()
            raise fault from None
        except BaseException:
            self._line.close()
            raise

    def heed(self, left: Callable[[], bool], /) -> None:
        self._line.left = left

    def close(self) -> None:
        self._line.close()

    def allow(self, seconds: float) -> None:
        """Give each statement so long from now on."""
        self._line.patience = seconds


@cache
def _in_its_words(statement: str) -> bytes:
    """Return one of our statements as psycopg wants its marks. No value is ever put into it."""
    return statement.replace("?", "%s").encode()


def fault_of(error: Exception, place: PostgresPlace, what: str = "cannot be used") -> DatabaseFault:
    """Say what PostgreSQL or psycopg says in a sentence for the operator, without the password."""
    state = getattr(error, "sqlstate", None) or ""
    if state.startswith(_REFUSALS) or isinstance(error, UnicodeEncodeError | psycopg.DataError):
        return RowRefused(f"{place} refuses a value ({state or 'no text'}).")
    if isinstance(error, _Silent):
        return DatabaseFault(f"{place} did not answer in time.")
    said = _SAID.get(state) or f"{what}: {_first_line(error)}"
    if place.password is not None:
        said = said.replace(place.password.reveal(), "***")
    return DatabaseFault(f"{place} {said}.")


def _first_line(error: Exception) -> str:
    """Return the part of a message that says what is wrong, without what it is about."""
    text = str(error).strip().partition("\n")[0]
    return text.rpartition(" failed: ")[2].removeprefix("FATAL:").strip().rstrip(".")


def open_postgres(
    place: PostgresPlace, busy_timeout: float | None, *, readonly: bool
) -> PostgresConnection:
    """Connect, in any thread. See `store.database.Database.connect`.

    Each statement has `busy_timeout` seconds to wait for others, and a little more to be done.
    Without it, a person waits: it has all the time that the answer takes.
    """
    connection = PostgresConnection(_connect(place), place)
    try:
        limit = LONG if busy_timeout is None else busy_timeout + SLACK
        locked = OPENING if busy_timeout is None else busy_timeout
        times = [str(int(seconds * 1000)) for seconds in (limit, locked, LONG)]
        connection.execute(_SETTINGS, (*times, "on" if readonly else "off"))
        _prepare(connection, place, readonly=readonly)
        connection.allow(limit + SLACK / 2)
    except BaseException:
        connection.close()
        raise
    return connection


def open_foreign(place: PostgresPlace) -> PostgresConnection:
    """Connect to another program's database. Nothing is set: a pooler may lend the session on."""
    connection = PostgresConnection(_connect(place), place)
    connection.allow(FOREIGN)
    return connection


def _connect(place: PostgresPlace) -> _Line:
    try:
        return _Line.connect(
            host=place.host,
            port=place.port,
            dbname=place.database,
            user=place.user or None,
            password=None if place.password is None else place.password.reveal(),
            sslmode=place.sslmode,
            sslrootcert=place.sslrootcert or None,
            application_name="gateway",
            client_encoding="UTF8",
            connect_timeout=CONNECT_TIMEOUT,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=10_000,
            autocommit=True,
        )
    except psycopg.Error as error:
        raise fault_of(error, place, "cannot be reached") from None


def _prepare(connection: PostgresConnection, place: PostgresPlace, *, readonly: bool) -> None:
    """Make it fit for use: bring it up to date, unless it is only read."""
    if _version(connection, place) == len(scripts("postgres")):
        return
    if readonly:
        raise DatabaseFault(
            f"{place} is of an older version: `gateway serve` brings it up to date."
        )
    connection.allow(LONG)
    with transaction(connection):
        connection.execute(_NO_LIMIT)
        connection.execute(_LOCK, (LOCKS, MIGRATING))
        known = scripts("postgres")
        found = _version(connection, place)
        if not found and not _schema(connection)[1]:
            connection.execute("CREATE SCHEMA gateway")
        for script in known[found:]:
            connection.execute(script)
        connection.execute(_SET_VERSION, (len(known),))


def _version(connection: PostgresConnection, place: PostgresPlace) -> int:
    """Return how many migrations the schema has had, if it is one of ours at all."""
    is_ours, _, has_anything = _schema(connection)
    row = connection.execute(_VERSION).fetchone() if is_ours else None
    if row is None and has_anything:
        raise DatabaseFault(
            f"{place} has a schema `gateway` that is another program's; it is left as it is."
        )
    found = 0 if row is None else int(row[0])
    if found > (newest := len(scripts("postgres"))):
        raise DatabaseFault(
            f"{place} is of a newer version ({found}; this one knows up to {newest}):"
            " use the gateway that made it, or name another database. It is left as it is."
        )
    return found


def _schema(connection: PostgresConnection) -> tuple[bool, bool, bool]:
    """Say whether there is a table of ours, the schema, and anything in it."""
    ((is_ours, is_there, has_anything),) = connection.execute(_SCHEMA)
    return is_ours, is_there, has_anything
