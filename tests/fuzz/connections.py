"""A client's bytes through a real connection in memory, in virtual time, however they arrive."""

import trio
from trio.testing import MockClock

from gateway.downstream.calls import Calls
from gateway.downstream.client import Guest
from gateway.downstream.connection import Connection, Hall
from gateway.downstream.head import Head
from gateway.downstream.idle import Idle
from gateway.downstream.options import HttpOptions
from gateway.words.errors import ClientMistake
from tests.caller import Caller, Line, Watching
from tests.fuzz.cuts import cut, head_off
from tests.fuzz.differential import compare
from tests.fuzz.requests import Request, read_by_house, request_of

REFUSALS = frozenset({400, 408, 413, 431})
IMPATIENT = HttpOptions(head_timeout=2, body_timeout=2, keep_alive=1)
HOUR = 3600.0


def connections(data: bytes) -> None:
    """Oracle: the connection takes what its parts take and the rulebook allows, and then closes."""
    seed, data = head_off(data)
    compare(data)
    expected = read_by_house(data)
    requests, statuses, bugs = trio.run(
        _serve, cut(data, seed), clock=MockClock(autojump_threshold=0)
    )
    assert bugs == []
    assert requests == expected.requests
    count = len(requests)
    assert statuses[:count] == [200] * count
    assert len(statuses) in {count, count + 1}
    assert REFUSALS.issuperset(statuses[count:])
    assert not expected.refusal or len(statuses) > count


async def _serve(parts: list[bytes]) -> tuple[list[Request], list[int], list[BaseException]]:
    """Let a connection serve these bytes; return what it took, said, and what went wrong."""
    taken: list[Request] = []
    bugs: list[BaseException] = []
    calls, idle, line = Calls(10), Idle(), Line()

    async def answer(client: Guest, head: Head, peer: str) -> None:
        try:
            body = await client.body()
        except ClientMistake as mistake:
            await client.respond(mistake.status, (), b"")
        else:
            taken.append(request_of(head, body))
            await client.respond(200, (), b"")

    hall = Hall(
        IMPATIENT,
        calls,
        Watching(),
        idle,
        answer,
        lambda: "req_1",
        lambda *bug: bugs.append(bug[1]),
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(idle.run)
        Caller(line).send(*parts)
        with trio.fail_after(HOUR):
            await Connection(line, "127.0.0.1", hall).run()
        nursery.cancel_scope.cancel()
    assert (len(calls), len(idle)) == (0, 0)
    statuses = [int(data[9:12]) for _, data in line.writes]
    return taken, [status for status in statuses if status >= 200], bugs
