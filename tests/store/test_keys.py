"""Keys in a real database: changes are whole, and every process learns of them soon."""

import stat
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
import trio

from gateway.policy.keys import KeyRecord, Keyring, digest_of
from gateway.store.connection import Connection, DatabaseFault, RowRefused
from gateway.store.database import Database
from gateway.store.keys import INTERVAL, KeyBook, KeyStore, NameTaken, NotInForce
from gateway.store.openings import Opening, openings_at
from gateway.words.budget import Budget
from gateway.words.caller import Limits
from tests.store.real_postgres import RealPostgres

PEPPER = b"a pepper of a test"
PATIENCE = 5.0
"""Seconds. A test that waits longer has failed."""

SOON = 1.0
"""Seconds within which a change holds in every process."""

HOSTILE = "x'); DROP TABLE keys; --\" \N{RIGHT-TO-LEFT OVERRIDE}\x1b[2J"


def record(name: str, secret: str = "ngw-1", **more: object) -> KeyRecord:
    return KeyRecord(name, digest_of(secret.encode(), PEPPER), **more)  # type: ignore[arg-type]


FULL = record(
    "ci",
    hint="ngw-…9f2c",
    team="research",
    user="ada",
    models=("@frontier", "local/*"),
    limits=Limits(60, None, 5),
    created=1_700_000_000,
    expires=1_800_000_000,
    metadata={"ticket": "17"},
    budgets=(
        Budget(5_000_000_000, "day", ("gpt-*",), then="mini", alert=(0.8,)),
        Budget(1, "hour"),
    ),
    passthrough=("openai", "x'); DROP TABLE keys; --"),
)


@pytest.fixture
def store(connection: Connection) -> KeyStore:
    return KeyStore(connection)


@pytest.fixture
def file(tmp_path: Path) -> Database:
    """Return a database of SQLite's."""
    return Database(tmp_path / "gateway.db")


def create(database: Database, made: KeyRecord) -> None:
    with closing(database.connect()) as connection:
        KeyStore(connection).create(made)


def change(database: Database, statement: str, *values: object) -> None:
    """Do to the database what no command does."""
    with closing(database.connect()) as connection:
        connection.execute(statement, values)


def test_many_are_taken_at_once_with_what_was_spent_elsewhere(store: KeyStore) -> None:
    bare = record("bare", "ngw-2")
    openings = [Opening("key ci day", 100, 7)]
    version = store.version
    assert store.take([FULL, bare], openings) == 1
    assert store.list() == (bare, FULL)
    assert store.version == version + 1
    assert store.taken() == {FULL.digest, bare.digest}
    assert store.rotate("ci", "f" * 64, "ngw-…ffff")
    assert store.taken() == {FULL.digest, bare.digest}
    version += 1
    assert store.take([], openings) == 0
    assert store.version == version + 1


@pytest.mark.parametrize(
    ("second", "refusal"),
    [(record("ci", "ngw-3"), NameTaken), (record("new", "ngw-1"), RowRefused)],
)
def test_of_many_none_is_taken_where_one_cannot_be(
    store: KeyStore, connection: Connection, second: KeyRecord, refusal: type[Exception]
) -> None:
    store.create(FULL)
    with pytest.raises(refusal):
        store.take([record("bare", "ngw-2"), second], [Opening("key ci day", 100, 7)])
    assert store.list() == (FULL,)
    assert store.taken() == frozenset()
    assert openings_at(connection, 100) == {}


def test_a_key_is_read_as_it_was_made(store: KeyStore) -> None:
    store.create(FULL)
    store.create(record("bare", "ngw-2"))
    assert store.list() == (record("bare", "ngw-2"), FULL)
    assert store.get("ci") == FULL
    assert store.get("CI") is None


def test_each_change_raises_the_version_and_what_changes_nothing_does_not(store: KeyStore) -> None:
    versions = [store.version]
    store.create(FULL)
    versions.append(store.version)
    assert store.rotate("ci", "f" * 64, "ngw-…ffff")
    versions.append(store.version)
    assert store.revoke("ci", 1_750_000_000)
    versions.append(store.version)
    assert versions == sorted(set(versions))
    assert not store.revoke("ci", 1_760_000_000)
    assert not store.rotate("ci", "e" * 64, "ngw-…eeee")
    assert not store.revoke("cd", 1)
    assert not store.rotate("cd", "d" * 64, "")
    with pytest.raises(NameTaken):
        store.create(record("ci", "ngw-2"))
    assert store.version == versions[-1]
    assert store.get("ci") == replace(
        FULL, digest="f" * 64, hint="ngw-…ffff", revoked=1_750_000_000
    )


