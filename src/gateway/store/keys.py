"""The virtual keys in the database: digests and rights, never a secret; and who learns of changes.

    a command ──▶ KeyStore ──▶ one transaction: the change, and keys_version + 1
                                                        │
    every process: KeyBook looks four times a second ◀──┘ ──▶ learn(all keys)

No call ever waits for the database: a thread reads it, and the last keys that were read count.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import starmap
from typing import Annotated, Final, NoReturn, TypeVar

import msgspec
import trio
from msgspec import Meta

from gateway.policy.keys import KeyRecord
from gateway.store.connection import Connection, DatabaseFault, transaction
from gateway.store.database import Database
from gateway.store.line import Journal
from gateway.store.openings import Opening, keep_openings
from gateway.words.budget import Budget
from gateway.words.caller import Limits

INTERVAL: Final = 0.25
"""Seconds between two looks: a change takes effect everywhere within a second."""

PATIENCE: Final = 1.0
"""Seconds that a look waits for who locks the whole database."""

_READ: Final = (
    'SELECT name, digest, hint, team, "user", models, limits, created, expires, revoked,'
    " metadata, budgets, passthrough FROM keys"
)
_READ_ONE: Final = f"{_READ} WHERE name = ?"
_READ_VERSION: Final = "SELECT value FROM meta WHERE name = 'keys_version'"
_RAISE_VERSION: Final = "UPDATE meta SET value = value + 1 WHERE name = 'keys_version'"
_CREATE: Final = (
    'INSERT INTO keys (name, digest, hint, team, "user", models, limits, created, expires,'
    " revoked, metadata, budgets, passthrough) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (name) DO NOTHING"
)
_REVOKE: Final = "UPDATE keys SET revoked = ? WHERE name = ? AND revoked IS NULL"
_TAKEN: Final = "SELECT digest FROM taken"
_NOTE_TAKEN: Final = "INSERT INTO taken (digest) VALUES (?) ON CONFLICT (digest) DO NOTHING"
_ROTATE: Final = "UPDATE keys SET digest = ?, hint = ? WHERE name = ? AND revoked IS NULL"
_HOLD: Final = "UPDATE keys SET name = name WHERE name = ?"
_CHANGE: Final = (
    "UPDATE keys SET models = ?, limits = ?, budgets = ?, expires = ?, metadata = ?,"
    " passthrough = ? WHERE name = ?"
)

_Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
_Moment = Annotated[int, Meta(ge=0, lt=253_402_300_800)]
"""Unix time, up to the end of the last year that has dates."""
_Allowed = dict[str, Annotated[int, Meta(ge=1)]]


T = TypeVar("T")


class NameTaken(Exception):
    """There is a key of this name already, in force or not: a name means one key for ever."""


class NotInForce(Exception):
    """There is no key of this name that opens anything."""


class _Row(msgspec.Struct, array_like=True, frozen=True):
    """A key as it lies in the database."""

    name: str
    digest: _Digest
    hint: str
    team: str | None
    user: str | None
    models: str
    limits: str
    created: _Moment
    expires: _Moment | None
    revoked: _Moment | None
    metadata: str
    budgets: str
    passthrough: str


class Kept(msgspec.Struct, frozen=True):
    """All keys at one version. `damaged` names those that cannot be read, and so open nothing."""

    version: int = 0
    records: tuple[KeyRecord, ...] = ()
    damaged: tuple[str, ...] = ()

    @property
    def every(self) -> tuple[KeyRecord, ...]:
        """All keys; those that cannot be read as keys that are revoked.

        They count: a gateway whose keys are damaged has keys, and does not open to anyone.
        """
        shut = (KeyRecord(name, digest=f"damaged: {name}", revoked=0) for name in self.damaged)
        return (*self.records, *shut)


class KeyStore:
    """The table of keys, on one connection. Every method raises `DatabaseFault`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, record: KeyRecord) -> None:
        """Keep a new key. Raises `NameTaken`."""
        if not self._change(_CREATE, _row(record)):
            raise NameTaken(record.name)

    def take(self, records: Sequence[KeyRecord], openings: Sequence[Opening]) -> int:
        """Keep many new keys, and what budgets had spent elsewhere: all of it or nothing.

        That they came from elsewhere is noted for ever. Returns how many opening balances that has
        changed. Raises `NameTaken`; `RowRefused` where another key has one of the digests.
        """
        with transaction(self._connection):
            for record in records:
                if not self._connection.execute(_CREATE, _row(record)).rowcount:
                    raise NameTaken(record.name)
                self._connection.execute(_NOTE_TAKEN, (record.digest,))
            changed = keep_openings(self._connection, openings)
            if records:
                self._connection.execute(_RAISE_VERSION)
        return changed

    def taken(self) -> frozenset[str]:
        """Return the digests of all keys that were ever taken over, as they were then."""
        return frozenset(starmap(str, self._connection.execute(_TAKEN)))

    def list(self) -> tuple[KeyRecord, ...]:
        """Return all keys by their names, then those that are damaged, as revoked."""
        return self.read().every

    def get(self, name: str) -> KeyRecord | None:
        """Return one key; None where there is none of this name that can be read."""
        row = self._connection.execute(_READ_ONE, (name,)).fetchone()
        return None if row is None else _record(row)

    def revoke(self, name: str, at: int) -> bool:
        """Have a key open nothing any more. False where there is none, or it was revoked before."""
        return self._change(_REVOKE, (at, name))

    def rotate(self, name: str, digest: str, hint: str) -> bool:
        """Give a key another secret; the old one stops at once. False as for `revoke`."""
        return self._change(_ROTATE, (digest, hint, name))

    def change(self, name: str, at: int, draft: Callable[[KeyRecord], tuple[KeyRecord, T]]) -> T:
        """Give a key that is in force the rights and the end that `draft` makes of those it has.

        Whose it is stays. Of several who change it at once each goes by what the one before has
        left, so that nothing of theirs is lost. Returns what `draft` says of it beside the key.
        Raises `NotInForce` where there is none of this name, or where it opens nothing at that
        time, and what `draft` raises; then all is as it was.
        """
        with transaction(self._connection):
            # Whoever else changes this key waits here. The row comes before the version, as in
            # every change: of two in opposite order PostgreSQL would break one off.
            self._connection.execute(_HOLD, (name,))
            before = self.get(name)
            if before is None or not before.holds(at):
                raise NotInForce(name)
            record, said = draft(before)
            row = (
                *(_json(record.models), _limits(record.limits), _json(record.budgets)),
                *(record.expires, _json(record.metadata), _json(record.passthrough), name),
            )
            self._connection.execute(_CHANGE, row)
            self._connection.execute(_RAISE_VERSION)
        return said

    @property
    def version(self) -> int:
        """What each change raises."""
        ((version,),) = self._connection.execute(_READ_VERSION)
        return int(version)

    def read(self) -> Kept:
        """Return all keys and the version that they are of."""
        with transaction(self._connection, reading=True):
            version = self.version
            rows = self._connection.execute(_READ).fetchall()
        found = sorted(((str(row[0]), _record(row)) for row in rows), key=lambda each: each[0])
        return Kept(
            version,
            tuple(record for _, record in found if record is not None),
            tuple(name for name, record in found if record is None),
        )

    def _change(self, statement: str, values: tuple[object, ...]) -> bool:
        """Change one row and raise the version, both or neither. False where there is no row."""
        with transaction(self._connection):
            changed = self._connection.execute(statement, values).rowcount > 0
            if changed:
                self._connection.execute(_RAISE_VERSION)
        return changed


