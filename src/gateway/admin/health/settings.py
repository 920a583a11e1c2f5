"""The settings that run, where each is from, and how the file as it is now differs from them.

Nothing of a secret is in it: a setting says by its origin whence its secret is (R24). The file is
read in a thread, by one at a time, and what was found serves all who ask within a moment.
"""

from collections.abc import Callable
from math import inf
from typing import Final

import msgspec
import trio

FRESH: Final = 1.0
"""Seconds for which a reading of the file serves the next one too."""

PATIENCE: Final = 5.0
"""Seconds for a reading, with the wait for one's turn."""

LATE: Final = "could not be read in time"


class SettingTold(msgspec.Struct, frozen=True):
    """A setting as TOML writes it, and where it is from."""

    name: str
    value: str
    origin: str


class TableTold(msgspec.Struct, frozen=True):
    """A table of the configuration."""

    name: str
    rows: list[SettingTold]


class SettingsTold(msgspec.Struct, frozen=True):
    """What runs. `source` is the file; null: there was none, and what was found runs."""

    source: str | None
    tables: list[TableTold]
    warnings: list[str]


class ChangeTold(msgspec.Struct, frozen=True):
    """A setting that differs; null: it is not there. Of a `secret` only that it differs is told.

    One that `waits` is taken by the next start, and by no reload.
    """

    name: str
    runs: str | None
    now: str | None
    where: str
    secret: bool
    waits: bool = False


class FindingTold(msgspec.Struct, frozen=True):
    """Why the file would be refused: where, and what is wrong there."""

    file: str
    line: int | None
    key: str | None
    text: str
    nearest: str | None


class DifferenceTold(msgspec.Struct, frozen=True):
    """The file as it is now against what runs. It is taken unless it would be `refused`.

    `unread` says why nobody knows how it is now; null: it was read.
    """

    source: str | None
    refused: bool
    changes: list[ChangeTold]
    findings: list[FindingTold]
    warnings: list[str]
    unread: str | None = None


def unread(source: str | None, reason: str) -> DifferenceTold:
    """Return what is told where the file could not be read again."""
    return DifferenceTold(source, False, [], [], [], reason)


class Places(msgspec.Struct, frozen=True):
    """Where what outlives a process lies, without any secret; empty where it is not configured."""

    database: str = ""
    shared: str = ""
    receipts: str = ""


class Settings:
    """The settings of one configuration."""

    def __init__(
        self, shown: SettingsTold, places: Places, read: Callable[[], DifferenceTold]
    ) -> None:
        """`read` reads the file and compares; it may take its time."""
        self.shown = shown
        self.places = places
        self._read = read
        self._turn = trio.Lock()
        self._thread = trio.CapacityLimiter(1)
        self._found: DifferenceTold | None = None
        self._taken = -inf

    async def diff(self, fresh: float = FRESH) -> DifferenceTold:
        """Compare the file as it is now with what runs, if it can be read in time.

        A reading serves for `fresh` seconds.
        """
        with trio.move_on_after(PATIENCE):
            async with self._turn:
                if self._found is None or trio.current_time() - self._taken >= fresh:
                    # Whoever waits may leave: a file on a disk that is away holds its thread alone.
                    self._found = await trio.to_thread.run_sync(
                        self._read, abandon_on_cancel=True, limiter=self._thread
                    )
                    self._taken = trio.current_time()
                return self._found
        return unread(self.shown.source, LATE)
