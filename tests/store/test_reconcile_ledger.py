"""The ledger is added up attempt by attempt, each with the provider that worked for it."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.store.calls import add
from gateway.store.connection import Connection
from gateway.store.database import Database
from gateway.store.reconcile import Amounts, Ours, nothing
from gateway.store.reconcile_ledger import ledger_of
from gateway.store.rows import row_of
from gateway.words.answer import Usage
from gateway.words.errors import ConnectFailed
from gateway.words.life import Cause
from gateway.words.receipt import Attempt, Receipt
from tests.store.receipts import DAY_NS, NOON_NS, call, end

DAY = NOON_NS // DAY_NS
ONE = Amounts(1, 120, 240, 2_500_000)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    with closing(Database(tmp_path / "gateway.db").connect()) as connection:
        yield connection


def keep(connection: Connection, *receipts: Receipt | None, at: int = NOON_NS) -> None:
    """Write rows; None is a call that is open."""
    rows = [
        (number, row_of(call() if each is None else each, at, None if each is None else at + 1))
        for number, each in enumerate(receipts)
    ]
    add(connection, 1, rows)


def left(receipt: Receipt) -> Receipt:
    """Have a client leave in mid-stream: what was used is an estimate."""
    usage = Usage(100, 7)
    receipt.usage, receipt.usage_quality, receipt.cost_nanos = usage, "estimated", 9
    receipt.attempts[-1].usage = usage
    receipt.attempts[-1].close(12.0, None, left=True)
    receipt.end(Cause.CLIENT_GONE)
    return receipt


def test_calls_of_a_day_and_a_model_stand_together(connection: Connection) -> None:
    dated = end(call(answered_by="gpt-5.2-2026-01-01"))
    keep(connection, end(call()), dated, end(call(target="x/y", attempts=[Attempt("x/y", 1.0)])))
    found = ledger_of(connection, DAY, DAY)
    assert found == {
        (DAY, "gpt-5.2"): Ours(Amounts(2, 240, 480, 5_000_000)),
        (DAY, "y"): Ours(ONE),
    }
    assert set(ledger_of(connection, DAY, DAY, "x")) == {(DAY, "y")}
    assert ledger_of(connection, DAY + 1, DAY + 9) == {}


def test_the_first_and_the_last_moment_of_a_day_are_its_own(connection: Connection) -> None:
    midnight = DAY * DAY_NS
    for number, at in enumerate((midnight - 1, midnight, midnight + DAY_NS - 1, midnight + DAY_NS)):
        add(connection, 1, [(number, row_of(end(call()), at, at + 1))])
    (ours,) = ledger_of(connection, DAY, DAY).values()
    assert ours.used.requests == 2


def test_what_may_explain_a_difference_stands_apart(connection: Connection) -> None:
    keep(connection, end(call()), left(call()), end(call(), None), None)
    (ours,) = ledger_of(connection, DAY, DAY).values()
    gone = Amounts(1, 100, 7, 9)
    assert ours.used == Amounts(3, 340, 487, 2_500_009)
    assert (ours.aborted, ours.estimated) == (gone, gone)
    assert (ours.open, ours.lost, ours.unpriced) == (1, 0, 1)


def test_lost_calls_are_counted_and_have_used_nothing_known(connection: Connection) -> None:
    keep(connection, None)
    connection.execute("UPDATE calls SET outcome = 'lost'")
    (ours,) = ledger_of(connection, DAY, DAY).values()
    assert (ours.used, ours.lost, ours.open) == (nothing(), 1, 0)
    assert ledger_of(connection, DAY, DAY, "elsewhere") == {}


def test_an_attempt_counts_where_it_was_made(connection: Connection) -> None:
    """A race was lost at one provider and won at another; a third never connected."""
    receipt = call(target="b/two", answered_by="two-20260101")
    receipt.attempts = [Attempt("c/down", 1.0), Attempt("a/one", 1.0), Attempt("b/two", 2.0)]
    receipt.attempts[0].close(1.5, ConnectFailed("No."))
    receipt.attempts[1].close(2.0, None, left=True)
    receipt.attempts[1].lose()
    receipt.attempts[1].usage = Usage(50)
    receipt.attempts[2].close(3.0, None)
    receipt.attempts[2].usage = receipt.usage = Usage(50, 5)
    receipt.cost_nanos, receipt.usage_quality, receipt.ended = 77, "exact", 3.0
    receipt.complete()
    keep(connection, receipt)
    found = ledger_of(connection, DAY, DAY)
    assert {key: ours.used for key, ours in found.items()} == {
        (DAY, "one"): Amounts(1, 50, 0, 0),
        (DAY, "two"): Amounts(1, 50, 5, 77),
    }
    connection.execute(
        "UPDATE calls SET attempts = ?",
        (
            '[{"target":"a/one","tokens_in":50,"tokens_out":0,"cost_nanos":7},'
            '{"target":"b/two","tokens_in":50,"tokens_out":5,"cost_nanos":70}]',
        ),
    )
    found = ledger_of(connection, DAY, DAY)
    assert [ours.used.cost_nanos for ours in found.values()] == [7, 70]


def test_where_some_attempts_have_a_price_the_others_have_none(connection: Connection) -> None:
    keep(connection, end(call()))
    connection.execute(
        "UPDATE calls SET attempts = ?",
        (
            '[{"target":"a/one","tokens_in":50,"tokens_out":0},'
            '{"target":"openai/gpt-5.2","tokens_in":50,"tokens_out":5,"cost_nanos":70}]',
        ),
    )
    found = ledger_of(connection, DAY, DAY)
    assert [(ours.used.cost_nanos, ours.unpriced) for ours in found.values()] == [(0, 1), (70, 0)]


def test_kept_answers_and_refusals_are_no_providers_business(connection: Connection) -> None:
    kept = end(call(cache="hit", attempts=[]), None)
    refused = call()
    refused.attempts[0].close(11.0, ConnectFailed("No."))
    refused.fail(ConnectFailed("No."))
    keep(connection, kept, refused)
    assert ledger_of(connection, DAY, DAY) == {}


def test_rows_are_read_page_by_page(connection: Connection) -> None:
    for number in range(7):
        at = NOON_NS + number // 4
        add(connection, 1, [(number, row_of(end(call()), at, at + 1))])
    (ours,) = ledger_of(connection, DAY, DAY, page=3).values()
    assert ours.used.requests == 7
