"""The world of one schedule: the real corridor between clients and providers of the plan.

What the house is made of is looked up where the house looks it up, each time anew. So a class, a
method or a function that was replaced before `run_schedule` takes part in the world.
"""

import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from random import Random
from typing import Any

import trio
import trio.testing

from gateway.downstream.calls import Calls
from gateway.downstream.client import Guest as Asker
from gateway.downstream.connection import Hall
from gateway.downstream.drawing import draw
from gateway.downstream.front import Front
from gateway.downstream.head import Head
from gateway.downstream.idle import Idle
from gateway.downstream.listen import Listening
from gateway.downstream.live import SeenProcess, look
from gateway.drain import Ending
from gateway.policy.allowance import Allowance
from gateway.policy.health import Health
from gateway.policy.limits import Limiter
from gateway.policy.prices import Prices
from gateway.policy.scrub import Scrubber
from gateway.relay.costs import Costs
from gateway.relay.gate import LocalGate
from gateway.relay.house import Current, House
from gateway.relay.kept import Answers
from gateway.relay.shared import Sharing
from gateway.telemetry.access_log import AccessLog
from gateway.upstream.failures import Exhausted, NameFailed, Refused, TlsFailed
from gateway.upstream.transport import Transport
from gateway.upstream.wire import UpstreamStream
from gateway.words.secret import Secret
from gateway.words.target import Origin
from tests.simulation.bookkeeping import Ledger, SeenPurses
from tests.simulation.clients import Caller
from tests.simulation.ends import End, Sealed, Watch, end_of, pair
from tests.simulation.fates import Fate
from tests.simulation.glance import Auditor, Glance
from tests.simulation.network import Network
from tests.simulation.plan import Plan, Visit
from tests.simulation.providers import Provider
from tests.simulation.record import Asked, Guest, Link, Record, Rest
from tests.simulation.routing import KEYS, routes_of
from tests.simulation.scheduling import Treadmill
from tests.simulation.sink import Book, memory_log
from tests.simulation.tills import Till
from tests.simulation.trace import Trace
from tests.stage import PEER

MOST_SEEN = 100

REST = 70.0
"""Seconds of quiet after which nothing may be left, not even what is kept for a next call."""

HORIZON = 3_000.0
"""Seconds after which every connection must have ended by the gateway's own clocks."""

DIAL_FAILURES = {
    "refused": Refused,
    "name": NameFailed,
    "tls": TlsFailed,
    "exhausted": Exhausted,
}


class Door(trio.abc.Listener[trio.abc.Stream]):
    """A listener in memory."""

    def __init__(self) -> None:
        self._arrived, self._taken = trio.open_memory_channel[trio.abc.Stream](1000)
        self.closed = False

    async def accept(self) -> trio.abc.Stream:
        return await self._taken.receive()

    def knock(self, stream: trio.abc.Stream) -> None:
        """Let a client stand before the door."""
        self._arrived.send_nowait(stream)

    def shut(self) -> list[trio.abc.Stream]:
        """Close, and return who stood before the door."""
        self.closed = True
        last = []
        with suppress(trio.WouldBlock):
            while True:
                last.append(self._taken.receive_nowait())
        return last

    async def aclose(self) -> None:
        for stream in self.shut():
            # As the kernel does to those whom nobody has accepted.
            end_of(stream).reset()
        await trio.lowlevel.checkpoint()


class Lobby(Listening):
    """The house's own listening, with a door in memory instead of sockets."""

    def __init__(self, plan: Plan, hall: Hall, door: Door) -> None:
        super().__init__(plan.config.listen, [], hall, plan.most)
        self._doors: list[Any] = [door]

    async def _welcome(self, stream: trio.abc.Stream) -> str | None:
        await trio.lowlevel.checkpoint()
        return PEER

    async def _serve_late(self, stream: trio.abc.Stream) -> None:
        try:
            await self._serve(stream)
        finally:
            await trio.aclose_forcefully(stream)


