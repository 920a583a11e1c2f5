"""What happened to a call is what its story tells: from the receipt over the ledger's row."""

from contextlib import closing
from pathlib import Path

import trio
from trio.testing import MockClock

from gateway.admin.ledger.story import Story, story_of
from gateway.store.calls import add
from gateway.store.database import Database
from gateway.store.rows import row_of
from gateway.store.search import Wanted, search
from gateway.words.receipt import Receipt
from gateway.words.target import Conduct
from tests.stage import (
    STREAM_HEAD,
    WHOLE_STREAM,
    Stage,
    answer,
    chat,
    hand_over,
)
from tests.store.receipts import NOON_NS

pytest_plugins = ("tests.onstage",)


def told(receipt: Receipt, folder: Path) -> Story:
    """Write a call into a ledger, and read its story there."""
    with closing(Database(folder / f"{receipt.request_id}.db").connect()) as connection:
        assert add(connection, 1, [(1, row_of(receipt, NOON_NS, NOON_NS + 1))]) == []
        (call,) = search(connection, Wanted()).calls
    return story_of(call)


async def test_a_lane_that_fails_is_followed_while_the_hedge_is_asked_still(
    stage: Stage, tmp_path: Path, autojump_clock: MockClock
) -> None:
    stage.homes = ["up", "b", "c"]
    stage.conduct = Conduct(retries=0, hedge_after=2.0)
    late = stage.provider()
    stage.provider(STREAM_HEAD, at="b")
    stage.provider(*WHOLE_STREAM, at="c")
    caller = stage.ask(chat())
    await trio.sleep(3)
    late.say(answer(503, b"no"))
    assert (await caller.reply()).text == "hello"
    steps = told(await stage.receipt(), tmp_path).steps
    assert [(step.target, step.why.partition(":")[0]) for step in steps] == [
        ("up/m-1", "The first of the plan that could be asked."),
        ("b/m-1", "A hedge"),
        ("c/m-1", f"The next of the plan, because up/m-1 {steps[0].went}."),
    ]
    assert steps[1].went == "lost the race"


async def test_a_fallback_and_a_retry_have_their_reasons(
    stage: Stage, tmp_path: Path, autojump_clock: MockClock
) -> None:
    stage.homes = ["up", "b"]
    stage.conduct = Conduct(retries=1)
    for _ in range(2):
        stage.provider(answer(503, b"no"))
    stage.provider(*WHOLE_STREAM, at="b")
    assert (await stage.ask(chat()).reply()).text == "hello"
    whys = [step.why for step in told(await stage.receipt(), tmp_path).steps]
    assert whys[1].startswith("A retry, because up/m-1 ")
    assert whys[2].startswith("The next of the plan, because up/m-1 ")


async def test_who_leaves_a_shared_answer_closes_nothing_and_who_stays_takes_it_over(
    stage: Stage, tmp_path: Path, autojump_clock: MockClock
) -> None:
    stage.conduct = Conduct(retries=0, coalesce=True)
    await hand_over(stage)
    gone, stayed = (told(receipt, tmp_path) for receipt in stage.book.receipts)
    assert gone.steps[0].went == "was read on for another call"
    assert gone.end[0] == "The client left before the end."
    assert not any("was closed" in said for said in gone.end)
    assert stayed.steps[0].why == "Its answer was taken over from the call that had asked before."
