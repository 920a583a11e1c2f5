"""A process that holds all the leases there are, until it is killed: `lease_holder FOLDER TTL`."""

import sys
from pathlib import Path

import trio

from gateway.words.caller import Limits
from tests.store.real_gates import of_key, process, start
from tests.store.real_store import RealStore

HELD = of_key(Limits(concurrency=5))


async def main() -> None:
    folder, ttl = sys.argv[1:]
    async with trio.open_nursery() as nursery:
        one = process(RealStore(Path(folder)), ttl=float(ttl))
        await start(nursery, one)
        held = [await one.gate.admit(HELD, 0, ()) for _ in range(5)]
        sys.stdout.write(f"{len(held)}\n")
        sys.stdout.flush()
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main)
