"""The story of a call."""

from trio.testing import MockClock

from tests.stage import (
    COMPLETION,
    DONE,
    WHOLE_STREAM,
    END,
    STREAM_HEAD,
    Stage,
    answer,
    chat,
    chunk,
)

pytest_plugins = ("tests.onstage",)


async def test_a_stream(stage: Stage, autojump_clock: MockClock) -> None:
    stage.provider(*WHOLE_STREAM)
    caller = stage.ask(chat())
    reply = await caller.reply()
    assert reply.text == "hello"
    print(reply, caller.line.writes, await stage.receipt())
    assert 0


async def test_whole(stage: Stage, autojump_clock: MockClock) -> None:
    stage.provider(answer(200, COMPLETION))
    caller = stage.ask(chat("Connection: close", stream=False))
    reply = await caller.reply()
    print(reply, caller.line.writes, await stage.receipt())
    assert 0


async def test_expect(stage: Stage, autojump_clock: MockClock) -> None:
    stage.provider(answer(200, COMPLETION))
    wire = chat("Expect: 100-continue", stream=False)
    head, _, body = wire.partition(b"\r\n\r\n")
    caller = stage.ask(head + b"\r\n\r\n")
    reply = await caller.reply()
    assert reply.status == 100
    caller.send(body)
    reply = await caller.reply()
    assert reply.status == 200


async def test_only_done(stage: Stage, autojump_clock: MockClock) -> None:
    stage.provider(STREAM_HEAD + chunk(DONE) + END)
    caller = stage.ask(chat())
    reply = await caller.reply()
    assert reply.status == 200, reply