class KeyBook:
    """What one process knows of the keys: `learn` is told all of them, at first and at a change.

    `load` comes before the first call, `run` is a service of the process.
    """

    def __init__(
        self,
        database: Database,
        learn: Callable[[tuple[KeyRecord, ...]], None],
        journal: Journal,
        interval: float = INTERVAL,
    ) -> None:
        self._watch = _Watch(database)
        self._learn = learn
        self._journal = journal
        self._interval = interval
        self._limiter = trio.CapacityLimiter(1)
        self._told = False

    async def load(self) -> None:
        """Make the database if there is none, and read its keys. Raises `DatabaseFault`."""
        await self._in_thread(self._watch.prepare)
        try:
            await self._look()
        finally:
            self._watch.close()

    async def run(self) -> NoReturn:
        """Look for changes until cancelled.

        While the database cannot be read, the last known keys count.
        """
        try:
            while True:
                await trio.sleep(self._interval)
                try:
                    await self._look()
                except DatabaseFault as fault:
                    self._lose(str(fault))
                else:
                    self._find()
        finally:
            self._watch.close()

    async def _look(self) -> None:
        kept = await self._in_thread(self._watch.look)
        if kept is None:
            return
        for name in kept.damaged:
            self._journal.warning("key is damaged in the database, it opens nothing", key=name)
        self._learn(kept.every)

    async def _in_thread(self, job: Callable[[], T]) -> T:
        """Do what may wait for a disk. It is never abandoned: nobody else has the connection."""
        return await trio.to_thread.run_sync(
            job, thread_name="keys", abandon_on_cancel=False, limiter=self._limiter
        )

    def _lose(self, reason: str) -> None:
        """Say once that nothing is learned; the attempts that follow are not worth a line."""
        if not self._told:
            self._told = True
            self._journal.warning("keys cannot be read, the last known go on", reason=reason)

    def _find(self) -> None:
        if self._told:
            self._told = False
            self._journal.info("keys can be read again")


