"""A process that is killed while it writes the ledger: it says of each call when it had settled it.

    python -m tests.store.ledger_load DATABASE NAME

On stdout a line for each call, `id monotonic-seconds`, right after `settled` has returned.
"""

import os
import sys
import threading
import time
from pathlib import Path

from gateway.store.database import Database
from gateway.store.ledger import Ledger
from tests.store.receipts import Told, call, end

OPEN = 50
"""Calls that are open at any time."""


def main(path: Path, name: str) -> None:
    """Settle calls as fast as a gateway would, until killed."""
    ledger = Ledger(Database(path), time.time_ns, Told())
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
    main(Path(sys.argv[1]), sys.argv[2])
