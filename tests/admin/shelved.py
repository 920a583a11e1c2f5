"""A ledger in a file, and what of the site reads it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gateway.admin.ledger.records import Records
from gateway.store.archive import Archive
from gateway.store.calls import add
from gateway.store.database import Database
from gateway.store.rows import row_of
from gateway.words.caller import ANYONE, Caller
from gateway.words.errors import RateLimited
from gateway.words.receipt import Attempt
from tests.store.receipts import DAY_NS, NOON_NS, Told, call, end

GRACE = Caller("grace", "ba9876543210", team="platform", user="grace")
FIRST = 1 << 40
"""The number of the first call."""

EVIL = "<script>alert(1)</script>"
FORMULA = "=1+1"


def shelve(path: Path) -> Database:
    """Fill a new file: five calls, a second apart, and one of the day before."""
    retried = end(call("req_retried"))
    failed = Attempt("openai/gpt-5.2", 10.0)
    failed.close(10.1, RateLimited("no"))
    retried.attempts = [failed, Attempt("azure/gpt-5.2", 10.2, 11.5, outcome="completed")]
    receipts = [
        end(call("req_ada", caller=Caller("ada", "0123456789ab", team="research", user="ada"))),
        end(call("req_grace", caller=GRACE, model=EVIL), 3_000_000_000),
        end(call(EVIL, caller=ANYONE)),
        retried,
        call("req_open"),
    ]
    database = Database(path)
    with closing(database.connect()) as connection:
        rows = [
            (number, row_of(each, NOON_NS + number * 10**9, NOON_NS + number * 10**9 + 1))
            for number, each in enumerate(receipts[:-1])
        ]
        rows.append((4, row_of(receipts[-1], NOON_NS + 4 * 10**9, None)))
        before = end(call("req_before", model=FORMULA), 1_000_000_000)
        rows.append((5, row_of(before, NOON_NS - DAY_NS, NOON_NS - DAY_NS + 1)))
        assert add(connection, 1, rows) == []
    return database


@contextmanager
def records_of(database: Database | None) -> Iterator[Records]:
    """Open what reads it."""
    if database is None:
        yield Records(None)
        return
    archive = Archive(database, Told())
    try:
        yield Records(archive)
    finally:
        archive.close()
