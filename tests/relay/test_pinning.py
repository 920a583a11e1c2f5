"""Calls that go on from what a provider keeps. In memory, in virtual time."""

import json
from dataclasses import replace

import httpx2
import pytest
from trio.testing import MockClock

from gateway.policy.areas import Ways
from gateway.policy.keys import Keyring
from gateway.words.secret import Secret
from tests.caller import Reply
from tests.stage import COMPLETION, KEY, Stage, answer, get, post
from tests.test_virtual_keys import OTHER, PEPPER, SECRET, record

pytest_plugins = ("tests.onstage",)

RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "m-1",
    "output": [],
    "store": True,
    "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
}
SAID = json.dumps(RESPONSE).encode()
ANOTHER = json.dumps({**RESPONSE, "id": "resp_2"}).encode()
ADA, BEN = f"Authorization: Bearer {SECRET}", f"Authorization: Bearer {OTHER}"


@pytest.fixture
def keeping(stage: Stage) -> Stage:
    """Have two callers, and two providers that keep responses."""
    stage.homes = ["up", "over"]
    stage.also = ("raw", "responses")
    stage.keyring = Keyring([record("ada", SECRET), record("ben", OTHER)], {}, {}, PEPPER)

    def ways() -> Ways:
        every = {name: replace(stage.target(name), key=Secret(KEY)) for name in stage.homes}
        return Ways({}, every)

    stage.ways = ways
    return stage


async def ask(stage: Stage, key: str, **fields: object) -> Reply:
    body = json.dumps({"model": "m", "input": "Hi", **fields}).encode()
    return await stage.ask(post(body, key, path="/v1/responses")).reply()


async def test_a_response_is_gone_on_from_at_its_own_provider(
    keeping: Stage, autojump_clock: MockClock
) -> None:
    keeping.refuse(httpx2.ConnectError("down"), "up")
    keeping.provider(answer(200, SAID), at="over").then(answer(200, ANOTHER))
    assert (await ask(keeping, ADA)).status == 200
    reply = await ask(keeping, ADA, previous_response_id="resp_1")
    assert json.loads(reply.body)["id"] == "resp_2"
    assert [origin.host for origin in keeping.dialled] == ["up.test", "over.test"]
    await keeping.strike()


async def test_api1_what_is_anothers_is_told_as_what_nobody_knows(
    keeping: Stage, autojump_clock: MockClock
) -> None:
    """API1."""
    keeping.provider(answer(200, SAID))
    assert (await ask(keeping, ADA)).status == 200
    theirs = await ask(keeping, BEN, previous_response_id="resp_1")
    nobodys = await ask(keeping, BEN, previous_response_id="resp_x")
    for reply in (theirs, nobodys):
        assert reply.status == 400
        assert reply.error["code"] == "previous_response_not_found"
        assert reply.error["param"] == "previous_response_id"
    words = [reply.error["message"] for reply in (theirs, nobodys)]
    assert words[0] == words[1].replace("resp_x", "resp_1")
    for method in ("GET", "DELETE"):
        request = get("/v1/responses/resp_1", BEN, method=method)
        assert (await keeping.ask(request).reply()).status == 404
    await keeping.strike()


async def test_a_model_that_the_keeper_does_not_have_is_refused(
    keeping: Stage, autojump_clock: MockClock
) -> None:
    keeping.offered = {"over": {"other": "o-1"}}
    keeping.provider(answer(200, SAID), at="up")
    assert (await ask(keeping, ADA)).status == 200
    reply = await ask(keeping, ADA, model="other", previous_response_id="resp_1")
    assert (reply.status, reply.error["param"]) == (400, "model")


async def test_what_a_chat_has_answered_is_kept_by_nobody(
    keeping: Stage, autojump_clock: MockClock
) -> None:
    keeping.also = ("raw",)
    keeping.provider(answer(200, COMPLETION))
    reply = await ask(keeping, ADA)
    said = json.loads(reply.body)
    assert (said["store"], said["id"]) == (False, "resp_c1")
    again = await ask(keeping, ADA, conversation=said["id"])
    assert (again.status, again.error["param"]) == (400, "conversation")
    shown = await keeping.ask(get("/v1/responses/resp_c1", ADA)).reply()
    assert (shown.status, shown.error["code"]) == (404, "object_not_found")


async def test_two_keepers_are_one_too_many(keeping: Stage, autojump_clock: MockClock) -> None:
    keeping.provider(answer(200, SAID), at="up")
    assert (await ask(keeping, ADA)).status == 200
    objects = keeping.current.house.objects
    owned = await objects.owner_of("resp_1")
    assert owned is not None
    await objects.claim("conversation", ["conv_1"], "over", owned.scope)
    reply = await ask(keeping, ADA, previous_response_id="resp_1", conversation={"id": "conv_1"})
    assert reply.status == 400
    assert "different providers" in reply.error["message"]
