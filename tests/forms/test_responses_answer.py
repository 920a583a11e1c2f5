"""A chat's answers told in the Responses form, each golden stream cut at every byte.

In `tests/wire/responses/`: NAME.sse is what a provider of chats sends, NAME.asked.json what the
client asked beside its input, NAME.client what it gets.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from gateway.forms.chat import AnswerReader
from gateway.forms.responses import AnswerWriter, read_request
from gateway.forms.responses_answer import Answer
from gateway.forms.responses_facts import Choice, Chunk, Function, Said, ToolCall
from gateway.forms.sse import Splitter
from gateway.words.call import Call
from gateway.words.errors import GatewayError, UpstreamFault

WIRE = Path(__file__).parents[1] / "wire" / "responses"
NAMES = sorted(path.stem for path in WIRE.glob("*.sse"))
FAILED = {"cut_off", "error_first", "error_in_the_middle"}
LIMIT = 1 << 20
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def asking(*, stream: bool = True, **fields: object) -> Call:
    body = {"model": "smart", "input": "Hello", "stream": stream, **fields}
    return read_request("chat", json.dumps(body).encode())


@lru_cache
def golden(name: str) -> tuple[bytes, bytes, Call]:
    asked = json.loads((WIRE / f"{name}.asked.json").read_text())
    wire, client = (WIRE / f"{name}.sse").read_bytes(), (WIRE / f"{name}.client").read_bytes()
    return wire, client, asking(**asked)


def whole(parts: list[bytes], call: Call) -> bytes:
    """Return what a client gets for a provider's bytes, up to the first error."""
    reader = AnswerReader(call, 200, "text/event-stream", LIMIT, LIMIT)
    writer = AnswerWriter(call)
    told = b""
    try:
        for part in parts:
            for piece in reader.feed(part):
                if (fault := piece.fault) is not None:
                    raise UpstreamFault(fault.message, type=fault.type, code=fault.code)
                told += writer.write([piece])
        told += writer.write(reader.end())
    except GatewayError as error:
        return told + writer.error(error)
    return told + writer.end()


def events(stream: bytes) -> list[dict[str, Any]]:
    """Return what the events of a stream say; each has its type and one line of data."""
    found = []
    for event in Splitter(LIMIT).feed(stream):
        if not event.comments_only:
            fields = json.loads(event.data or b"")
            raw = b"event: %b\ndata: %b\n\n" % (fields["type"].encode(), event.data or b"")
            assert event.raw == raw
            found.append(fields)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_a_chat_is_told_as_a_response(name: str) -> None:
    wire, client, call = golden(name)
    assert whole([wire], call) == client


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_is_told_alike_wherever_it_is_cut(name: str) -> None:
    wire, client, call = golden(name)
    for at in range(1, len(wire)):
        assert whole([wire[:at], wire[at:]], call) == client
    assert whole([wire[at : at + 1] for at in range(len(wire))], call) == client


@pytest.mark.parametrize("name", NAMES)
def test_the_official_types_have_every_event(name: str) -> None:
    told = events(golden(name)[1])
    for number, event in enumerate(told):
        assert event["sequence_number"] == number
        if event["type"] == "response.failed":
            event["response"]["error"]["code"] = "server_error"  # of a closed list, in the types
        EVENT.validate_python(event)
    assert (
        told[-1]["type"].startswith(("response.completed", "response.incomplete", "response.f"))
        or name == "error_first"
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name not in FAILED])
def test_the_deltas_add_up_to_what_the_response_holds(name: str) -> None:
    told = events(golden(name)[1])
    output = told[-1]["response"]["output"]
    done = {
        event["output_index"]: event["item"]
        for event in told
        if event["type"].endswith("item.done")
    }
    assert [done[index] for index in sorted(done)] == output
    for index, item in enumerate(output):
        said = "".join(
            event["delta"]
            for event in told
            if event["type"].endswith(".delta") and event["output_index"] == index
        )
        parts = [*item.get("content", ()), *item.get("summary", ())]
        texts = [part.get("text", part.get("refusal")) for part in parts]
        assert said == item.get("arguments", item.get("input", "".join(texts)))


