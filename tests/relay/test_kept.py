"""Kept answers, near and far."""

import trio
from trio.testing import MockClock

from gateway.policy.cache import Kept
from gateway.relay.kept import Answers
from gateway.words.answer import Piece

KEPT = Kept((Piece(b"data: {}\n\n"),), 200, (), "up/m")


class Afar:
    def __init__(self) -> None:
        self.kept: dict[bytes, tuple[Kept, float]] = {}

    async def get(self, key: bytes) -> Kept | None:
        return self.kept[key][0] if key in self.kept else None

    def put(self, key: bytes, kept: Kept, ttl: float) -> None:
        self.kept[key] = (kept, ttl)


async def test_an_answer_is_kept_here(autojump_clock: MockClock) -> None:
    answers = Answers(100_000)
    assert await answers.get(b"k") is None
    answers.put(b"k", KEPT, 5.0)
    assert await answers.get(b"k") == KEPT


async def test_one_that_has_ended_keeps_nothing() -> None:
    answers = Answers(100_000)
    answers.put(b"k", KEPT, 5.0)
    answers.end()
    answers.put(b"l", KEPT, 5.0)
    assert (len(answers.near), await answers.get(b"k"), await answers.get(b"l")) == (0, None, None)


async def test_what_is_too_old_takes_no_room_for_long(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    answers = Answers(100_000)
    nursery.start_soon(answers.run)
    answers.put(b"k", KEPT, 5.0)
    await trio.sleep(29)
    assert len(answers.near) == 1
    await trio.sleep(2)
    assert len(answers.near) == 0
    nursery.cancel_scope.cancel()


async def test_what_is_not_here_is_looked_for_afar(autojump_clock: MockClock) -> None:
    afar = Afar()
    here, there = Answers(100_000, afar), Answers(100_000, afar)
    here.put(b"k", KEPT, 5.0)
    assert afar.kept == {b"k": (KEPT, 5.0)}
    assert await there.get(b"k") == KEPT
    assert await there.get(b"other") is None


async def test_the_next_one_looks_afar_too_and_has_as_much_room(autojump_clock: MockClock) -> None:
    afar = Afar()
    afar.put(b"k", KEPT, 5.0)
    first = Answers(100_000, afar)
    first.put(b"near", KEPT, 5.0)
    following = first.anew()
    assert (len(following.near), following.largest) == (0, first.largest)
    assert await following.get(b"k") == KEPT
