"""Makes Trio's scheduler repeatable: the only file that knows names which Trio keeps to itself.

In each round Trio runs those who are ready in an order that it draws. Seeded, it draws the same
order again. `test_replay.py` shows that the names still do this.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trio
from trio._core import _run

_SWITCH = "_ALLOW_DETERMINISTIC_SCHEDULING"


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Within this `with` a run of Trio takes the turns that the seed says."""
    names: dict[str, Any] = vars(_run)
    before, lots = names[_SWITCH], names["_r"].getstate()
    names[_SWITCH] = True
    names["_r"].seed(seed)
    try:
        yield
    finally:
        names[_SWITCH] = before
        names["_r"].setstate(lots)


class Treadmill(trio.abc.Instrument):
    """Ends a world that goes round without getting anywhere: `out` is cancelled after `most` steps.

    Virtual time may stand still for ever while tasks wake each other.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.steps = 0
        self.out: trio.CancelScope | None = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.steps += 1
        if self.steps == self._most and self.out is not None:
            self.out.cancel()
