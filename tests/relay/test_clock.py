"""The one clock task of a streamed call, in virtual time."""

from collections.abc import Callable, Sequence
from math import inf

import pytest
import trio
from trio.testing import MockClock

from gateway.relay.clock import Clock
from gateway.relay.options import ClockOptions
from gateway.words.answer import Piece
from gateway.words.client import Header, Take
from gateway.words.errors import GatewayError, IdleTimeout
from gateway.words.life import Cause
from gateway.words.target import Timeouts

OPTIONS = ClockOptions(write_timeout=60.0, keepalive_interval=15.0, head_after=20.0)
PATIENT = Timeouts(idle=1000.0, total=5000.0)


class FakeClient:
    """A client that writes down what it is sent, and when; `stuck` makes its writes hang."""

    def __init__(self) -> None:
        self.said: list[tuple[float, bytes]] = []
        self.heads: list[tuple[int, tuple[Header, ...]]] = []
        self.stuck = trio.Event()
        self.stuck.set()
        self.started = self.torn = self.aborted = False

    async def body(self) -> bytes:
        return b""

    def start(self, status: int, headers: Sequence[Header]) -> None:
        self.heads.append((status, tuple(headers)))

    async def pour(self, take: Take) -> None:
        raise NotImplementedError

    async def send(self, data: bytes) -> None:
        self.started = self.torn = True
        await self.stuck.wait()
        await trio.lowlevel.checkpoint()
        self.torn = False
        self.said.append((trio.current_time(), data))

    async def finish(self, data: bytes, patience: float = inf) -> None:
        with trio.fail_after(patience):
            await self.send(data + b"END")

    def abort(self) -> None:
        self.aborted = True


class FakeLife:
    """A life that writes down when and why it was ended."""

    def __init__(self) -> None:
        self.cause: Cause | None = None
        self.expires_at = inf
        self.endings: list[tuple[float, str, Cause]] = []

    def cut(self, cause: Cause) -> None:
        self._end("cut", cause)

    def stop(self, cause: Cause) -> None:
        self._end("stop", cause)

    def spare(self, read_on: Callable[[], None]) -> None:
        self.read_on = read_on

    def expire_at(self, moment: float) -> None:
        self.expires_at = moment

    def _end(self, how: str, cause: Cause) -> None:
        self.cause = self.cause or cause
        self.endings.append((trio.current_time(), how, cause))


class FakeWriter:
    """The words of a form."""

    headers: tuple[Header, ...] = ((b"content-type", b"text/event-stream"),)

    def write(self, pieces: list[Piece]) -> bytes:
        return b""

    def end(self) -> bytes:
        return b""

    def keepalive(self) -> bytes:
        return b": keepalive\n\n"

    def error(self, error: GatewayError) -> bytes:
        return f"error {error.code}".encode()


class Scene:
    """A clock between a fake client and a fake life."""

    def __init__(self, options: ClockOptions = OPTIONS) -> None:
        self.client = FakeClient()
        self.life = FakeLife()
        self.began = trio.current_time()
        self.clock = Clock(self.client, self.life, options, self.began)

    def endings(self) -> list[tuple[float, str, Cause]]:
        return [(round(at - self.began, 3), how, cause) for at, how, cause in self.life.endings]

    def said(self) -> list[tuple[float, bytes]]:
        return [(round(at - self.began, 3), data) for at, data in self.client.said]


@pytest.fixture
async def scene(autojump_clock: MockClock) -> Scene:
    return Scene()


