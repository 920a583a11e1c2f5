"""An answer from the cache is said as it was said, at once and in bounds."""

from trio.testing import MockClock, assert_no_checkpoints

from gateway.policy.cache import Kept
from gateway.relay.replay import BATCH_BYTES, Replayed, batch
from gateway.words.answer import Answer, Piece, Usage

FIELDS = ((b"openai-version", b"1"),)


async def told(answer: Answer) -> list[list[Piece]]:
    """Read an answer as the corridor does."""
    batches = []
    async with answer:
        while True:
            batches.append(await answer.next())
            if answer.ended:
                return batches


async def test_a_stream_is_told_again_without_waiting(autojump_clock: MockClock) -> None:
    pieces = (Piece(b"data: 1\n\n", has_content=True), Piece(b"data: 2\n\n", usage=Usage(1, 2)))
    answer = Replayed(Kept(pieces, 200, FIELDS, "up/m-1", Usage(1, 2)))
    with assert_no_checkpoints():
        assert await told(answer) == [list(pieces)]
    assert (answer.status, answer.headers) == (200, FIELDS)


async def test_an_answer_in_one_piece_is_told_in_one(autojump_clock: MockClock) -> None:
    whole = Piece(b"{}" * BATCH_BYTES, has_content=True)
    assert await told(Replayed(Kept((whole,), 200, (), "up/m-1"))) == [[whole]]


async def test_a_long_stream_is_told_in_parts_that_a_slow_client_can_take(
    autojump_clock: MockClock,
) -> None:
    pieces = tuple(Piece(b"%d" % at * 5000) for at in range(50))
    batches = await told(Replayed(Kept(pieces, 200, (), "up/m-1")))
    assert [piece for each in batches for piece in each] == list(pieces)
    assert len(batches) > 2
    assert all(sum(len(piece.raw) for piece in each) <= BATCH_BYTES for each in batches)


async def test_an_empty_answer_ends_at_once(autojump_clock: MockClock) -> None:
    assert await told(Replayed(Kept((), 200, (), "up/m-1"))) == [[]]


def test_one_piece_is_handed_on_however_long_it_is() -> None:
    long, short = Piece(b"x" * 2 * BATCH_BYTES), Piece(b"x")
    assert batch([long, short], 0) == [long]
    assert batch([short, long], 0) == [short]
    assert batch([short, long, short], 1) == [long]
    assert batch([short, short], 0) == [short, short]
    assert batch([short], 1) == []
