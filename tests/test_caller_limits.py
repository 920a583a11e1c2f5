"""Limits of a key and its team, seen by who holds the key. In memory, in virtual time."""

import json
from math import inf

import pytest
import trio
from trio.testing import MockClock

from gateway.policy.keys import KeyRecord, Keyring, Team, digest_of
from gateway.policy.limits import Limiter
from gateway.relay.gate import LocalGate
from gateway.words.caller import Limits
from gateway.words.target import Conduct
from tests.caller import Caller
from tests.stage import COMPLETION, STREAM_HEAD, Stage, answer, chat, chunk, event, get

pytest_plugins = ("tests.onstage",)

PEPPER = b"a pepper of a test"
SECRET, OTHER = "ngw-" + "a" * 43, "ngw-" + "b" * 43


def limit(stage: Stage, key: Limits, team: Limits | None = None) -> None:
    """Have two keys with these limits, both of one team."""
    records = [
        KeyRecord(name, digest_of(secret.encode(), PEPPER), team="t", limits=key)
        for name, secret in (("one", SECRET), ("two", OTHER))
    ]
    stage.keyring = Keyring(records, {"t": Team(limits=team or Limits())}, {}, PEPPER)


def ask(stage: Stage, secret: str = SECRET, **more: object) -> Caller:
    return stage.ask(chat(f"x-api-key: {secret}", **{"stream": False, **more}))  # type: ignore[arg-type]


@pytest.fixture
def answering(stage: Stage) -> Stage:
    """Have a provider that answers as often as it is asked."""
    provider = stage.provider(answer(200, COMPLETION, b"x-ratelimit-limit-requests: 9999"))
    for _ in range(20):
        provider.then(answer(200, COMPLETION))
    return stage


async def test_more_requests_in_a_minute_than_a_key_may_are_refused_until_there_is_room(
    answering: Stage, autojump_clock: MockClock
) -> None:
    limit(answering, Limits(requests_per_minute=2))
    first = await ask(answering).reply()
    assert first.get("x-ratelimit-limit-requests") == "2"
    assert first.get("x-ratelimit-remaining-requests") == "1"
    assert (await ask(answering).reply()).status == 200
    refused = await ask(answering).reply()
    assert (refused.status, refused.error["code"]) == (429, "rate_limit_exceeded")
    assert refused.get("x-ratelimit-remaining-requests") == "0"
    wait = float(refused.get("retry-after-ms") or inf) / 1000
    assert 0 < wait < 30.1
    assert (await ask(answering, OTHER).reply()).status == 200, "another key has its own"
    await trio.sleep(wait)
    assert (await ask(answering).reply()).status == 200


async def test_a_teams_limit_is_for_all_its_keys_together(
    answering: Stage, autojump_clock: MockClock
) -> None:
    limit(answering, Limits(), Limits(requests_per_minute=1))
    assert (await ask(answering).reply()).status == 200
    refused = await ask(answering, OTHER).reply()
    assert (refused.status, "team" in refused.error["message"]) == (429, True)


async def test_tokens_are_reserved_as_an_estimate_and_settled_as_they_were(
    answering: Stage, autojump_clock: MockClock
) -> None:
    limit(answering, Limits(tokens_per_minute=1000))
    assert (await ask(answering, max_tokens=900).reply()).status == 200
    again = await ask(answering, max_tokens=900).reply()
    assert again.status == 200, "the first took five"
    never = await ask(answering, max_tokens=5000).reply()
    assert (never.status, never.get("x-should-retry")) == (429, "false")


@pytest.mark.parametrize("way", ["fin", "rst"])
async def test_a_place_is_free_as_soon_as_its_client_has_left(
    stage: Stage, way: str, autojump_clock: MockClock
) -> None:
    """C1 in part: the lease ends with its call."""
    limit(stage, Limits(concurrency=1))
    for _ in range(3):
        stage.provider(STREAM_HEAD, chunk(event("a")))
        caller = ask(stage, stream=True)
        assert (await caller.read(40)).startswith(b"HTTP/1.1 200 ")
        refused = await ask(stage).reply()
        assert (refused.status, "at once" in refused.error["message"]) == (429, True)
        caller.leave(way)
        await stage.calls.ended()


async def test_however_a_call_ends_nothing_is_held(stage: Stage, autojump_clock: MockClock) -> None:
    limit(stage, Limits(requests_per_minute=1000, tokens_per_minute=10**6, concurrency=1))
    stage.conduct = Conduct(retries=0, cache_ttl=10.0)
    provider = stage.provider(answer(500, b"no")).then(answer(400, b"no"))
    provider.then(answer(200, COMPLETION))
    for status in (500, 400, 200, 200):
        assert (await ask(stage).reply()).status == status
    assert (await ask(stage, model="nobody").reply()).status == 404
    assert (await ask(stage, messages=[]).reply()).status == 400
    kept = await ask(stage).reply()
    assert (kept.status, kept.get("x-gateway-cache")) == (200, "hit")


@pytest.mark.parametrize(("mode", "status"), [("local", 200), ("open", 200), ("closed", 503)])
async def test_readiness_says_that_those_who_count_together_are_away(
    stage: Stage, mode: str, status: int, autojump_clock: MockClock
) -> None:
    stage.gate = Away(mode)
    reply = await stage.ask(get("/readyz")).reply()
    told = json.loads(reply.body)
    assert (reply.status, told["shared_store"], told["mode"]) == (status, "away", mode)


class Away(LocalGate):
    """A gate whose store is away."""

    away = True

    def __init__(self, mode: str) -> None:
        super().__init__(Limiter(), trio.current_time)
        self.mode = mode
