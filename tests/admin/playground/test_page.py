"""The playground: who may ask, what a browser is told, and what ends when it leaves."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
from hypercorn import protocol
from hypercorn.config import Config
from hypercorn.trio import serve

from gateway.admin.entry.attempts import Attempts
from gateway.admin.entry.door import Door
from gateway.admin.entry.guard import Guard
from gateway.admin.entry.sessions import Sessions
from gateway.admin.http1 import speak_http_1_1_alone
from gateway.admin.playground.approach import Approach
from gateway.admin.playground.page import MOST_TRIALS, Playground
from gateway.admin.playground.trial import Question
from gateway.admin.routes import Identity, Refusal, Role, Visit
from gateway.admin.site import Site
from gateway.admin.wall import Wall
from gateway.words.secret import Secret
from tests.admin.approaches import approach_at, approach_to
from tests.admin.playground.test_trial import ASKED, CHUNK, HEAD
from tests.process import free_port
from tests.scripted import Link

SOON = 0.25
"""Seconds within which a provider is left; it takes a millisecond or two."""

KEYS = {Role.ADMIN: "a" * 32, Role.VIEWER: "v" * 32, Role.DEVELOPER: "d" * 32}
MODELS = b'{"object":"list","data":[{"id":"m"},{"id":"<b>"}]}'


def site(approach: Approach) -> Site:
    known = [(Secret(key), Identity(role, role.value)) for role, key in KEYS.items()]
    sessions = Sessions(Secret("s" * 32), secure=False)
    guard = Guard(Door(known, loopback_only=True), sessions, Attempts(), frozenset())
    return Site((Playground(approach, ledger=True),), guard, "1.2.3")


def head_of(role: Role) -> Mapping[str, str]:
    return {
        "host": "localhost",
        "authorization": f"Bearer {KEYS[role]}",
        "content-type": "application/json",
    }


async def ask(approach: Approach, role: Role, **more: object) -> tuple[int, bytes]:
    client = site(approach).app().test_client()
    said = json.dumps(ASKED | more)
    response = await client.post("/api/playground", headers=dict(head_of(role)), data=said)
    return response.status_code, await response.get_data(as_text=False)


async def stream(link: Link) -> None:
    await link.request()
    await link.send(HEAD)
    await link.chunk(CHUNK)


async def whole(link: Link) -> None:
    await stream(link)
    await link.chunk(b"")


async def test_an_admin_asks_without_a_key_and_is_told_what_the_provider_says(
    nursery: trio.Nursery,
) -> None:
    approach, _ = await approach_to(nursery, whole)
    status, said = await ask(approach, Role.ADMIN)
    assert (status, said.endswith(CHUNK)) == (200, True)


async def test_a_conversation_may_take_longer_than_what_else_is_answered(
    nursery: trio.Nursery,
) -> None:
    async def slow(link: Link) -> None:
        await stream(link)
        await trio.sleep(0.05)
        await link.chunk(CHUNK, b"")

    approach, _ = await approach_to(nursery, slow)
    app = site(approach).app()
    app.config["RESPONSE_TIMEOUT"] = 0.01
    client = app.test_client()
    headers, said = dict(head_of(Role.ADMIN)), json.dumps(ASKED)
    with trio.fail_after(5):
        response = await client.post("/api/playground", headers=headers, data=said)
        assert (await response.get_data(as_text=False)).count(CHUNK) == 2


async def test_a_developer_asks_with_a_key_of_their_own_and_a_viewer_not_at_all(
    nursery: trio.Nursery,
) -> None:
    approach, server = await approach_to(nursery, whole)
    status, said = await ask(approach, Role.DEVELOPER)
    assert (status, json.loads(said)["error"]["code"]) == (403, "key_required")
    for key in ("", "ngw-mine"):
        assert (await ask(approach, Role.VIEWER, key=key))[0] == 403
    assert server.links == []
    assert (await ask(approach, Role.DEVELOPER, key="ngw-mine"))[0] == 200


async def page(approach: Approach, role: Role) -> str:
    client = site(approach).app().test_client()
    response = await client.get("/playground", headers=dict(head_of(role)))
    assert response.status_code == 200
    return await response.get_data(as_text=True)


async def test_s13_the_page_names_what_an_admin_may_ask_for_and_to_a_developer_nothing(
    nursery: trio.Nursery,
) -> None:
    """S13, S20: and a name is never more than text."""

    async def models(link: Link) -> None:
        await link.request()
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(MODELS), MODELS)

    approach, _ = await approach_to(nursery, models)
    text = await page(approach, Role.ADMIN)
    assert '<option value="m">' in text
    assert "&lt;b&gt;" in text
    assert 'id="key"' not in text
    text = await page(approach, Role.DEVELOPER)
    assert "<option" not in text
    assert 'id="key"' in text


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 5000, b'{"data":[{"id":1}]}', b"\xff"])
async def test_a_list_that_cannot_be_had_is_none(body: bytes, nursery: trio.Nursery) -> None:
    async def odd(link: Link) -> None:
        await link.request()
        await link.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)

    approach, _ = await approach_to(nursery, odd)
    assert "<option" not in await page(approach, Role.ADMIN)
    assert "<option" not in await page(approach_at(free_port()), Role.ADMIN)


@asynccontextmanager
async def served(
    approach: Approach, nursery: trio.Nursery
) -> AsyncIterator[tuple[Playground, int]]:
    """Serve the playground as the admin's process does, on a real socket."""
    before = vars(protocol)["H11Protocol"]
    speak_http_1_1_alone()
    here, over = site(approach), trio.Event()
    place = next(each for each in here._subjects if isinstance(each, Playground))
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.errorlog = None
    config.graceful_timeout = SOON

    async def run(*, task_status: trio.TaskStatus[list[str]]) -> None:
        await serve(Wall(here.app()), config, shutdown_trigger=over.wait, task_status=task_status)

    (bound,) = await nursery.start(run)
    try:
        yield place, int(bound.rpartition(":")[2])
    finally:
        over.set()
        vars(protocol)["H11Protocol"] = before  # other tests want it as it came


