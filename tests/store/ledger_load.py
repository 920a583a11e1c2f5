"""A process that is killed while it writes the ledger: it says of each call when it had settled it.

    python -m tests.store.ledger_load DATABASE NAME [FOLDER]

The database is a file, or the address of a server whose journals lie in the folder.
On stdout a line for each call, `id monotonic-seconds`, right after `settled` has returned.
"""

import os
import sys
import threading
import time
from pathlib import Path

from gateway.store.database import Database, parse_database
from gateway.store.ledger import Ledger
from tests.store.receipts import Told, call, end

OPEN = 50
"""Calls that are open at any time."""


def main(database: Database, name: str) -> None:
    """Settle calls as fast as a gateway would, until killed."""
    ledger = Ledger(database, time.time_ns, Told())
    calls = []
    pause = threading.Event()
    for number in range(1_000_000_000):
        receipt = call(f"{name}-{number}")
        ledger.started(receipt)
        calls.append(receipt)
        if len(calls) > OPEN:
            settled = end(calls.pop(0))
            ledger.settled(settled)
            os.write(1, f"{settled.request_id} {time.monotonic()}\n".encode())
        if number % 20 == 0:
            pause.wait(0.002)


if __name__ == "__main__":
    said, name, *folder = sys.argv[1:]
    main(Database(parse_database(said, Path(folder[0])) if folder else Path(said)), name)
