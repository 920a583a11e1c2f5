"""What is asked outside: how a moderation model's word is taken, and what counts as no answer."""

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from trio.testing import MockClock

from gateway.policy.guards.guard import Check, Guard, Guards
from gateway.relay.checking import MOST_CHECKED
from gateway.relay.guards import Guarding
from gateway.words.secret import Secret
from gateway.words.target import Origin
from tests.relay.test_guarding import Judge, judged
from tests.stage import WHOLE_STREAM, Stage, answer, chat

pytest_plugins = ("tests.onstage",)

NONE = {"hate": False}


def moderated(stage: Stage, judge: Judge | None = None, **said: Any) -> None:
    check = Check(**{"model": "org/big", **said})
    guards = Guards([Guard("mod", "block", answers=False, check=check)], ["mod"])
    stage.guarding = Guarding(guards, httpx2.AsyncClient(transport=judge or Judge()))


def result(**said: Any) -> bytes:
    return results({"flagged": False, "categories": NONE, "category_scores": {"hate": 0.0}}, said)


def results(*said: dict[str, Any]) -> bytes:
    return answer(200, json.dumps({"model": "x", "results": said}).encode())


@pytest.mark.parametrize(
    ("said", "configured", "status"),
    [
        ({"flagged": False}, {}, 200),
        ({"flagged": True}, {}, 400),
        ({"categories": {"hate": False}}, {}, 200),
        ({"categories": {"hate": True}}, {}, 400),
        ({"flagged": False, "categories": {"hate": True}}, {}, 200),
        ({"flagged": True, "categories": NONE}, {"categories": frozenset({"hate"})}, 200),
        ({"flagged": True, "categories": {"hate": True}}, {"categories": frozenset({"hate"})}, 400),
        ({"flagged": True, "category_scores": {"hate": 0.4}}, {"limits": {"hate": 0.5}}, 200),
        ({"flagged": False, "category_scores": {"hate": 0.5}}, {"limits": {"hate": 0.5}}, 400),
        ({"flagged": False, "category_scores": {"hate": None}}, {"limits": {"hate": 0.5}}, 200),
    ],
)
async def test_a_moderation_models_word_is_taken_as_it_is_configured(
    said: dict[str, Any],
    configured: dict[str, Any],
    status: int,
    stage: Stage,
    autojump_clock: MockClock,
) -> None:
    moderated(stage, **configured)
    provider = stage.provider(result(**said)).then(*WHOLE_STREAM)
    assert (await stage.ask(chat()).reply()).status == status
    assert b"POST /v1/moderations " in bytes(provider.sent[0])
    receipt = await stage.receipt()
    assert [each.target for each in receipt.attempts] == (["up/m-1"] if status == 200 else [])


async def test_the_model_is_shown_what_was_said(stage: Stage, autojump_clock: MockClock) -> None:
    moderated(stage)
    provider = stage.provider(result(flagged=False)).then(*WHOLE_STREAM)
    await stage.ask(chat()).reply()
    first = b"".join(provider.sent).split(b"POST ")[1]
    assert json.loads(first.partition(b"\r\n\r\n")[2]) == {"model": "big", "input": ["hello"]}


async def test_where_nothing_was_said_nobody_is_asked(
    stage: Stage, autojump_clock: MockClock
) -> None:
    moderated(stage)
    stage.provider(*WHOLE_STREAM)
    reply = await stage.ask(chat(messages=[{"role": "user", "content": ""}])).reply()
    assert reply.text == "hello"


@pytest.mark.parametrize(
    "said",
    [
        answer(200, b'{"results": 3}'),
        answer(500, b"{}"),
        answer(200, b"\xff"),
        results(),
        results({}),
    ],
)
async def test_a_model_that_says_nothing_sound_has_not_answered(
    said: bytes, stage: Stage, autojump_clock: MockClock
) -> None:
    moderated(stage)
    stage.provider(said)
    reply = await stage.ask(chat()).reply()
    assert (reply.status, reply.error["code"]) == (503, "guard_unavailable")


@pytest.mark.parametrize(
    "configured", [{"categories": frozenset({"hats"})}, {"limits": {"hats": 0.5}}]
)
async def test_a_category_of_which_a_model_says_nothing_is_no_answer(
    configured: dict[str, Any], stage: Stage, autojump_clock: MockClock
) -> None:
    moderated(stage, **configured)
    stage.provider(result(flagged=False, categories=NONE, category_scores={"hate": 0.0}))
    assert (await stage.ask(chat()).reply()).status == 503


async def test_a_silent_model_is_waited_for_no_longer_than_configured(
    stage: Stage, autojump_clock: MockClock
) -> None:
    moderated(stage, timeout=0.5, opens=True)
    silent = stage.provider()
    stage.provider(*WHOLE_STREAM)
    assert (await stage.ask(chat()).reply()).text == "hello"
    assert silent.closed_at == 0.5


SOUND: list[Callable[[Any], httpx2.Response]] = [
    lambda _: judged({"match": "no"}),
    lambda _: judged([]),
    lambda _: judged({"match": True}, 204),
    lambda _: httpx2.Response(200, stream=httpx2.ByteStream(b"\xff")),
]


@pytest.mark.parametrize("says", SOUND)
async def test_a_service_that_says_nothing_sound_has_not_answered(
    says: Callable[[Any], httpx2.Response], stage: Stage, autojump_clock: MockClock
) -> None:
    judge = Judge()
    judge.says = says
    moderated(stage, judge, origin=Origin("http", "j.test", 80), target=Secret("/"))
    assert (await stage.ask(chat()).reply()).status == 503
    assert len(judge.asked) == 1


async def test_more_than_can_be_checked_is_not_checked_in_part(
    stage: Stage, autojump_clock: MockClock
) -> None:
    judge = Judge()
    moderated(stage, judge, origin=Origin("http", "j.test", 80), target=Secret("/"))
    long = [{"role": "user", "content": "x" * (MOST_CHECKED + 1)}]
    assert (await stage.ask(chat(messages=long)).reply()).status == 503
    assert judge.asked == []
