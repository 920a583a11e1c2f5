"""The tap that keeps calls which have ended until their spans are made and taken to a collector.

`settled` is all that it does on the loop: it puts a receipt into a bounded queue, or counts it as
lost. Spans are made and written in whatever thread calls `batch`; who takes them where is
`upstream/collector.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple, Protocol

from gateway import __version__
from gateway.endpoints import ENDPOINTS
from gateway.policy.scrub import Scrubber
from gateway.telemetry.spans import MOST_ATTEMPTS, Ended, Peer, Span, Value, spans_of
from gateway.words.receipt import Outcome, Receipt

MAX_WAITING: Final = 8_192
"""Calls. A collector that hangs costs some 2 KiB for each."""

MAX_WAITING_BYTES: Final = 33_554_432
"""What they may take of memory: a client may choose long paths, and have many attempts made."""

_CALL_BYTES: Final = 1_536
_ATTEMPT_BYTES: Final = 512
"""What a receipt takes, and each attempt of it, beside its path."""

OTLP: Final = b"application/x-protobuf"
"""The media type in which spans travel."""

PROBES: Final = frozenset(endpoint.operation for endpoint in ENDPOINTS if endpoint.probe)


class Wire(Protocol):
    """The form in which spans travel; the module `otlp`."""

    def encode(self, spans: Iterable[Span], resource: Mapping[str, Value], /) -> bytes:
        """Write a batch, with what is said of the process."""

    def rejected(self, answer: bytes, /) -> tuple[int, str]:
        """Return how many spans a collector has not taken of a batch that it took, and why."""


class Report(Protocol):
    """Where trouble is told: the log."""

    def info(self, event: str, **fields: object) -> None: ...

    def warning(self, event: str, **fields: object) -> None: ...


class Batch(NamedTuple):
    """So many spans, as they travel."""

    body: bytes
    spans: int


class Traces:
    """A tap (see `words.receipt.Tap`). Each span is counted once: `exported` or `dropped`."""

    def __init__(
        self,
        peers: Mapping[str, Peer],
        resource: Mapping[str, Value],
        today_ns: Callable[[], int],
        report: Report,
        *,
        wire: Wire | None = None,
        most_waiting: int = MAX_WAITING,
    ) -> None:
        """`peers` are providers by their names; `resource` says which process this is."""
        self.exported = 0
        """Spans that the collector has taken."""
        self.away = False
        """Whether the collector took nothing the last time."""
        self.shut = False
        """Once this is set, what ends is dropped."""
        self.scrubber = Scrubber()
        """Who masks what a provider may have repeated of a secret (R11)."""
        self._peers = dict(peers)
        self._resource = resource
        self._today_ns = today_ns
        self._report = report
        self._wire = wire or the_wire()
        self._most_waiting = most_waiting
        self._full = False
        self._lost = 0
        self._unmade = 0  # by the thread alone
        self._came_bytes = 0  # by the loop alone
        self._left_bytes = 0  # by whoever takes from the queue
        # SimpleQueue takes no lock of Python's: to put never waits.
        self._queue: SimpleQueue[tuple[Ended, int]] = SimpleQueue()

    def meet(self, peers: Mapping[str, Peer]) -> None:
        """Know further providers, or others under their names."""
        self._peers = {**self._peers, **peers}

    @property
    def dropped(self) -> int:
        """Spans for which there was no room, or that the collector did not take."""
        return self._lost + self._unmade

    @property
    def queued(self) -> int:
        """How many calls wait."""
        return self._queue.qsize()

    def settled(self, receipt: Receipt) -> None:
        """Keep a call that is sampled. The receipt itself is handed over: it no longer changes."""
        trace = receipt.trace
        if trace is None or not trace.sampled:
            return
        if receipt.endpoint in PROBES and receipt.outcome is Outcome.COMPLETED:
            return
        size = _size(receipt)
        if self.shut or not self._has_room(size):
            self._overflow(receipt)
        else:
            self._full = False
            self._came_bytes += size
            self._queue.put((Ended(receipt, self._today_ns()), size))

    def batch(self, most: int) -> Batch | None:
        """Make the spans of so many calls at most and write them; None where none wait.

        To be called in a thread. A receipt that cannot be told does not take others along.
        """
        spans: list[Span] = []
        for ended in self._drain(most):
            try:
                spans += [self._scrubbed(span) for span in spans_of(ended, self._peers)]
            except Exception as error:
                self._unmade += _count(ended.receipt)
                self._report.warning("bug in a call's spans", error=repr(error))
        return self._written(spans) if spans else None

    def _written(self, spans: list[Span]) -> Batch:
        try:
            return Batch(self._wire.encode(spans, self._resource), len(spans))
        except Exception as error:
            self._unmade += len(spans)
            self._report.warning("bug in a batch of spans", error=repr(error))
            return Batch(b"", 0)

    def _scrubbed(self, span: Span) -> Span:
        scrub = self.scrubber.scrub
        values = {
            name: scrub(value) if isinstance(value, str) else value
            for name, value in span.values.items()
        }
        return replace(span, name=scrub(span.name), values=values)

    def took(self, batch: Batch, answer: bytes) -> None:
        """Note that the collector has taken a batch, but for the spans that it says it rejects."""
        rejected, said = self._wire.rejected(answer)
        rejected = min(rejected, batch.spans)
        self.exported += batch.spans - rejected
        if rejected:
            self.failed(f"the collector rejects spans: {said}")
            self.give_up(rejected)
        elif self.away:
            self.away = False
            self._report.info("traces are exported again", dropped=self.dropped)

    def failed(self, reason: str) -> None:
        """Note that the collector takes nothing; it is told once."""
        if not self.away:
            self.away = True
            self._report.warning("traces cannot be exported", error=reason)

    def give_up(self, spans: int) -> None:
        """Note that so many spans will never be exported."""
        self._lost += spans

    def close(self) -> None:
        """Count what was not taken."""
        self.shut = True
        left = sum(_count(ended.receipt) for ended in self._drain(self._most_waiting))
        if left:
            self.give_up(left)
            self._report.warning("traces lost", spans=left, dropped=self.dropped)

    def _has_room(self, size: int) -> bool:
        held = self._came_bytes - self._left_bytes
        return self._queue.qsize() < self._most_waiting and held + size <= MAX_WAITING_BYTES

    def _overflow(self, receipt: Receipt) -> None:
        self.give_up(_count(receipt))
        if not self._full and not self.shut:
            self._full = True
            self._report.warning("traces dropped, the collector is too slow", dropped=self.dropped)

    def _drain(self, most: int) -> list[Ended]:
        taken: list[Ended] = []
        with suppress(Empty):
            while len(taken) < most:
                ended, size = self._queue.get_nowait()
                self._left_bytes += size
                taken.append(ended)
        return taken


def about(service: str, instance: str, pid: int) -> Mapping[str, Value]:
    """Return what is said of a process, beside its spans."""
    return {
        "service.name": service,
        "service.version": __version__,
        "service.instance.id": instance,
        "process.pid": pid,
        "telemetry.sdk.name": "nursery-gateway",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": __version__,
    }


def _count(receipt: Receipt) -> int:
    """Return how many spans a call has."""
    return 1 + min(len(receipt.attempts), MOST_ATTEMPTS)


def _size(receipt: Receipt) -> int:
    """Return about how many bytes a receipt takes."""
    return _CALL_BYTES + len(receipt.path) + _ATTEMPT_BYTES * len(receipt.attempts)


def the_wire() -> Wire:
    """Return the form in which spans travel. It imports the extra, and nobody else does."""
    from gateway.telemetry import otlp  # noqa: PLC0415 (a declared optional dependency)

    return otlp
