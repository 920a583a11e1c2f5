"""The writer never makes anybody wait, whatever its sink does, and counts what it loses."""

import os
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from gateway.policy.scrub import Scrubber
from gateway.telemetry.lines import Line, Plain, json_lines
from gateway.telemetry.writer import MAX_WAITING, Writer
from tests.telemetry.sinks import PATIENCE, Pipe, another_has_its_turn

FULL = Path("/dev/full")
"""A device that has no room."""


@contextmanager
def open_writer(stream: TextIO) -> Iterator[Writer]:
    """Write JSON on a stream, to the end."""
    writer = begin(stream)
    try:
        yield writer
    finally:
        writer.close(PATIENCE)


def begin(stream: TextIO) -> Writer:
    """Write JSON on a stream."""
    return Writer(os.dup(stream.fileno()), json_lines(), Scrubber(), time.time_ns)


def line(event: str, **fields: Plain) -> Line:
    """Return an entry."""
    return Line(0, "info", event, fields)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with Pipe() as pipe:
        yield pipe


@pytest.fixture
def writer(pipe: Pipe) -> Iterator[Writer]:
    with open_writer(pipe.stream) as writer:
        yield writer


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        select.select([], [], [], 0.001)


def test_a_blocked_sink_makes_nobody_wait_and_its_losses_are_told(
    writer: Writer, pipe: Pipe
) -> None:
    """G12."""
    size = pipe.fill()
    began = time.monotonic()
    for number in range(2 * MAX_WAITING):
        writer.put(line("tick", number=number))
    assert time.monotonic() - began < 2
    lost = writer.lost
    assert MAX_WAITING // 2 < lost <= MAX_WAITING
    pipe.empty(size)
    ticks = told = 0
    while ticks + told < 2 * MAX_WAITING:
        (event,) = pipe.events(1)
        ticks += event["event"] == "tick"
        told += event.get("lost", 0)
    assert told == lost == writer.lost


def test_a_blocked_sink_does_not_make_a_bug_wait_either(writer: Writer, pipe: Pipe) -> None:
    size = pipe.fill()
    writer.put(line("this one blocks the thread"))
    wait_until(writer._sink.locked)
    began = time.monotonic()
    for number in range(20):
        writer.put_urgent(line("bug", number=number))
    assert time.monotonic() - began < 2
    assert writer.lost == 4
    pipe.empty(size)
    told = pipe.events(18)
    assert sum(event["event"] == "bug" for event in told) == 16


def test_a_bug_overtakes_what_waits(writer: Writer, pipe: Pipe) -> None:
    size = pipe.fill()
    for _ in range(MAX_WAITING):
        writer.put(line("tick"))
    writer.put_urgent(line("bug"))
    pipe.empty(size)
    events = [event["event"] for event in pipe.events(MAX_WAITING + 1)]
    assert events.index("bug") < MAX_WAITING // 2


def test_a_bug_that_fits_only_in_part_stays_one_line(pipe: Pipe) -> None:
    pipe.shrink()
    with open_writer(pipe.stream) as writer:
        writer.put_urgent(line("bug", text="x" * 10_000))
        writer.put(line("after it"))
        first, second = pipe.events(2)
    assert first["text"].endswith("x" * 1000)
    assert second["event"] == "after it"


def test_a_closed_sink_is_survived_and_counted() -> None:
    reader, theirs = os.pipe()
    with os.fdopen(theirs, "w") as stream, open_writer(stream) as writer:
        os.close(reader)
        writer.put(line("to nobody"))
        writer.put_urgent(line("to nobody"))
        assert writer.close(PATIENCE)
        assert writer.lost == 2


def test_a_full_sink_is_survived_and_counted() -> None:
    with FULL.open("w", encoding="ascii") as stream:
        with open_writer(stream) as writer:
            for _ in range(300):
                writer.put(line("no room"))
            writer.put_urgent(line("no room"))
        assert writer.lost == 301


