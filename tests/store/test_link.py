"""The connection to the store: made anew, with pauses that grow, and one line at each turn."""

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from gateway.store.line import Job, Line
from gateway.store.link import CONNECT_TIMEOUT, LONGEST_PAUSE, PULSE, Link, pause
from tests.store.fakes import FakeDial, FakeJournal, FakeLine


def link_of(dial: FakeDial, journal: FakeJournal, jobs: Sequence[Job] = ()) -> Link:
    return Link(dial, jobs, journal, lambda: 1.0)


async def test_a_loss_and_a_return_have_one_line_each(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    dial = FakeDial(FakeLine(), "refused", "refused", FakeLine())
    journal = FakeJournal()
    link = link_of(dial, journal)
    nursery.start_soon(link.run)
    await trio.sleep(0.01)
    assert link.up
    dial.end()
    await trio.sleep(0.01)
    assert not link.up
    await trio.sleep(10)
    assert link.up
    assert link.losses == 1
    lost = "shared store away, going on locally: the connection ended"
    assert journal.lines == ["shared store reached", lost, "shared store reached"]


async def test_the_pauses_grow_up_to_a_bound(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    dial = FakeDial()
    journal = FakeJournal()
    link = link_of(dial, journal)
    nursery.start_soon(link.run)
    await trio.sleep(60)
    pauses = [later - earlier for earlier, later in zip(dial.opened, dial.opened[1:], strict=False)]
    assert pauses[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert pauses[-1] == pytest.approx(LONGEST_PAUSE)
    assert len(journal.lines) == 1
    assert link.losses == 0


async def test_who_was_there_for_long_is_looked_for_soon(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    dial = FakeDial("refused", "refused", "refused", FakeLine(), FakeLine())
    nursery.start_soon(link_of(dial, FakeJournal()).run)
    await trio.sleep(LONGEST_PAUSE * 3)
    dial.end()
    ended = trio.current_time()
    await trio.sleep(1)
    assert dial.opened[-1] - ended == pytest.approx(0.1)


def test_pauses_are_jittered() -> None:
    assert pause(1, 0.0) == pytest.approx(0.05)
    assert pause(1, 1.0) == pytest.approx(0.1)
    assert pause(10_000, 0.0) == LONGEST_PAUSE / 2


async def test_a_server_that_accepts_and_says_nothing_is_given_up(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    dial = FakeDial(None)
    journal = FakeJournal()
    nursery.start_soon(link_of(dial, journal).run)
    await trio.sleep(CONNECT_TIMEOUT + 0.01)
    assert journal.lines == [
        "shared store away, going on locally: it did not answer within 2 seconds"
    ]


async def test_a_server_that_falls_silent_is_lost(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    line = FakeLine()
    link = link_of(FakeDial(line), FakeJournal())
    nursery.start_soon(link.run)
    await trio.sleep(PULSE * 3.5)
    assert link.up
    assert line.asked == [(b"PING",)] * 3
    line.held = True
    await trio.sleep(PULSE * 2)
    assert not link.up
    assert link.losses == 1


async def test_the_jobs_end_with_the_line_and_begin_with_the_next(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    lines: list[Line] = [FakeLine(), FakeLine()]
    seen: list[tuple[str, Line]] = []

    async def job(line: Line) -> None:
        seen.append(("began", line))
        try:
            await trio.sleep_forever()
        finally:
            seen.append(("ended", line))

    first, second = FakeLine(), FakeLine()
    lines = [first, second]
    dial = FakeDial(first, second)
    nursery.start_soon(link_of(dial, FakeJournal(), [job]).run)
    await trio.sleep(0.01)
    dial.end()
    await trio.sleep(1)
    assert seen == [("began", lines[0]), ("ended", lines[0]), ("began", lines[1])]


async def test_to_be_cancelled_is_no_loss(autojump_clock: trio.testing.MockClock) -> None:
    journal = FakeJournal()
    link = link_of(FakeDial(FakeLine()), journal)
    with trio.move_on_after(5):
        await link.run()
    assert not link.up
    assert link.losses == 0
    assert journal.lines == ["shared store reached"]
