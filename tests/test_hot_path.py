"""What a call and an event cost the house: calls of its functions, steps, reads, writes.

Nothing here is timed. In memory and in virtual time the same code always counts the same, on a
loaded machine too. What lies outside the house, Trio's own work first of all, is weighed in
`test_instructions.py`.
"""

import dis
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import gateway
from gateway.forms.chat_facts import read_chunk
from gateway.telemetry.access_log import AccessLog, Settled
from gateway.telemetry.endings import Endings
from gateway.telemetry.log import open_log
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.naming import Naming
from gateway.telemetry.options import LogOptions
from gateway.telemetry.refusals import Refusals
from gateway.words.receipt import Receipt
from tests.named import named
from tests.stage import (
    COMPLETION,
    DONE,
    END,
    STOP,
    STREAM_HEAD,
    Provider,
    Stage,
    answer,
    chat,
    chunk,
    event,
)

pytest_plugins = ("tests.onstage",)


class Cost(NamedTuple):
    """Calls of the house's functions, steps of its tasks, reads from the provider, writes to the
    client.
    """

    calls: float
    steps: float
    reads: float
    writes: float


BUDGETS = {
    "a plain call": Cost(calls=241, steps=6, reads=1, writes=1),
    "a stream of 10 events": Cost(calls=598, steps=29, reads=12, writes=11),
    "an event by itself": Cost(calls=34, steps=2, reads=1, writes=1),
    "an event in a burst": Cost(calls=8, steps=0, reads=0, writes=0),
}
"""The most that each may cost. A lower number may be written down at once; a higher one needs its
reason in the commit. `pytest tests/test_hot_path.py -rP` shows the table as it is now.

Twelve calls are those of the taps beside the log: one of each that remembers refusals and endings,
ten of the one that counts for Prometheus.
"""

LOOSE = 0.9
"""What costs less than this share of its budget has a budget that no longer guards anything."""

FEW, MANY = 10, 110
WARM_UP = 3

TIMES = 3
"""Each is weighed so often, and the least counts: the field `date` is made anew each second."""

MOST_CALLED = 10

PLAIN = (answer(200, COMPLETION),)


def singly(count: int) -> tuple[bytes, ...]:
    """Return a stream of which each event comes in a read of its own."""
    return (STREAM_HEAD, *[chunk(event("word "))] * count, chunk(STOP, DONE) + END)


def burst(count: int) -> tuple[bytes, ...]:
    """Return a stream that comes in one read."""
    return (b"".join(singly(count)),)


class Counted(Provider):
    """A provider that counts the reads that brought something."""

    def __init__(self) -> None:
        super().__init__()
        self._scripts.clear()
        self.reads = 0

    def read_now(self, max_bytes: int, /) -> bytes | None:
        data = super().read_now(max_bytes)
        self.reads += bool(data)
        return data


