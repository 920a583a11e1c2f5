"""How a story of the sweep is told and judged: `python -m tests.sweep_verdict` counts the points.

The judge knows the story as it goes undisturbed. Whatever was done to it, the client has heard a
beginning of that and nothing else, an error at most behind it; and nothing is left.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

import trio
from trio.testing import MockClock

from tests.caller import Caller
from tests.simulation.scheduling import repeatable
from tests.sweep import PLANTED, Bug, Ear, Points, Way, World
from tests.sweep_stories import STORIES, Story

PATIENCE = 100.0
"""Seconds in which all connections have ended, once their clients have left."""

MOST_POINTS = 1000
OK = 200

TOLD: dict[Way | None, tuple[str, bytes]] = {
    Way.STOPPED: ("stopped", b"gateway_shutdown"),
    Way.BUG: ("internal", b"internal_error"),
}
"""What the client of a call that ended so must have heard."""

OUTCOMES: dict[Way, set[str]] = {
    Way.GONE: {"client_gone"},
    Way.STOPPED: {"stopped"},
    Way.SERVER: {"stopped"},
    Way.BUG: {"internal"},
    Way.BROKEN: {"client_gone", "upstream_error", "upstream_truncated"},
}
"""How a call may end for what was done; otherwise it ends as it would have ended anyhow."""


@dataclass(frozen=True)
class Heard:
    """One answer as its client heard it."""

    status: int
    body: bytes
    streamed: bool
    ended: bool

    @property
    def events(self) -> list[bytes]:
        """The events that are there whole, without comments."""
        return re.findall(rb"data: ([^\n]*)\n\n", self.body)


@dataclass(frozen=True)
class Told:
    """What became of a story."""

    points: Points
    outcomes: list[str | None]
    answers: list[Heard]
    problems: list[str]
    world: World | None = None


def tell(story: Story, way: Way | None = None, nth: float = inf) -> Told:
    """Tell a story in a world of its own; at its n-th point something happens."""
    points = Points(way, nth)
    clock = MockClock(autojump_threshold=0)
    try:
        with repeatable(0):
            world, problems = trio.run(_tell, story, points, clock=clock, instruments=[points])
    except Exception as error:  # it would have taken the process down
        return Told(points, [], [], [f"it got out: {error!r}"])
    outcomes = [receipt.outcome for receipt in world.swept()]
    return Told(points, list(outcomes), heard_by(world.ear), problems, world)


async def _tell(story: Story, points: Points) -> tuple[World, list[str]]:
    async with trio.open_nursery() as outside:
        world = World(outside, await outside.start(_serve), points)
        story(world)
        world.stand_by()
        await trio.testing.wait_all_tasks_blocked()
        world.begin()
        await trio.sleep_until(world.until)
        world.release()
        await trio.testing.wait_all_tasks_blocked()
        for line in world.lines:
            Caller(line).leave()
        with trio.move_on_after(PATIENCE):
            while world.ended < len(world.lines):
                await trio.sleep(1)
        rules = (left_in, outlived, raced, harmed, misreported)
        problems = [problem for rule in rules for problem in rule(world)]
        outside.cancel_scope.cancel()
    return world, problems


async def _serve(*, task_status: trio.TaskStatus[trio.Nursery]) -> None:
    async with trio.open_nursery() as server:
        task_status.started(server)
        await trio.sleep_forever()


def heard_by(ear: Ear) -> list[Heard]:
    """Take apart what a client heard."""
    answers = []
    for part in re.split(rb"HTTP/1\.1 (?=\d\d\d )", bytes(ear.heard))[1:]:
        head, _, body = part.partition(b"\r\n\r\n")
        streamed = b"content-type: text/event-stream" in head
        answers.append(Heard(int(part[:3]), body, streamed, body.endswith(b"0\r\n\r\n")))
    return answers


def left_in(world: World) -> Iterator[str]:
    """Look at a world in which all have left: nothing may be there any more."""
    pool = world.transport.pool
    open_providers = sum(not provider.closed for provider in world.providers)
    counted = {
        "connections": len(world.lines) - world.ended,
        "lines": sum(not line.closed for line in world.lines),
        "tasks": len(world.points.tasks) + len(world.nursery.child_tasks),
        "calls": len(world.calls),
        "watched clients": world.watching.watched,
        "idle entries": len(world.idle),
        "leases": pool.busy,
        "answers that are read": world.transport.streams,
        "bytes of bodies": world.calls.body_bytes,
        "waiting for a slot": pool.waiting,
        "attempts that a home counts": sum(
            home.open_calls for home in world.health.states(trio.current_time())
        ),
        "connections to providers that nobody keeps": open_providers - pool.open,
        "requests without a receipt": world.accepted - len(world.book.receipts),
    }
    for what, number in counted.items():
        if number:
            yield f"left: {number} {what}"
    for receipt in world.book.receipts:
        if receipt.outcome is None or any(attempt.ended is None for attempt in receipt.attempts):
            yield f"not settled: {receipt}"


def outlived(world: World) -> Iterator[str]:
    """Find what went on after the client, or the server, was gone."""
    points = world.points
    if points.way not in {Way.GONE, Way.SERVER} or not points.acted:
        return
    for provider in world.providers:
        if points.acted_at < provider.dialled_at < inf:
            yield f"dialled for nobody at {provider.dialled_at}"
        if provider.dialled_at < inf and points.acted_at < provider.closed_at < inf:
            yield f"closed at {provider.closed_at} and not at {points.acted_at}"
    for receipt in world.swept():
        if receipt.ended is None or receipt.ended > points.acted_at:
            yield f"outlived its client: {receipt}"
        if any(attempt.began > points.acted_at for attempt in receipt.attempts):
            yield f"tried for nobody: {receipt.attempts}"


def raced(world: World) -> Iterator[str]:
    """Find who has lost a race and was not left at the first word of another."""
    for receipt in world.swept():
        for attempt in receipt.attempts:
            if attempt.outcome == "lost" and attempt.ended != receipt.first_content_at:
                yield f"lost, and left at {attempt.ended}: {receipt}"


def harmed(world: World) -> Iterator[str]:
    """Find bystanders that did not hear all."""
    if world.points.way is Way.SERVER:
        return
    for ear in world.bystanders:
        match heard_by(ear):
            case [Heard(status=200, ended=True) as heard] if heard.events[-1] == b"[DONE]":
                pass
            case answers:
                yield f"a bystander heard {answers}"


def misreported(world: World) -> Iterator[str]:
    """A bug is told to the log once; what is no bug is not told."""
    bugs = [error for _, error, _ in world.bugs]
    planted = [Bug(PLANTED)] if world.points.way is Way.BUG and world.points.acted else []
    if len(bugs) != len(planted):
        yield f"reported as bugs: {bugs}"


def strange(undisturbed: Told, told: Told) -> Iterator[str]:
    """Compare with the story as it goes undisturbed."""
    way = told.points.way
    assert way is not None
    world = told.world
    assert world is not None
    possible = {*undisturbed.outcomes, *OUTCOMES[way]}
    possible |= world.may_end_as if way is Way.BROKEN else set()
    for outcome in set(told.outcomes) - possible:
        yield f"{outcome} is no outcome of this story"
    if len(told.answers) > len(undisturbed.answers):
        yield f"{len(told.answers)} answers"
    for heard, whole in zip(told.answers, undisturbed.answers, strict=False):
        if heard.status == whole.status == OK:
            problems = list(_beginning(heard, whole))
            if problems and way is Way.BROKEN and world.otherwise is not None:
                problems = list(_beginning(heard, replace(whole, body=world.otherwise)))
            yield from problems
    yield from _silent(told)


def _beginning(heard: Heard, whole: Heard) -> Iterator[str]:
    """What was heard is a beginning of the whole; it ends as if whole only if it is."""
    if not heard.streamed:
        if not whole.body.startswith(heard.body) or (heard.ended and heard.body != whole.body):
            yield f"heard {heard.body!r}"
        return
    events = heard.events
    if events != whole.events and events and b'"error"' in events[-1]:
        events = events[:-1]
    if events != whole.events[: len(events)]:
        yield f"heard {heard.events}"
    if heard.ended != (b"[DONE]" in events):
        yield f"heard {heard.body[-100:]!r} at the end"


def _silent(told: Told) -> Iterator[str]:
    """A client that reads is told what was done to its call, unless a write was cut half-way."""
    outcome, code = TOLD.get(told.points.way, ("", b""))
    heard = b"".join(answer.body for answer in told.answers)
    if outcome in told.outcomes and told.points.tellable and code not in heard:
        yield f"{outcome}, and the client was not told"


def sweep(story: Story, way: Way) -> tuple[int, list[str]]:
    """Tell a story for each of its points. Returns how many there are, and what was wrong."""
    undisturbed = tell(story)
    problems: list[str] = list(undisturbed.problems)
    for nth in range(1, MOST_POINTS):
        told = tell(story, way, nth)
        problems += [f"{way.name} {nth}: {problem}" for problem in told.problems]
        if not told.points.acted:
            return nth - 1, problems
        problems += [f"{way.name} {nth}: {problem}" for problem in strange(undisturbed, told)]
    raise AssertionError("the story does not end")


def main() -> None:
    """Print how many points each story has in each way."""
    for story in STORIES:
        counts = []
        for way in Way:
            points, problems = sweep(story, way)
            counts.append(f"{way.name.lower()} {points:3}")
            for problem in problems:
                sys.stdout.write(f"!! {problem}\n")
        sys.stdout.write(f"{story.__name__:36}{'  '.join(counts)}\n")


if __name__ == "__main__":
    main()
