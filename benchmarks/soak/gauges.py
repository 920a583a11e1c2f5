"""What the admin's `/metrics` says of all workers together, and the kernel of their memory."""

import http.client
import re
from collections import defaultdict
from pathlib import Path
from typing import Final

from benchmarks.machine import PROC, resident_bytes

ADMIN_NAME: Final = "gateway-admin"
PREFIX: Final = "gateway_"
SCRAPE_TIMEOUT: Final = 5.0
MOST_BYTES: Final = 1_048_576

OPEN: Final = (
    "open_calls",
    "open_connections",
    "open_upstream_streams",
    "held_leases",
    "request_body_bytes",
)
"""What must be zero when nobody asks for anything."""

KEPT: Final = ("pooled_connections_idle", "pooled_connections_parked")
"""Connections to providers that wait for the next call: each is a descriptor."""

DESCRIPTORS: Final = "open_descriptors"
TASKS: Final = "live_tasks"
LOST: Final = "lost_log_lines"
LAG: Final = "loop_lag_seconds"

NEEDED: Final = (*OPEN, *KEPT, DESCRIPTORS, TASKS, LOST)

LARGEST: Final = frozenset({LAG, "oldest_call_seconds", "uptime_seconds"})
"""Of these the greatest of all workers counts, of all others the sum."""

DULL: Final = frozenset({"draining", "resident_memory_bytes", "uptime_seconds", "worker_up"})
"""What is known otherwise."""

_SAMPLE: Final = re.compile(r"(\w+)\{worker=\"\d+(?:-draining-\d+)?\"\} (\S+)")


class Unscraped(Exception):
    """The admin did not answer, or not with what is needed; its text says in a clause what."""


def scrape(port: int) -> dict[str, float]:
    """Return all gauges, by their names without the prefix. Raises `Unscraped`."""
    admin = http.client.HTTPConnection("127.0.0.1", port, timeout=SCRAPE_TIMEOUT)
    try:
        admin.request("GET", "/metrics")
        answer = admin.getresponse()
        text = answer.read(MOST_BYTES).decode()
    except (OSError, http.client.HTTPException) as error:
        raise Unscraped(f"the admin did not answer: {error}") from None
    finally:
        admin.close()
    if answer.status != 200:
        raise Unscraped(f"the admin answered with status {answer.status}")
    found = read(text)
    missing = [name for name in NEEDED if name not in found]
    if missing:
        raise Unscraped(f"/metrics has no {', '.join(missing)}")
    return found


def read(text: str) -> dict[str, float]:
    """Read the text of a scrape: each gauge over all workers."""
    found: defaultdict[str, float] = defaultdict(float)
    for line in text.splitlines():
        sample = _SAMPLE.fullmatch(line)
        if sample is not None:
            name, value = sample[1].removeprefix(PREFIX), float(sample[2])
            found[name] = max(found[name], value) if name in LARGEST else found[name] + value
    return dict(found)


def worth_keeping(gauges: dict[str, float]) -> dict[str, float]:
    """Return what belongs into a sample: whole numbers as such, nothing that says nothing."""
    return {
        name: int(value) if value.is_integer() else value
        for name, value in gauges.items()
        if name not in DULL
    }


def unaccounted(gauges: dict[str, float]) -> float:
    """Return the descriptors that belong to no connection, neither a client's nor a provider's.

    Who holds a slot towards a provider has a connection, or is about to have one.
    """
    connections = ("open_connections", "held_leases", *KEPT)
    return gauges[DESCRIPTORS] - sum(gauges[name] for name in connections)


def memory(supervisor: int) -> tuple[int, int]:
    """Return the bytes in use (RSS) of all workers, and of the admin."""
    pids = [
        int(pid) for pid in (PROC / f"{supervisor}/task/{supervisor}/children").read_text().split()
    ]
    beside = [pid for pid in pids if _name(pid) == ADMIN_NAME]
    return resident_bytes([pid for pid in pids if pid not in beside]), resident_bytes(beside)


def _name(pid: int) -> str:
    try:
        return Path(PROC, str(pid), "comm").read_text().strip()
    except OSError:
        return ""
