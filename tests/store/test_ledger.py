"""The ledger makes no call wait, keeps what was settled, and counts what it could not keep."""

import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from gateway.store.database import Database
from gateway.store.ledger import LINGER, Ledger
from gateway.words.errors import Busy
from gateway.words.receipt import Receipt
from tests.store.receipts import NOON_NS, PATIENCE, Today, Told, call, end, wait_until

ONE_BATCH = 1.0
"""Seconds that a transaction may take on a busy machine; there are those that take two of them."""


class Desk:
    """A database in a folder, and the ledgers that are open there."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "gateway.db"
        self.today = Today()
        self.told = Told()
        self.ledgers: list[Ledger] = []

    def ledger(self, most_waiting: int = 1000) -> Ledger:
        database = Database(self.path)
        ledger = Ledger(database, self.today, self.told, most_waiting=most_waiting)
        self.ledgers.append(ledger)
        return ledger

    def rows(self, what: str = "request_id, outcome") -> list[tuple[object, ...]]:
        question = f"SELECT {what} FROM calls ORDER BY request_id"
        with closing(Database(self.path).connect(readonly=True)) as connection:
            return connection.execute(question).fetchall()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    for ledger in desk.ledgers:
        assert ledger.close(PATIENCE)


def test_a_call_is_in_the_database_while_it_is_open(desk: Desk) -> None:
    ledger = desk.ledger()
    receipt = call()
    assert ledger.started(receipt) is not None
    wait_until(lambda: ledger._scribe.patience is None)
    wait_until(lambda: desk.rows() == [("req_1", None)])
    desk.today.later(2.0)
    ledger.settled(end(receipt))
    wait_until(lambda: desk.rows() == [("req_1", "completed")])
    assert desk.rows("started_at_ns, ended_at_ns") == [(NOON_NS, NOON_NS + 2_000_000_000)]
    # The row can be read a moment before the thread has counted it.
    wait_until(lambda: (ledger.written, ledger.queued, ledger.away) == (1, 0, False))


def test_a_short_call_is_one_row_and_one_write(desk: Desk) -> None:
    ledger = desk.ledger()
    for number in range(500):
        receipt = call(f"req_{number}")
        ledger.started(receipt)
        ledger.settled(end(receipt))
    assert ledger.close(PATIENCE)
    assert len(desk.rows()) == ledger.written == 500
    assert (ledger.journaled, ledger.replayed, ledger.dropped, ledger.lost) == (0, 0, 0, 0)


def test_what_was_no_call_has_no_row(desk: Desk) -> None:
    ledger = desk.ledger()
    probe = Receipt("probe", "GET", "/healthz", "", began=1.0)
    probe.complete()
    refused = call("refused", attempts=[])
    refused.fail(Busy("later"))
    ledger.settled(probe)
    ledger.settled(refused)
    ledger.settled(end(call("kept", attempts=[], cache="hit")))
    ledger.settled(end(call("late")))
    ledger.settled(call("untimed"))
    assert ledger.close(PATIENCE)
    assert desk.rows() == [("kept", "completed"), ("late", "completed"), ("untimed", "internal")]
    began = [NOON_NS - 1_500_000_000] * 2 + [NOON_NS]
    assert desk.rows("started_at_ns") == [(each,) for each in began]


def test_request_ids_may_repeat(desk: Desk) -> None:
    ledger = desk.ledger()
    for _ in range(3):
        receipt = call("mine")
        ledger.started(receipt)
        ledger.settled(end(receipt))
    assert ledger.close(PATIENCE)
    assert desk.rows() == [("mine", "completed")] * 3


def test_while_the_database_is_away_nobody_waits_and_nothing_is_lost(desk: Desk) -> None:
    ledger = desk.ledger()
    wait_until(lambda: ledger._scribe.patience is None)
    with closing(sqlite3.connect(desk.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        for number in range(200):
            receipt = call(f"req_{number}")
            ledger.started(receipt)
            ledger.settled(end(receipt))
        assert time.monotonic() - began < 0.5
        wait_until(lambda: ledger.journaled == 200)
        assert ledger.away
    desk.today.later()
    wait_until(lambda: ledger.replayed == 200)
    assert len(desk.rows()) == 200
    assert not ledger.away


class Stuck(Database):
    """A database on a disk that hangs until it is let go."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.entered = threading.Event()
        self.release = threading.Event()

    @property
    def identity(self) -> tuple[int, int] | None:
        self.entered.set()
        self.release.wait(PATIENCE)
        return super().identity


def test_a_disk_that_hangs_fills_the_queue_and_what_is_beyond_is_counted(desk: Desk) -> None:
    stuck = Stuck(desk.path)
    ledger = Ledger(stuck, desk.today, desk.told, most_waiting=100)
    assert stuck.entered.wait(PATIENCE)
    receipts = [call(f"req_{number:03}") for number in range(200)]
    placed = [ledger.started(receipt) is not None for receipt in receipts]
    assert sum(placed) == 50
    for receipt in receipts:
        ledger.settled(end(receipt))
    assert ledger.queued == 100
    assert ledger.dropped == 150
    assert not ledger.close(0.01)
    assert ledger.lost == 50
    ledger.settled(end(call("late")))
    assert ledger.started(call("later")) is None
    assert ledger.dropped == 151
    stuck.release.set()
    assert ledger.close(PATIENCE)


