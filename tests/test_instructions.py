"""What a call and an event cost the processor: the instructions of the whole process, counted.

`gateway serve` runs under valgrind, with its receipt and its log line. How fast that goes does not
matter to the count, nor does what else the machine does: there is one call at a time, and the next
begins once the log has the line of the last.
"""

import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
import trio

from tests.callgrind import Callgrind
from tests.process import POLL, Gateway, gateway, provider
from tests.scripted import Link, listen
from tests.stage import COMPLETION, DONE, END, STOP, STREAM_HEAD, answer, chat, chunk, event

BUDGETS = {
    "a plain call": 0.682,
    "a stream of 10 events": 1.105,
    "an event by itself": 0.0900,
    "an event in a burst": 0.0166,
}
"""The most that each may cost, in rounds of `yardstick.py`: 6 % more than was measured. A lower
number may be written down at once; a higher one needs its reason in the commit.
`pytest tests/test_instructions.py -rP` shows the table as it is now.

Of a call 0.03 are for those who watch it: 0.02 the tap that counts for Prometheus, the rest the one
that remembers endings, moments that are written down, and the look whether the call is traced.
"""

HEADROOM = 1.06
LOOSE = 0.85
"""What costs less than this share of its budget has a budget that no longer guards anything."""

ROUNDS = 40
WARM_UP = 40
FEW, MANY = 10, 110

CALM = 0.01
"""Seconds before the provider answers: the house has come to rest and waits for it."""

IDLE = 2.0
"""Seconds in which the house does nothing but what it does each second."""

YARDSTICK = Path(__file__).with_name("yardstick.py")


class Work(NamedTuple):
    """A call: the request, the parts in which the provider answers, how often it is asked."""

    request: bytes
    parts: tuple[bytes, ...]
    times: int


def singly(count: int) -> tuple[bytes, ...]:
    """Return a stream of which each event comes by itself; the head comes with the first."""
    one = chunk(event("word "))
    return (STREAM_HEAD + one, *[one] * (count - 1), chunk(STOP, DONE) + END)


def burst(count: int) -> tuple[bytes, ...]:
    """Return a stream that comes in one read."""
    return (b"".join(singly(count)),)


MORE = "plain with more fields"
MORE_FIELDS = [f"X-Field-{number}: {number}" for number in range(30)]
WORKS = {
    "plain": Work(chat(stream=False), (answer(200, COMPLETION),), 100),
    MORE: Work(chat(*MORE_FIELDS, stream=False), (answer(200, COMPLETION),), 20),
    "few at once": Work(chat(), burst(FEW), 40),
    "many at once": Work(chat(), burst(MANY), 40),
    "few singly": Work(chat(), singly(FEW), 12),
    "many singly": Work(chat(), singly(MANY), 12),
}


class Ends:
    """The provider and the client: each part of an answer waits until the last has been read."""

    def __init__(self) -> None:
        self._parts: tuple[bytes, ...] = ()
        self._heard = trio.Semaphore(0)

    async def answer(self, link: Link) -> None:
        """The provider's script."""
        while True:
            await link.request()
            await trio.sleep(CALM)
            for part in self._parts:
                await link.send(part)
                await self._heard.acquire()

    async def ask(self, client: trio.SocketStream, work: Work) -> None:
        """Ask once; the answer must be whole."""
        self._parts = work.parts
        await client.send_all(work.request)
        for number, _ in enumerate(work.parts, 1):
            end = END if number == len(work.parts) else b"\n\n\r\n"
            said = b""
            while not said.endswith(end):
                data = await client.receive_some(65_536)
                assert data, said
                said += data
            assert number > 1 or said.startswith(b"HTTP/1.1 200 OK\r\n"), said
            self._heard.release()

    async def ask_often(self, real: Gateway, client: trio.SocketStream, work: Work) -> None:
        """Ask one after another, each time until the log has its line."""
        for _ in range(work.times):
            written = real.log.stat().st_size
            await self.ask(client, work)
            while real.log.stat().st_size == written:
                await trio.sleep(POLL)