async def connected(port: int) -> trio.SocketStream:
    client = await trio.open_tcp_stream("127.0.0.1", port)
    body = json.dumps(ASKED).encode()
    fields = "\r\n".join(f"{name}: {value}" for name, value in head_of(Role.ADMIN).items())
    head = f"POST /api/playground HTTP/1.1\r\n{fields}\r\ncontent-length: {len(body)}\r\n\r\n"
    await client.send_all(head.encode() + body)
    return client


async def read_to(client: trio.SocketStream, mark: bytes) -> bytes:
    said = b""
    with trio.fail_after(2):
        while mark not in said:
            said += await client.receive_some() or pytest.fail(said.decode())
    return said


async def free(place: Playground) -> None:
    with trio.fail_after(2):
        while place._trials:
            await trio.sleep(0.001)


@pytest.mark.parametrize("phase", ["before the head", "before the first byte", "in the middle"])
async def test_a_browser_that_leaves_ends_the_call_within_moments(
    phase: str, nursery: trio.Nursery
) -> None:
    async def answer(link: Link) -> None:
        await link.request()
        if phase != "before the head":
            await link.send(HEAD)
        if phase == "in the middle":
            await link.chunk(CHUNK)

    approach, server = await approach_to(nursery, answer)
    async with served(approach, nursery) as (place, port):
        client = await connected(port)
        link = await server.link(0)
        await link.asked.wait()
        if phase == "in the middle":
            await read_to(client, b"hi")
        left = trio.current_time()
        await client.aclose()
        with trio.fail_after(2):
            await link.gone.wait()
        assert link.saw_at - left < SOON
        await free(place)


async def test_a_stream_that_ends_leaves_the_connection_to_the_next_request(
    nursery: trio.Nursery,
) -> None:
    approach, _ = await approach_to(nursery, whole)
    async with served(approach, nursery) as (place, port):
        client = await connected(port)
        said = await read_to(client, b"\r\n0\r\n\r\n")
        assert b" 200 " in said
        await free(place)
        await client.send_all(b"GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert b" 401 " in await read_to(client, b"}}")
        await client.aclose()


async def test_so_many_conversations_are_open_and_no_more(nursery: trio.Nursery) -> None:
    approach, server = await approach_to(nursery, stream)
    async with served(approach, nursery) as (place, port):
        clients = [await connected(port) for _ in range(MOST_TRIALS)]
        for client in clients:
            await read_to(client, b"hi")
        visit = Visit(Identity(Role.ADMIN, "a"), said=msgspec.convert(ASKED, Question))
        with pytest.raises(Refusal) as caught:
            await place._ask(visit)
        assert (caught.value.status, caught.value.retry_after) == (503, 1)
        for client in clients:
            await client.aclose()
        await free(place)
        for link in server.links:
            await link.gone.wait()
        assert server.open == 0


async def test_who_was_let_in_beside_too_many_others_is_told_and_asks_nobody() -> None:
    place = Playground(approach_at(1))
    visit = Visit(Identity(Role.ADMIN, "a"), said=msgspec.convert(ASKED, Question))
    bodies: list[Any] = [(await place._ask(visit)).response for _ in range(MOST_TRIALS + 1)]
    async with AsyncExitStack() as stack:
        entered = [await stack.enter_async_context(each) for each in bodies]
        assert b'"code":"overloaded"' in await anext(aiter(entered[-1]))
    assert place._trials == 0


def test_what_is_never_sent_counts_for_nothing() -> None:
    place = Playground(approach_at(1))
    visit = Visit(Identity(Role.ADMIN, "a"), said=msgspec.convert(ASKED, Question))

    async def made() -> Any:
        return [await place._ask(visit) for _ in range(MOST_TRIALS + 1)]

    assert len(trio.run(made)) == MOST_TRIALS + 1