class Steps(trio.abc.Instrument):
    """Counts how often the tasks below a nursery get their turn."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        above = task.parent_nursery
        while above is not None and above is not self._nursery:
            above = above.parent_task.parent_nursery
        self.count += above is self._nursery

    def __enter__(self) -> None:
        trio.lowlevel.add_instrument(self)

    def __exit__(self, *_: object) -> None:
        trio.lowlevel.remove_instrument(self)


@cache
def first_step(code: CodeType) -> int:
    """Return where a function begins; it goes on somewhere else."""
    return next(step.offset for step in dis.get_instructions(code) if step.opname == "RESUME")


@contextmanager
def calls_below(folder: Path) -> Iterator[Counter[str]]:
    """Count the calls of a folder's functions in this thread.

    To go on after a wait is no call. What has no name is left out: whether a comprehension is a
    call depends on the interpreter.
    """
    calls: Counter[str] = Counter()
    prefix = f"{folder}/"

    def note(frame: FrameType, what: str, _: object) -> None:
        code = frame.f_code
        if what != "call" or code.co_name[0] == "<" or not code.co_filename.startswith(prefix):
            return
        if frame.f_lasti == first_step(code):
            calls[f"{code.co_filename.removeprefix(prefix)} {code.co_qualname}"] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(before)


class Weighed(NamedTuple):
    """What something costs, and how often it calls which function."""

    cost: Cost
    calls: Counter[str]


class Scales:
    """A connection of a client and one to a provider, both kept, on which calls are weighed."""

    def __init__(self, stage: Stage, provider: Counted | None = None) -> None:
        self._stage = stage
        self._provider = provider or Counted()
        stage.prepare(self._provider)
        self._caller = stage.connect()

    async def weigh(self, request: bytes, script: tuple[bytes, ...]) -> Weighed:
        """Ask until all is warm, then weigh."""
        for _ in range(WARM_UP):
            await self._weigh_once(request, script)
        weighed = [await self._weigh_once(request, script) for _ in range(TIMES)]
        return min(weighed, key=lambda each: each.cost)

    async def _weigh_once(self, request: bytes, script: tuple[bytes, ...]) -> Weighed:
        provider, line = self._provider, self._caller.line
        provider.then(*script)
        reads, writes = provider.reads, len(line.writes)
        steps = Steps(self._stage.nursery)
        # Each id is a new one, as in real life: what was checked before is checked no more.
        wire, _ = named(request)
        with calls_below(Path(gateway.__file__).parent) as calls, steps:
            self._caller.send(wire)
            reply = await self._caller.reply()
            await wait_all_tasks_blocked()
        assert (reply.status, reply.whole, provider.closed) == (200, True, False)
        reads, writes = provider.reads - reads, len(line.writes) - writes
        return Weighed(Cost(calls.total(), steps.count, reads, writes), calls)


async def weigh_all(scales: Scales) -> dict[str, Weighed]:
    """Weigh all that has a budget."""
    few = await scales.weigh(chat(), singly(FEW))
    many = await scales.weigh(chat(), singly(MANY))
    few_at_once = await scales.weigh(chat(), burst(FEW))
    many_at_once = await scales.weigh(chat(), burst(MANY))
    return {
        "a plain call": await scales.weigh(chat(stream=False), PLAIN),
        "a stream of 10 events": few,
        "an event by itself": one_event(few, many),
        "an event in a burst": one_event(few_at_once, many_at_once),
    }


def one_event(few: Weighed, many: Weighed) -> Weighed:
    """Return what one event more costs, and what all that came more have called."""
    pairs = zip(few.cost, many.cost, strict=True)
    return Weighed(Cost(*((b - a) / (MANY - FEW) for a, b in pairs)), many.calls - few.calls)


def misses(weighed: Mapping[str, Weighed], budgets: Mapping[str, Cost]) -> list[str]:
    """Say what costs more than it may, and which budget is loose."""
    problems = []
    for what, (cost, _) in weighed.items():
        for unit, now, most in zip(Cost._fields, cost, budgets[what], strict=True):
            if now > most:
                problems.append(f"{what}: {now:g} {unit}, {most:g} are allowed")
            elif now < most * LOOSE:
                problems.append(f"{what}: {now:g} {unit}, write that down instead of {most:g}")
    return problems


def told(weighed: Mapping[str, Weighed]) -> str:
    """Write the budgets as they would have to be, and what is called most."""
    lines = ["BUDGETS = {"]
    for what, (cost, _) in weighed.items():
        numbers = ", ".join(f"{unit}={now:g}" for unit, now in cost._asdict().items())
        lines.append(f'    "{what}": Cost({numbers}),')
    lines.append("}")
    for what, (_, calls) in weighed.items():
        lines.append(f"\n{what} calls most:")
        lines += [f"{number:6} {function}" for function, number in calls.most_common(MOST_CALLED)]
    return "\n".join(lines) + "\n"


async def test_nothing_costs_more_than_its_budget(
    stage: Stage, tmp_path: Path, autojump_clock: MockClock
) -> None:
    with (tmp_path / "log").open("w") as file, open_log(LogOptions(), file) as log:
        metrics = Metrics(Naming({"up": "openai"}, ["m"], ["m-1"]))
        stage.taps = (AccessLog(log), Refusals(), Endings(), metrics)
        weighed = await weigh_all(Scales(stage))
    sys.stdout.write(told(weighed))
    assert misses(weighed, BUDGETS) == []


async def test_a_read_becomes_one_write_at_most(stage: Stage, autojump_clock: MockClock) -> None:
    scales = Scales(stage)
    for request, script in [
        (chat(stream=False), PLAIN),
        (chat(), singly(MANY)),
        (chat(), burst(MANY)),
    ]:
        (cost, _) = await scales.weigh(request, script)
        assert cost.reads == len(script)
        assert cost.writes <= cost.reads


async def test_the_same_work_always_costs_the_same(stage: Stage, autojump_clock: MockClock) -> None:
    scales = Scales(stage)
    assert await weigh_all(scales) == await weigh_all(scales)


class Wordy:
    """A tap that can work out its line while the loop waits."""

    wasteful = False

    def settled(self, receipt: Receipt) -> None:
        if self.wasteful:
            Settled("info", receipt, 0).line()


class Twice(Counted):
    """A provider's connection that can decode each event before the reader does."""

    wasteful = False

    def read_now(self, max_bytes: int, /) -> bytes | None:
        data = super().read_now(max_bytes)
        if self.wasteful and data is not None and (begin := data.find(b"{")) >= 0:
            read_chunk(data[begin : data.rfind(b"}") + 1])
        return data


async def waste(scales: Scales, waster: Wordy | Twice) -> set[str]:
    """Return what misses a budget that just held, once somebody begins to waste."""
    budgets = {what: cost for what, (cost, _) in (await weigh_all(scales)).items()}
    waster.wasteful = True
    return {each.partition(":")[0] for each in misses(await weigh_all(scales), budgets)}


async def test_a_tap_that_keeps_the_loop_waiting_is_found(
    stage: Stage, autojump_clock: MockClock
) -> None:
    tap = Wordy()
    stage.taps = (tap,)
    assert await waste(Scales(stage), tap) == {"a plain call", "a stream of 10 events"}


async def test_events_that_are_decoded_twice_are_found(
    stage: Stage, autojump_clock: MockClock
) -> None:
    provider = Twice()
    assert "an event by itself" in await waste(Scales(stage, provider), provider)


ONE = Cost(calls=10, steps=4, reads=2, writes=1)


@pytest.mark.parametrize(
    ("cost", "problems"),
    [
        (ONE, []),
        (ONE._replace(calls=9), []),
        (ONE._replace(calls=10.01), ["it: 10.01 calls, 10 are allowed"]),
        (ONE._replace(calls=8.99), ["it: 8.99 calls, write that down instead of 10"]),
        (ONE._replace(writes=2), ["it: 2 writes, 1 are allowed"]),
        (ONE._replace(steps=3), ["it: 3 steps, write that down instead of 4"]),
    ],
)
def test_a_cost_is_held_to_its_budget_from_both_sides(cost: Cost, problems: list[str]) -> None:
    assert misses({"it": Weighed(cost, Counter())}, {"it": ONE}) == problems
