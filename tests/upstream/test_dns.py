"""Host names: one lookup for all who ask, a memory, and threads that nobody abandons."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
import trio

from gateway.upstream.dns import Address, Resolver

HERE: list[Address] = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]
SOON = 0.05


class Names:
    """A lookup that counts, and that a test can hold back or make fail, name by name."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.held: dict[bytes, threading.Event] = {}
        self.failing: dict[bytes, Exception] = {}

    def __call__(self, host: bytes, *_: object) -> Sequence[Address]:
        self.asked.append(host)
        if host in self.held:
            self.held[host].wait(5)
        if host in self.failing:
            raise self.failing[host]
        return HERE

    @contextmanager
    def holding(self, host: bytes) -> Iterator[None]:
        event = self.held[host] = threading.Event()
        try:
            yield
        finally:
            del self.held[host]
            event.set()


@pytest.fixture
def names() -> Names:
    return Names()


async def ask(resolver: Resolver, host: bytes = b"a.example") -> list[Address]:
    answer: list[Address] = await resolver.getaddrinfo(host, 80, 0, socket.SOCK_STREAM)
    return answer


async def until_free(resolver: Resolver) -> None:
    with trio.fail_after(1):
        while resolver.limiter.borrowed_tokens:
            await trio.sleep(0.001)


async def test_those_who_ask_at_once_share_one_lookup(names: Names, nursery: trio.Nursery) -> None:
    resolver = Resolver(names)
    for _ in range(2):
        await nursery.start(resolver.serve)
    answers: list[list[Address]] = []

    async def one() -> None:
        answers.append(await ask(resolver))

    with names.holding(b"a.example"):
        async with trio.open_nursery() as callers:
            for _ in range(10):
                callers.start_soon(one)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert resolver.pending == 1
            names.held[b"a.example"].set()
    assert names.asked == [b"a.example"]
    assert answers == [HERE] * 10
    # Trio reorders what it is given, so nobody may be given the same list.
    assert len({id(answer) for answer in answers}) == 10
    nursery.cancel_scope.cancel()


async def test_an_answer_is_remembered_for_a_while(names: Names, nursery: trio.Nursery) -> None:
    resolver = Resolver(names, positive_ttl=SOON)
    await nursery.start(resolver.serve)
    assert await ask(resolver) == HERE
    with trio.testing.assert_checkpoints():
        assert await ask(resolver) == HERE
    assert len(names.asked) == 1
    await trio.sleep(SOON)
    assert await ask(resolver) == HERE
    assert len(names.asked) == 2
    nursery.cancel_scope.cancel()


async def test_a_failure_is_remembered_for_a_shorter_while(
    names: Names, nursery: trio.Nursery
) -> None:
    """U3."""
    resolver = Resolver(names, negative_ttl=SOON)
    await nursery.start(resolver.serve)
    names.failing[b"a.example"] = socket.gaierror(socket.EAI_NONAME, "no such name")
    for _ in range(2):
        with pytest.raises(socket.gaierror, match="no such name"):
            await ask(resolver)
    assert len(names.asked) == 1
    await trio.sleep(SOON)
    del names.failing[b"a.example"]
    assert await ask(resolver) == HERE
    nursery.cancel_scope.cancel()


async def test_whatever_a_lookup_raises_is_an_answer(names: Names, nursery: trio.Nursery) -> None:
    resolver = Resolver(names)
    await nursery.start(resolver.serve)
    names.failing[b"a.example"] = UnicodeError("label too long")
    with pytest.raises(socket.gaierror, match="label too long"):
        await ask(resolver)
    assert await ask(resolver, b"b.example") == HERE
    nursery.cancel_scope.cancel()


async def test_the_memory_is_bounded(names: Names, nursery: trio.Nursery) -> None:
    resolver = Resolver(names, max_names=2)
    await nursery.start(resolver.serve)
    for host in (b"a", b"b", b"c", b"b", b"a"):
        await ask(resolver, host)
    assert names.asked == [b"a", b"b", b"c", b"a"]
    nursery.cancel_scope.cancel()


async def test_a_slow_name_holds_nobody_up(names: Names, nursery: trio.Nursery) -> None:
    """U3, G11: as long as another worker is free."""
    resolver = Resolver(names)
    for _ in range(2):
        await nursery.start(resolver.serve)
    with names.holding(b"slow"):
        nursery.start_soon(ask, resolver, b"slow")
        await trio.testing.wait_all_tasks_blocked(0.01)
        with trio.fail_after(SOON):
            assert await ask(resolver, b"quick") == HERE
    nursery.cancel_scope.cancel()