def official_client(body: bytes) -> openai.OpenAI:
    """Return OpenAI's own client, answered with this stream."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=body)

    client = httpx2.Client(transport=httpx2.MockTransport(answer))
    return openai.OpenAI(api_key="none", base_url="http://g/v1", http_client=client, max_retries=0)


@pytest.mark.parametrize("name", NAMES)
def test_openais_own_helper_reads_what_is_written(name: str) -> None:
    client, told = official_client(golden(name)[1]), events(golden(name)[1])
    if name in FAILED:
        with (
            pytest.raises(openai.APIError) as caught,
            client.responses.stream(model="m", input="hi") as failing,
        ):
            list(failing)
        assert caught.value.code in {"upstream_truncated", "overloaded"}
        return
    with client.responses.stream(model="m", input="hi") as stream:
        seen = list(stream)
        assert len(seen) == len(told)
        if told[-1]["type"] == "response.completed":
            assert stream.get_final_response().output_text == said_in(told[-1]["response"])


def said_in(response: dict[str, Any]) -> str:
    parts = [part for item in response["output"] for part in item.get("content", ())]
    return "".join(part["text"] for part in parts if part["type"] == "output_text")


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
CALLS = st.builds(
    ToolCall,
    index=st.none() | st.integers(0, 3),
    id=st.none() | st.sampled_from(["a", "b", "c"]),
    function=st.none() | st.builds(Function, st.none() | st.just("f"), st.none() | TEXTS),
)
SAID = st.builds(
    Said,
    content=st.none() | TEXTS,
    refusal=st.none() | TEXTS,
    reasoning_content=st.none() | TEXTS,
    reasoning_details=st.none() | st.just([{"type": "reasoning.text", "index": 0, "text": "x"}]),
    tool_calls=st.none() | st.lists(CALLS, max_size=2),
)


@given(st.lists(SAID, max_size=8), st.sampled_from([None, "stop", "length", "odd"]))
def test_whatever_a_chat_says_is_told_whole_and_in_order(said: list[Said], reason: str) -> None:
    answer = Answer(asking(tools=[{"type": "function", "name": "f"}]))
    for each in said:
        answer.take(Chunk("chatcmpl-1", 1, "m", [Choice(0, each)]))
    answer.take(Chunk(choices=[Choice(finish_reason=reason)]))
    response = json.loads(answer.end(None))
    told = events(answer.log.take())
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    begun: dict[int, bool] = {}
    for event in told:
        if (index := event.get("output_index")) is None:
            continue
        if event["type"] == "response.output_item.added":
            assert index not in begun
            begun[index] = True
        assert begun[index], "nothing is told of what is over"
        begun[index] = event["type"] != "response.output_item.done"
    assert not any(begun.values())
    assert told[-1]["response"] == response
    assert said_in(response) == "".join(each.content or "" for each in said)
    Response.model_validate({**response, "error": None})


def test_what_is_not_known_of_an_answer_is_left_out() -> None:
    answer = Answer(asking())
    answer.take(Chunk())
    assert not answer.has_begun
    answer.take(Chunk(choices=[Choice(1, Said("other")), Choice(0)]))
    assert answer.has_begun
    assert msgspec.json.decode(answer.end(None))["output"] == []


def test_a_part_of_a_call_may_have_another_id_but_no_other_name() -> None:
    """Some providers make up an id for each part; none names the function again."""
    parts = [
        ToolCall(0, None, Function("find", '{"a"')),
        ToolCall(0, "call_1", Function(None, ":1")),
        ToolCall(0, "call_2", Function(None, "}")),
        ToolCall(0, "call_3", Function("find", "{}")),
        ToolCall(1, "call_4", Function("find", "[")),
        ToolCall(0, "call_5", Function("find", "")),
    ]
    answer = Answer(asking())
    for part in parts:
        answer.take(Chunk(choices=[Choice(delta=Said(tool_calls=[part]))]))
    output = json.loads(answer.end(None))["output"]
    assert [item["arguments"] for item in output] == ['{"a":1}', "{}", "[", "{}"]
