"""The clients of a soak, an open loop: `python -m benchmarks.soak.load`.

Calls begin when they were drawn to begin, however long others take; what is too much at once is not
begun and counted. First some plain ones, so that all that is made once is made; on a word from
stdin the load; at its end, or at another word, all clients leave at once.
"""

import os
import sys
import time
from pathlib import Path
from random import Random
from typing import Final

import msgspec
import trio

from benchmarks.soak.client import Surroundings, act
from benchmarks.soak.plan import WARMING, planned
from benchmarks.soak.records import Journal

MOST_OPEN: Final = 1_000


class Order(msgspec.Struct):
    """What is to be done: `rate` is calls a second, `seconds` how long."""

    port: int
    journal: str
    seed: int
    rate: float
    seconds: float


class Done(msgspec.Struct):
    """What was done: calls begun and not begun, and when the last connection was closed."""

    begun: int
    skipped: int
    at: float


async def run(order: Order) -> None:
    """Make all calls."""
    around = Surroundings(order.port, Journal(Path(order.journal)))
    async with trio.open_nursery() as calls:
        for number in range(WARMING):
            calls.start_soon(act, planned(order.seed, number), around)
            await trio.sleep(0.01)
    around.close()
    async with trio.lowlevel.FdStream(os.dup(0)) as words:
        say(Done(WARMING, 0, time.monotonic()))
        await words.receive_some(64)
        begun = skipped = 0
        lots = Random(f"{order.seed}: arrivals")  # noqa: S311 (a plan, no secret)
        async with trio.open_nursery() as watch:

            async def heed() -> None:
                await words.receive_some(64)
                watch.cancel_scope.cancel()

            watch.start_soon(heed)
            watch.cancel_scope.deadline = trio.current_time() + order.seconds
            async with trio.open_nursery() as calls:
                due = trio.current_time()
                while True:
                    due += lots.expovariate(order.rate)
                    await trio.sleep_until(due)
                    if len(calls.child_tasks) >= MOST_OPEN:
                        skipped += 1
                        continue
                    plan = planned(order.seed, WARMING + begun)
                    begun += 1
                    calls.start_soon(act, plan, around)
    around.close()
    say(Done(begun, skipped, time.monotonic()))


def say(done: Done) -> None:
    """Write a line to whoever started this."""
    sys.stdout.write(msgspec.json.encode(done).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    trio.run(run, msgspec.json.decode(sys.argv[1], type=Order))
