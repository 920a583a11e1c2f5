"""The client's leaving, in every phase and in virtual time: the provider is closed at that instant.

The matrix over real sockets is in `test_client_leaves.py`; here the moment is exact, and phases can
be met that last only an instant.
"""

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from gateway.words.target import Timeouts
from tests.stage import (
    COMPLETION,
    STOP,
    STREAM_HEAD,
    WHOLE_STREAM,
    Provider,
    Stage,
    answer,
    chat,
    chunk,
    event,
    fault,
)

pytest_plugins = ("tests.onstage",)

PHASES: dict[str, tuple[bool, list[bytes], str]] = {
    "silent": (True, [], "waiting"),
    "silent, not streaming": (False, [], "waiting"),
    "a head": (True, [STREAM_HEAD], "waiting"),
    "half a head": (True, [STREAM_HEAD[:20]], "waiting"),
    "a comment": (True, [STREAM_HEAD, chunk(b": hi\n\n")], "waiting"),
    "content": (True, [STREAM_HEAD, chunk(event("a"))], "streaming"),
    "half an event": (True, [STREAM_HEAD, chunk(event("a"), event("b")[:30])], "streaming"),
    "the finish": (True, [STREAM_HEAD, chunk(event("a"), STOP)], "streaming"),
    "half an answer": (False, [answer(200, COMPLETION)[:-1]], "waiting"),
    "half an error": (True, [answer(500, b"no")[:-1]], "waiting"),
}


@pytest.mark.parametrize("way", ["fin", "rst"])
@pytest.mark.parametrize(("stream", "script", "phase"), PHASES.values(), ids=PHASES)
async def test_the_provider_is_closed_at_the_same_instant(
    stage: Stage,
    stream: bool,
    script: list[bytes],
    phase: str,
    way: str,
    autojump_clock: MockClock,
) -> None:
    """C1, C2, C3, C4, C6."""
    provider = stage.provider(*script)
    caller = stage.ask(chat(stream=stream))
    await provider.asked.wait()
    await trio.sleep(12)
    caller.leave(way)
    receipt = await stage.receipt()
    assert provider.closed_at == receipt.ended == 12
    assert (receipt.outcome, receipt.cause) == ("client_gone", "client_gone")
    assert receipt.phase == phase
    assert receipt.attempts[0].outcome == "cancelled"


async def test_c5_gone_while_connecting(stage: Stage, autojump_clock: MockClock) -> None:
    """C5."""
    stage.timeouts = Timeouts(connect=100.0)
    caller = stage.ask(chat())
    await trio.sleep(12)
    caller.leave()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.ended) == ("client_gone", 12)
    assert len(stage.dialled) == 1


async def test_c5_gone_while_waiting_for_a_place(stage: Stage, autojump_clock: MockClock) -> None:
    """C5. Whoever waits behind it gets its place; no attempt is made for the one gone."""
    stage.max_connections = 1
    provider = stage.provider(*WHOLE_STREAM[:2]).then(*WHOLE_STREAM)
    first = stage.ask(chat())
    await provider.asked.wait()
    gone, next_one = stage.ask(chat()), stage.ask(chat())
    await trio.sleep(3)
    gone.leave()
    await trio.sleep(3)
    provider.say(*WHOLE_STREAM[2:])
    for caller in (first, next_one):
        assert (await caller.reply()).text == "hello"
    assert len(provider.sent) == 2
    await stage.calls.ended()
    outcomes = [(receipt.outcome, receipt.ended) for receipt in stage.book.receipts]
    assert outcomes == [("client_gone", 3), ("completed", 6), ("completed", 6)]


async def test_c4_gone_between_keepalives(stage: Stage, autojump_clock: MockClock) -> None:
    """C4."""
    provider = stage.provider()
    caller = stage.ask(chat())
    await trio.sleep(40)
    assert len(caller.line.writes) == 2
    caller.leave()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase, provider.closed_at) == ("client_gone", "waiting", 40)


