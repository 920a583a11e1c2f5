"""One provider is heard by the clocks of all who read its answer. Virtual time."""

import trio
from trio.testing import MockClock

from gateway.relay.shared_clock import SharedClock


class CallClock:
    """A clock that writes down what it is told, and when."""

    def __init__(self) -> None:
        self.told: list[tuple[float, str]] = []
        self.silent = False
        self.reading: trio.CancelScope | None = None

    def received(self) -> None:
        self._note("received")

    def heard(self) -> None:
        self._note("heard")

    def commit(self) -> float:
        self._note("commit")
        return trio.current_time()

    def doubt(self) -> None:
        self._note("doubt")

    def watch(self, reading: trio.CancelScope | None) -> None:
        self.reading = reading

    def _note(self, what: str) -> None:
        self.told.append((trio.current_time(), what))


async def test_all_hear_what_the_provider_sends_while_they_are_there(
    autojump_clock: MockClock,
) -> None:
    shared, early, late = SharedClock(), CallClock(), CallClock()
    shared.add(early)
    await trio.sleep(2)
    shared.received()
    await trio.sleep(2)
    shared.add(late)
    shared.received()
    shared.heard()
    shared.remove(early)
    await trio.sleep(1)
    shared.received()
    assert early.told == [(2, "received"), (4, "received"), (4, "heard")]
    assert late.told == [(4, "received"), (4, "heard"), (5, "received")]
    assert (shared.bytes_at, shared.heard_at) == (5, 4)


async def test_a_commit_and_a_doubt_concern_all(autojump_clock: MockClock) -> None:
    shared, one, other = SharedClock(), CallClock(), CallClock()
    shared.add(one)
    shared.add(other)
    await trio.sleep(3)
    shared.received()
    assert shared.commit() == shared.heard_at == 3
    shared.doubt()
    assert one.told == other.told == [(3, "received"), (3, "commit"), (3, "doubt")]


async def test_silence_ends_a_read_for_whoever_is_there(autojump_clock: MockClock) -> None:
    shared, one, late, gone = SharedClock(), CallClock(), CallClock(), CallClock()
    shared.add(one)
    shared.add(gone)
    reading = trio.CancelScope()
    shared.watch(reading)
    shared.add(late)
    shared.remove(gone)
    assert one.reading is late.reading is reading
    assert gone.reading is None
    shared.watch(None)
    assert one.reading is late.reading is None


async def test_silence_is_what_the_last_reader_was_ended_by(autojump_clock: MockClock) -> None:
    shared, one, other = SharedClock(), CallClock(), CallClock()
    shared.add(one)
    shared.add(other)
    assert not shared.silent
    one.silent = True
    assert shared.silent
    shared.remove(one)
    assert shared.silent, "the provider is as silent as it was"
    shared.received()
    shared.heard()
    assert not shared.silent
    other.silent = True
    shared.remove(other)
    assert shared.silent


async def test_time_in_which_nobody_reads_is_no_silence(autojump_clock: MockClock) -> None:
    shared = SharedClock()
    await trio.sleep(2)
    assert shared.silence(trio.current_time()) == 2
    shared.rest()
    await trio.sleep(50)
    assert shared.silence(trio.current_time()) == 2
    shared.listen()
    shared.listen()
    await trio.sleep(1)
    assert shared.silence(trio.current_time()) == 3
    shared.received()
    shared.heard()
    assert shared.silence(trio.current_time()) == 0
