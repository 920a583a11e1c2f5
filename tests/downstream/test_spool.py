"""Long bodies in a file without a name: written, read as often as need be, and gone at once."""

import os
import threading
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

import pytest
import trio

from gateway.downstream import spool as room
from gateway.downstream.spool import HELD_BYTES, WRITTEN_BYTES, Spool
from gateway.words.body import Span
from gateway.words.errors import Busy, Internal


@pytest.fixture
def spool() -> Iterator[Spool]:
    made = Spool(trio.CapacityLimiter(2))
    yield made
    made.close()


def files() -> int:
    """Count this process's open files that have no name."""
    found = 0
    for path in Path("/proc/self/fd").iterdir():
        try:
            target = os.readlink(path)  # noqa: PTH115 (it may be no path)
        except OSError:
            continue
        found += target.endswith("(deleted)")
    return found


async def filled(spool: Spool, size: int) -> bytes:
    data = os.urandom(size)
    for at in range(0, size, 65_536):
        await spool.add(data[at : at + 65_536])
    return data


async def test_a_short_body_stays_in_memory(spool: Spool) -> None:
    before = files()
    data = await filled(spool, HELD_BYTES)
    assert await spool.end() == data
    assert not spool.on_disk
    assert spool._waiting == []  # it is not held twice
    assert files() == before


async def test_a_long_body_is_read_in_any_parts(spool: Spool) -> None:
    before = files()
    data = await filled(spool, 3 * HELD_BYTES + 17)
    assert files() == before + 1
    whole = await spool.end()
    assert isinstance(whole, Span)
    assert (spool.on_disk, len(whole)) == (True, len(data))
    for begin, size in ((0, 10), (HELD_BYTES - 3, WRITTEN_BYTES), (len(data) - 5, 5), (0, 0)):
        for _ in range(2):
            part = whole[begin : begin + size]
            assert await spool.read(part.begin, len(part)) == data[begin : begin + size]
    spool.close()
    assert files() == before


async def test_what_is_not_there_is_not_read(spool: Spool) -> None:
    await filled(spool, 2 * HELD_BYTES)
    await spool.end()
    with pytest.raises(Internal):
        await spool.read(HELD_BYTES, 2 * HELD_BYTES)


async def test_a_body_that_is_over_is_not_read(spool: Spool) -> None:
    await filled(spool, 2 * HELD_BYTES)
    await spool.end()
    spool.close()
    spool.close()
    with pytest.raises(Internal):
        await spool.read(0, 1)


async def test_a_full_disk_is_told(spool: Spool) -> None:
    spool._file = FileIO("/dev/full", "w")
    with pytest.raises(Busy, match="no room"):
        await filled(spool, 2 * WRITTEN_BYTES)


async def test_one_who_is_cancelled_does_not_wait_for_the_disk(spool: Spool) -> None:
    """Closing leaves it to the thread, which then has nothing left open either."""
    before = files()
    await filled(spool, 2 * HELD_BYTES)
    begun, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def slowly(file: FileIO) -> None:
        begun.set()
        assert go_on.wait(5)
        assert file.fileno() > 0
        over.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(spool._work, slowly)
        await trio.to_thread.run_sync(begun.wait, 5)
        nursery.cancel_scope.cancel()
    spool.close()
    assert files() == before + 1
    go_on.set()
    with trio.fail_after(5):
        await trio.to_thread.run_sync(over.wait, 5)
        while files() != before:
            await trio.sleep(0.005)


def test_a_write_goes_on_where_it_was_cut() -> None:
    read, write = os.pipe()
    try:
        with FileIO(write, "w", closefd=False) as file:
            room._write(b"abc", file)
        assert os.read(read, 10) == b"abc"
    finally:
        os.close(read)
        os.close(write)
