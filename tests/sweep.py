"""The cancel-point sweep: one story, told again for each point at which it can be left.

A point is a moment of a task of the swept connection: just after it has begun to wait, so that what
comes finds it waiting, or just before it goes on, so that what comes finds it with its answer in
hand. At the n-th of them something happens, in one of the ways of `Way`; then the story goes on to
its end. How it is judged stands in `sweep_verdict.py`, the stories in `sweep_stories.py`.
"""

import inspect
from collections.abc import Callable
from enum import Enum
from math import inf

import trio

from gateway.downstream.calls import OpenCall
from gateway.downstream.connection import Connection
from gateway.policy.offers import Alias
from gateway.upstream.failures import Refused
from gateway.upstream.wire import UpstreamStream
from gateway.words.life import Cause
from gateway.words.receipt import Receipt
from gateway.words.target import Origin
from tests.caller import Caller, Line
from tests.stage import DONE, END, STOP, STREAM_HEAD, Provider, Stage, chat, chunk, event

PLANTED = "planted by the sweep"


class Way(Enum):
    """What happens at the point."""

    GONE = "the client leaves"
    STOPPED = "the call is stopped"
    SERVER = "the server is cancelled"
    BUG = "a bug raises"
    BROKEN = "a connection breaks"


class Bug(RuntimeError):
    """Raised at a point where nothing raises but a cancellation."""


class Points(trio.abc.Instrument):
    """Counts the points of the tasks that it follows, and acts at the n-th."""

    def __init__(self, way: Way | None, nth: float) -> None:
        self.way = way
        self.passed = 0
        self.since, self.until = 0.0, inf
        """Points before and after these moments are those of other stories, and are not counted."""
        self.acted_at = inf
        self.tellable = True
        """False where nobody can be told: within a write, beside the story, if nobody reads."""
        self.tasks: list[trio.lowlevel.Task] = []
        self.ready: Callable[[], bool] = lambda: True
        self.act: Callable[[], None] = lambda: None
        self._nth = nth

    def follow(self) -> None:
        """Follow this task and all that it will start."""
        self.tasks.append(trio.lowlevel.current_task())

    @property
    def acted(self) -> bool:
        return self.acted_at < inf

    @property
    def followed(self) -> bool:
        """True if the present task is followed."""
        return trio.lowlevel.current_task() in self.tasks

    def break_here(self) -> bool:
        """Count an operation on a connection; True if it is the one that breaks."""
        return self.way is Way.BROKEN and self.followed and self._reached()

    def _reached(self) -> bool:
        if not self.since <= trio.current_time() < self.until:
            return False
        self.passed += 1
        if self.passed != self._nth:
            return False
        self.acted_at = trio.current_time()
        return True

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        nursery = task.parent_nursery
        if nursery is not None and nursery.parent_task in self.tasks:
            self.tasks.append(task)

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        if task in self.tasks:
            self.tasks.remove(task)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task in self.tasks:
            if self.way is Way.BUG:
                self._raise_in(task)
            else:
                self._visit()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task in self.tasks and self.way is not Way.BUG:
            self._visit()

    def _visit(self) -> None:
        if self.way is not Way.BROKEN and self.ready() and self._reached():
            self.tellable &= not any("send_all" in calls_of(task) for task in self.tasks)
            self.act()

    def _raise_in(self, task: trio.lowlevel.Task) -> None:
        calls = calls_of(task)
        if WAITS_OF_TRIO.isdisjoint(calls) and _has_begun(task) and self._reached():
            self.tellable &= task is self.tasks[0] and "send_all" not in calls
            task._next_send_fn, task._next_send = task.coro.throw, Bug(PLANTED)


WAITS_OF_TRIO = {"_nested_child_finished", "Site.wait"}
"""Where nothing but Trio's scheduler speaks, and it raises nothing but a cancellation that it asked
leave for: in leaving a nursery, and in the line for a slot. All else may raise.
"""


def calls_of(task: trio.lowlevel.Task) -> set[str]:
    """Return the functions that a task waits in, with and without their class."""
    codes = [frame.f_code for frame, _line in task.iter_await_frames()]
    return {code.co_name for code in codes} | {code.co_qualname for code in codes}


def _has_begun(task: trio.lowlevel.Task) -> bool:
    return inspect.getcoroutinestate(task.coro) == inspect.CORO_SUSPENDED


class FrailLine(Line):
    """The gateway's end of a client's line; it breaks at the point, before a step or after it."""

    def __init__(self, points: Points) -> None:
        super().__init__()
        self._points = points

    def _break(self) -> None:
        if self._points.break_here():
            self.broken = True
            self.arriving.clear()
            raise trio.BrokenResourceError(PLANTED)

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        self._break()
        data = await super().receive_some(max_bytes)
        self._break()
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._break()
        await super().send_all(data)
        self._break()