def test_the_first_line_after_a_failure_tells_what_was_lost(pipe: Pipe) -> None:
    with FULL.open("w", encoding="ascii") as full, open_writer(full) as writer:
        writer.put(line("no room"))
        wait_until(lambda: writer.lost == 1)
        os.dup2(pipe.stream.fileno(), writer._descriptor)
        writer.put(line("room again"))
        told, after = pipe.events(2)
    assert (told["event"], told["lost"]) == ("log lines lost", 1)
    assert after["event"] == "room again"
    assert writer.lost == 1


def test_a_line_that_was_cut_does_not_spoil_the_next_one(pipe: Pipe) -> None:
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with theirs.makefile("w") as stream, theirs, open_writer(stream) as writer:
        writer.put(line("x" * 100_000))
        wait_until(lambda: bool(select.select([ours], [], [], 0)[0]))
        ours.close()
        wait_until(lambda: writer.lost == 1)
        os.dup2(pipe.stream.fileno(), writer._descriptor)
        writer.put(line("whole"))
        assert pipe.lines(1) == [""]
        told, after = pipe.events(2)
    assert told["lost"] == 1
    assert after["event"] == "whole"


def test_a_sink_that_somebody_made_non_blocking_loses_nothing(pipe: Pipe) -> None:
    size = pipe.fill()
    os.set_blocking(pipe.stream.fileno(), False)
    with open_writer(pipe.stream) as writer:
        writer.put(line("waits for room"))
        wait_until(writer._sink.locked)
        writer.put_urgent(line("waits too"))
        pipe.empty(size)
        events = {event["event"] for event in pipe.events(2)}
    assert events == {"waits for room", "waits too"}
    assert writer.lost == 0


def test_a_sink_that_stays_blocked_does_not_hold_the_exit_for_ever(pipe: Pipe) -> None:
    size = pipe.fill()
    writer = begin(pipe.stream)
    for _ in range(500):
        writer.put(line("tick"))
    writer.put_urgent(line("bug"))
    assert not writer.close(patience=0.05)
    writer.put(line("after the end"))
    writer.put_urgent(line("after the end"))
    assert writer.lost > 370
    pipe.empty(size)
    assert writer.close(PATIENCE)


def test_a_line_after_the_end_is_counted_as_lost(pipe: Pipe) -> None:
    writer = begin(pipe.stream)
    assert writer.close(PATIENCE)
    writer.put(line("after the end"))
    writer.put_urgent(line("after the end"))
    assert writer.lost == 2


class Failing:
    """An entry with a bug in it."""

    def line(self) -> Line:
        raise KeyError("usage")


def test_an_entry_that_fails_is_told_as_a_line(writer: Writer, pipe: Pipe) -> None:
    writer.put(Failing())
    writer.put(line("after it"))
    first, second = pipe.events(2)
    assert first["event"] == "log line failed"
    assert first["reason"] == "KeyError('usage')"
    assert second["event"] == "after it"


def test_those_who_share_a_sink_take_turns_at_it(pipe: Pipe) -> None:
    """G12: no line stands in the middle of another, and no call waits for its turn."""
    turns = os.memfd_create("turns")
    writer = Writer(os.dup(pipe.stream.fileno()), json_lines(), Scrubber(), time.time_ns, turns)
    with another_has_its_turn(turns):
        writer.put(line("waits"))
        began = time.monotonic()
        writer.put_urgent(line("waits too"))
        assert time.monotonic() - began < 0.5
        select.select([], [], [], 0.05)
        assert not pipe.waiting()
    assert sorted(event["event"] for event in pipe.events(2)) == ["waits", "waits too"]
    assert writer.close(PATIENCE)
    os.close(turns)


def test_an_urgent_line_is_out_at_once_where_it_is_its_turn(pipe: Pipe) -> None:
    turns = os.memfd_create("turns")
    writer = Writer(os.dup(pipe.stream.fileno()), json_lines(), Scrubber(), time.time_ns, turns)
    writer.put_urgent(line("bug"))
    assert pipe.waiting()
    writer.close(PATIENCE)
    os.close(turns)
