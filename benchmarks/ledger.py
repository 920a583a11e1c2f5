"""What the ledger costs the loop, how much it takes, and how long a year of it takes to add up.

    python -m benchmarks.ledger [ROWS]

It makes a database in a temporary folder. The cost of `started` and `settled` is that of the thread
that calls them while the ledger's own is writing, so it includes what the two take from each other.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from gateway.store.calls import add, number_of
from gateway.store.database import Database
from gateway.store.journal import Numbered
from gateway.store.ledger import Ledger
from gateway.store.rows import row_of
from gateway.store.usage import BY, usage
from gateway.words.answer import Usage
from gateway.words.caller import Caller
from gateway.words.receipt import Attempt, Receipt

ROWS = 1_000_000
CALLS = 20_000
PER_SECOND = 2_000
YEAR_NS = 365 * 86_400_000_000_000
BEGIN_NS = 1_760_000_000_000_000_000
OUTCOMES = 10
"""One call of so many ends in another way than the rest."""


class Silent:
    """A log for nobody."""

    def info(self, event: str, **fields: object) -> None:
        """Say nothing."""

    def warning(self, event: str, **fields: object) -> None:
        """Say it, since it spoils the measurement."""
        print(event, fields)


def receipt(number: int) -> Receipt:
    """Return the receipt of a call that has ended."""
    made = Receipt(f"req_{number:024x}", "POST", "/v1/chat/completions", "127.0.0.1:5", began=1.0)
    made.endpoint, made.model, made.stream = "chat", f"model-{number % 30}", True
    made.target = f"provider-{number % 7}/model-{number % 30}"
    made.answered_by, made.client = "model-2026-01-01", "openai-python/3.1"
    made.caller = Caller(
        f"key-{number % 211}", f"{number % 211:012x}", f"team-{number % 20}", "anna"
    )
    made.usage = Usage(1200 + number % 997, 300 + number % 89, number % 500)
    made.cost_nanos, made.usage_quality = 4_000_000 + number % 10_007, "exact"
    made.begin_content(1.3)
    made.status, made.ended = 200, 3.7
    made.complete()
    made.attempts = [Attempt(made.target, 1.0, 3.7, "completed", usage=made.usage)]
    return made


def rows(count: int) -> Iterator[Numbered]:
    """Yield the rows of a year."""
    for number in range(count):
        began = BEGIN_NS + number * (YEAR_NS // count)
        row = row_of(receipt(number), began, began + 2_700_000_000)
        if number % OUTCOMES == 0:
            row[5] = "client_gone"
        yield number, row


def loop_cost(path: Path, calls: int = CALLS, per_second: int = PER_SECOND) -> tuple[float, float]:
    """Return microseconds of the loop's thread for a call's two entries: the median, and 99 %."""
    ledger = Ledger(Database(path), time.time_ns, Silent())
    receipts = [receipt(number) for number in range(calls)]
    costs = []
    due = time.perf_counter()
    for each in receipts:
        due += 1 / per_second
        while time.perf_counter() < due:
            pass
        began = time.perf_counter_ns()
        ledger.started(each)
        middle = time.perf_counter_ns()
        ledger.settled(each)
        costs.append(time.perf_counter_ns() - middle + middle - began)
    ledger.close(60)
    assert ledger.written == calls
    costs.sort()
    return costs[calls // 2] / 1000, costs[calls * 99 // 100] / 1000


def throughput(path: Path, calls: int = CALLS) -> float:
    """Return how many calls in a second the ledger's thread writes, if it has the processor."""
    ledger = Ledger(Database(path), time.time_ns, Silent())
    receipts = [receipt(number) for number in range(calls)]
    began = time.perf_counter()
    for each in receipts:
        ledger.started(each)
        ledger.settled(each)
    ledger.close(60)
    assert ledger.written == calls
    return calls / (time.perf_counter() - began)


def fill(path: Path, count: int) -> float:
    """Fill a database with a year; return the seconds."""
    began = time.perf_counter()
    with closing(Database(path).connect()) as connection:
        writer = number_of(connection, "benchmark")
        made = rows(count)
        while part := list(islice(made, 1000)):
            add(connection, writer, part)
    return time.perf_counter() - began


def adding_up(path: Path) -> dict[str, tuple[float, float]]:
    """Return the seconds that each way to add up takes, and those of the processor.

    The better of two.
    """
    seconds = {}
    with closing(Database(path).connect(readonly=True)) as connection:
        for by in BY:
            took = []
            for _ in range(2):
                began, worked = time.perf_counter(), time.process_time()
                usage(connection, by)
                took.append((time.perf_counter() - began, time.process_time() - worked))
            seconds[by] = min(took)
    return seconds


def main(count: int) -> None:
    """Measure all of it and print it."""
    with tempfile.TemporaryDirectory() as folder:
        median, most = loop_cost(Path(folder, "loop.db"))
        print(f"started and settled, {PER_SECOND:,} calls/s: {median:.1f} µs, 99 % {most:.1f} µs")
        print(f"written: {throughput(Path(folder, 'through.db')):,.0f} calls/s")
        year = Path(folder, "year.db")
        print(f"{count:,} rows made and written in {fill(year, count):.0f} s", end="")
        print(f", {year.stat().st_size / count:.0f} bytes each")
        for by, (seconds, worked) in adding_up(year).items():
            print(f"by {by}: {seconds:.2f} s, {worked:.2f} s of the processor")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