class Yardstick:
    """The program of that name, running."""

    def __init__(self, callgrind: Callgrind) -> None:
        self._callgrind = callgrind
        self._process = subprocess.Popen(
            [*callgrind.command, sys.executable, "-P", str(YARDSTICK)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    async def weigh(self) -> float:
        """Return the instructions of a round."""
        await self._wait_for("ready")
        return await self._callgrind.count(self._process.pid, self._run) / ROUNDS

    async def _run(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{ROUNDS}\n")
        self._process.stdin.flush()
        await self._wait_for("done")

    async def _wait_for(self, word: str) -> None:
        assert self._process.stdout is not None
        said = await trio.to_thread.run_sync(self._process.stdout.readline)
        assert said == word + "\n"

    def __enter__(self) -> "Yardstick":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


async def weigh_all(start: Callable[[str], Callgrind], directory: Path) -> dict[str, float]:
    """Return the instructions of each work, done once, in rounds of the yardstick."""
    ends = Ends()
    ours = start("gateway")
    with Yardstick(start("yardstick")) as yardstick:
        async with trio.open_nursery() as nursery:
            server = await listen(nursery, ends.answer)
            with gateway(directory, provider(server.port), under=ours.command) as real:
                weighed = await _weigh_calls(real, ours, ends)
            nursery.cancel_scope.cancel()
        one = await yardstick.weigh()
    return {what: instructions / one for what, instructions in weighed.items()}


async def _weigh_calls(real: Gateway, callgrind: Callgrind, ends: Ends) -> dict[str, float]:
    """Return the instructions of each work, less what the house does while it does nothing."""

    async def weigh(work: Callable[[], Awaitable[object]]) -> tuple[int, float]:
        began = trio.current_time()
        return await callgrind.count(real.process.pid, work), trio.current_time() - began

    weighed = {}
    async with await trio.open_tcp_stream("127.0.0.1", real.port) as client:
        for work in WORKS.values():
            for _ in range(WARM_UP):
                await ends.ask(client, work)
        instructions, seconds = await weigh(partial(trio.sleep, IDLE))
        idle = instructions / seconds
        for what, work in WORKS.items():
            instructions, seconds = await weigh(partial(ends.ask_often, real, client, work))
            weighed[what] = (instructions - idle * seconds) / work.times
    return weighed


def costs_of(weighed: Mapping[str, float]) -> dict[str, float]:
    """Return what a call and an event cost, in rounds of the yardstick."""
    events = MANY - FEW
    return {
        "a plain call": weighed["plain"],
        "a stream of 10 events": weighed["few at once"],
        "an event by itself": (weighed["many singly"] - weighed["few singly"]) / events,
        "an event in a burst": (weighed["many at once"] - weighed["few at once"]) / events,
    }


def misses(costs: Mapping[str, float], budgets: Mapping[str, float]) -> list[str]:
    """Say what costs more than it may, and which budget is loose."""
    problems = []
    for what, now in costs.items():
        if now > budgets[what]:
            problems.append(f"{what}: {now:.4f} rounds, {budgets[what]:g} are allowed")
        elif now < budgets[what] * LOOSE:
            problems.append(f"{what}: {now:.4f} rounds, write down less than {budgets[what]:g}")
    return problems


def told(costs: Mapping[str, float]) -> str:
    """Write the budgets as they would have to be."""
    lines = [f'    "{what}": {now * HEADROOM:.4f},' for what, now in costs.items()]
    return "\n".join(["BUDGETS = {", *lines, "}", ""])


@pytest.fixture
def start(require: Callable[[str], str], tmp_path: Path) -> Callable[[str], Callgrind]:
    """Return how a program is put under callgrind."""
    valgrind = require("valgrind")
    vgdb = str(Path(valgrind).with_name("vgdb"))
    return lambda name: Callgrind(valgrind, vgdb, tmp_path / name)


async def test_no_call_and_no_event_costs_more_than_its_budget(
    start: Callable[[str], Callgrind], tmp_path: Path
) -> None:
    weighed = await weigh_all(start, tmp_path)
    costs = costs_of(weighed)
    sys.stdout.write(told(costs))
    assert misses(costs, BUDGETS) == []
    # What this test would say of a gateway that reads thirty fields more: it can fail.
    assert misses({"a plain call": weighed[MORE]}, BUDGETS) != []


def test_a_budget_that_guards_nothing_is_told() -> None:
    assert misses({"it": 1.0}, {"it": 1.05}) == []
    assert misses({"it": 1.0}, {"it": 0.99}) == ["it: 1.0000 rounds, 0.99 are allowed"]
    assert misses({"it": 1.0}, {"it": 2.0}) == ["it: 1.0000 rounds, write down less than 2"]
