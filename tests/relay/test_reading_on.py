"""How far an answer is read on. Whole calls are in `tests/test_reading_on.py`."""

import trio

from gateway.relay.reading_on import ReadingOn
from gateway.words.receipt import Receipt
from gateway.words.target import Conduct

CONDUCT = Conduct(reads_on=True, drain_max_seconds=30.0, drain_max_tokens=2)


def receipt() -> Receipt:
    return Receipt("r", "POST", "/", "p", 0.0, pieces=7)


def test_events_are_counted_from_the_moment_at_which_the_client_left() -> None:
    call = receipt()
    reading_on = ReadingOn(CONDUCT, call)
    assert not reading_on.alone
    assert reading_on.begin() == 30.0
    assert (reading_on.alone, call.drained) == (True, True)
    for pieces, goes_on in ((7, True), (9, True), (10, False)):
        call.pieces = pieces
        assert reading_on.may_go_on is goes_on


async def test_the_leaving_ends_a_write_that_waits_for_the_client() -> None:
    reading_on = ReadingOn(CONDUCT, receipt())
    with reading_on.writing() as scope:
        reading_on.begin()
        await trio.sleep_forever()
    assert scope.cancelled_caught
