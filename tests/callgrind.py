"""Counts the instructions of a running program with valgrind: the same work, the same number.

Only what is asked for is counted; before and after it the program runs on, not counted and faster.
"""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

TOTAL = re.compile(r"^totals: (\d+)$", re.MULTILINE)
COVERAGE = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
PATIENCE = 10.0
"""Seconds for an order to valgrind."""


class Callgrind:
    """How a program is started under callgrind, and how it is told to count.

    It keeps its files in a directory of the program's own.
    """

    def __init__(self, valgrind: str, vgdb: str, directory: Path) -> None:
        directory.mkdir()
        self._valgrind = valgrind
        self._vgdb = vgdb
        self._pipes = f"--vgdb-prefix={directory}/vgdb"
        self._counts = directory / "counts"

    @property
    def command(self) -> list[str]:
        """What stands before the program's own command; its process is the program's process.

        Coverage would be counted too, so the program runs without it. Sets have the same order in
        each run.
        """
        unset = [word for name in COVERAGE for word in ("-u", name)]
        tool = ["-q", "--tool=callgrind", "--instr-atstart=no"]
        files = [f"--callgrind-out-file={self._counts}", self._pipes]
        return ["env", *unset, "PYTHONHASHSEED=0", self._valgrind, *tool, *files]

    async def count(self, pid: int, work: Callable[[], Awaitable[object]]) -> int:
        """Return how many instructions the program spends while `work` runs."""
        await self._order(pid, "instrumentation", "on")
        await work()
        await self._order(pid, "instrumentation", "off")
        before = self._dumps()
        await self._order(pid, "dump")
        (dump,) = self._dumps() - before
        (total,) = TOTAL.findall(dump.read_text())
        return int(total)

    def _dumps(self) -> set[Path]:
        return set(self._counts.parent.glob(f"{self._counts.name}.*"))

    async def _order(self, pid: int, *words: str) -> None:
        with trio.fail_after(PATIENCE):
            order = [self._vgdb, self._pipes, f"--pid={pid}", *words]
            await trio.run_process(order, capture_stdout=True, capture_stderr=True)