@pytest.mark.parametrize("way", ["fin", "rst"])
async def test_c9_gone_while_a_write_is_stalled(
    stage: Stage, way: str, autojump_clock: MockClock
) -> None:
    """C9."""
    provider = stage.provider(STREAM_HEAD, *[chunk(event("a"))] * 50)
    caller = stage.connect(window=1000)
    caller.send(chat())
    await trio.sleep(12)
    caller.leave(way)
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase) == ("client_gone", "streaming")
    assert provider.closed_at == receipt.ended == 12


async def test_gone_while_the_last_write_is_stalled(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """The provider has said all by then: its connection is kept."""
    provider = stage.provider(*WHOLE_STREAM)
    caller = stage.connect(window=650)
    caller.send(chat())
    await trio.sleep(12)
    caller.leave()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.phase) == ("client_gone", "finishing")
    assert not provider.closed


async def test_c8_gone_right_after_the_last_word_is_served(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C8. As OpenAI's SDK does: it closes at the [DONE], without reading the end of the body."""
    stage.provider(*WHOLE_STREAM)
    caller = stage.ask(chat())
    await caller.read_to(b"[DONE]")
    caller.leave("rst")
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.cause) == ("completed", None)


async def test_c8_gone_at_the_very_instant_of_the_last_word_is_served(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C8. Finish, then complete: once the bytes are out, the next line runs whatever is pending."""
    provider = stage.provider(*WHOLE_STREAM[:3])
    caller = stage.ask(chat())
    await provider.asked.wait()
    await trio.sleep(5)

    def leave() -> None:
        if b"[DONE]" in caller.line.unread:
            caller.leave()

    caller.line.on_write = leave
    provider.say(*WHOLE_STREAM[3:])
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.cause) == ("completed", None)


Failing = Callable[[Provider], object]


@pytest.mark.parametrize(
    ("fail", "outcome", "cause"),
    [
        (Provider.reset, "upstream_error", "upstream_reset"),
        (lambda provider: provider.say(b""), "upstream_truncated", "upstream_truncated"),
        (lambda provider: provider.say(chunk(fault())), "upstream_error", "overloaded_error"),
    ],
    ids=["rst", "fin", "fault"],
)
@pytest.mark.parametrize("begun", [True, False])
async def test_c22_the_first_word_stands(
    stage: Stage, fail: Failing, outcome: str, cause: str, begun: bool, autojump_clock: MockClock
) -> None:
    """C22. An error that reached us is not hidden by a client that leaves at the same instant."""
    provider = stage.provider(STREAM_HEAD, *[chunk(event("a"))] * begun)
    caller = stage.ask(chat())
    await provider.asked.wait()
    await trio.sleep(5)
    fail(provider)
    caller.leave()
    receipt = await stage.receipt()
    assert (receipt.outcome, receipt.cause) == (outcome, cause)
    assert receipt.attempts[0].outcome == cause
    assert receipt.ended == 5


async def test_c22_an_error_that_comes_after_is_nobodys(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C22."""
    provider = stage.provider(STREAM_HEAD, chunk(event("a")))
    caller = stage.ask(chat())
    await provider.asked.wait()
    await trio.sleep(5)
    caller.leave()
    provider.reset()
    assert (await stage.receipt()).outcome == "client_gone"


async def test_g16_a_thousand_clients_leave_at_once(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G16."""
    stage.max_calls = stage.max_connections = 1000
    providers = [stage.provider(STREAM_HEAD, chunk(event("a"))) for _ in range(1000)]
    callers = [stage.ask(chat()) for _ in providers]
    await trio.sleep(5)
    assert len(stage.calls) == 1000
    for caller in callers:
        caller.leave("rst")
    await stage.calls.ended()
    assert {provider.closed_at for provider in providers} == {5}
    assert {receipt.outcome for receipt in stage.book.receipts} == {"client_gone"}
