"""The client of the benchmarks counts only what it asked for, and measures from when it was due."""

import itertools
import threading
import time

import pytest

from benchmarks.load import LoadFailed, Report, Tools, run_client
from tests.benchmarks.scripted_answers import (
    CHUNKED,
    DONE,
    HEAD,
    LAST_CHUNK,
    Answer,
    answering,
    chunk,
    event,
    stream,
)

FINISH = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}],"error":null}\n\n'
GOOD = stream(event(1), event(), event(), FINISH, DONE)
JSON = b'{"choices":[{"message":{"content":"An answer of the bench upstream."}}]}'


def single(status: bytes = b"200 OK", body: bytes = JSON, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"HTTP/1.1 %b\r\ncontent-length: %d\r\n\r\n%b" % (status, size, body)


def load(tools: Tools, answer: Answer, *more: str) -> Report:
    """Ask over one connection for streams of three events, for a short while."""
    with answering(answer) as origin:
        short = ("--connections", "1", "--seconds", "0.05", "--warmup", "0", "--events", "3")
        return run_client(tools, None, "--target", origin, "closed", *short, *more)


STREAMS = {
    "as the upstream writes it": GOOD,
    "all in one chunk": CHUNKED + chunk(event() * 3 + DONE) + LAST_CHUNK,
    "a chunk's border within an event": CHUNKED
    + chunk(event() * 2 + event()[:20])
    + chunk(event()[20:] + DONE)
    + LAST_CHUNK,
    "JSON with spaces": stream(*[event(space=b" ")] * 3, DONE),
    "lines that end in CRLF": stream(*[event().replace(b"\n", b"\r\n")] * 3, DONE),
    "comments and names between": stream(b": hello\n\n", *[b"event: x\n" + event()] * 3, DONE),
    "a known length": HEAD + b"Content-Length: %d\r\n\r\n" % len(DONE * 4 + event() * 3)
    + event() * 3 + DONE * 4,
}  # fmt: skip


@pytest.mark.parametrize("answer", STREAMS.values(), ids=STREAMS)
def test_every_right_way_to_write_a_stream_counts(tools: Tools, answer: bytes) -> None:
    report = load(tools, lambda: [answer], "--stream")
    assert (report["errors"], report["first_error"]) == (0, "")
    assert report["requests"] > 0
    assert report["events_total"] == report["requests_total"] * 3


def test_a_stream_may_come_in_any_parts(tools: Tools) -> None:
    cuts = iter(range(1, len(GOOD)))

    def answer() -> list[bytes]:
        cut = next(cuts, 1)
        return [GOOD[:cut], GOOD[cut:]]

    report = load(tools, answer, "--stream", "--seconds", "0.3")
    assert (report["errors"], report["first_error"]) == (0, "")
    assert next(cuts, len(GOOD)) > 100, "too few ways of cutting were tried"


def test_a_stream_that_ends_with_its_connection_counts(tools: Tools) -> None:
    whole = HEAD + b"\r\n" + event() * 3 + DONE
    report = load(tools, lambda: [whole, b""], "--stream")
    assert (report["errors"], report["first_error"]) == (0, "")
    assert 0 < report["requests"] <= report["reopened"]


WRONG_STREAMS = {
    "4 events instead of 3": [stream(*[event()] * 4, DONE)],
    "2 events instead of 3": [stream(event(), event(), FINISH, DONE)],
    "a stream without [DONE]": [stream(event(), event(), event(), FINISH)],
    "an event after [DONE]": [stream(event(), event(), DONE, event())],
    "cut off after 2 events": [CHUNKED + chunk(event()) * 2, b""],
    "cut off after 3 events": [CHUNKED + chunk(event()) * 3 + chunk(DONE), b""],
    "cut off after 0 events": [CHUNKED[:20], b""],
    "broken chunks": [CHUNKED + chunk(event()) + b"zz\r\n"],
    "after 1 events: data: { error": [
        stream(event(), b'data: {"error":{"message":"x"}}\n\n', DONE)
    ],
    "bytes behind the answer": [GOOD + b"HTTP/1.1 "],
    "status 503: ": [single(b"503 Service Unavailable", b'{"error":"later"}')],
    "status 429": [single(b"429 Too Many Requests", b"")],
    "this is no HTTP/1.1": [b"ERR unknown command\r\n\r\n"],
}


@pytest.mark.parametrize(("said", "parts"), WRONG_STREAMS.items(), ids=WRONG_STREAMS)
def test_a_wrong_stream_is_an_error_and_no_request(
    tools: Tools, said: str, parts: list[bytes]
) -> None:
    report = load(tools, lambda: parts, "--stream")
    assert said in report["first_error"]
    assert report["errors"] == report["requests_total"]
    assert report["requests"] == report["requests_per_second"] == 0


WRONG_ANSWERS = {
    "status 500": single(b"500 Internal Server Error"),
    "not the answer": single(body=b'{"choices":[{"message":{"content":"I cannot."}}]}'),
    "bytes behind the answer": single(length=len(JSON) - 1),
}


@pytest.mark.parametrize(("said", "answer"), WRONG_ANSWERS.items(), ids=WRONG_ANSWERS)
def test_a_wrong_answer_is_an_error_and_no_request(tools: Tools, said: str, answer: bytes) -> None:
    report = load(tools, lambda: [answer])
    assert said in report["first_error"]
    assert (report["requests"], report["errors"]) == (0, report["requests_total"])


def test_a_right_answer_among_wrong_ones_counts_alone(tools: Tools) -> None:
    answers = itertools.cycle([single(), single(b"500 Oh")])
    report = load(tools, lambda: [next(answers)])
    assert report["first_error"].startswith("status 500")
    assert abs(report["requests"] - report["errors"]) <= 2


def test_a_gateway_that_is_not_there_is_an_error(tools: Tools) -> None:
    with answering(list) as origin:
        pass
    report = run_client(tools, None, "--target", origin, "closed", "--seconds", "0.1")
    assert report["errors"] >= 1000
    assert report["requests"] == 0
    assert "connect: Connection refused" in report["first_error"]


def test_a_stall_is_seen_by_all_who_would_have_come_meanwhile(tools: Tools) -> None:
    """In a closed loop one request waits; at fixed times all those do that the stall delays."""
    stall, asked, until = threading.Event(), itertools.count(), 0.0

    def answer() -> list[bytes]:
        nonlocal until
        if next(asked) == 1:  # the first request only warms the connection
            until = time.monotonic() + 0.3
        stall.wait(max(0.0, until - time.monotonic()))
        return [GOOD]

    arrivals = ("first", "--connections", "1", "--rate", "100", "--stream", "--events", "3")
    with answering(answer) as origin:
        report = run_client(tools, None, "--target", origin, *arrivals, "--seconds", "0.5")
    assert (report["requests"], report["errors"]) == (50, 0)
    assert report["first_p50"] > 20_000
    assert report["first_p90"] > 200_000
    assert report["latency_max"] > 290_000


def test_a_stream_that_falls_silent_is_told(tools: Tools) -> None:
    with answering(lambda: [CHUNKED + chunk(event())]) as origin:
        silent = ("paced", "--streams", "2", "--ramp", "0", "--seconds", "0.01")
        report = run_client(tools, None, "--target", origin, *silent)
    assert (report["requests"], report["errors"], report["unfinished"]) == (0, 0, 2)


def test_a_stream_that_ends_by_itself_was_not_left(tools: Tools) -> None:
    with answering(lambda: [stream(*[event()] * 3, DONE)]) as origin:
        left = ("leave", "--streams", "2", "--ramp", "0.1", "--spread", "0.1")
        report = run_client(tools, None, "--target", origin, *left)
    assert (report["closed"], report["errors"]) == ([], 2)


@pytest.mark.parametrize(
    "target",
    ["http://192.0.2.1:80", "http://1.1.1.1:80/v1", "http://example.com:80", "https://127.0.0.1:1",
     "http://127.0.0.1:99999", "http://127.0.0.1", "http://127.0.0.1:80/a b"],
)  # fmt: skip
def test_only_loopback_is_asked(tools: Tools, target: str) -> None:
    with pytest.raises(LoadFailed, match="on loopback|not a path"):
        run_client(tools, None, "--target", target, "closed")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--streams", "20000"), ("--seconds", "1e9"), ("--seconds", "-1"), ("--rate", "x"),
     ("--header", "x: y\r\nz"), ("--unheard", "1")],
)  # fmt: skip
def test_what_has_no_bound_is_refused(tools: Tools, option: str, value: str) -> None:
    with pytest.raises(LoadFailed, match="a number from|name: value|unknown option"):
        run_client(tools, None, "--target", "http://127.0.0.1:9", "closed", option, value)
