"""The log of a process without a thread, on a real pipe."""

import fcntl
import json
import os
import select
import time
from collections.abc import Iterator

import pytest

from gateway.telemetry.lines import json_lines
from gateway.telemetry.voice import Voice
from tests.telemetry.sinks import another_has_its_turn


class Sink:
    """A pipe that is read when the test says so."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        self.turns = os.memfd_create("turns")
        self.voice = Voice(self.writer, json_lines(), "info", lambda: 0, self.turns)

    def fill(self) -> None:
        """Leave no room in it."""
        os.set_blocking(self.writer, False)
        while select.select([], [self.writer], [], 0)[1]:
            os.write(self.writer, b"x" * select.PIPE_BUF)
        os.set_blocking(self.writer, True)

    def read(self) -> str:
        """Take all that is there."""
        os.set_blocking(self.reader, False)
        try:
            return os.read(self.reader, 1_000_000).decode()
        except BlockingIOError:
            return ""

    def close(self) -> None:
        for descriptor in (self.reader, self.writer, self.turns):
            os.close(descriptor)


@pytest.fixture
def sink() -> Iterator[Sink]:
    sink = Sink()
    yield sink
    sink.close()


def test_the_supervisors_line_is_like_all_others(sink: Sink) -> None:
    sink.voice.say("debug", "not wanted")
    sink.voice.say("info", "draining", workers=2)
    assert json.loads(sink.read()) == {
        "timestamp": "1970-01-01T00:00:00.000Z",
        "level": "info",
        "event": "draining",
        "workers": 2,
    }


def test_g12_a_blocked_sink_holds_the_supervisor_up_for_a_moment_only(sink: Sink) -> None:
    """G12."""
    sink.fill()
    began = time.monotonic()
    sink.voice.say("info", "one")
    assert time.monotonic() - began < 1
    assert sink.voice.lost == 1
    sink.read()
    sink.voice.say("info", "two")
    lines = [json.loads(line) for line in sink.read().splitlines()]
    assert [(line["event"], line.get("lost")) for line in lines] == [
        ("log lines lost", 1),
        ("two", None),
    ]
    assert sink.voice.lost == 0


def test_a_line_waits_for_its_turn_and_for_no_longer_than_a_moment(sink: Sink) -> None:
    """Another process is in the middle of a long line, and does not get on."""
    with another_has_its_turn(sink.turns):
        sink.voice.say("info", "one")
        assert (sink.voice.lost, sink.read()) == (1, "")
    sink.voice.say("info", "two")
    assert len(sink.read().splitlines()) == 2


def test_a_sink_that_is_closed_hurts_nobody() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    turns = os.memfd_create("turns")
    voice = Voice(writer, json_lines(), "info", lambda: 0, turns)
    voice.say("info", "one")
    assert voice.lost == 1
    fcntl.lockf(turns, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(writer)
    os.close(turns)
