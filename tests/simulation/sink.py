"""The log's sink and the tap of the simulation: the real lines, in memory, without a thread."""

import json
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.policy.scrub import Scrubber
from gateway.telemetry.lines import Entry, Line, json_lines
from gateway.telemetry.log import Log
from gateway.telemetry.writer import Writer
from gateway.words.receipt import Receipt, Tap

Noting = Callable[[str, str], None]


class Sink(Writer):
    """Takes lines as the writer's thread would write them."""

    def __init__(self, note: Noting) -> None:
        self.scrubber = Scrubber()
        self.requests: list[dict[str, Any]] = []
        self.told: list[str] = []
        self.bugs: list[str] = []
        self._note = note
        self._renders = json_lines()

    @property
    def lost(self) -> int:
        return 0

    def put(self, entry: Entry) -> None:
        line = json.loads(self._renders(entry.line()))
        if line["event"] == "request":
            self.requests.append(line)
        else:
            self._note("log", line["event"])
            self.told.append(line["event"])

    def put_urgent(self, line: Line) -> None:
        self.bugs.append(self._renders(line))

    def close(self, patience: float) -> bool:
        return True


def memory_log(note: Noting) -> tuple[Log, Sink]:
    """Return the house's log on a sink in memory, and the sink."""
    sink = Sink(note)
    return Log(sink, "debug", lambda: 0), sink


class Book(Tap):
    """A tap that keeps every receipt."""

    def __init__(self, note: Noting) -> None:
        self.receipts: list[Receipt] = []
        self._settled: list[bytes] = []
        self._note = note

    @property
    def changed(self) -> list[str]:
        """The ids of receipts that are not what they were when they were settled."""
        pairs = zip(self.receipts, self._settled, strict=True)
        return [each.request_id for each, then in pairs if _written(each) != then]

    def settled(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)
        self._settled.append(_written(receipt))
        said = f"settles {receipt.request_id}: {receipt.outcome} {receipt.cause} {receipt.status}"
        self._note("gateway", said)


def _written(receipt: Receipt) -> bytes:
    """Write a receipt down; what an attempt still holds that has not ended is named."""
    return msgspec.json.encode(receipt, enc_hook=repr)