def test_a_key_in_force_is_given_other_rights_and_stays_whose_it_is(store: KeyStore) -> None:
    store.create(FULL)
    version = store.version
    wanted = replace(
        FULL,
        models=("mini",),
        limits=Limits(None, 7, None),
        budgets=(Budget(2, "year"),),
        expires=None,
        metadata={},
        passthrough=(),
    )
    odd = replace(wanted, digest="f" * 64, hint="ngw-…ffff", team="other", user="eve", created=1)
    seen: list[KeyRecord] = []

    def draft(before: KeyRecord) -> tuple[KeyRecord, str]:
        seen.append(before)
        return odd, "said"

    assert store.change("ci", 1_750_000_000, draft) == "said"
    assert seen == [FULL]
    assert store.get("ci") == wanted
    assert store.version == version + 1


def test_a_key_that_opens_nothing_is_not_changed(store: KeyStore) -> None:
    assert FULL.expires is not None
    store.create(FULL)
    version = store.version

    def draft(_: KeyRecord) -> NoReturn:
        raise AssertionError("there is nothing to draft")

    for name, at in (("ci", FULL.expires), (HOSTILE, 1)):
        with pytest.raises(NotInForce):
            store.change(name, at, draft)
    assert store.version == version
    assert store.revoke("ci", 1_750_000_000)
    with pytest.raises(NotInForce):
        store.change("ci", 1_750_000_001, draft)
    assert store.get("ci") == replace(FULL, revoked=1_750_000_000)


async def change_while(store: KeyStore, other: Callable[[], None]) -> None:
    """Change the models of a key; another comes while that is drafted, and waits."""
    drafting, go_on = threading.Event(), threading.Event()

    def slowly(before: KeyRecord) -> tuple[KeyRecord, None]:
        drafting.set()
        go_on.wait(PATIENCE)
        return replace(before, models=("mini",)), None

    with trio.fail_after(2 * PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, store.change, "ci", 1_750_000_000, slowly)
            await trio.to_thread.run_sync(drafting.wait)
            nursery.start_soon(trio.to_thread.run_sync, other)
            await trio.sleep(0.03)
            go_on.set()


async def test_of_two_who_change_a_key_at_once_one_goes_by_what_the_other_left(
    database: Database, store: KeyStore
) -> None:
    store.create(FULL)

    def quickly(before: KeyRecord) -> tuple[KeyRecord, None]:
        return replace(before, limits=Limits(1, None, None)), None

    def change_elsewhere() -> None:
        with closing(database.connect()) as connection:
            KeyStore(connection).change("ci", 1_750_000_000, quickly)

    await change_while(store, change_elsewhere)
    assert store.get("ci") == replace(FULL, models=("mini",), limits=Limits(1, None, None))


async def test_a_key_that_is_revoked_while_another_drafts_a_change_is_revoked(
    database: Database, store: KeyStore
) -> None:
    """Both come through in turn: neither holds what the other waits for."""
    store.create(FULL)

    def revoke_elsewhere() -> None:
        with closing(database.connect()) as connection:
            assert KeyStore(connection).revoke("ci", 1_750_000_001)

    await change_while(store, revoke_elsewhere)
    assert store.get("ci") == replace(FULL, models=("mini",), revoked=1_750_000_001)


def test_a_change_that_fails_leaves_nothing_behind(store: KeyStore) -> None:
    store.create(FULL)
    version = store.version
    with pytest.raises(RowRefused):
        store.create(replace(FULL, name="the same secret"))
    assert (store.version, store.list()) == (version, (FULL,))
    store.create(record("next", "ngw-2"))  # no transaction is left open


