"""How long `gateway usage` takes for a year of calls, as a command from its start to its end."""

import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from benchmarks.accounts.records import Figure, Row, at_most, told
from benchmarks.ledger import rows
from gateway.store.calls import add, number_of
from gateway.store.database import Database
from tests.store.real_postgres import RealPostgres, running

MOST: Final = 1.0
PATIENCE: Final = 120.0
CONFIGURATION: Final = '[store]\ndatabase = "{address}"\n'


@dataclass(frozen=True, slots=True)
class Year:
    """So many calls within a year, and by what they are added up, the best of some times."""

    rows: int = 1_000_000
    by: tuple[str, ...] = ("day", "key", "team", "model")
    times: int = 3


def fill(database: Database, count: int) -> float:
    """Write a year of calls; return the seconds."""
    began = time.perf_counter()
    with closing(database.connect()) as connection:
        writer = number_of(connection, "benchmark")
        made = rows(count)
        while part := list(islice(made, 1000)):
            add(connection, writer, part)
        if database.is_shared:
            connection.execute("ANALYZE calls")
    return time.perf_counter() - began


def course(folder: Path, year: Year, postgres: RealPostgres | None = None) -> list[Figure]:
    """Fill a database and add it up; return what came of it."""
    address, database = "sqlite:///year.db", Database(folder / "year.db")
    if postgres is not None:
        name = postgres.create()
        address, database = postgres.url(name), Database(postgres.place(folder, name))
    config = folder / "gateway.toml"
    config.write_text(CONFIGURATION.format(address=address))
    seconds = round(fill(database, year.rows), 1)
    figures = [told(f"seconds to write {year.rows:,} rows", seconds)]
    nothing = _least(["--version"], year.times)
    for by in year.by:
        seconds = _least(["usage", "--by", by, "--json", "--config", str(config)], year.times)
        what = f"seconds by {by}"
        judged = by == "day" and postgres is None
        figures.append(at_most(what, seconds, MOST) if judged else told(what, round(seconds, 3)))
    return [*figures, told("of these, to start Python and the command", round(nothing, 3))]


def _least(words: list[str], times: int) -> float:
    """Return the seconds that a command takes, the best of some times."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "gateway", *words],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=PATIENCE,
        )
        took.append(time.perf_counter() - began)
    return min(took)


def play(
    year: Year, name: str, title: str, folder: Path, postgres: RealPostgres | None = None
) -> Row:
    """Play it; return its row."""
    began = time.monotonic()
    figures = course(folder, year, postgres)
    return Row(name, title, figures, time.monotonic() - began)


def server() -> RealPostgres:
    """Return a server that runs; it is made when it is first wanted."""
    return running()
