"""What Azure's filters say before the first choice comes with the first choice."""

import json

import pytest

from gateway.forms.chat import AnswerReader, read_request
from gateway.forms.chat_filters import results_in, with_results

FOUND = [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False}}}]
FIRST = json.dumps(
    {"choices": [], "created": 0, "id": "", "object": "", "prompt_filter_results": FOUND}
).encode()
WORD = b'{"id":"1","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}'
LAST = b'{"id":"1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
STREAM = b"data: %b\n\ndata: %b\n\ndata: %b\n\n" % (FIRST, WORD, LAST)


def read(*parts: bytes) -> list[bytes]:
    body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"Hi"}]}'
    reader = AnswerReader(read_request("chat", body), 200, "text/event-stream", 99_999, 99_999)
    pieces = [piece for part in parts for piece in reader.feed(part)]
    return [piece.raw for piece in (*pieces, *reader.end())]


@pytest.mark.parametrize("at", range(1, len(STREAM)))
def test_no_event_is_without_a_choice_wherever_the_bytes_are_cut(at: int) -> None:
    """Azure says no `[DONE]` here: every choice has ended."""
    first, last = read(STREAM[:at], STREAM[at:])
    said = json.loads(first.removeprefix(b"data: "))
    assert said == json.loads(WORD) | {"prompt_filter_results": FOUND}
    assert first.endswith(b"}\n\n")
    assert last == b"data: %b\n\n" % LAST


def test_what_is_told_once_is_not_told_twice() -> None:
    again = WORD[:-1] + b',"prompt_filter_results":[]}'
    assert with_results(again, b"[1]") == b"data: %b\n\n" % again


def test_an_event_on_several_lines_becomes_one() -> None:
    first, *_ = read(b"data: %b\n\ndata: {\ndata: %b\n\ndata: [DONE]\n\n" % (FIRST, WORD[1:]))
    assert json.loads(first.removeprefix(b"data: "))["prompt_filter_results"] == FOUND


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices":[]}',
        b'{"choices":[],"prompt_filter_results":null}',
        b'["prompt_filter_results"]',
        b'{"prompt_filter_results":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_tells_of_no_filter_stays_as_it_is(data: bytes) -> None:
    assert results_in(data) is None


def test_an_empty_choice_that_tells_of_nothing_passes_as_it_came() -> None:
    raw = b'data: {"choices":[]}\n\n'
    assert read(raw, b"data: %b\n\n" % LAST, b"data: [DONE]\n\n")[0] == raw
