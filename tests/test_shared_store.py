"""Two gateways and one store: rests, kept answers and limits that are in common."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from tests.process import Gateway, gateway
from tests.rows_client import Told, ask, request
from tests.scripted import Scripted, listen
from tests.store.real_store import RealStore, real_store, until
from tests.test_provider_fails import SAID, WHOLE, Speaker
from tests.test_provider_rows import answer, told

CONFIG = """
[defaults]
retries = 0
cooldown = {{ failures = 2, window = 30.0, rest = 20.0 }}
[store]
shared = "{store}"
[providers.up]
kind = "openai"
base_url = "http://127.0.0.1:{up}/v1"
models = ["m", "kept", "few"]
[providers.spare]
kind = "openai"
base_url = "http://127.0.0.1:{spare}/v1"
models = ["n"]
[models.kept]
cache = {{ ttl = 60.0 }}
[models.few]
limits = {{ requests_per_minute = 3 }}
[fallbacks]
m = "n"
"""


@dataclass
class Place:
    """Two gateways with one store, and their providers."""

    one: Gateway
    two: Gateway
    store: RealStore
    up: Speaker
    spare: Speaker
    listening: Scripted


@pytest.fixture
async def place(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[Place]:
    up, spare = Speaker(), Speaker()
    listening, other = await listen(nursery, up), await listen(nursery, spare)
    with ExitStack() as stack:
        store = stack.enter_context(real_store())
        await store.start()
        config = CONFIG.format(store=store.url, up=listening.port, spare=other.port)
        running = []
        for name in ("one", "two"):
            folder = tmp_path / name
            folder.mkdir()
            running.append(stack.enter_context(gateway(folder, config)))
        await until(lambda: store.clients() == len(running))
        yield Place(running[0], running[1], store, up, spare, listening)
    nursery.cancel_scope.cancel()


async def asked(real: Gateway, model: str = "m") -> Told:
    return await ask(real, request(model=model))


async def test_a_home_that_fails_for_one_rests_for_all(place: Place) -> None:
    place.up.say(*[answer("500 Oh", told("no", "a"))] * 2)
    place.spare.say(*[WHOLE] * 3)
    for _ in range(2):
        assert (await asked(place.one)).body == SAID
    with trio.fail_after(5):
        while True:
            place.spare.say(WHOLE)
            place.up.say(WHOLE)
            reply = await asked(place.two)
            assert reply.body == SAID
            if b"up/m" not in reply.fields[b"x-gateway-attempts"]:
                break
    assert place.up.asked_at == []


async def test_an_answer_that_one_has_kept_is_given_by_the_other(place: Place) -> None:
    place.up.say(WHOLE)
    first = await asked(place.one, "kept")
    assert (first.fields[b"x-gateway-cache"], first.body) == (b"miss", SAID)
    await until(lambda: b"gateway:" in place.store.say(b"KEYS", b"*"))
    again = await asked(place.two, "kept")
    assert (again.fields[b"x-gateway-cache"], again.body) == (b"hit", SAID)
    assert len(place.up.asked_at) == 1


async def test_a_limit_holds_for_all_gateways_together(place: Place) -> None:
    place.up.say(*[WHOLE] * 3)
    left = []
    for real in (place.one, place.two, place.one):
        reply = await asked(real, "few")
        assert reply.body == SAID
        left.append(reply.fields[b"x-ratelimit-remaining-requests"])
    assert left == [b"2", b"1", b"0"]
    refused = await asked(place.two, "few")
    assert (refused.status, refused.error["code"]) == (429, "rate_limit_exceeded")
    assert "the limit of this model" in refused.error["message"].lower()
    assert 1 <= int(refused.fields[b"retry-after"]) <= 20


async def test_without_the_store_each_goes_by_what_it_knows(place: Place) -> None:
    place.store.kill()
    place.up.say(WHOLE, WHOLE)
    for real in (place.one, place.two):
        reply = await asked(real, "kept")
        assert (reply.body, reply.seconds < 0.5) == (SAID, True)
    with trio.fail_after(5):
        while not place.one.lines("shared store away, going on locally"):
            await trio.sleep(0.01)
