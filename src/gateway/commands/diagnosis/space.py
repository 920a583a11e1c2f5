"""How much room is left where something is written. It blocks."""

import shutil
from pathlib import Path
from typing import Final

from gateway.commands.diagnosis.verdict import Verdict, fail, ok, warn

LITTLE_BYTES: Final = 1 << 30
TOO_LITTLE_BYTES: Final = 64 << 20
REMEDY: Final = "Make room, or have old rows and logs taken away."

_UNITS: Final = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def room_in(folder: Path) -> Verdict:
    """Judge the room that is left in a folder."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError as error:
        return warn("space", f"{folder}: {error.strerror}", "Is the folder there?")
    return judge_room(folder, usage.free, usage.total)


def judge_room(folder: Path, free: int, total: int) -> Verdict:
    """Judge by what is free; on a small disk a tenth of it is enough."""
    seen = f"{size(free)} free in {folder}"
    if free < TOO_LITTLE_BYTES:
        return fail("space", seen, REMEDY)
    if free < min(LITTLE_BYTES, total // 10):
        return warn("space", seen, REMEDY)
    return ok("space", seen)


def size(count: int) -> str:
    """Write a number of bytes for people."""
    for unit, name in _UNITS:
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} bytes"
