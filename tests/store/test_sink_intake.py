"""What waits for a sink is what the ledger would have a row for, in the same words, and bounded."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.database import Database
from gateway.store.ledger import Ledger
from gateway.store.rows import COLUMNS
from gateway.store.sink_intake import Ended, Intake, line_of
from gateway.words.caller import ANYONE
from gateway.words.errors import Busy
from gateway.words.receipt import Receipt
from tests.store.receipts import NOON_NS, PATIENCE, Today, Told, call, end


class Desk:
    """An intake, and what it tells."""

    def __init__(self, most_waiting: int = 10) -> None:
        self.today, self.told = Today(), Told()
        self.intake = Intake(self.today, self.told, most_waiting)

    def taken(self) -> list[Ended]:
        return self.intake._drain(1000)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_line_says_what_the_ledgers_row_says(tmp_path: Path, desk: Desk) -> None:
    ledger = Ledger(Database(tmp_path / "gateway.db"), desk.today, desk.told)
    receipt = call()
    receipt.tags, receipt.session, receipt.client = ("a", 'b"c'), "s", "openai"
    for each in (ledger, desk.intake):
        each.started(receipt)
    desk.today.later()
    end(receipt)
    for each in (ledger, desk.intake):
        each.settled(receipt)
    assert ledger.close(PATIENCE)
    names = ("id", *COLUMNS)
    question = "SELECT " + ", ".join(f'"{name}"' for name in names) + " FROM calls"
    with closing(Database(tmp_path / "gateway.db").connect(readonly=True)) as connection:
        (found,) = connection.execute(question)
    row = dict(zip(names, found, strict=True))
    del row["id"]
    row |= {name: json.loads(row[name]) for name in ("attempts", "tags")}
    (ended,) = desk.taken()
    line = line_of(ended)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {**row, "stream": True, "drained": False}


def test_r21_nothing_of_a_prompt_and_no_control_characters_are_in_a_line(desk: Desk) -> None:
    """R21."""
    receipt = end(call("req\n\x1b[2J\ud800", model="m\u202e" + "x" * 9999))
    receipt.path = "/v1/chat/completions?secret"
    desk.intake.settled(receipt)
    line = line_of(desk.taken()[0])
    assert b"secret" not in line
    assert len(line) < 2000
    assert line.decode().rstrip("\n").isprintable()


def refused() -> Receipt:
    receipt = call(attempts=[], target=None)
    receipt.fail(Busy("Full."))
    return receipt


@pytest.mark.parametrize(
    ("receipt", "kept"),
    [
        (end(call()), True),
        (refused(), False),
        (end(call(attempts=[], cache="hit")), True),
        (end(call(attempts=[], cache="shared")), True),
        (end(call(attempts=[], endpoint="healthz", caller=ANYONE)), False),
    ],
)
def test_what_was_no_call_has_no_line(receipt: Receipt, kept: bool, desk: Desk) -> None:
    desk.intake.settled(receipt)
    assert (desk.intake.queued, desk.intake.dropped) == (int(kept), 0)


def test_what_had_begun_has_a_line_whatever_became_of_it(desk: Desk) -> None:
    receipt = refused()
    desk.intake.started(receipt)
    desk.today.later(2.0)
    desk.intake.settled(receipt)
    assert desk.taken() == [Ended(receipt, NOON_NS, NOON_NS + 2_000_000_000)]


def test_without_a_beginning_it_is_reckoned_back(desk: Desk) -> None:
    receipt = end(call())
    desk.intake.settled(receipt)
    assert desk.taken() == [Ended(receipt, NOON_NS - 1_500_000_000, NOON_NS)]


def test_what_finds_no_room_is_dropped_counted_and_told_once(desk: Desk) -> None:
    for _ in range(15):
        desk.intake.settled(end(call()))
    assert (desk.intake.queued, desk.intake.dropped) == (10, 5)
    assert desk.told.events == ["receipts dropped, the sink is too slow"]
    desk.taken()
    for _ in range(11):
        desk.intake.settled(end(call()))
    assert len(desk.told.events) == 2


def test_beginnings_are_bounded_too(desk: Desk) -> None:
    open_calls = [call() for _ in range(20)]
    for receipt in open_calls:
        desk.intake.started(receipt)
    assert len(desk.intake._began) == 10


def test_a_receipt_that_cannot_be_told_takes_no_other_along(desk: Desk) -> None:
    broken = end(call())
    broken.began = None  # type: ignore[assignment]  # as a bug would have it
    for receipt in (broken, end(call("req_2"))):
        desk.intake._queue.put(Ended(receipt, 1, 2))
    (line,) = desk.intake._lines(desk.taken())
    assert json.loads(line)["request_id"] == "req_2"
    assert (desk.intake.lost, desk.told.events) == (1, ["bug in a receipt's line"])
