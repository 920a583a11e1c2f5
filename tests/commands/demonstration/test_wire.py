"""What the demonstration's clients and its upstream say."""

import json

import pytest

from gateway.commands.demonstration import wire
from gateway.commands.demonstration.wire import Address, Dress
from gateway.downstream.head import read_head
from gateway.words.secret import Secret
from gateway.words.target import Origin

HERE = Address(Origin("http", "127.0.0.1", 4000), "/api/v1")


def split(request: bytes) -> tuple[bytes, bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", body


def test_a_call_names_its_model_its_mark_and_its_way() -> None:
    head, body = split(wire.write_call(HERE, wire.fields_of("m", "mark-7", stream=True)))
    read = read_head(head)
    assert (read.method, read.path, read.host) == (
        "POST",
        "/api/v1/chat/completions",
        "127.0.0.1:4000",
    )
    assert read.length == len(body)
    fields = json.loads(body)
    assert (fields["model"], fields["stream"]) == ("m", True)
    assert "mark-7" in fields["messages"][0]["content"]


@pytest.mark.parametrize(("key", "shown"), [(None, None), (Secret("sk-1"), b"Bearer sk-1")])
def test_a_key_is_shown_where_there_is_one(key: Secret | None, shown: bytes | None) -> None:
    head, _ = split(wire.write_call(Address(HERE.origin, "/v1", key), {}))
    assert read_head(head).headers.get(b"authorization") == shown


def test_a_body_that_breaks_off_is_shorter_than_it_says() -> None:
    head, body = split(wire.write_call(HERE, {"model": "m"}, whole=False))
    assert 0 < len(body) < (read_head(head).length or 0)


def test_an_upgrade_is_offered_in_the_head() -> None:
    head, _ = split(wire.write_call(HERE, {}, Dress.UPGRADE))
    assert read_head(head).headers[b"upgrade"] == b"h2c"


def test_a_pipelined_request_stands_behind_the_body() -> None:
    plain = wire.write_call(HERE, {})
    dressed = wire.write_call(HERE, {}, Dress.PIPELINED)
    assert dressed.startswith(plain)
    assert read_head(dressed[len(plain) :]).path == "/api/v1/models"


def test_a_whole_stream_ends_in_the_last_word_and_the_end_of_its_body() -> None:
    _, _, body = wire.whole_stream("m").partition(b"\r\n\r\n")
    data = b""
    while body != wire.END_OF_BODY:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        data, body = data + rest[:length], rest[length + 2 :]
    said = [line.removeprefix(b"data: ") for line in data.split(b"\n\n") if line]
    assert said[-1] == wire.LAST_WORD
    choices = [json.loads(event)["choices"][0] for event in said[:-1]]
    assert [choice["finish_reason"] for choice in choices] == [None, "stop"]
    assert choices[0]["delta"]["content"] == wire.CONTENT


@pytest.mark.parametrize("answer", [wire.whole_answer("m"), wire.models("m")])
def test_an_answer_is_as_long_as_it_says(answer: bytes) -> None:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert int(head.rpartition(b": ")[2]) == len(body)
    assert b'"m"' in body