@pytest.mark.parametrize("name", [HOSTILE, "' OR 1=1 --", "%", "_", "\N{GREEK SMALL LETTER ALPHA}"])
def test_s6_what_a_name_says_is_never_sql(store: KeyStore, name: str) -> None:
    store.create(FULL)
    assert store.get(name) is None
    assert not store.revoke(name, 1)
    assert not store.rotate(name, "f" * 64, name)
    odd = record(name, "ngw-2", team=name, user=name, models=(name,), metadata={name: name})
    store.create(odd)
    assert store.get(name) == odd
    assert store.get("ci") == FULL


DAMAGE = {
    "models": "no JSON",
    "limits": '{"requests_per_minute": 0}',
    "metadata": '{"ticket": 17}',
    "budgets": '[{"nanos": 5, "per": "minute"}]',
    "passthrough": '["openai", 7]',
    "digest": "short",
    "created": -1,
    "expires": 253_402_300_800,
}


@pytest.mark.parametrize(("column", "value"), DAMAGE.items(), ids=list(DAMAGE))
def test_a_damaged_key_opens_nothing_and_spares_the_others(
    store: KeyStore, database: Database, column: str, value: object
) -> None:
    store.create(FULL)
    store.create(record("well", "ngw-2"))
    change(database, f"UPDATE keys SET {column} = ? WHERE name = 'ci'", value)
    kept = store.read()
    assert (kept.records, kept.damaged) == ((record("well", "ngw-2"),), ("ci",))
    assert store.get("ci") is None
    assert store.revoke("ci", 1)


@pytest.mark.parametrize(("column", "value"), [("created", "yesterday"), ("hint", b"\xff")])
def test_sqlite_holds_anything_and_what_is_odd_is_damage(
    file: Database, column: str, value: object
) -> None:
    with closing(file.connect()) as connection:
        KeyStore(connection).create(FULL)
        change(file, f"UPDATE keys SET {column} = ?", value)
        assert KeyStore(connection).read().damaged == ("ci",)


def test_a_limit_that_nobody_here_knows_is_damage(store: KeyStore, database: Database) -> None:
    store.create(FULL)
    change(database, """UPDATE keys SET limits = '{"usd_per_day": 5}'""")
    assert store.read().damaged == ("ci",)


def test_r13_the_database_holds_no_secret_and_is_its_owners_alone(file: Database) -> None:
    secret = "ngw-" + "s" * 43
    with closing(file.connect()) as connection:
        KeyStore(connection).create(record("ci", secret))
        files = [path for path in file.path.parent.iterdir() if path.is_file()]
        assert not [path for path in files if secret.encode() in path.read_bytes()]
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


class Journal:
    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, event: str, **fields: object) -> None:
        self.said.append(event)

    def warning(self, event: str, **fields: object) -> None:
        self.said.append(f"{event}: {fields}")


class Reader:
    """A process with a book: what it was told, and when it hears of what."""

    def __init__(self, database: Database, interval: float = INTERVAL) -> None:
        self.journal = Journal()
        self.learned: list[tuple[KeyRecord, ...]] = []
        self.book = KeyBook(database, self.learned.append, self.journal, interval)

    @property
    def names(self) -> list[str]:
        """The keys in force, as last told."""
        return [record.name for record in self.learned[-1] if record.revoked is None]

    async def hears(self, *names: str) -> None:
        """Wait until these are the keys in force."""
        with trio.fail_after(SOON):
            while self.names != list(names):
                await trio.sleep(0.01)

    async def says(self, count: int) -> None:
        with trio.fail_after(PATIENCE):
            while len(self.journal.said) < count:
                await trio.sleep(0.01)


async def test_two_books_learn_of_every_change_within_a_second(
    database: Database, store: KeyStore
) -> None:
    readers = [Reader(database), Reader(database)]
    store.create(FULL)
    async with trio.open_nursery() as nursery:
        for reader in readers:
            await reader.book.load()
            assert reader.names == ["ci"]
            nursery.start_soon(reader.book.run)
        store.create(record("new", "ngw-2"))
        for reader in readers:
            await reader.hears("ci", "new")
        store.revoke("ci", 1_750_000_000)
        for reader in readers:
            await reader.hears("new")
        store.rotate("new", "f" * 64, "ngw-…ffff")
        with trio.fail_after(SOON):
            while any(reader.learned[-1][1].digest != "f" * 64 for reader in readers):
                await trio.sleep(0.01)
        nursery.cancel_scope.cancel()
    assert [len(reader.learned) for reader in readers] == [4, 4]
    assert [reader.journal.said for reader in readers] == [[], []]


