"""One provider: its keys, its list, and what is told of either. No completion is ever asked for."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest
import trio

from gateway.commands.diagnosis.provider import MOST_KEYS, Tools, look_at
from gateway.commands.diagnosis.verdict import Level, Verdict
from gateway.commands.diagnosis.witness import Witness
from gateway.config.homes import homes_of
from gateway.upstream.dial import Dialer, tls_context
from gateway.upstream.grants import Seams
from gateway.upstream.probe import client_on
from gateway.upstream.transport import Transport
from tests.config.texts import load
from tests.scripted import Link, Received, Scripted, listen

GOOD = "sk-good-0123456789abcdef"
ENVIRON = {"KEY": GOOD, "BAD": "sk-bad-0123456789abcdef"}


@dataclass
class World:
    """A provider that lists models, and who looks at it."""

    folder: Path
    nursery: trio.Nursery
    transport: Transport = field(default_factory=lambda: Transport(Dialer().connect))
    status: int = 200
    listed: Sequence[str] = ("gpt-5", "gpt-5-mini", "llama3:latest")
    body: bytes = b""
    wants: bytes | None = None
    together: int = 1
    """So many requests must be there before any is answered."""
    there: trio.Event = field(default_factory=trio.Event)
    heard: list[Received] = field(default_factory=list)
    server: Scripted | None = None

    async def script(self, link: Link) -> None:
        while True:
            request = await link.request()
            self.heard.append(request)
            if len(self.heard) >= self.together:
                self.there.set()
            await self.there.wait()
            body = json.dumps({"data": [{"id": name} for name in self.listed]}).encode()
            status = self.status
            shown = [*request.values(b"authorization"), *request.values(b"api-key")]
            if self.wants is not None and shown != [self.wants]:
                status, body = 401, b'{"error": {"message": "sk-good-0123456789abcdef"}}'
            body = self.body or body
            head = b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
            await link.send(head, body)

    async def look(self, text: str, kind: str = "openai", path: str = "/v1") -> list[Verdict]:
        """Look at a provider with such a table."""
        if self.server is None:
            self.server = await listen(self.nursery, self.script)
        base_url = f'base_url = "http://127.0.0.1:{self.server.port}{path}"\n'
        table = f'[providers.up]\nkind = "{kind}"\n{base_url}{text}\n'
        config = load(table, self.folder, ENVIRON)
        homes = homes_of(config)
        witness = Witness(self.transport, lambda: 0.0)
        seams = Seams(lambda: 0.0, lambda: 0.5, lambda *_: None, self.folder)
        tools = Tools(
            *(client_on(witness), witness, cache(tls_context), lambda: 0.0),
            grants=homes.grants,
            seams=seams,
        )
        offer = next(each for each in homes.offers if each.provider == "up")
        found = await look_at(offer, tools)
        said = " ".join(each.seen + each.remedy for each in found)
        assert not any(secret in said for secret in ENVIRON.values())
        assert all(each.remedy for each in found if each.level in {Level.WARN, Level.FAIL})
        assert all(each.line.startswith(b"GET ") for each in self.heard)
        return found


@pytest.fixture
async def world(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[World]:
    world = World(tmp_path, nursery)
    yield world
    world.transport.pool.close_unused()
    nursery.cancel_scope.cancel()


def short(found: Sequence[Verdict]) -> list[tuple[str, Level]]:
    return [(each.check, each.level) for each in found]


async def test_a_key_that_is_accepted_and_names_that_are_listed_are_well(world: World) -> None:
    world.wants = b"Bearer " + GOOD.encode()
    models = 'models = { fast = "gpt-5-mini", local = "llama3" }'
    found = await world.look(f'api_key = {{ env = "KEY" }}\n{models}')
    assert short(found) == [("tcp", Level.OK), ("key", Level.OK), ("models", Level.OK)]
    assert found[1].seen.startswith("accepted; lists 3 models, in ")
    assert found[2].seen == "2 names of ours, all in its list"
    # Once with the key and once without, which tells whether the list says anything of a key.
    assert [each.line for each in world.heard] == [b"GET /v1/models HTTP/1.1"] * 2


async def test_a_name_that_is_not_listed_is_warned_of_with_the_nearest(world: World) -> None:
    names = ["gpt-5", "gtp-5-mini", *(f"x{number}" for number in range(9))]
    found = await world.look(f"models = {json.dumps(names)}")
    assert short(found)[2] == ("models", Level.WARN)
    assert found[2].seen == (
        "not in its list: gtp-5-mini (near: gpt-5-mini), x0, x1, x2, x3, and 5 more"
    )


async def test_each_of_several_keys_is_tried_and_the_refused_one_is_named(world: World) -> None:
    world.wants = b"Bearer " + GOOD.encode()
    found = await world.look('api_keys = [{ env = "KEY" }, { env = "BAD" }]\nmodels = "*"')
    assert short(found) == [
        ("tcp", Level.OK),
        ("key 1", Level.OK),
        ("key 2", Level.FAIL),
        ("models", Level.OK),
    ]
    assert found[2].seen == "refused (401)"
    many = ", ".join(['{ env = "KEY" }'] * (MOST_KEYS + 3))
    found = await world.look(f'api_keys = [{many}]\nmodels = "*"')
    assert len(world.heard) == 2 + MOST_KEYS + 2
    assert ("keys", Level.SKIPPED) in short(found)


async def test_all_keys_are_tried_at_once_and_each_is_judged_by_its_own_answer(
    world: World,
) -> None:
    world.wants, world.together, world.status = b"Bearer " + GOOD.encode(), 3, 503
    with trio.fail_after(1):
        found = await world.look('api_keys = [{ env = "KEY" }, { env = "BAD" }]\nmodels = "*"')
    assert "answered 503" in found[1].seen
    assert found[2].seen == "refused (401)"


async def test_who_lists_to_anybody_says_nothing_of_a_key(world: World) -> None:
    found = await world.look('api_key = { env = "BAD" }\nmodels = ["gpt-5"]')
    assert short(found)[1:] == [("key", Level.SKIPPED), ("models", Level.OK)]
    assert "also to who shows no key" in found[1].seen


async def test_a_check_that_has_little_time_left_tells_what_it_has_found(world: World) -> None:
    world.together = 9
    with trio.move_on_after(0.25):
        found = await world.look('models = ["gpt-5"]')
    assert short(found) == [("tcp", Level.OK), ("key", Level.FAIL), ("models", Level.SKIPPED)]


async def test_a_provider_that_wants_a_key_and_is_shown_none_is_told(world: World) -> None:
    world.wants = b"Bearer " + GOOD.encode()
    found = await world.look('models = ["gpt-5"]')
    assert short(found)[1:] == [("key", Level.FAIL), ("models", Level.SKIPPED)]
    assert found[1].seen == "it wants a key (401), and is shown none"


async def test_google_refuses_a_key_by_400(world: World) -> None:
    world.status = 400
    found = await world.look('api_key = { env = "KEY" }', "gemini", "/v1beta")
    assert (found[1].level, found[1].seen) == (Level.FAIL, "refused (400)")
    assert world.heard[0].line == b"GET /v1beta/models?pageSize=1000 HTTP/1.1"
    found = await world.look('api_key = { env = "KEY" }\nmodels = "*"')
    assert "answered 400 when asked for its models" in found[1].seen


@pytest.mark.parametrize(
    ("status", "level"),
    [
        *((404, Level.SKIPPED), (405, Level.SKIPPED), (503, Level.FAIL)),
        *((402, Level.WARN), (403, Level.WARN), (429, Level.WARN)),
    ],
)
async def test_what_comes_in_place_of_a_list_is_judged(
    world: World, status: int, level: Level
) -> None:
    world.status = status
    found = await world.look('api_key = { env = "KEY" }\nmodels = ["gpt-5"]')
    assert world.heard
    assert short(found)[1:] == [("key", level), ("models", Level.SKIPPED)]
    assert str(status) in found[1].seen


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"a":' * 900, b'{"data": [{"id": 7}]}'])
async def test_what_is_no_list_is_told(world: World, body: bytes) -> None:
    world.body = body
    found = await world.look('api_key = { env = "KEY" }\nmodels = "*"')
    assert short(found)[1] == ("key", Level.FAIL)
    assert "base_url" in found[1].remedy


async def test_a_caller_s_own_key_is_not_ours_to_try(world: World) -> None:
    found = await world.look('api_key = "client"\nmodels = ["gpt-5"]')
    assert short(found) == [("tcp", Level.OK), ("key", Level.SKIPPED)]
    assert world.heard == []


async def test_azure_is_asked_with_its_version_and_lists_no_deployments(world: World) -> None:
    world.wants = GOOD.encode()
    table = 'api_key = { env = "KEY" }\napi_version = "2024-10-21"\nmodels = { a = "prod" }'
    found = await world.look(table, "azure", "")
    assert world.heard[0].line == b"GET /openai/models?api-version=2024-10-21 HTTP/1.1"
    assert [GOOD.encode()] in [each.values(b"api-key") for each in world.heard]
    assert short(found)[1:] == [("key", Level.OK), ("models", Level.SKIPPED)]


async def test_bedrock_has_its_credentials_looked_for_and_is_asked_nothing(world: World) -> None:
    pair = 'access_key_id = "AKIDEXAMPLE"\nsecret_access_key = { env = "KEY" }'
    region = 'region = "eu-central-1"\nmodels = ["anthropic.claude"]'
    found = await world.look(f"{pair}\n{region}", "bedrock", "")
    assert short(found) == [("tcp", Level.OK), ("key", Level.OK)]
    assert found[1].seen.startswith("credentials were had")
    found = await world.look(f'api_key = {{ env = "KEY" }}\n{region}', "bedrock", "")
    assert short(found)[1] == ("key", Level.SKIPPED)
    assert world.heard == []


async def test_credentials_that_cannot_be_fetched_are_told_with_the_reason(world: World) -> None:
    table = 'project = "p"\ncredentials_file = "gone.json"\nmodels = ["gemini-3"]'
    found = await world.look(table, "vertex", "/v1")
    assert short(found)[1:] == [("key", Level.FAIL), ("models", Level.SKIPPED)]
    assert found[1].seen.startswith("no credentials: ")
    assert "gone.json" in found[1].seen


async def test_the_built_in_model_needs_nobody(tmp_path: Path) -> None:
    (offer,) = homes_of(load("[providers.echo]\n", tmp_path)).offers
    found = await look_at(offer, None)  # type: ignore[arg-type]  # nothing of it is needed
    assert short(found) == [("built in", Level.OK)]