async def test_a_lookup_that_hangs_is_given_up(names: Names, nursery: trio.Nursery) -> None:
    """U3: those who wait are answered; the thread is the limiter's, until it comes back."""
    resolver = Resolver(names, lookup_timeout=0.02, max_threads=1)
    await nursery.start(resolver.serve)
    with names.holding(b"hangs"):
        with pytest.raises(socket.gaierror, match="given up"):
            await ask(resolver, b"hangs")
        assert resolver.limiter.borrowed_tokens == 1
        with pytest.raises(socket.gaierror, match="given up"):
            await ask(resolver, b"another")
        assert b"another" not in names.asked
    await until_free(resolver)
    assert await ask(resolver, b"third") == HERE
    nursery.cancel_scope.cancel()


async def test_callers_who_leave_abandon_no_thread(names: Names, nursery: trio.Nursery) -> None:
    """C5, U3, G11: a storm of calls that leave while a name is slow costs one thread in all."""
    resolver = Resolver(names, max_threads=4)
    for _ in range(4):
        await nursery.start(resolver.serve)
    with names.holding(b"slow"):
        async with trio.open_nursery() as callers:
            for _ in range(100):
                callers.start_soon(ask, resolver, b"slow")
            await trio.testing.wait_all_tasks_blocked(0.01)
            callers.cancel_scope.cancel()
        assert resolver.limiter.borrowed_tokens == 1
        assert resolver.pending == 1
        with trio.fail_after(SOON):
            assert await ask(resolver, b"quick") == HERE
    await until_free(resolver)
    # What nobody waited for any more was worth the while.
    assert await ask(resolver, b"slow") == HERE
    assert names.asked.count(b"slow") == 1
    nursery.cancel_scope.cancel()


async def test_without_a_worker_only_what_is_known_is_answered(names: Names) -> None:
    resolver = Resolver(names)
    async with trio.open_nursery() as services:
        await services.start(resolver.serve)
        assert await ask(resolver) == HERE
        services.cancel_scope.cancel()
    assert await ask(resolver) == HERE
    with pytest.raises(socket.gaierror, match="not running"):
        await ask(resolver, b"b.example")
    assert names.asked == [b"a.example"]


async def test_when_the_service_stops_all_who_wait_are_answered(names: Names) -> None:
    resolver = Resolver(names)
    told: list[str] = []

    async def one(host: bytes) -> None:
        with pytest.raises(socket.gaierror) as caught:
            await ask(resolver, host)
        told.append(caught.value.strerror or "")

    with names.holding(b"slow"):
        async with trio.open_nursery() as callers, trio.open_nursery() as services:
            await services.start(resolver.serve)
            for host in (b"slow", b"queued", b"queued too"):
                callers.start_soon(one, host)
                await trio.testing.wait_all_tasks_blocked(0.01)
            services.cancel_scope.cancel()
    assert sorted(told) == ["the lookup was given up"] + ["the resolver has stopped"] * 2
    assert resolver.pending == 0
    await until_free(resolver)
    async with trio.open_nursery() as services:
        await services.start(resolver.serve)
        assert await ask(resolver, b"queued") == HERE
        services.cancel_scope.cancel()


async def test_too_many_questions_are_refused_at_once(names: Names, nursery: trio.Nursery) -> None:
    resolver = Resolver(names)
    await nursery.start(resolver.serve)
    with names.holding(b"0"):
        async with trio.open_nursery() as callers:
            for number in range(257):
                callers.start_soon(ask, resolver, b"%d" % number)
                await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked(0.01)
            with pytest.raises(socket.gaierror, match="too many names"):
                await ask(resolver, b"one more")
            names.held[b"0"].set()
    assert len(names.asked) == 257
    nursery.cancel_scope.cancel()


async def test_trio_asks_here_once_it_is_installed(names: Names, nursery: trio.Nursery) -> None:
    resolver = Resolver(names)
    resolver.install()
    await nursery.start(resolver.serve)
    assert await trio.socket.getaddrinfo("a.example", 80) == HERE
    assert names.asked == [b"a.example"]
    assert await trio.socket.getaddrinfo("127.0.0.1", 80)
    assert names.asked == [b"a.example"]
    nursery.cancel_scope.cancel()


async def test_addresses_are_not_turned_into_names(names: Names) -> None:
    with pytest.raises(socket.gaierror, match="not turned into names"):
        await Resolver(names).getnameinfo(("127.0.0.1", 80), 0)


async def test_the_real_lookup_knows_this_machine(nursery: trio.Nursery) -> None:
    resolver = Resolver()
    await nursery.start(resolver.serve)
    addresses = {found[4][0] for found in await ask(resolver, b"localhost")}
    assert addresses & {"127.0.0.1", "::1"}
    nursery.cancel_scope.cancel()
