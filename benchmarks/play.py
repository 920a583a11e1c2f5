"""Puts it together: installs the peers, sets the stage, plays the rounds, keeps the results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks import machine
from benchmarks.bench import Bench
from benchmarks.load import Tools, Upstream, allow_open_files, build
from benchmarks.own import INSTALLED, READY, WORKERS, installation
from benchmarks.peers.peer import Missing, Peer, Ready
from benchmarks.peers.running import Running, start
from benchmarks.results import Measurement, PeerNote, Results, ScenarioNote, save
from benchmarks.rounds import Round, Stage, takes_part
from benchmarks.scenarios import SCENARIOS, Scenario, Values, single
from benchmarks.show import Show

SAVED: Final = "results.json"
"""What the results are called below the cache folder, after each round."""

WORK: Final[Mapping[str, Scenario]] = {
    one.name: one
    for one in (
        *SCENARIOS,
        Scenario(WORKERS.name, WORKERS.title, WORKERS.units, "lower", single),
    )
}
"""Everything that puts load on a peer, by name."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the person asked for; `seconds` is the length of one measurement."""

    rounds: int
    seconds: float
    quick: bool
    cache: Path
    peers: Sequence[Peer]
    scenarios: Sequence[str]


def all_scenarios() -> list[ScenarioNote]:
    """Return what can be measured, in the order of the report."""
    notes = [
        ScenarioNote(one.name, one.title, dict(one.units), one.better) for one in WORK.values()
    ]
    return [*notes, READY, INSTALLED]


def play(wish: Wish, show: Show) -> Results:
    """Measure, and return what there is; the results of each round are saved as it ends."""
    before = machine.describe()
    tools = build(wish.cache / "tools")
    ready, skipped = prepare(wish.peers, wish.cache, show)
    results = Results(
        machine=before,
        seconds=wish.seconds,
        quick=wish.quick,
        wanted_rounds=wish.rounds,
        peers=[PeerNote(one.name, one.title, ready[one].version, one.settings) for one in ready],
        skipped=skipped,
        scenarios=[note for note in all_scenarios() if note.name in wish.scenarios],
    )
    results.measurements += _installations(wish, ready)
    allow_open_files()
    cores, load_core = machine.cores()
    with machine.pinned([load_core]), Upstream(tools, load_core) as upstream:
        _play_rounds(results, ready, _Theatre(tools, upstream, cores, load_core, wish, show))
    return results


def prepare(
    peers: Sequence[Peer], cache: Path, show: Show
) -> tuple[dict[Peer, Ready], dict[str, str]]:
    """Install the peers; return those that are there, and why the others are not."""
    ready: dict[Peer, Ready] = {}
    skipped: dict[str, str] = {}
    with show.steps(len(peers)):
        for peer in peers:
            show.now(f"preparing {peer.name}")
            found = peer.prepare(cache / "peers", show.say)
            if isinstance(found, Missing):
                skipped[peer.name] = found.reason
                show.say(f"without {peer.name}: {found.reason}")
            else:
                ready[peer] = found
            show.done()
    return ready, skipped


def _installations(wish: Wish, ready: Mapping[Peer, Ready]) -> list[Measurement]:
    if INSTALLED.name not in wish.scenarios:
        return []
    return [
        Measurement(0, INSTALLED.name, peer.name, installation(found.installed))
        for peer, found in ready.items()
        if found.installed is not None and not peer.only
    ]


@dataclass(frozen=True, slots=True)
class _Theatre:
    """What all rounds have in common; `cores` are those that a candidate may be given."""

    tools: Tools
    upstream: Upstream
    cores: Sequence[int]
    load_core: int
    wish: Wish
    show: Show

    def start(self, peer: Peer, ready: Ready, folder: Path) -> Running:
        return start(peer, ready, self.upstream.port, self.cores[: peer.cores], folder)

    def measure(self, scenario: str, running: Running) -> Values:
        bench = Bench(
            tools=self.tools,
            upstream=self.upstream,
            target=running.url,
            headers=tuple(f"{name}: {value}" for name, value in running.headers.items()),
            pids=running.pids,
            load_core=self.load_core,
            seconds=self.wish.seconds,
            quick=self.wish.quick,
        )
        return WORK[scenario].run(bench)

    def left_open(self) -> int:
        return int(self.upstream.report()["open_streams"])


def _play_rounds(results: Results, ready: dict[Peer, Ready], theatre: _Theatre) -> None:
    wish, show = theatre.wish, theatre.show
    scenarios = [name for name in WORK if name in wish.scenarios]
    ticks = machine.ticks()

    def note(one: Measurement) -> None:
        if one.scenario in wish.scenarios:
            results.measurements.append(one)
        show.measured(one)
        show.done()

    stage = Stage(theatre.start, theatre.measure, theatre.left_open, note, show.now)
    steps = sum(takes_part(peer, name) for peer in ready for name in (*scenarios, READY.name))
    with TemporaryDirectory(dir=wish.cache) as folder, show.steps(wish.rounds * steps):
        for turn in range(wish.rounds):
            one = Round(stage, turn, ready, scenarios, Path(folder))
            one.play()
            results.rounds += 1
            if turn == 0:
                _leave_out(results, ready, one.failed)
            stolen = machine.stolen_share(ticks, machine.ticks())
            results.notices = machine.notices(results.machine, stolen)
            save(results, wish.cache / SAVED)
            show.table(results)


def _leave_out(results: Results, ready: dict[Peer, Ready], failed: Mapping[str, str]) -> None:
    """Go on without those that did not come to answer in the first round."""
    for peer in [peer for peer in ready if peer.name in failed]:
        del ready[peer]
        results.skipped[peer.name] = failed[peer.name]