def test_who_has_a_place_finds_it_though_the_queue_is_full(desk: Desk) -> None:
    stuck = Stuck(desk.path)
    ledger = Ledger(stuck, desk.today, desk.told, most_waiting=10)
    assert stuck.entered.wait(PATIENCE)
    placed = [call(f"placed_{number}") for number in range(5)]
    others = [call(f"other_{number}") for number in range(20)]
    for receipt in (*placed, *others):
        ledger.started(receipt)
    for receipt in (*others, *placed):
        ledger.settled(end(receipt))
    assert ledger.dropped == 15
    stuck.release.set()
    assert ledger.close(PATIENCE)
    assert [str(name)[:6] for name, _ in desk.rows()] == ["other_"] * 5 + ["placed"] * 5
    assert ledger.written == 10


def test_what_is_open_at_the_end_is_lost(desk: Desk) -> None:
    ledger = desk.ledger()
    receipt = call()
    ledger.started(receipt)
    assert ledger.close(PATIENCE)
    ledger.settled(end(receipt))
    assert desk.rows() == [("req_1", "lost")]
    assert ledger.dropped == 1


def test_a_receipt_that_cannot_be_told_takes_no_other_along(desk: Desk) -> None:
    ledger = desk.ledger()
    ledger.settled(end(call("odd", tags=5)))
    ledger.settled(end(call("even")))
    assert ledger.close(PATIENCE)
    assert desk.rows() == [("even", "completed")]
    assert (ledger.written, ledger.lost) == (1, 1)
    assert desk.told.events == ["bug in ledger's row"]


class Broken(Database):
    """A database with a bug."""

    @property
    def identity(self) -> tuple[int, int] | None:
        raise ZeroDivisionError


def test_a_bug_does_not_end_the_ledger(desk: Desk) -> None:
    ledger = Ledger(Broken(desk.path), desk.today, desk.told)
    wait_until(lambda: desk.told.events)
    desk.today.later()
    ledger.settled(end(call()))
    assert ledger.close(PATIENCE)
    assert ledger.lost == 1
    assert set(desk.told.events) == {"bug in ledger"}


def test_several_processes_write_one_database(tmp_path: Path) -> None:
    path = tmp_path / "gateway.db"
    names = ["a", "b", "c"]
    for name, told in zip(names, kill_under_load(path, names, 0.5), strict=True):
        assert told, name
    rows = settle(path)
    assert {str(key).partition("-")[0] for key in rows} == set(names)
    assert None not in rows.values()


def test_what_was_settled_outlives_its_process(tmp_path: Path) -> None:
    """Five processes are killed, each in the midst of its work."""
    path = tmp_path / "gateway.db"
    dice = random.Random(1)
    ages, calls = [0.0], 0
    for number in range(5):
        ((moment, told),) = kill_under_load(path, [f"p{number}"], 0.3 + dice.random() / 2)
        rows = settle(path)
        missing = [settled for key, settled in told.items() if rows.get(key) != "completed"]
        ages += [moment - settled for settled in missing]
        calls += len(told)
        opened = [outcome for key, outcome in rows.items() if key not in told]
        assert None not in rows.values()
        assert set(opened) <= {"lost", "completed"}
    assert calls > 500
    assert max(ages) < LINGER + 2 * ONE_BATCH


def kill_under_load(
    path: Path, names: list[str], seconds: float
) -> list[tuple[float, dict[str, float]]]:
    """Run processes that settle calls, kill them; return when, and what each had settled when."""
    command = [sys.executable, "-m", "tests.store.ledger_load", str(path)]
    found = []
    with ExitStack() as stack:
        readers = []
        for name in names:
            process = subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True)
            stack.callback(process.wait, PATIENCE)
            stack.callback(process.kill)
            readers.append(Reader(process))
        wait_until(lambda: all(reader.lines for reader in readers))
        threading.Event().wait(seconds)
        for reader in readers:
            reader.process.kill()
            moment = time.monotonic()
            reader.join(PATIENCE)
            told = dict(line.split() for line in reader.lines)
            found.append((moment, {key: float(settled) for key, settled in told.items()}))
    return found


class Reader(threading.Thread):
    """Reads what a process says, so that it never waits for us."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.process = process
        self.start()

    def run(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                if line.endswith("\n"):
                    self.lines.append(line)


def settle(path: Path) -> dict[str, str | None]:
    """Begin as the next process does; return what is in the database then."""
    ledger = Ledger(Database(path), time.time_ns, Told())
    wait_until(lambda: not list(path.parent.glob("*writer*")) or ledger._scribe.patience is None)
    assert ledger.close(PATIENCE)
    with closing(Database(path).connect(readonly=True)) as connection:
        return dict(connection.execute("SELECT request_id, outcome FROM calls").fetchall())