class World:
    """Everything that there is, from the first client to the last rest."""

    def __init__(self, plan: Plan, trace: Trace) -> None:
        self.plan = plan
        self.trace = trace
        self.record = Record(plan)
        self.network = Network()
        self.watch = Watch()
        self.door = Door()
        self.idle = Idle()
        self.transport = Transport(self._connect)
        self.log, self.sink = memory_log(self.note)
        self.calls = Calls(plan.max_calls)
        self.book = Book(self.note)
        self.health = Health()
        self.till = plan.till or Till(())
        self.limiter = Limiter()
        self.purses = SeenPurses()
        self.ledger = Ledger(self.till.crashes)
        self.auditor = Auditor(self.purses, self.limiter, self.till, self.record)
        self.looks_at = 1_500 if plan.routed else 400
        self.house = self._furnish()
        self.front = Front(Current(self.house), self.calls, frozenset({PEER}))
        self.hall = Hall(
            plan.config.http,
            self.calls,
            self.watch,
            self.idle,
            self._serve,
            self.house.new_id,
            self.house.report,
        )
        self.listening = Lobby(plan, self.hall, self.door)
        self.ending = Ending(plan.config, self.calls, self.listening, self.log)
        self._links: list[tuple[Link, End]] = []
        self._outside: trio.Nursery
        self._lines: list[End] = []
        self._callers: dict[str, Caller] = {}
        self._ended = trio.Event()

    def note(self, who: str, what: str) -> None:
        """Keep a note of what the gateway does."""
        self.trace.add(trio.current_time(), who, what)

    def _furnish(self) -> House:
        plan, till = self.plan, self.till
        return House(
            routes=routes_of(
                plan.routing, plan.timeouts, plan.max_connections, running=till.running
            ),
            keys=till.keyring() if plan.till else None,
            gate=LocalGate(self.limiter, trio.current_time),
            limits_of_models={"m": till.model_limits},
            purses=self.purses,
            warn_of=self.purses.warn_of,
            costs=Costs(Prices(till.prices)) if plan.till else None,
            books=self.ledger if plan.till else None,
            health=self.health,
            hedges=Allowance(0.1, 10.0),
            sharing=Sharing(),
            kept=Answers(1_000_000),
            clocks=plan.config.clocks,
            answers=plan.answers,
            transports={"http": self.transport},
            scrubber=Scrubber(map(Secret, KEYS)),
            taps=(AccessLog(self.log), self.book, *([self.ledger] if plan.till else ())),
            turns=itertools.count(),
            draw=Random(plan.scheduler).random,
            today=lambda: till.today(trio.current_time()),
            new_id=map("req_{}".format, itertools.count(1)).__next__,
            report=self._report,
        )

    def _report(self, what: str, error: BaseException, request_id: str) -> None:
        self.note("gateway", f"has a bug in {what}: {error!r}")
        self.log.exception(f"bug in {what}", error, request_id=request_id)

    async def _serve(self, client: Asker, head: Head, peer: str) -> None:
        name = head.headers.get(b"x-request-id", b"").decode("latin-1")
        self.note("gateway", f"accepts {name}")
        self.record.accepted.append(name)
        self.record.most_calls = max(self.record.most_calls, len(self.calls) + 1)
        await self.front.serve(client, head, peer)

    # The provider's side.

    async def _connect(self, origin: Origin) -> UpstreamStream:
        number = len(self.record.links)
        name = origin.host.removesuffix(".test")
        fates = self.plan.routing.place(name).fates
        before = sum(link.place == name for link in self.record.links)
        fate = fates[before] if before < len(fates) else Fate()
        link = Link(number, fate, trio.current_time(), place=name)
        self.record.links.append(link)
        self.note(f"link {number}", f"is dialled at {name}: {fate.dial}")
        await trio.sleep(fate.takes)
        if fate.dial == "black hole":
            await trio.sleep_forever()
        if (failure := DIAL_FAILURES.get(fate.dial)) is not None:
            raise failure("planned")
        link.connected_at = trio.current_time()
        ours, theirs = pair(self.network, fate.there, fate.back)
        ours.reads = link.reads
        self._links.append((link, ours))
        most = sum(not end.closed for link, end in self._links if link.place == name)
        self.record.most_links = max(self.record.most_links, most)
        provider = Provider((ours, theirs), link, self, self.trace)
        self._outside.start_soon(provider.run)
        return ours

    def ask(self, link: Link, call: str, began: float, key: str, beginning: str) -> Asked:
        """Find the script for a request that has come, and enter it in the record."""
        here = [asked for asked in self.record.asked if asked.link.place == link.place]
        number = sum(asked.call == call for asked in here)
        script = self.plan.script(call, link.place, number, len(here), beginning)
        asked = Asked(link, call, began, script, fresh=not link.asked, key=key)
        link.asked.append(asked)
        self.record.asked.append(asked)
        return asked

    def said(self, asked: Asked) -> None:
        """Let a client leave at the very instant at which its provider speaks."""
        self._callers[asked.call.partition("-")[0]].hear_of_a_word()

    # The clients' side.

    def _dial(self, visit: Visit) -> tuple[End, End] | None:
        if self.door.closed:
            return None
        theirs, ours = pair(self.network, visit.there, visit.back)
        ours.copy = bytearray()
        self._lines.append(ours)
        self.door.knock(Sealed(ours) if visit.sealed else ours)
        return theirs, ours

    async def _visit(self, visit: Visit) -> None:
        guest = Guest(visit)
        self.record.guests.append(guest)
        caller = self._callers[visit.name] = Caller(visit, guest, self.trace)
        await caller.run(self._dial)

    # The gateway.

    async def run(self, treadmill: Treadmill) -> Record:
        """Let everything happen, come to rest, count what is left."""
        with trio.CancelScope(deadline=HORIZON) as horizon:
            treadmill.out = horizon
            trio.lowlevel.add_instrument(Glance(self.transport.pool, self.record))
            if self.plan.till:
                trio.lowlevel.add_instrument(self.auditor)
            async with trio.open_nursery() as self._outside:
                self._outside.start_soon(self.network.run)
                await self._outside.start(self._gateway)
                self._outside.start_soon(self._follow_orders)
                async with trio.open_nursery() as visitors:
                    for visit in self.plan.visits:
                        visitors.start_soon(self._visit, visit)
                self.record.ended_at = trio.current_time()
                await trio.sleep(REST)
                self._count()
                self._outside.cancel_scope.cancel()
        self.record.quiet = not horizon.cancelled_caught
        self._collect()
        return self.record

    async def _gateway(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve as `app.serve` does: services around the server, and what ends the server."""
        async with trio.open_nursery() as services:
            for service in (self.idle.run, self.transport.serve, self.watch.run):
                services.start_soon(service)
            async with trio.open_nursery() as server:
                self._server = server
                await server.start(self.listening.run)
                for end in (self.ending.run, self.ending.stopped):
                    server.start_soon(self._end_with, end, server.cancel_scope)
                await trio.testing.wait_all_tasks_blocked()
                self._tasks = tasks_below(server)
                task_status.started()
            self.note("gateway", "has ended")
            self._ended.set()
            self.transport.pool.close_unused()
            services.cancel_scope.cancel()

    async def _end_with(self, end: Callable[[], Awaitable[None]], server: trio.CancelScope) -> None:
        await end()
        server.cancel()

    async def _follow_orders(self) -> None:
        orders = self.plan.orders
        await trio.sleep_until(min(orders.drain_at, orders.cancel_at))
        if orders.cancel_at < inf:
            for _ in range(orders.cancels):
                self._cancel_one()
                await trio.sleep(1.0)
            return
        self.note("operator", "says SIGTERM")
        self.ending.signalled("SIGTERM")
        self._outside.start_soon(self._time_the_end)
        await trio.sleep_until(orders.stop_at)
        if not self._ended.is_set():
            self.note("operator", "says SIGTERM again")
            self.ending.signalled("SIGTERM")

    async def _time_the_end(self) -> None:
        began = trio.current_time()
        await self._ended.wait()
        self.record.drained_in = trio.current_time() - began

    def _cancel_one(self) -> None:
        """Stop one open call that the live tree shows, as an operator would."""
        seen, left_out = look(self.calls, self.listening, MOST_SEEN, trio.current_time())
        lines = list(draw([SeenProcess(connections=seen, left_out=left_out)]))
        for name in [each.call.id for each in seen if each.call is not None]:
            assert any(name in line for line in lines)
            if self.calls.stop(name):
                self.note("operator", f"cancels {name}")
                return

    # What is left.

    def _count(self) -> None:
        pool = self.transport.pool
        leases, reserved = self.auditor.rest()
        self.record.homes = self.health.states(trio.current_time())
        self.record.rest = Rest(
            calls=len(self.calls),
            busy=pool.busy,
            waiting=pool.waiting,
            pooled=pool.open,
            streams=self.transport.streams,
            body_bytes=self.calls.body_bytes,
            watched=len(self.watch),
            idle=len(self.idle),
            connections=len(self.listening),
            tasks=0 if self._ended.is_set() else tasks_below(self._server) - self._tasks,
            open_links=sum(not ours.closed for _, ours in self._links),
            open_lines=sum(not line.closed for line in self._lines),
            attempts=sum(home.open_calls for home in self.record.homes),
            leases=leases,
            reserved=reserved,
        )

    def _collect(self) -> None:
        record = self.record
        record.receipts, record.changed = self.book.receipts, self.book.changed
        record.spent, record.ledger = list(self.purses.spent()), self.ledger.entries
        record.lines, record.told, record.bugs = self.sink.requests, self.sink.told, self.sink.bugs
        for link, ours in self._links:
            link.closed_at, link.taken = ours.closed_at, ours.taken


def tasks_below(nursery: trio.Nursery) -> int:
    """Count the tasks of a nursery, and those of the nurseries in them."""
    return sum(
        1 + sum(tasks_below(child) for child in task.child_nurseries)
        for task in nursery.child_tasks
    )
