"""Answers that are kept, and answers that are read along: `cache` and `coalesce` in whole calls."""

import pytest
import trio
from trio.testing import MockClock

from gateway.policy.issuers import key_id_of
from gateway.relay.scope import scope_of
from gateway.words.caller import Caller
from gateway.words.target import Conduct, Timeouts
from tests.stage import (
    COMPLETION,
    DONE,
    END,
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
    hand_over,
)

pytest_plugins = ("tests.onstage",)


@pytest.fixture
def keeping(stage: Stage) -> Stage:
    """Keep answers for a minute."""
    stage.conduct = Conduct(retries=0, cache_ttl=60.0)
    return stage


@pytest.fixture
def sharing(stage: Stage) -> Stage:
    """Share what is being told."""
    stage.conduct = Conduct(retries=0, coalesce=True)
    return stage


@pytest.mark.parametrize("stream", [True, False])
async def test_a_kept_answer_is_given_again_byte_for_byte(
    keeping: Stage, stream: bool, autojump_clock: MockClock
) -> None:
    script = WHOLE_STREAM if stream else (answer(200, COMPLETION),)
    provider = keeping.provider(*script)
    first = await keeping.ask(chat(stream=stream)).reply()
    again = await keeping.ask(chat(stream=stream)).reply()
    assert (first.body, len(provider.sent)) == (again.body, 1)
    assert (first.get("x-gateway-cache"), again.get("x-gateway-cache")) == ("miss", "hit")
    await keeping.calls.ended()
    kept = keeping.book.receipts[1]
    assert (kept.cache, kept.attempts, kept.target) == ("hit", [], "up/m-1")
    assert (kept.outcome, kept.usage) == ("completed", keeping.book.receipts[0].usage)


async def test_what_is_asked_otherwise_is_another_answer(
    keeping: Stage, autojump_clock: MockClock
) -> None:
    provider = keeping.provider(*WHOLE_STREAM).then(*WHOLE_STREAM).then(answer(200, COMPLETION))
    for request in (chat(), chat(temperature=0.5), chat(stream=False)):
        assert (await keeping.ask(request).reply()).get("x-gateway-cache") == "miss"
    assert (await keeping.ask(chat(user="me")).reply()).get("x-gateway-cache") == "hit"
    assert len(provider.sent) == 3


async def test_an_answer_is_kept_for_its_time_and_no_longer(
    keeping: Stage, autojump_clock: MockClock
) -> None:
    provider = keeping.provider(*WHOLE_STREAM)
    await keeping.ask(chat()).reply()
    await trio.sleep(59)
    assert (await keeping.ask(chat()).reply()).get("x-gateway-cache") == "hit"
    await trio.sleep(2)
    provider = keeping.provider(*WHOLE_STREAM)
    assert (await keeping.ask(chat()).reply()).get("x-gateway-cache") == "miss"
    assert len(provider.sent) == 1


@pytest.mark.parametrize(
    ("wish", "seen"), [("no-cache", ["miss", "hit"]), ("no-store", ["hit", "hit"])]
)
async def test_a_client_may_do_without(
    keeping: Stage, wish: str, seen: list[str], autojump_clock: MockClock
) -> None:
    keeping.provider(*WHOLE_STREAM).then(*WHOLE_STREAM)
    await keeping.ask(chat()).reply()
    told = [
        (await keeping.ask(request).reply()).get("x-gateway-cache")
        for request in (chat(f"cache-control: {wish}"), chat())
    ]
    assert told == (["miss", "hit"] if wish == "no-cache" else seen)


async def test_what_is_not_to_be_stored_is_not(keeping: Stage, autojump_clock: MockClock) -> None:
    keeping.provider(*WHOLE_STREAM).then(*WHOLE_STREAM)
    await keeping.ask(chat("cache-control: no-store")).reply()
    assert (await keeping.ask(chat()).reply()).get("x-gateway-cache") == "miss"


BAD = {
    "cut": (STREAM_HEAD, chunk(event("a")), b""),
    "an error": (STREAM_HEAD, chunk(event("a")), chunk(fault())),
    "filtered": (STREAM_HEAD, chunk(event("a"), event(finish="content_filter"), DONE) + END),
    "no finish": (STREAM_HEAD, chunk(event("a"), DONE) + END),
}


@pytest.mark.parametrize("script", BAD.values(), ids=list(BAD))
async def test_only_a_whole_answer_that_ended_well_is_kept(
    keeping: Stage, script: tuple[bytes, ...], autojump_clock: MockClock
) -> None:
    keeping.provider(*script)
    await keeping.ask(chat()).reply()
    keeping.provider(*WHOLE_STREAM)
    await trio.sleep(70)
    keeping.provider(*WHOLE_STREAM)
    again = await keeping.ask(chat()).reply()
    assert (again.get("x-gateway-cache"), again.text) == ("miss", "hello")


