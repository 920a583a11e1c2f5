"""One call from the playground: what is asked, and what is told of the answer."""

import json
from typing import Any

import msgspec
import pytest
import trio

from gateway.admin.playground.trial import MOST_ANSWER_BYTES, Question, Trial, tag_of
from gateway.admin.routes import Identity, Role
from tests.admin.approaches import KEY, approach_at, approach_to
from tests.process import free_port
from tests.scripted import Link, Received

ADA = Identity(Role.ADMIN, "ada@example.com")
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nX-Request-Id: req_7\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
CHUNK = b'data: {"choices":[{"delta":{"content":"<b>hi</b>"}}]}\n\n'
ASKED = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def question(**more: object) -> Question:
    return msgspec.convert(ASKED | more, Question)


async def told(trial: Trial) -> bytes:
    said = b""
    while part := await trial.next():
        said += part
    trial.close()
    return said


def first(said: bytes) -> tuple[str, dict[str, Any]]:
    """Return name and data of the first event."""
    name, data = said.lstrip().split(b"\n\n", 1)[0].split(b"\n", 1)
    return name.decode().removeprefix("event: "), json.loads(data.removeprefix(b"data: "))


async def test_the_events_of_the_provider_come_as_they_are_behind_one_of_ours(
    nursery: trio.Nursery,
) -> None:
    seen: list[Received] = []

    async def answer(link: Link) -> None:
        seen.append(await link.request())
        await link.send(HEAD)
        await link.chunk(CHUNK, b"data: [DONE]\n\n", b"")

    approach, _ = await approach_to(nursery, answer)
    said = await told(Trial(approach, question(), ADA))
    assert first(said) == ("answer", {"status": 200, "request_id": "req_7", "attempts": ""})
    assert said.endswith(CHUNK + b"data: [DONE]\n\n")
    assert seen[0].line == b"POST /v1/chat/completions HTTP/1.1"
    assert seen[0].values(b"x-gateway-key") == [KEY.encode()]
    assert seen[0].values(b"x-gateway-tags") == [b"by:ada@example.com"]
    assert seen[0].values(b"authorization") == []
    asked = ASKED | {"stream": True, "stream_options": {"include_usage": True}}
    assert json.loads(seen[0].body) == asked


async def test_a_key_of_ones_own_is_shown_and_settings_are_passed_on(
    nursery: trio.Nursery,
) -> None:
    seen: list[Received] = []

    async def answer(link: Link) -> None:
        seen.append(await link.request())
        await link.send(b"HTTP/1.1 401 No\r\nContent-Length: 4\r\n\r\nno\xff!")

    approach, _ = await approach_to(nursery, answer)
    asked = question(key="ngw-mine", temperature=0.5, max_tokens=9)
    said = await told(Trial(approach, asked, ADA))
    name, data = first(said)
    assert (name, data["status"], data["body"]) == ("failure", 401, "no\ufffd!")
    assert seen[0].values(b"x-gateway-key") == [b"ngw-mine"]
    assert (seen[0].head + seen[0].body).count(b"ngw-mine") == 1  # and in no tag
    body = json.loads(seen[0].body)
    assert (body["temperature"], body["max_tokens"], "key" in body) == (0.5, 9, False)


async def test_an_answer_that_breaks_off_and_one_that_never_comes_are_told_as_events(
    nursery: trio.Nursery,
) -> None:
    async def break_off(link: Link) -> None:
        await link.request()
        await link.send(HEAD)
        await link.chunk(b"data: {half")
        link.rst()

    approach, _ = await approach_to(nursery, break_off)
    said = await told(Trial(approach, question(), ADA))
    assert said.count(b"\n\nevent: failure\n") == 1
    name, data = first(await told(Trial(approach_at(free_port()), question(), ADA)))
    assert (name, data["status"], data["code"]) == ("failure", 502, "unreachable")


async def test_an_answer_without_an_end_has_one_here(nursery: trio.Nursery) -> None:
    async def flood(link: Link) -> None:
        await link.request()
        await link.send(HEAD)
        while True:
            await link.chunk(b"data: x\n\n" * 7000)

    approach, server = await approach_to(nursery, flood)
    with trio.fail_after(10):
        said = await told(Trial(approach, question(), ADA))
    assert MOST_ANSWER_BYTES // 2 < len(said) < MOST_ANSWER_BYTES + 1000
    assert b'"code":"answer_too_long"' in said
    with trio.fail_after(1):
        await (await server.link(0)).gone.wait()


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": ""},
        {"model": "m" * 257},
        {"messages": []},
        {"messages": [{"role": "tool", "content": ""}]},
        {"temperature": 3},
        {"max_tokens": 0},
        {"key": "a b"},
        {"key": "a\r\nx: y"},
        {"key": "a\n"},
        {"key": "é"},
        {"stream": False},
        {"base_url": "http://169.254.169.254"},
    ],
)
def test_what_no_question_may_say_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        question(**wrong)


def test_whoever_asks_has_a_tag_that_the_ledger_takes() -> None:
    assert tag_of(ADA) == b"by:ada@example.com"
    assert tag_of(Identity(Role.ADMIN, "admin key")) == b"by:admin_key"
    hostile = tag_of(Identity(Role.DEVELOPER, "\u202ex\r\ny, z" * 40))
    assert hostile.isascii()
    assert len(hostile) <= 64
    assert b"\n" not in hostile
    assert b"," not in hostile