async def test_where_nothing_changes_nothing_is_told(database: Database, store: KeyStore) -> None:
    store.create(FULL)
    reader = Reader(database, interval=0.001)
    await reader.book.load()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.book.run)
        await trio.sleep(0.05)  # many looks
        nursery.cancel_scope.cancel()
    assert (reader.learned, reader.journal.said) == ([(FULL,)], [])


async def test_the_first_load_makes_the_database(database: Database) -> None:
    reader = Reader(database)
    await reader.book.load()
    assert reader.learned == [()]
    assert database.identity is not None


async def test_a_database_that_cannot_be_read_is_told_at_once_in_a_sentence(
    file: Database,
) -> None:
    file.path.write_bytes(b"this is no database, and it is long enough to tell" * 100)
    reader = Reader(file)
    with pytest.raises(DatabaseFault, match=r"gateway\.db is no database of SQLite's"):
        await reader.book.load()
    assert reader.learned == []


async def test_while_the_database_is_away_the_last_known_keys_count_and_it_is_told_once(
    file: Database, tmp_path: Path
) -> None:
    create(file, FULL)
    reader = Reader(file)
    await reader.book.load()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.book.run)
        away = tmp_path / "away.db"
        file.path.rename(away)
        await reader.says(1)
        assert reader.journal.said[0].startswith("keys cannot be read, the last known go on: ")
        for _ in range(10):  # several looks
            await trio.sleep(0.05)
        assert len(reader.journal.said) == 1
        assert reader.names == ["ci"]
        away.rename(file.path)
        await reader.says(2)
        assert reader.journal.said[1] == "keys can be read again"
        with closing(file.connect()) as connection:
            KeyStore(connection).revoke("ci", 1)
        await reader.hears()
        nursery.cancel_scope.cancel()


async def test_another_file_in_its_place_is_read_even_at_the_same_version(
    file: Database, tmp_path: Path
) -> None:
    other = Database(tmp_path / "other.db")
    create(file, FULL)
    create(other, record("other"))
    reader = Reader(file)
    await reader.book.load()
    assert reader.names == ["ci"]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.book.run)
        other.path.replace(file.path)
        await reader.hears("other")
        nursery.cancel_scope.cancel()


async def test_a_server_that_has_crashed_is_asked_again_and_the_last_known_keys_count(
    postgres: RealPostgres, tmp_path: Path
) -> None:
    server = Database(postgres.place(tmp_path))
    reader = Reader(server)
    create(server, FULL)
    await reader.book.load()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(reader.book.run)
        postgres.kill()
        await reader.says(1)
        assert "cannot be reached" in reader.journal.said[0]
        postgres.start()
        await reader.says(2)
        assert reader.names == ["ci"]
        create(server, record("new", "ngw-2"))
        await reader.hears("ci", "new")
        nursery.cancel_scope.cancel()
    assert len(reader.journal.said) == 2


async def test_a_damaged_key_is_named_in_the_log_and_still_counts_as_a_key(
    database: Database, store: KeyStore
) -> None:
    store.create(FULL)
    change(database, "UPDATE keys SET models = 'no JSON'")
    reader = Reader(database)
    await reader.book.load()
    assert reader.journal.said == [
        "key is damaged in the database, it opens nothing: {'key': 'ci'}"
    ]
    keyring = Keyring(reader.learned[-1], {}, {}, PEPPER)
    assert (len(keyring), keyring.names) == (1, ("ci",))
    assert keyring.identify(b"ngw-1", 0.0) is None
    assert store.list() == reader.learned[-1]


async def test_a_book_looks_while_somebody_writes(database: Database, store: KeyStore) -> None:
    store.create(FULL)
    reader = Reader(database)
    with closing(database.connect()) as writer:
        writer.execute("BEGIN")
        writer.execute("DELETE FROM keys")
        await reader.book.load()
        assert reader.names == ["ci"]
        writer.execute("ROLLBACK")
    assert store.list() == (FULL,)