async def test_an_answer_that_is_too_long_is_not_kept(
    keeping: Stage, autojump_clock: MockClock
) -> None:
    long = event("a" * 200_000)
    keeping.provider(STREAM_HEAD, chunk(long, STOP, DONE) + END)
    await keeping.ask(chat()).reply()
    assert len(keeping.kept.near) == 0


async def test_the_same_asked_at_once_is_one_call_of_the_provider(
    sharing: Stage, autojump_clock: MockClock
) -> None:
    provider = sharing.provider(STREAM_HEAD)
    callers = [sharing.ask(chat()) for _ in range(3)]
    await trio.sleep(1)
    provider.say(chunk(event("hel")))
    await trio.sleep(1)
    late = sharing.ask(chat())
    await trio.sleep(1)
    provider.say(chunk(event("lo")), chunk(STOP, DONE) + END)
    replies = [await caller.reply() for caller in (*callers, late)]
    assert {reply.body for reply in replies} == {event("hel") + event("lo") + STOP + DONE}
    assert (len(provider.sent), len(sharing.dialled)) == (1, 1)
    await sharing.calls.ended()
    receipts = sharing.book.receipts
    (owner,) = [receipt for receipt in receipts if receipt.shared_with is None]
    followers = [receipt for receipt in receipts if receipt.shared_with is not None]
    assert {receipt.shared_with for receipt in followers} == {owner.request_id}
    assert [len(receipt.attempts) for receipt in followers] == [0, 0, 0]
    assert {receipt.outcome for receipt in receipts} == {"completed"}


async def test_who_leaves_leaves_the_others_alone_and_the_last_closes(
    sharing: Stage, autojump_clock: MockClock
) -> None:
    provider = sharing.provider(STREAM_HEAD)
    first = sharing.ask(chat())
    await trio.sleep(0.5)
    second = sharing.ask(chat())
    await trio.sleep(0.5)
    provider.say(chunk(event("hel")))
    await trio.sleep(1)
    first.leave()
    await trio.sleep(1)
    assert not provider.closed
    (gone,) = sharing.book.receipts
    assert gone.outcome == "client_gone"
    assert all(attempt.ended is not None for attempt in gone.attempts)
    second.leave()
    await sharing.calls.ended()
    assert provider.closed_at == 3.0
    assert sharing.health.open_calls(sharing.target()) == 0


async def test_who_stays_hears_the_end_and_pays_for_it(
    sharing: Stage, autojump_clock: MockClock
) -> None:
    await hand_over(sharing)
    gone, stayed = sharing.book.receipts
    assert [attempt.outcome for attempt in gone.attempts] == ["handed on"]
    assert [attempt.outcome for attempt in stayed.attempts] == ["completed"]


async def test_who_asked_first_may_leave_before_there_is_an_answer(
    sharing: Stage, autojump_clock: MockClock
) -> None:
    silent = sharing.provider()
    again = sharing.provider(STREAM_HEAD, chunk(event("hi"), STOP, DONE) + END)
    first = sharing.ask(chat())
    await trio.sleep(0.5)
    second = sharing.ask(chat())
    await trio.sleep(0.5)
    first.leave()
    assert (await second.reply()).text == "hi"
    assert silent.closed_at == 1.0
    assert len(again.sent) == 1


async def test_silence_ends_all_who_read_along(sharing: Stage, autojump_clock: MockClock) -> None:
    sharing.timeouts = Timeouts(idle=5.0)
    sharing.provider(STREAM_HEAD, chunk(event("hel")))
    callers = [sharing.ask(chat()), sharing.ask(chat())]
    for caller in callers:
        assert (await caller.reply()).events[-1]["error"]["code"] == "idle_timeout"
    assert trio.current_time() == 5.0


async def test_a_failure_is_told_to_all(sharing: Stage, autojump_clock: MockClock) -> None:
    provider = Provider()
    sharing.prepare(provider)
    callers = [sharing.ask(chat()), sharing.ask(chat())]
    await trio.sleep(1)
    provider.say(answer(400, b'{"error":{"message":"no","type":"t","code":"c","param":null}}'))
    for caller in callers:
        reply = await caller.reply()
        assert (reply.status, reply.error["code"]) == (400, "c")


def test_s12_two_users_whose_ids_are_the_same_by_chance_share_nothing() -> None:
    users = ["ada-1560604", "ada-8144669"]
    ids = {key_id_of("https://id.example.com", user) for user in users}
    assert len(ids) == 1, "found by trying"
    (same,) = ids
    callers = [Caller(f"oidc:{user}", same, user=user) for user in users]
    assert len({scope_of(caller) for caller in callers}) == 2
    assert scope_of(Caller("a", "1", "t")) == scope_of(Caller("b", "2", "t"))
