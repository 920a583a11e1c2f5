"""The live tree in lines for people: `gateway top` shows them, and SIGUSR1 writes them to stderr.

Below it stand the homes and keys that rest, a line for each over all workers.

Ids, models and paths are clients' own words, and a tree may come from elsewhere: whatever could
move a cursor is escaped (R20).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gateway.downstream.live import (
    MOST_RESTING,
    SeenAttempt,
    SeenCall,
    SeenConnection,
    SeenHome,
    SeenProcess,
)
from gateway.telemetry.lines import printable

NODE, LAST = "├─ ", "└─ "
BRANCH, BLANK = "│  ", "   "

MAX_SHOWN = 80
"""Characters of a client's own words."""

SHOWN_GAUGES = (
    ("open_calls", "calls"),
    ("open_connections", "connections"),
    ("open_upstream_streams", "upstream streams"),
    ("held_leases", "leases"),
    ("pooled_connections_idle", "pooled"),
    ("live_tasks", "tasks"),
    ("open_descriptors", "descriptors"),
)
"""What stands beside a process, and its name there."""

_MINUTE, _HOUR = 60.0, 3600.0

Node = tuple[str, Sequence["Node"]]
"""A line and what hangs below it."""


class _Rest(NamedTuple):
    """What rests: a home, or the key of that number. Half open, a home rests no longer."""

    supervisor: int
    kind: Literal["open", "half_open", "key"]
    home: str
    key: int = 0


@dataclass(slots=True)
class _Known:
    """What workers say of one rest: its longest, the most failures, and who they are."""

    seconds: float = 0.0
    failures: int = 0
    workers: set[int] = field(default_factory=set)


def draw(processes: Iterable[SeenProcess]) -> Iterator[str]:
    """Yield all lines: the whole tree, and what rests."""
    shown = list(processes)
    yield from draw_tree(shown)
    yield from draw_rests(shown)


def draw_tree(processes: Iterable[SeenProcess]) -> Iterator[str]:
    """Yield the lines of a whole tree."""
    for process in processes:
        yield from _lines(_process(process), "", "")


def draw_rests(processes: Sequence[SeenProcess]) -> Iterator[str]:
    """Yield a line for each home that rests or is half open, and for each key that rests."""
    known: dict[_Rest, _Known] = {}
    for process in processes:
        for home in process.resting:
            for rest, seconds in _rests(process.supervisor, home):
                told = known.setdefault(rest, _Known())
                told.seconds = max(told.seconds, seconds)
                told.failures = max(told.failures, home.failures)
                told.workers.add(process.worker)
    several = len({process.supervisor for process in processes}) > 1
    for rest in sorted(known, key=_place)[:MOST_RESTING]:
        of = f" of supervisor {rest.supervisor}" if several else ""
        yield f"{_rest(rest, known[rest])} · {_numbered(known[rest].workers)}{of}"
    left_out = sum(process.resting_left_out for process in processes)
    if more := left_out + max(len(known) - MOST_RESTING, 0):
        yield f"and {more:,} more that rest"


def _rests(supervisor: int, home: SeenHome) -> Iterator[tuple[_Rest, float]]:
    name = words(home.name)
    if home.state == "open":
        yield _Rest(supervisor, "open", name), home.rests_for
    elif home.state == "half_open":
        yield _Rest(supervisor, "half_open", name), 0.0
    for key in home.resting_keys:
        yield _Rest(supervisor, "key", name, key.number), key.rests_for


def _place(rest: _Rest) -> tuple[int, int, str, int]:
    return rest.supervisor, ("open", "half_open", "key").index(rest.kind), rest.home, rest.key


def _rest(rest: _Rest, known: _Known) -> str:
    if rest.kind == "key":
        which = f"key {rest.key}" if rest.key else "the key"
        return f"rests: {which} of {rest.home} for {age(known.seconds)} more"
    plural = "" if known.failures == 1 else "s"
    failures = f" ({known.failures:,} failure{plural})" if known.failures else ""
    if rest.kind == "half_open":
        return f"half open: {rest.home}, one call tries it{failures}"
    return f"rests: {rest.home} for {age(known.seconds)} more{failures}"


def _numbered(workers: Iterable[int]) -> str:
    numbers = sorted(workers)
    return f"worker{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _lines(node: Node, first: str, rest: str) -> Iterator[str]:
    text, below = node
    yield first + text
    for number, each in enumerate(below, 1):
        last = number == len(below)
        yield from _lines(each, rest + (LAST if last else NODE), rest + (BLANK if last else BRANCH))


def _process(process: SeenProcess) -> Node:
    facts = [f"worker {process.worker}", f"pid {process.pid}", f"up {age(process.uptime)}"]
    facts += [
        f"{said} {process.gauges[name]:,.0f}"
        for name, said in SHOWN_GAUGES
        if name in process.gauges
    ]
    if process.draining:
        facts.append("draining")
    busy = [each for each in process.connections if each.call is not None]
    below = [_connection(each, each.call) for each in busy if each.call is not None]
    if idle := len(process.connections) - len(busy):
        below.append((f"{idle:,} idle connection{'s' if idle > 1 else ''}", ()))
    if process.left_out:
        below.append((f"and {process.left_out:,} more", ()))
    return " · ".join(facts), below


def _connection(connection: SeenConnection, call: SeenCall) -> Node:
    since = "" if connection.age is None else f" · connected {age(connection.age)}"
    return f"{words(connection.peer)}{since}", (_call(call),)


def _call(call: SeenCall) -> Node:
    what = f"{words(call.method)} {words(call.path)}"
    if call.model is not None:
        what = f"{words(call.model)}{' (stream)' if call.stream else ''}"
    facts = [words(call.id), what, f"{words(call.phase)} {age(call.age)}"]
    if call.key:
        facts.insert(1, words(call.key))
    if call.pieces:
        facts += [*_spoken(call), f"{call.bytes_out:,} bytes out"]
    elif call.bytes_in:
        facts.append(f"{call.bytes_in:,} bytes in")
    facts.append(f"waits for {words(call.waits_for)}")
    if call.cause is not None:
        facts.append(f"ending: {words(call.cause)}")
    return " · ".join(facts), [_attempt(attempt) for attempt in call.attempts]


def _spoken(call: SeenCall) -> list[str]:
    """Say how much has been answered, how fast, and when that began."""
    if not call.tokens:
        return [f"{call.pieces:,} event{'' if call.pieces == 1 else 's'}"]
    speed = "" if call.tokens_per_second is None else f", {call.tokens_per_second:,.0f}/s"
    told = [f"{call.tokens:,} token{'' if call.tokens == 1 else 's'}{speed}"]
    return told if call.ttft is None else [*told, f"first after {call.ttft * 1000:,.0f} ms"]


def _attempt(attempt: SeenAttempt) -> Node:
    text = f"{words(attempt.target)} · {words(attempt.outcome)} {age(attempt.age)}"
    upstream = attempt.upstream
    if upstream is None:
        return text, ()
    carried = f"request {upstream.requests:,} of this connection"
    return text, ((f"{words(upstream.peer)} · connected {age(upstream.age)} · {carried}", ()),)


def words(text: str) -> str:
    """Return a client's or a provider's own words on one line, bounded."""
    shown = printable(text)
    return shown if len(shown) <= MAX_SHOWN else shown[: MAX_SHOWN - 1] + "…"


def age(seconds: float) -> str:
    """Write a time as people say it."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE:.0f} min {seconds % _MINUTE:.0f} s"
    return f"{seconds // _HOUR:.0f} h {seconds % _HOUR // _MINUTE:.0f} min"
