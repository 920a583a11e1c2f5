"""Receipts in a file: every call once and whole, through rotation, a full disk and the end."""

import json
import os
import resource
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from gateway.store.sink_file import Appender, FileSink
from tests.store.receipts import PATIENCE, Today, Told, call, end, wait_until

AWAY = "receipts cannot be written, they wait"
BACK = "receipts are written again"


class Desk:
    """A folder, and the sinks that write there."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "receipts.jsonl"
        self.told = Told()
        self.sinks: list[FileSink] = []

    def sink(self, path: Path | None = None, most_waiting: int = 10_000) -> FileSink:
        place = str(path or self.path)
        sink = FileSink(place, Today(), self.told, most_waiting=most_waiting, retry=0.01)
        self.sinks.append(sink)
        return sink


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    for sink in desk.sinks:
        sink.close(PATIENCE)


def ids(path: Path) -> list[str]:
    return [json.loads(line)["request_id"] for line in path.read_text().splitlines()]


def settle(sink: FileSink, *names: str) -> None:
    for name in names:
        sink.settled(end(call(name)))


def test_every_call_has_its_line_in_a_file_of_its_owners(desk: Desk) -> None:
    sink = desk.sink()
    names = [f"req_{number}" for number in range(1000)]
    settle(sink, *names)
    assert sink.close(PATIENCE)
    assert ids(desk.path) == names
    assert stat.S_IMODE(desk.path.stat().st_mode) == 0o600
    assert (sink.written, sink.queued, sink.dropped, sink.lost) == (1000, 0, 0, 0)


def test_lines_are_there_soon_and_not_at_the_end_alone(desk: Desk) -> None:
    sink = desk.sink()
    settle(sink, "a")
    wait_until(lambda: sink.written == 1)
    assert ids(desk.path) == ["a"]


def test_it_appends_to_what_is_there_and_leaves_its_mode(desk: Desk) -> None:
    desk.path.write_text('{"request_id":"old"}\n')
    desk.path.chmod(0o640)
    sink = desk.sink()
    settle(sink, "new")
    assert sink.close(PATIENCE)
    assert ids(desk.path) == ["old", "new"]
    assert stat.S_IMODE(desk.path.stat().st_mode) == 0o640


def test_it_follows_the_name_when_the_file_is_rotated(desk: Desk) -> None:
    sink = desk.sink()
    settle(sink, "a")
    wait_until(lambda: sink.written == 1)
    desk.path.rename(desk.path.with_suffix(".1"))
    settle(sink, "b")
    wait_until(lambda: sink.written == 2)
    desk.path.unlink()
    settle(sink, "c")
    wait_until(lambda: sink.written == 3)
    os.truncate(desk.path, 0)
    settle(sink, "d")
    assert sink.close(PATIENCE)
    assert (ids(desk.path.with_suffix(".1")), ids(desk.path)) == (["a"], ["d"])


def test_half_a_line_of_somebody_who_was_killed_spoils_no_other(desk: Desk) -> None:
    desk.path.write_text('{"request_id":"ha')
    sink = desk.sink()
    settle(sink, "a")
    assert sink.close(PATIENCE)
    first, second = desk.path.read_text().splitlines()
    assert (first, json.loads(second)["request_id"]) == ('{"request_id":"ha', "a")


def test_a_folder_that_is_gone_is_told_once_and_nothing_is_lost(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "later"
    sink = desk.sink(folder / "r.jsonl")
    settle(sink, "a")
    wait_until(lambda: sink.away)
    settle(sink, "b", "c")
    wait_until(lambda: desk.told.events == [AWAY])
    assert desk.told.fields[0]["error"] == "No such file or directory"
    folder.mkdir()
    wait_until(lambda: sink.written == 3)
    assert ids(folder / "r.jsonl") == ["a", "b", "c"]
    assert (desk.told.events, sink.away, sink.lost) == ([AWAY, BACK], False, 0)


def test_what_cannot_be_written_at_the_end_is_counted(desk: Desk, tmp_path: Path) -> None:
    sink = desk.sink(tmp_path / "none" / "r.jsonl")
    settle(sink, "a", "b")
    wait_until(lambda: sink.away)
    assert sink.close(PATIENCE)
    settle(sink, "c")
    assert (sink.written, sink.lost, sink.dropped) == (0, 2, 1)
    assert desk.told.events == [AWAY, "receipts lost"]


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Have the kernel take no more than so many bytes of a file, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_full_takes_no_half_lines(desk: Desk) -> None:
    writer = Appender(str(desk.path))
    writer.append(b"whole\n")
    try:
        with at_most(10), pytest.raises(OSError):
            writer.append(b"a long one\n")
        assert desk.path.read_bytes() == b"whole\n"
        writer.append(b"next\n")
        assert desk.path.read_bytes() == b"whole\nnext\n"
    finally:
        writer.close()


def test_a_pipe_may_be_a_sink(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = Appender(str(path))
    try:
        writer.append(b"a\n")
        assert os.read(writer._descriptor, 10) == b"a\n"
    finally:
        writer.close()
        writer.close()


def test_a_disk_that_hangs_holds_up_nobody_and_what_waits_is_counted(
    desk: Desk, tmp_path: Path
) -> None:
    """A pipe that nobody reads takes 64 KiB and then nothing."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        sink = desk.sink(path, most_waiting=500)
        for number in range(2000):
            sink.settled(end(call(f"req_{number}")))
        wait_until(lambda: sink.queued and sink.dropped)
        assert not sink.close(0.05)
        assert sink.lost > 0
        assert sink.written + sink.dropped + sink.lost == 2000
        os.set_blocking(reader, True)
        threading.Thread(target=_read_all, args=(reader, sink), daemon=True).start()
        sink._thread.join(PATIENCE)
    finally:
        os.close(reader)


def _read_all(reader: int, sink: FileSink) -> None:
    while sink._thread.is_alive() and os.read(reader, 65_536):
        pass


WRITE = """
import sys
from pathlib import Path
from gateway.store.sink_file import FileSink
from tests.store.receipts import Today, Told, call, end

sink = FileSink(sys.argv[1], Today(), Told())
for number in range(2000):
    sink.settled(end(call(f"{sys.argv[2]}_{number}")))
assert sink.close(30)
"""


def test_two_processes_share_a_file_line_by_line(desk: Desk) -> None:
    command = [sys.executable, "-c", WRITE, str(desk.path)]
    both = [subprocess.Popen([*command, name]) for name in "ab"]
    assert [process.wait(60) for process in both] == [0, 0]
    assert sorted(ids(desk.path)) == sorted(f"{name}_{n}" for name in "ab" for n in range(2000))


async def test_as_a_service_it_does_nothing(desk: Desk) -> None:
    sink = desk.sink()
    settle(sink, "a")
    with trio.move_on_after(0.01):
        await sink.run()
    assert await sink.flush()
    assert sink.close(PATIENCE)
    assert ids(desk.path) == ["a"]
