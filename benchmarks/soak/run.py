"""The course of a run: all is started, warmed, put under load with faults, and let come to rest."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any, Final, Self

from benchmarks import machine
from benchmarks.peers.ports import steady_port
from benchmarks.soak import gauges
from benchmarks.soak.books import GRACE, Books
from benchmarks.soak.load import Done, Order
from benchmarks.soak.outages import Away, draw_outages
from benchmarks.soak.plan import PROVIDERS
from benchmarks.soak.processes import Clients, Failed, Gateway, Provider
from benchmarks.soak.results import Leaving, Rest, Results, Sample, Wish
from benchmarks.soak.settings import configuration
from benchmarks.soak.sources import Sources
from benchmarks.soak.verdict import CALM
from gateway import __version__

INTERVAL: Final = 1.0
MOST_SAMPLES: Final = 900
"""A run that is longer than so many seconds is looked at less often."""

CALM_PATIENCE: Final = 10.0
OVERTIME: Final = 15.0
"""Seconds that the clients may need, beyond those they were given, to leave and to say so."""

MOST_UNSCRAPED: Final = 10
"""Scrapes in a row that may fail."""

Told = Callable[[Sample, Books], None]
"""Hears of each sample."""


class Providers:
    """Both providers, whichever lives of them these are."""

    def __init__(self, sources: Sources, folder: Path) -> None:
        self._sources = sources
        self._folder = folder
        self._living: list[Provider] = []

    def __enter__(self) -> Self:
        try:
            for number in range(PROVIDERS):
                self._living.append(self._begun(number, steady_port()))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for provider in self._living:
            provider.end()

    @property
    def ports(self) -> list[int]:
        """Where they are."""
        return [provider.port for provider in self._living]

    def go(self, away: Away) -> None:
        """Let one go."""
        provider = self._living[away.provider]
        if away.killed:
            provider.kill()
        else:
            provider.end()

    def come_back(self, number: int) -> None:
        """Start one again, on its port."""
        self._living[number] = self._begun(number, self._living[number].port)

    def counts(self) -> tuple[int, int]:
        """Return how many requests and connections they have."""
        found = [provider.counts() for provider in self._living]
        return sum(each["playing"] for each in found), sum(each["links"] for each in found)

    def _begun(self, number: int, port: int) -> Provider:
        log = self._folder / f"provider-{number}.log"
        return Provider(self._sources.providers[number], log, port)


class Course:
    """One run, from its beginning to its results."""

    def __init__(self, wish: Wish, folder: Path, tell: Told) -> None:
        """`folder` takes all files of the run."""
        self._wish = wish
        self._folder = folder
        self._tell = tell
        self._books = Books(wish.seed)
        self._sources = Sources(folder)
        self._admin = 0
        self._samples: list[Sample] = []
        self._outages: list[tuple[int, float, float]] = []
        self._unscraped = self._in_a_row = 0
        self._began = 0.0

    def run(self) -> Results:
        """Run it. Raises `Failed`."""
        before, ticks = machine.describe(), machine.ticks()
        with ExitStack() as stack:
            providers = stack.enter_context(Providers(self._sources, self._folder))
            self._admin = steady_port()
            config = self._folder / "gateway.toml"
            config.write_text(configuration(self._admin, providers.ports))
            control = stack.enter_context(_short_folder())
            gateway = stack.enter_context(
                Gateway(config, self._wish.workers, self._sources.log, control)
            )
            clients = stack.enter_context(
                Clients(self._order(gateway), self._folder / "clients.log")
            )
            warmed = clients.done(OVERTIME)
            if warmed is None:
                raise Failed("the plain calls before the load did not end")
            at_first = self._rest(warmed.at, providers, wait=True)
            done = self._under_load(gateway, providers, clients)
            at_last = self._rest(done.at, providers, wait=False)
            self._read_for(GRACE + INTERVAL)
            code = gateway.drain()
        self._sources.read(self._books)
        self._books.judge()
        stolen = machine.stolen_share(ticks, machine.ticks())
        return self._results(
            version=__version__, machine=before, notices=machine.notices(before, stolen),
            begun=warmed.begun + done.begun, skipped=done.skipped,
            before=at_first, rest=at_last, exit_code=code,
        )  # fmt: skip

    def _order(self, gateway: Gateway) -> Order:
        wish, journal = self._wish, str(self._sources.clients)
        return Order(gateway.port, journal, wish.seed, wish.rate, wish.seconds)

    def _under_load(self, gateway: Gateway, providers: Providers, clients: Clients) -> Done:
        """Look at all, now and again, until the last client has left."""
        clients.tell()
        self._began = time.monotonic()
        interval = max(INTERVAL, self._wish.seconds / MOST_SAMPLES)
        ending = self._began + self._wish.seconds + OVERTIME
        outages = self._outing(providers)
        due = self._began
        while (done := clients.done(max(0.0, due - time.monotonic()))) is None:
            if time.monotonic() > ending:
                raise Failed("the clients did not leave when their time was over")
            if time.monotonic() >= due:
                due = max(due + interval, time.monotonic())
                next(outages)
                self._look(gateway)
        return done

    def _outing(self, providers: Providers) -> Iterator[None]:
        """At each step, let go or come back whoever is due."""
        for away in draw_outages(self._wish.seed, self._wish.seconds):
            while self._now < away.at:
                yield
            gone = time.monotonic()
            self._books.gone(away.provider, gone)
            providers.go(away)
            yield
            while self._now < away.back:
                yield
            providers.come_back(away.provider)
            back = time.monotonic()
            self._books.back(back)
            self._outages.append((away.provider, gone - self._began, back - self._began))
        while True:
            yield

    @property
    def _now(self) -> float:
        return time.monotonic() - self._began

    def _look(self, gateway: Gateway) -> None:
        """Take a sample, and read on."""
        now = time.monotonic()
        self._sources.read(self._books)
        self._books.judge(now)
        try:
            found = gauges.scrape(self._admin)
        except gauges.Unscraped as problem:
            self._unscraped += 1
            self._in_a_row += 1
            if self._in_a_row > MOST_UNSCRAPED:
                raise Failed(f"{problem}, {self._in_a_row} times in a row") from None
            return
        self._in_a_row = 0
        workers, admin = gauges.memory(gateway.pid)
        left, self._books.fresh = self._books.fresh, []
        sample = Sample(
            at=round(self._now, 2), calls=self._books.calls, rss_bytes=workers,
            admin_bytes=admin, gauges=gauges.worth_keeping(found), left=len(left),
            middle_ms=round(1000 * median(left or [0]), 3),
            longest_ms=round(1000 * max(left, default=0), 3),
        )  # fmt: skip
        self._samples.append(sample)
        self._tell(sample, self._books)

    def _rest(self, since: float, providers: Providers, *, wait: bool) -> Rest:
        """Say what is open `CALM` after all clients have gone, or `wait` until nothing is."""
        time.sleep(0 if wait else max(0.0, since + CALM - time.monotonic()))
        until = time.monotonic() + CALM_PATIENCE
        while True:
            after = time.monotonic() - since
            try:
                found = gauges.scrape(self._admin)
            except gauges.Unscraped as problem:
                if not wait or time.monotonic() > until:
                    raise Failed(f"{problem}, at rest") from None
            else:
                if not wait or not any(found[name] for name in gauges.OPEN):
                    playing, links = providers.counts()
                    return Rest(gauges=found, after=after, playing=playing, links=links)
                if time.monotonic() > until:
                    raise Failed(f"after the plain calls something is open: {found}")
            time.sleep(INTERVAL / 4)

    def _read_for(self, seconds: float) -> None:
        """Read on until all calls have been judged, or that much time has passed."""
        until = time.monotonic() + seconds
        while self._books.open and time.monotonic() < until:
            time.sleep(INTERVAL / 2)
            self._sources.read(self._books)
            self._books.judge(time.monotonic())

    def _results(self, **found: Any) -> Results:
        books, latencies = self._books, self._books.latencies
        leaving = Leaving(
            count=latencies.count,
            p50_ms=round(1000 * latencies.below(0.5), 3),
            p99_ms=round(1000 * latencies.below(0.99), 3),
            longest_ms=round(1000 * latencies.longest, 3),
        )
        return Results(
            wish=self._wish,
            calls=books.calls,
            unexplained=books.unexplained,
            examples=[asdict(each) for each in books.samples],
            outcomes=dict(books.outcomes.most_common()),
            plays=dict(books.plays.most_common()),
            outages=self._outages,
            leaving=leaving,
            unscraped=self._unscraped,
            samples=self._samples,
            **found,
        )


@contextmanager
def _short_folder() -> Iterator[Path]:
    """Make a folder for control sockets, whose names may not be long; remove it."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
