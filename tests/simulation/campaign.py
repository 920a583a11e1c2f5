"""Many schedules, in this process or in several; those import this file and no `__main__`."""

import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

from tests.simulation.schedule import run_schedule
from tests.simulation.tally import Tally

BLOCK = 25
"""Seeds that a process takes at once."""


def run_block(seeds: Iterable[int]) -> Tally:
    """Run some seeds in this process."""
    tally = Tally()
    for seed in seeds:
        tally.add(run_schedule(seed))
    return tally


def run_blocks(blocks: list[range], jobs: int) -> Iterator[Tally]:
    """Run all blocks, in several processes if there are to be several."""
    if jobs == 1:
        yield from map(run_block, blocks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        for future in as_completed([pool.submit(run_block, block) for block in blocks]):
            yield future.result()