class FrailProvider(Provider):
    """A connection to the provider; it breaks at the point, before a step or after it.

    `dialled_at` is when the swept connection asked for it.
    """

    def __init__(self, points: Points, *script: bytes) -> None:
        super().__init__(*script)
        self._points = points
        self.dialled_at = inf

    def _break(self) -> None:
        if self._points.break_here():
            self._incoming.clear()
            self.reset()
            raise trio.BrokenResourceError(PLANTED)

    async def send_all(self, data: bytes | bytearray | memoryview, /) -> None:
        self._break()
        await super().send_all(data)
        self._break()

    def read_now(self, max_bytes: int, /) -> bytes | None:
        self._break()
        data = super().read_now(max_bytes)
        if data is not None:
            self._break()
        return data


class Ear:
    """Hears all that the gateway says on a line, from a moment on; leaves once that has left."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.since = 0.0
        self.heard = bytearray()

    async def run(self) -> None:
        """Listen to the end."""
        await trio.sleep_until(self.since)
        line = self.line
        while not line.closed or line.unread:
            if line.unread:
                self.heard += line.unread
                line.unread.clear()
                line.stir()
            elif line.said_eof:
                Caller(line).leave()
                return
            else:
                await line.change()


class World(Stage):
    """A stage with a connection that is swept; a story sets it before anything begins.

    `held` is the provider's connection on which a bystander's stream has begun.
    """

    def __init__(self, outside: trio.Nursery, server: trio.Nursery, points: Points) -> None:
        super().__init__(outside)
        patient = dict.fromkeys(("connect", "first_token", "idle", "total"), 1e6)
        self.aliases["org/big"] = Alias(seconds=patient, conduct={"hedge_after": 0.0})
        self.outside, self.nursery = outside, server
        self.points = points
        points.act = self._act
        if points.way is Way.STOPPED:
            points.ready = lambda: bool(self._swept_calls())
        self.until = 3.0
        """When all has been said; whoever is still there leaves."""
        self.connect_takes = 0.0
        self.may_end_as: set[str] = set()
        """How the story's call may also end, if a connection breaks that did not."""
        self.otherwise: bytes | None = None
        """What the client may hear instead, if a connection breaks before the story's own does."""
        self.providers: list[FrailProvider] = []
        self.bystanders: list[Ear] = []
        self.ear = Ear(FrailLine(points))
        self.client = Caller(self.ear.line)
        self.held = self.provider(STREAM_HEAD, chunk(event("hel")))

    def provider(self, *script: bytes, at: str = "up") -> FrailProvider:
        provider = FrailProvider(self.points, *script)
        self.prepare(provider, at)
        return provider

    def hear_from(self, moment: float, window: float) -> None:
        """Let the client read from this moment on; so many bytes fit into the way to it."""
        self.ear.since, self.ear.line.window = moment, window
        self.points.tellable = False

    def counts(self, since: float = 0.0, until: float = inf) -> None:
        """Say that before and after these moments the story is one that others tell."""
        self.points.since, self.points.until = since, until

    def at(self, moment: float, act: Callable[[], object]) -> None:
        """Let something happen outside at a moment."""

        async def wait() -> None:
            await trio.sleep_until(moment)
            act()

        self.outside.start_soon(wait)

    def stand_by(self) -> None:
        """Begin another call, which must not be touched."""
        if self.nursery.cancel_scope.cancel_called:
            return
        ear = Ear(self.ask(chat(model="org/big")).line)
        self.bystanders.append(ear)
        self.outside.start_soon(ear.run)

    def release(self) -> None:
        """Let the provider end the answer that it holds back."""
        self.held.say(chunk(event("lo")), chunk(STOP, DONE) + END)

    def begin(self) -> None:
        """Open the connection that is swept; what its client has said by now is there."""
        self.accept(self.ear.line)
        self.outside.start_soon(self.ear.run)

    def swept(self) -> list[Receipt]:
        """Return the receipts of the swept connection."""
        return [receipt for receipt in self.book.receipts if is_swept(receipt)]

    def stop(self) -> None:
        """Stop the calls of the swept connection."""
        for call in self._swept_calls():
            call.stop(Cause.DRAIN)

    def _swept_calls(self) -> list[OpenCall]:
        return [call for call in self.calls if is_swept(call.receipt)]

    async def _connect(self, origin: Origin) -> UpstreamStream:
        stream = await super()._connect(origin)
        assert isinstance(stream, FrailProvider)
        self.providers.append(stream)
        try:
            if self.points.followed:
                stream.dialled_at = trio.current_time()
            if self.points.break_here():
                raise Refused(PLANTED)
            await trio.sleep(self.connect_takes)
        except BaseException:
            stream.close()
            raise
        return stream

    async def _serve(self, connection: Connection, line: Line) -> None:
        if line is self.ear.line:
            self.points.follow()
        await super()._serve(connection, line)

    def _act(self) -> None:
        match self.points.way:
            case Way.GONE:
                self.client.leave()
            case Way.SERVER:
                self.nursery.cancel_scope.cancel()
            case Way.STOPPED:
                self.stop()


def is_swept(receipt: Receipt) -> bool:
    """Tell a call of the swept connection from a bystander's."""
    return receipt.request_id == "swept"
