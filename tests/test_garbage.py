"""A call leaves nothing that only the collector could find: what knows each other lets go.

Under load Python's collector comes seldom, so that it does not hold up streams. What waited for it
would be memory that grows for minutes.
"""

import gc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest
import trio
from trio.testing import MockClock

from tests.stage import (
    COMPLETION,
    END,
    STREAM_HEAD,
    WHOLE_STREAM,
    Stage,
    answer,
    chat,
    chunk,
    event,
    post,
    words,
)

pytest_plugins = ("tests.onstage",)

Tell = Callable[[Stage], Awaitable[object]]


async def whole_stream(stage: Stage) -> None:
    stage.provider(*WHOLE_STREAM)
    await stage.ask(chat()).reply()


async def asked_in_chunks(stage: Stage) -> None:
    stage.provider(answer(200, COMPLETION))
    body = chunk(words(stream=False)) + END
    await stage.ask(post(body, "Transfer-Encoding: chunked")).reply()


async def whole_answer(stage: Stage) -> None:
    stage.provider(answer(200, COMPLETION))
    await stage.ask(chat(stream=False)).reply()


async def refused_by_the_provider(stage: Stage) -> None:
    stage.provider(answer(429, b'{"error":{"message":"no"}}'))
    await stage.ask(chat()).reply()


async def refused_by_the_house(stage: Stage) -> None:
    await stage.ask(chat(model="nobody's")).reply()


async def cut_by_the_provider(stage: Stage) -> None:
    stage.provider(STREAM_HEAD, chunk(event("a")), b"")
    await stage.ask(chat()).reply()


async def left_by_the_client(stage: Stage) -> None:
    stage.provider(STREAM_HEAD, chunk(event("a")))
    caller = stage.ask(chat())
    await trio.sleep(1)
    caller.leave()


async def left_before_the_answer(stage: Stage) -> None:
    stage.provider()
    caller = stage.ask(chat())
    await trio.sleep(1)
    caller.leave()


@contextmanager
def uncollected(found: list[object]) -> Iterator[None]:
    """Find what only the collector could free, of all that is made within this `with`."""
    gc.collect()
    gc.disable()
    try:
        yield
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize(
    "tell",
    [
        asked_in_chunks,
        whole_stream, whole_answer, refused_by_the_provider, refused_by_the_house,
        cut_by_the_provider, left_by_the_client, left_before_the_answer,
    ],
)  # fmt: skip
async def test_a_call_leaves_nothing_to_the_collector(
    stage: Stage, tell: Tell, autojump_clock: MockClock
) -> None:
    found: list[object] = []
    await tell(stage)
    with uncollected(found):
        for _ in range(3):
            await tell(stage)
            await stage.calls.ended()
            await trio.sleep(100)
            stage.transport.pool.close_unused()
    ours = [each for each in found if type(each).__module__.startswith("gateway.")]
    assert [type(each).__name__ for each in ours] == []


def test_what_holds_itself_is_found() -> None:
    found: list[object] = []
    with uncollected(found):
        circle: list[object] = []
        circle.append(circle)
        del circle
    assert len(found) == 1
