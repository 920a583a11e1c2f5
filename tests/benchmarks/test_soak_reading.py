"""Each byte of an answer is held against the plan; what no answer may hold is seen."""

import msgspec
import pytest

from benchmarks.soak import wording
from benchmarks.soak.odd import ODD
from benchmarks.soak.plan import Plan, Play
from benchmarks.soak.reading import BEHIND, Reading
from benchmarks.soak.records import Seen

NAME = "soak-1-100"
STREAM = Plan(number=100, id=NAME, play=Play(kind="stream", events=3, size=5))
ANSWER = Plan(number=100, id=NAME, play=Play(kind="answer", stream=False, size=9))
USAGE = msgspec.structs.replace(STREAM, usage=True)


def head(*fields: str, status: str = "200 OK", name: str = NAME) -> bytes:
    """Return a head as the gateway writes it."""
    lines = [f"HTTP/1.1 {status}", f"X-Request-Id: {name}", *fields, "", ""]
    return "\r\n".join(lines).encode()


EVENTS = head("Content-Type: text/event-stream", "Transfer-Encoding: chunked")
FINISH, TOLD = wording.last(NAME, 3)
BODY = b"".join(wording.event(NAME, place, 5) for place in range(3)) + FINISH + wording.DONE
WHOLE = EVENTS + wording.chunk(BODY) + wording.END


def read(plan: Plan, *parts: bytes) -> Seen:
    """Return what a client sees of an answer that comes in these parts."""
    reading = Reading(plan, Seen(number=plan.number, began=0.0))
    for part in parts:
        reading.feed(part)
    return reading.seen


def test_a_stream_is_read_alike_wherever_it_is_cut() -> None:
    whole = read(STREAM, WHOLE)
    assert (whole.wrong, whole.end, whole.events, whole.done) == ("", "whole", 3, True)
    for cut in range(len(WHOLE) + 1):
        assert read(STREAM, WHOLE[:cut], WHOLE[cut:]) == whole


def test_an_answer_of_one_piece_is_read_with_a_length_and_in_chunks() -> None:
    body = wording.answer(NAME, 9).partition(b"\r\n\r\n")[2]
    by_length = head("Content-Type: application/json", f"Content-Length: {len(body)}") + body
    chunked = head("Content-Type: application/json", "Transfer-Encoding: chunked")
    chunked += wording.chunk(body[:20]) + wording.chunk(body[20:]) + wording.END
    for whole in (by_length, chunked):
        seen = read(ANSWER, whole)
        assert (seen.wrong, seen.end, seen.status) == ("", "whole", 200)


def test_an_error_is_read_by_its_code() -> None:
    body = b'{"error": {"code": "rate_limit_exceeded"}}'
    fields = ("Content-Type: application/json", f"Content-Length: {len(body)}", "Retry-After: 7")
    seen = read(STREAM, head(*fields, status="429 Too Many Requests") + body)
    assert (seen.status, seen.code, seen.retry_after) == (429, "rate_limit_exceeded", "7")


def test_an_error_within_a_stream_is_read_too() -> None:
    seen = read(STREAM, EVENTS + wording.chunk(wording.event(NAME, 0, 5) + wording.FAULT))
    assert (seen.events, seen.code, seen.end, seen.done) == (1, "overloaded_error", "cut", False)


def test_the_usage_that_was_asked_for_may_be_there() -> None:
    body = BODY.replace(FINISH, FINISH + TOLD)
    whole = EVENTS + wording.chunk(body) + wording.END
    assert not read(USAGE, whole).wrong
    assert "something else" in read(STREAM, whole).wrong
    twice = EVENTS + wording.chunk(body.replace(TOLD, TOLD * 2)) + wording.END
    assert "something else" in read(USAGE, twice).wrong


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (WHOLE + b"x", BEHIND),
        (WHOLE.replace(b"0 soak-1-100", b"0 soak-1-101"), "something else than event 0"),
        (EVENTS + wording.chunk(wording.event(NAME, 1, 5)), "something else than event 0"),
        (EVENTS + wording.chunk(wording.event(NAME, 0, 5) * 2), "something else than event 1"),
        (EVENTS + wording.chunk(BODY + FINISH) + wording.END, "an event behind the last"),
        (EVENTS + wording.chunk(FINISH * 2), "something else than event 0"),
        (WHOLE.replace(FINISH, b" " * len(FINISH)), "Error"),
        (EVENTS + wording.chunk(BODY.replace(FINISH, b"")), "[DONE] before"),
        (WHOLE.replace(b'data: {"id"', b'data:{ "id"', 1), "Error"),
        (WHOLE.replace(b'data: {"id"', b'data:  "id"', 1), "Error"),
        (WHOLE.replace(b'{"id":"soak', b'{"id" "soak', 1), "Error"),
        (WHOLE.replace(b'"model":"soaked"', b'"model":"worked"', 1), "something else"),
        (EVENTS + wording.chunk(BODY + b": x"), ""),
        (EVENTS + wording.chunk(BODY + b": x") + wording.END, "half an event"),
        (EVENTS + wording.END, "an end without [DONE]"),
        (EVENTS + b"3\r\nabcd\r\n", "a chunk without its end"),
        (EVENTS + b"zz\r\n", "ValueError"),
        (EVENTS + wording.chunk(wording.MALFORMED), "DecodeError"),
        (head(name="soak-1-7"), "the answer to soak-1-7"),
        (b"HTTP/1.0 200 OK\r\n\r\n", "the status line"),
    ],
)
def test_what_no_answer_may_hold_is_seen(answer: bytes, wrong: str) -> None:
    found = read(STREAM, answer).wrong
    assert wrong in found
    assert bool(wrong) == bool(found)


def test_bytes_behind_the_answer_are_seen_whenever_they_come() -> None:
    assert BEHIND in read(STREAM, WHOLE, b"x").wrong


def test_another_answer_than_was_given_is_seen() -> None:
    body = wording.answer(NAME, 8).partition(b"\r\n\r\n")[2]
    told = head("Content-Type: application/json", f"Content-Length: {len(body)}") + body
    assert "another answer" in read(ANSWER, told).wrong


def test_who_could_not_be_understood_need_not_be_answered_by_name() -> None:
    assert not ODD["two framings"].logged
    body = b'{"error": {"code": "invalid_request"}}'
    told = head(f"Content-Length: {len(body)}", status="400 Bad Request", name="req_1") + body
    plan = msgspec.structs.replace(STREAM, request="two framings")
    assert not read(plan, told).wrong
    assert read(STREAM, told).wrong
