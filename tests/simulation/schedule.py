"""One schedule: a seed becomes a world, the world a report. Everything else is built on this.

    from tests.simulation.schedule import run_schedule

    report = run_schedule(12345)
    assert report.problems == []

To plant a bug, replace what the house looks up before the call, and put it back afterwards: a
method of a class (`Pool.acquire`, `Lease.drop`, `TargetAnswer._read`), or a name in the module that
uses it (`gateway.relay.walk.ask`). The world builds everything anew for each seed and
keeps nothing between two. A bug that makes the world itself fall is a problem like any other.
"""

import traceback
from dataclasses import dataclass, field

import trio
from trio.testing import MockClock

from tests.simulation.heard import heard_as_chat
from tests.simulation.invariants import check
from tests.simulation.plan import Plan, draw_plan
from tests.simulation.record import Record
from tests.simulation.scheduling import Treadmill, repeatable
from tests.simulation.trace import Trace
from tests.simulation.world import World

MOST_STEPS = 400_000
"""Steps of Trio's scheduler in one world; an ordinary one takes some thousands."""


@dataclass(slots=True)
class Report:
    """What a schedule came to. `problems` is empty where every invariant holds."""

    seed: int
    plan: Plan
    trace: Trace
    record: Record | None
    problems: list[str] = field(default_factory=list)
    virtual_seconds: float = 0.0
    steps: int = 0

    @property
    def hash(self) -> str:
        """The same for the same course of things."""
        return self.trace.hash


def run_schedule(seed: int) -> Report:
    """Run the world of this seed and judge it."""
    plan = draw_plan(seed)
    trace = Trace()
    record: Record | None = None
    problems: list[str] = []
    clock = MockClock(autojump_threshold=0)
    treadmill = Treadmill(MOST_STEPS)

    async def live() -> Record:
        return await World(plan, trace).run(treadmill)

    try:
        with repeatable(plan.scheduler):
            record = trio.run(live, clock=clock, instruments=[treadmill])
    except* Exception as group:
        told = "".join(traceback.format_exception(group))
        problems.append(f"the_world_stands: {told}")
    if record is not None:
        heard_as_chat(record)
        problems += check(record)
    return Report(seed, plan, trace, record, problems, clock.current_time(), treadmill.steps)
