"""How often each scene is played, with whom, and who is told."""

from functools import partial
from pathlib import Path

import pytest
import trio

from gateway.commands.demonstration.clients import Way
from gateway.commands.demonstration.probe import Waiting
from gateway.commands.demonstration.scenes import SCENES
from gateway.commands.demonstration.stage import Asking, Unreached, play_against, play_own
from gateway.commands.demonstration.upstream import LOOPBACK, Upstream
from gateway.commands.demonstration.wire import Address
from gateway.telemetry.log import open_log
from gateway.telemetry.options import LogOptions
from gateway.words.target import Origin
from tests.commands.demonstration.spoilt import Notes, never_closing, play_once, scene
from tests.scripted import Link, listen

WAITING = "waiting for the first byte"


async def test_a_gateway_of_our_own_is_played_one_call_at_a_time(tmp_path: Path) -> None:
    notes = Notes()
    asking = Asking(4, 0.05, 1.0, (scene(WAITING), scene("after [DONE]")))
    with (tmp_path / "log").open("w") as file, open_log(LogOptions(), file) as log:
        found = await play_own(asking, log, notes)
    assert notes.found == found
    assert notes.phases == [figures.phase for figures in found] == [WAITING, "after [DONE]"]
    assert notes.played_at == [1, 2, 3, 4] * 2
    assert [run.way for run in found[0].runs] == [Way.FIN, Way.RST, Way.HALF_CLOSE, Way.FIN]
    # Where other programs take too much of the processor meanwhile, a run is played once more.
    played = 8 + sum(figures.repeated for figures in found)
    assert (tmp_path / "log").read_text().count('"event":"request"') == played


def test_what_was_in_vain_is_not_tried_again(tmp_path: Path) -> None:
    with never_closing() as build:
        (figures,) = play_once(tmp_path, build, WAITING, runs=7)
    assert [run.way for run in figures.never] == list(Way)
    assert len(figures.runs) == 3


async def test_a_call_that_was_held_up_is_made_again(tmp_path: Path) -> None:
    readings = iter([0.0, 0.0, 0.0, 0.006, 0.01, 0.016, 0.02, 0.024])
    asking = Asking(2, 0.05, 1.0, (scene(WAITING),))
    with (tmp_path / "log").open("w") as file, open_log(LogOptions(), file) as log:
        (figures,) = await play_own(asking, log, Notes(), off_cpu=lambda: next(readings))
    assert [run.held_up for run in figures.runs] == [0.0, pytest.approx(0.004)]
    assert figures.repeated == 2
    assert figures.problems() == []


async def test_on_a_machine_that_is_always_busy_it_comes_to_an_end(tmp_path: Path) -> None:
    asking = Asking(3, 0.05, 1.0, (scene(WAITING),), held_up=-1.0)
    with (tmp_path / "log").open("w") as file, open_log(LogOptions(), file) as log:
        (figures,) = await play_own(asking, log, Notes())
    assert (len(figures.runs), figures.repeated) == (3, 3)


def test_by_default_every_scene_is_played() -> None:
    assert Asking(1, 0.05, 1.0).scenes is SCENES


async def test_another_gateway_that_never_asks_is_not_played(nursery: trio.Nursery) -> None:
    async def unknown(link: Link) -> None:
        await link.request()
        await link.send(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")

    gateway = await listen(nursery, unknown)
    address = Address(Origin("http", LOOPBACK, gateway.port))
    notes = Notes()
    with pytest.raises(Unreached, match="it answers HTTP/1.1 404 Not Found"):
        await play_against(
            Upstream(0, "m"), address, "m", Asking(1, 0.05, 1.0), Waiting(0.05), notes
        )
    assert notes.phases == []
    nursery.cancel_scope.cancel()


async def passing_on(link: Link, upstream: Upstream) -> None:
    """A gateway that has nothing but the bytes in its mind, and leaves when its client leaves."""
    async with await trio.open_tcp_stream(LOOPBACK, upstream.port) as there:

        async def back() -> None:
            while data := await there.receive_some(65_536):
                await link.send(data)
            link.close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(back)
            while True:
                await link.wait_for(bool)
                data, link.received = bytes(link.received), bytearray()
                await there.send_all(data)


async def test_another_gateway_is_played_three_calls_at_a_time(nursery: trio.Nursery) -> None:
    upstream = Upstream(0, "m")
    gateway = await listen(nursery, partial(passing_on, upstream=upstream))
    address = Address(Origin("http", LOOPBACK, gateway.port))
    notes = Notes()
    asking = Asking(4, 0.05, 1.0, (scene(WAITING), scene("after [DONE]"), scene("in mid-stream")))
    found = await play_against(upstream, address, "m", asking, Waiting(5.0), notes)
    assert [figures.phase for figures in found] == [WAITING, "in mid-stream"]
    assert [figures.problems() for figures in found] == [[], []]
    assert notes.phases == [figures.phase for figures in found]
    assert notes.played_at == [3, 4] * 2
    assert all(run.left is None for figures in found for run in figures.runs)
    nursery.cancel_scope.cancel()