async def test_nothing_is_counted_before_it_begins(
    scene: Scene, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    nursery.start_soon(scene.clock.run)
    await trio.sleep(100_000)
    assert scene.endings() == []
    assert scene.said() == []


async def test_u12_the_total_time_is_the_lifes_own_deadline(
    scene: Scene, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """U12."""
    nursery.start_soon(scene.clock.run)
    await trio.sleep(3)
    scene.clock.begin(Timeouts(total=33.0, idle=33.0), FakeWriter())
    assert scene.life.expires_at == scene.began + 33.0
    scene.clock.commit()
    await trio.sleep(40)
    assert scene.endings() == []


async def test_c9_an_answer_of_one_piece_is_watched_without_a_task(
    scene: Scene, autojump_clock: MockClock
) -> None:
    """C9."""
    scene.client.stuck = trio.Event()
    with trio.move_on_after(100):
        await scene.clock.finish(b"whole")
    assert scene.endings() == [(60.0, "cut", Cause.CLIENT_STALLED)]


async def test_the_idle_clock_counts_from_the_commit(
    scene: Scene, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    nursery.start_soon(scene.clock.run)
    scene.clock.begin(Timeouts(idle=10.0), FakeWriter())
    await trio.sleep(500)
    assert scene.endings() == []
    scene.clock.received()
    scene.clock.commit()
    await trio.sleep(11)
    assert scene.endings() == [(510.0, "stop", Cause.IDLE_SILENCE)]


async def test_u11_events_restart_the_idle_clock(
    scene: Scene, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """U11."""
    nursery.start_soon(scene.clock.run)
    scene.clock.begin(Timeouts(idle=10.0), FakeWriter())
    scene.clock.received()
    scene.clock.commit()
    for _ in range(5):
        await trio.sleep(9)
        scene.clock.received()
        scene.clock.heard()
    assert scene.endings() == []
    await trio.sleep(11)
    assert scene.endings() == [(55.0, "stop", Cause.IDLE_SILENCE)]


async def test_u30_bytes_without_an_event_are_a_trickle(
    scene: Scene, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """U30."""
    nursery.start_soon(scene.clock.run)
    scene.clock.begin(Timeouts(idle=10.0), FakeWriter())
    scene.clock.received()
    scene.clock.commit()
    for _ in range(12):
        await trio.sleep(1)
        scene.clock.received()
    assert scene.endings() == [(10.0, "stop", Cause.IDLE_TRICKLE)]


async def test_c9_a_stalled_write_cuts_the_link(
    scene: Scene, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """C9."""
    nursery.start_soon(scene.clock.run)
    scene.clock.begin(PATIENT, FakeWriter())
    await trio.sleep(7)
    scene.client.stuck = trio.Event()
    with trio.move_on_after(100):
        await scene.clock.send(b"data")
    assert scene.endings()[0] == (67.0, "cut", Cause.CLIENT_STALLED)


async def test_c10_a_slow_write_is_not_the_providers_silence(
    scene: Scene, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """C10."""
    nursery.start_soon(scene.clock.run)
    scene.clock.begin(Timeouts(idle=10.0), FakeWriter())
    scene.clock.received()
    scene.clock.commit()
    scene.client.stuck = trio.Event()
    nursery.start_soon(scene.clock.send, b"data")
    await trio.sleep(50)
    scene.client.stuck.set()
    await trio.sleep(9)
    assert scene.endings() == []
    await trio.sleep(2)
    assert scene.endings() == [(60.0, "stop", Cause.IDLE_SILENCE)]


async def test_c26_a_long_wait_gets_a_head_and_keepalives(
    scene: Scene, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """C26."""
    nursery.start_soon(scene.clock.run)
    scene.clock.begin(PATIENT, FakeWriter())
    await trio.sleep(66)
    assert scene.client.heads == [(200, FakeWriter.headers)]
    assert scene.said() == [(at, b": keepalive\n\n") for at in (20.0, 35.0, 50.0, 65.0)]
    scene.clock.start(200, ())
    assert len(scene.client.heads) == 1


async def test_keepalives_count_from_the_last_word(
    scene: Scene, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    nursery.start_soon(scene.clock.run)
    scene.clock.begin(PATIENT, FakeWriter())
    for _ in range(4):
        await trio.sleep(10)
        await scene.clock.send(b"x")
    await trio.sleep(16)
    assert scene.said() == [
        *((at, b"x") for at in (10.0, 20.0, 30.0, 40.0)),
        (55.0, b": keepalive\n\n"),
    ]


async def test_no_interval_means_no_keepalive(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    scene = Scene(ClockOptions(keepalive_interval=0.0, head_after=1.0))
    nursery.start_soon(scene.clock.run)
    scene.clock.begin(PATIENT, FakeWriter())
    await trio.sleep(300)
    assert scene.said() == []


async def test_the_pump_waits_for_a_keepalive_that_is_being_written(
    scene: Scene, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    nursery.start_soon(scene.clock.run)
    scene.clock.begin(PATIENT, FakeWriter())
    scene.client.stuck = trio.Event()
    await trio.sleep(21)
    nursery.start_soon(scene.clock.send, b"data")
    nursery.start_soon(scene.clock.hush)
    await trio.sleep(1)
    scene.client.stuck.set()
    await trio.sleep(100)
    assert [data for _, data in scene.said()] == [b": keepalive\n\n", b"data"]


async def test_a_stalled_keepalive_cuts_the_link(
    scene: Scene, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    nursery.start_soon(scene.clock.run)
    scene.clock.begin(PATIENT, FakeWriter())
    scene.client.stuck = trio.Event()
    await trio.sleep(81)
    assert scene.endings() == [(80.0, "cut", Cause.CLIENT_STALLED)]


async def test_nothing_is_written_for_nothing(scene: Scene, autojump_clock: MockClock) -> None:
    await scene.clock.send(b"")
    assert scene.said() == []


async def test_the_end_is_written_and_no_keepalive_follows(
    scene: Scene, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    nursery.start_soon(scene.clock.run)
    scene.clock.begin(PATIENT, FakeWriter())
    await scene.clock.finish(b"last")
    await trio.sleep(300)
    assert scene.said() == [(0.0, b"lastEND")]


async def test_a_farewell_tells_the_error_and_breaks_off(
    scene: Scene, autojump_clock: MockClock
) -> None:
    scene.clock.begin(PATIENT, FakeWriter())
    await scene.clock.farewell(IdleTimeout("silence"))
    assert scene.said() == [(0.0, b"error idle_timeout")]
    assert scene.client.aborted


async def test_a_torn_link_gets_no_farewell(scene: Scene, autojump_clock: MockClock) -> None:
    scene.clock.begin(PATIENT, FakeWriter())
    scene.client.torn = True
    await scene.clock.farewell(IdleTimeout("silence"))
    assert scene.said() == []
    assert scene.client.aborted


async def test_one_ending_is_enough(
    scene: Scene, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    nursery.start_soon(scene.clock.run)
    scene.clock.begin(Timeouts(total=5.0, idle=2.0), FakeWriter())
    scene.clock.commit()
    await trio.sleep(500)
    assert scene.endings() == [(2.0, "stop", Cause.IDLE_SILENCE)]
