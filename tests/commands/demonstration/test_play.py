"""One call, left once: kept by our gateway, and every way of breaking it is noticed."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import trio

from gateway.assembly import assemble
from gateway.commands.demonstration.clients import Way
from gateway.commands.demonstration.inside import Assemble
from gateway.commands.demonstration.play import Stage, play
from gateway.commands.demonstration.scenes import SCENES
from gateway.commands.demonstration.upstream import LOOPBACK, Upstream
from gateway.commands.demonstration.wire import Address
from gateway.words.target import Origin
from tests.commands.demonstration.spoilt import (
    LATE,
    Straying,
    closing_late,
    never_closing,
    play_once,
    scene,
    with_taps,
)
from tests.scripted import Link, Script, listen

WAITING = "waiting for the first byte"


@pytest.mark.parametrize("phase", [scene.phase for scene in SCENES])
def test_the_promise_is_kept_in_each_phase(tmp_path: Path, phase: str) -> None:
    (figures,) = play_once(tmp_path, assemble, phase, runs=3)
    assert figures.problems() == []
    assert [run.way for run in figures.runs] == list(Way)
    assert all(run.cleared_after is not None for run in figures.runs)


def test_a_machine_that_stood_still_is_not_held_against_the_gateway(tmp_path: Path) -> None:
    """Its time was over before any task had a turn."""
    (figures,) = play_once(tmp_path, assemble, "connecting: TCP", runs=3, within=0.0)
    assert figures.problems() == []


def test_a_call_is_seen_before_it_is_left(tmp_path: Path) -> None:
    (far, waiting) = play_once(tmp_path, assemble, "connecting: TCP", WAITING)
    assert [run.open.sockets for run in far.runs if run.open] == [2]
    assert [run.open.sockets for run in waiting.runs if run.open] == [2]
    assert all(count.tasks > 1 for count in (*far.open, *waiting.open))


@pytest.mark.parametrize("phase", [WAITING, "in mid-stream"])
def test_an_upstream_that_is_never_closed_is_noticed(tmp_path: Path, phase: str) -> None:
    with never_closing() as build:
        (figures,) = play_once(tmp_path, build, phase)
    (run,) = figures.never
    assert run.closed_after is None
    assert run.left is not None
    assert run.left.sockets == 1
    assert figures.problems() == [
        "the upstream was never closed (waited 0.15 s), 1 of 1 calls (FIN)",
        "sockets left: 1, 1 of 1 calls (FIN)",
    ]


def test_an_upstream_that_is_closed_too_late_is_noticed(tmp_path: Path) -> None:
    with closing_late() as build:
        (figures,) = play_once(tmp_path, build, WAITING, within=LATE / 2)
    (after,) = figures.closed
    assert LATE <= after < 0.15
    assert figures.problems()[0].startswith("the upstream was closed later than after 30 ms")


@pytest.mark.parametrize(
    ("build", "problem"),
    [
        (with_taps(lambda taps: (*taps, Straying())), "tasks left: 1"),
        (with_taps(lambda taps: ()), "receipts: 0"),
        (with_taps(lambda taps: taps * 2), "receipts: 2"),
    ],
)
def test_what_is_left_or_missing_is_noticed(tmp_path: Path, build: Assemble, problem: str) -> None:
    (figures,) = play_once(tmp_path, build, WAITING)
    assert figures.problems() == [f"{problem}, 1 of 1 calls (FIN)"]


async def forbidding(link: Link) -> None:
    """A gateway that refuses."""
    await link.request()
    await link.send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")


async def silent(link: Link) -> None:
    """A gateway that asks nobody."""


async def hanging_up(link: Link) -> None:
    """A gateway that has no time."""
    link.close()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (forbidding, "the client was told HTTP/1.1 403 Forbidden"),
        (silent, "nothing came of it within 0.05 s"),
        (hanging_up, "nothing came of it within 0.05 s"),
    ],
)
async def test_a_call_that_does_not_come_into_its_phase_says_why(
    nursery: trio.Nursery, script: Script, said: str
) -> None:
    gateway = await listen(nursery, script)
    upstream = Upstream(0, "m")
    address = Address(Origin("http", LOOPBACK, gateway.port))
    stage = Stage(upstream, address, 0.05, 1.0, reach_timeout=0.05)
    run = await play(scene(WAITING), Way.FIN, stage)
    assert run.missed == said
    upstream.close()
    nursery.cancel_scope.cancel()


async def asking_and_refusing(link: Link, upstream: Upstream) -> None:
    """A gateway that asks, and tells its client something else."""
    request = await link.request()
    async with await trio.open_tcp_stream(LOOPBACK, upstream.port) as there:
        await there.send_all(request.head + b"\r\n\r\n" + request.body)
        await there.receive_some(1)
        await link.send(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n")
        link.close()


async def asking_and_leaving(link: Link, upstream: Upstream) -> None:
    """A gateway that asks, and loses its patience."""
    request = await link.request()
    async with await trio.open_tcp_stream(LOOPBACK, upstream.port) as there:
        await there.send_all(request.head + b"\r\n\r\n" + request.body)


@pytest.mark.parametrize(
    ("phase", "script", "said"),
    [
        ("in mid-stream", asking_and_refusing, "the client was told HTTP/1.1 403 Forbidden"),
        ("after [DONE]", asking_and_refusing, "the client was told HTTP/1.1 403 Forbidden"),
        (WAITING, asking_and_leaving, "the upstream was left before the client had left"),
    ],
)
async def test_a_call_that_falls_out_of_its_phase_says_why(
    nursery: trio.Nursery,
    phase: str,
    script: Callable[..., Awaitable[None]],
    said: str,
) -> None:
    upstream = Upstream(0, "m")
    nursery.start_soon(upstream.serve)
    gateway = await listen(nursery, partial(script, upstream=upstream))
    stage = Stage(upstream, Address(Origin("http", LOOPBACK, gateway.port)), 0.05, 1.0)
    run = await play(scene(phase), Way.FIN, stage)
    assert run.missed == said
    nursery.cancel_scope.cancel()


async def test_a_gateway_that_is_not_there_is_told() -> None:
    upstream = Upstream(0, "m")
    upstream.close()
    stage = Stage(upstream, Address(Origin("http", LOOPBACK, upstream.port)), 0.05, 1.0)
    run = await play(scene(WAITING), Way.FIN, stage)
    assert run.missed.startswith("no connection to the gateway: ")
