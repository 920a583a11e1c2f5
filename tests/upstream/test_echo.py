"""The built-in model, in virtual time."""

import json

import httpx2
import pytest
import trio

from gateway.upstream import echo
from gateway.upstream.echo import MAX_WORDS, NOTHING_SAID, EchoTransport
from gateway.upstream.stream import DirectStream


def body(text: object = "one two three", **fields: object) -> dict[str, object]:
    return {"model": "echo", "messages": [{"role": "user", "content": text}], **fields}


async def ask(
    transport: EchoTransport, said: dict[str, object] | bytes, host: str = "echo"
) -> tuple[int, str, DirectStream]:
    content = said if isinstance(said, bytes) else json.dumps(said).encode()
    request = httpx2.Request("POST", f"echo://{host}:0/chat/completions", content=content)
    response = await transport.handle_async_request(request)
    assert isinstance(response.stream, DirectStream)
    return response.status_code, response.headers["content-type"], response.stream


async def listen(stream: DirectStream) -> list[tuple[float, bytes]]:
    """Return what is said, and when."""
    began = trio.current_time()
    said = []
    while part := await stream.receive_some():
        said.append((round(trio.current_time() - began, 6), part))
    return said


def texts(wire: bytes) -> list[str]:
    events = [event.removeprefix(b"data: ") for event in wire.split(b"\n\n") if event]
    assert events[-1] == b"[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    assert len({chunk["id"] for chunk in chunks}) == 1
    return [choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]]


async def test_it_says_the_same_word_by_word_at_its_pace(
    autojump_clock: trio.testing.MockClock,
) -> None:
    transport = EchoTransport(words_per_second=10.0)
    status, kind, stream = await ask(transport, body(stream=True))
    said = await listen(stream)
    assert (status, kind) == (200, "text/event-stream; charset=utf-8")
    assert [when for when, _ in said] == [0.1, 0.2, 0.3]
    assert "".join(texts(b"".join(part for _, part in said))) == "one two three"
    assert b'"finish_reason":"stop"' in said[-1][1]
    assert b'"usage"' not in said[-1][1]


async def test_it_tells_usage_where_that_is_asked_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    _, _, stream = await ask(
        EchoTransport(), body(stream=True, stream_options={"include_usage": True})
    )
    last = (await listen(stream))[-1][1]
    usage = json.loads(last.split(b"\n\n")[-3].removeprefix(b"data: "))
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == 3


async def test_a_slow_listener_hears_what_is_due_together_and_the_pace_does_not_drift(
    autojump_clock: trio.testing.MockClock,
) -> None:
    transport = EchoTransport(words_per_second=10.0)
    _, _, stream = await ask(transport, body("a b c d e f", stream=True))
    assert b'"a "' in await stream.receive_some()
    await trio.sleep(0.25)
    assert texts(await stream.receive_some() + b"data: [DONE]\n\n") == ["b ", "c "]
    began = trio.current_time()
    assert texts(await stream.receive_some() + b"data: [DONE]\n\n") == ["d "]
    assert trio.current_time() - began == pytest.approx(0.05)


async def test_in_one_piece_it_takes_as_long(autojump_clock: trio.testing.MockClock) -> None:
    began = trio.current_time()
    status, kind, stream = await ask(EchoTransport(words_per_second=10.0), body())
    assert trio.current_time() - began == pytest.approx(0.3)
    ((_, whole),) = await listen(stream)
    answer = json.loads(whole)
    assert (status, kind) == (200, "application/json")
    assert answer["choices"][0]["message"]["content"] == "one two three"
    assert answer["usage"]["total_tokens"] == 6


async def test_each_provider_and_each_request_may_have_its_own_pace(
    autojump_clock: trio.testing.MockClock,
) -> None:
    transport = EchoTransport(1.0, {"quick": 10.0})
    for host, fields, seconds in (
        ("echo", {}, 3.0),
        ("quick", {}, 0.3),
        ("quick", {"words_per_second": 100}, 0.03),
    ):
        began = trio.current_time()
        await ask(transport, body(**fields), host)
        assert trio.current_time() - began == pytest.approx(seconds)


async def test_ids_differ_and_the_time_is_handed_in(autojump_clock: trio.testing.MockClock) -> None:
    transport = EchoTransport(now=lambda: 1_700_000_000_500_000_000)
    ids = set()
    for _ in range(2):
        _, _, stream = await ask(transport, body())
        answer = json.loads((await listen(stream))[0][1])
        ids.add(answer["id"])
        assert answer["created"] == 1_700_000_000
    assert len(ids) == 2


@pytest.mark.parametrize("said", [body(""), {"messages": []}, body([{"type": "image_url"}])])
async def test_to_nothing_it_has_something_friendly_to_say(
    said: dict[str, object], autojump_clock: trio.testing.MockClock
) -> None:
    _, _, stream = await ask(EchoTransport(), {**said, "stream": True})
    wire = b"".join(part for _, part in await listen(stream))
    assert "".join(texts(wire)) == NOTHING_SAID


async def test_parts_of_text_are_joined(autojump_clock: trio.testing.MockClock) -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    _, _, stream = await ask(EchoTransport(), body(parts))
    whole = json.loads((await listen(stream))[0][1])
    assert whole["choices"][0]["message"]["content"] == "one\ntwo"


async def test_it_does_not_talk_for_ever(autojump_clock: trio.testing.MockClock) -> None:
    _, _, stream = await ask(
        EchoTransport(), body("a " * (MAX_WORDS + 1), stream=True, words_per_second=100_000)
    )
    wire = b"".join(part for _, part in await listen(stream))
    assert "".join(texts(wire)) == "a " * MAX_WORDS
    assert b'"finish_reason":"length"' in wire


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 10_000,
        b'{"messages": 1}',
        json.dumps(body(words_per_second=0)).encode(),
        json.dumps(body(words_per_second=1e9)).encode(),
        json.dumps(body(words_per_second="fast")).encode(),
    ],
)
async def test_what_it_cannot_read_it_refuses(said: bytes) -> None:
    status, kind, stream = await ask(EchoTransport(), said)
    ((_, wire),) = await listen(stream)
    error = json.loads(wire)["error"]
    assert (status, kind) == (400, "application/json")
    assert error["type"] == "invalid_request_error"
    assert "echo" in error["message"]


@pytest.mark.parametrize("stream", [True, False])
async def test_it_may_be_left_at_any_time(
    autojump_clock: trio.testing.MockClock, *, stream: bool
) -> None:
    with trio.move_on_after(0.15) as scope:
        _, _, answer = await ask(EchoTransport(words_per_second=10.0), body(stream=stream))
        await listen(answer)
    assert scope.cancelled_caught


async def test_a_closed_answer_says_no_more(autojump_clock: trio.testing.MockClock) -> None:
    for fields in ({"stream": True}, {}):
        _, _, stream = await ask(EchoTransport(), body(**fields))
        stream.park()
        stream.close()
        assert await stream.receive_some() == b""


async def test_httpx2_may_listen_as_well(autojump_clock: trio.testing.MockClock) -> None:
    async with httpx2.AsyncClient(transport=EchoTransport(), trust_env=False) as client:
        response = await client.post("echo://echo:0/", json=body(stream=True))
    assert texts(response.content) == ["", "one ", "two ", "three", ""]


def test_the_pace_of_the_options_is_the_default_pace() -> None:
    from gateway.providers.echo import Options

    assert Options().words_per_second == echo.WORDS_PER_SECOND
