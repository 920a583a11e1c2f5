"""What a scenario measures with: the tools, the address that is asked, the processes behind it."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event

from benchmarks import machine
from benchmarks.load import Held, LoadFailed, Report, Tools, Upstream, run_client

WRONG_SHARE = 0.01
"""Above this share of wrong answers a measurement says nothing about speed."""

MEMORY_SETTLES = 0.5
"""Seconds until memory is read, after the last stream has begun."""

HELD_SECONDS = 30
"""Streams are held no longer, whatever becomes of the one who reads."""

_never = Event()


def pause(seconds: float) -> None:
    """Do nothing for so long; nothing else runs in this process."""
    _never.wait(seconds)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of a client: its report, the upstream's, and the processor time behind the address.

    `busy` is the share of the client's life in which the load tools used their core: above 0.9
    they may be what was measured.
    """

    client: Report
    upstream: Report
    cpu_seconds: float
    busy: float


@dataclass(frozen=True, slots=True)
class Bench:
    """One system under test, and what measures it.

    `target` is where chat completions are asked for; without a path it is OpenAI's. `headers` are
    lines such as `authorization: Bearer x`. `pids` are its processes, none where the upstream
    itself is asked. `seconds` is the length of one measurement; `quick` asks for a tenth of the
    streams, opened in a fifth of the time, to see that all works.
    """

    tools: Tools
    upstream: Upstream
    target: str
    headers: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()
    load_core: int | None = None
    seconds: float = 5.0
    quick: bool = False
    model: str = "m"

    @property
    def ramp(self) -> float:
        """Seconds over which streams are opened."""
        return 0.2 if self.quick else 1.0

    def streams(self, wanted: int) -> int:
        """Say how many streams to open where so many are wanted."""
        return max(10, wanted // 10) if self.quick else wanted

    def measure(self, *args: str, seconds: float | None = None) -> Measured:
        """Run a client; raises `LoadFailed` if its answers were not what was asked for."""
        self.upstream.reset()
        before = self.upstream.report()
        cpu = machine.cpu_seconds(self.pids)
        client = run_client(self.tools, self.load_core, *self._arguments(args, seconds))
        cpu = machine.cpu_seconds(self.pids) - cpu
        upstream = self.upstream.report()
        check(client)
        used = client["cpu_seconds"] + upstream["cpu_seconds"] - before["cpu_seconds"]
        return Measured(client, upstream, cpu, used / client["lasted"])

    @contextmanager
    def hold(self, streams: int) -> Iterator[Held]:
        """Keep so many streams open meanwhile, each with one event a second."""
        self.upstream.reset()
        slow = ("--events-per-second", "1", "--ramp", str(self.ramp * max(1.0, streams / 1000)))
        args = ("hold", "--streams", str(streams), *slow)
        held = Held(self.tools, self.load_core, *self._arguments(args, HELD_SECONDS))
        with held:
            if held.open < streams:
                raise LoadFailed(f"{held.open} of {streams} streams are open: {held.first_error}")
            pause(MEMORY_SETTLES)
            yield held
        check(held.report)

    def resident_kilobytes(self) -> float:
        """Read the memory of the system under test: `VmRSS` in /proc/PID/status, added up."""
        return machine.resident_bytes(self.pids) / 1000

    def _arguments(self, args: Iterable[str], seconds: float | None) -> list[str]:
        fields = [part for header in self.headers for part in ("--header", header)]
        lasting = ("--seconds", str(self.seconds if seconds is None else seconds))
        shape = ("--ramp", str(self.ramp), "--spread", str(self.ramp * 2))
        return ["--target", self.target, "--model", self.model, *shape, *fields, *args, *lasting]


def check(report: Report) -> None:
    """Raise `LoadFailed` if more answers were wrong than chance explains."""
    if report["errors"] > WRONG_SHARE * report["requests_total"]:
        raise LoadFailed(
            f"{report['errors']} of {report['requests_total']} answers were wrong:"
            f" {report['first_error']}"
        )