class _Watch:
    """The book's connection. Its methods are called in a thread, one at a time.

    It is made anew after a fault, and where another file has been put in the place of the first.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._version: int | None = None

    def prepare(self) -> None:
        """Have the database be there, and be up to date."""
        self._database.connect().close()

    def look(self) -> Kept | None:
        """Return all keys where they may have changed since the last look, else nothing."""
        try:
            store = KeyStore(self._connected())
            if store.version == self._version:
                return None
            kept = store.read()
        except DatabaseFault:
            self.close()
            raise
        self._version = kept.version
        return kept

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> Connection:
        identity = self._database.identity
        if identity != self._identity:
            self.close()
            self._identity, self._version = identity, None
        if self._connection is None:
            self._connection = self._database.connect(readonly=True, busy_timeout=PATIENCE)
        return self._connection


def _record(row: tuple[object, ...]) -> KeyRecord | None:
    """Return the key that a row holds; None where it holds none that can be trusted."""
    try:
        found = msgspec.convert(row, _Row)
        return KeyRecord(
            found.name,
            found.digest,
            found.hint,
            found.team,
            found.user,
            msgspec.json.decode(found.models, type=tuple[str, ...]),
            Limits(**msgspec.json.decode(found.limits, type=_Allowed)),
            found.created,
            found.expires,
            found.revoked,
            msgspec.json.decode(found.metadata, type=dict[str, str]),
            msgspec.json.decode(found.budgets, type=tuple[Budget, ...]),
            msgspec.json.decode(found.passthrough, type=tuple[str, ...]),
        )
    except (msgspec.DecodeError, TypeError):  # TypeError: a limit that nobody here knows
        return None


def _row(record: KeyRecord) -> tuple[object, ...]:
    """Return a key as it is to lie in the database, in the order of the columns."""
    return (
        *(record.name, record.digest, record.hint, record.team, record.user),
        *(_json(record.models), _limits(record.limits)),
        *(record.created, record.expires, record.revoked, _json(record.metadata)),
        *(_json(record.budgets), _json(record.passthrough)),
    )


def _limits(limits: Limits) -> str:
    return _json({name: most for name, most in asdict(limits).items() if most is not None})


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
