"""The upstream of the benchmarks: it paces truly, and says who left and when."""

import json
import socket
import time
from statistics import median

import pytest

from benchmarks.load import Upstream
from tests.benchmarks.scripted_answers import LAST_CHUNK

GAP = 0.02


def ask(wish: str, **more: object) -> bytes:
    fields = {"messages": [{"role": "user", "content": f"bench {wish}"}], "stream": True, **more}
    body = json.dumps(fields).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


def connect(upstream: Upstream) -> socket.socket:
    return socket.create_connection(("127.0.0.1", upstream.port), timeout=5)


def talk(upstream: Upstream, request: bytes, end: bytes = LAST_CHUNK) -> bytes:
    """Send a request and read until the answer's end has come."""
    answer = b""
    with connect(upstream) as sock:
        sock.sendall(request)
        while not answer.endswith(end):
            got = sock.recv(65_536)
            assert got, f"the connection ended after {answer[-200:]!r}"
            answer += got
    return answer


def events(answer: bytes) -> list[bytes]:
    return [line[6:] for line in answer.split(b"\n") if line.startswith(b"data: ")]


def stamps(answer: bytes) -> list[float]:
    said = [json.loads(line) for line in events(answer) if b'"content"' in line]
    contents = [event["choices"][0]["delta"]["content"] for event in said]
    return [int(content.removeprefix("t=")) / 1e9 for content in contents]


def test_events_leave_when_they_are_due(upstream: Upstream) -> None:
    begun = time.monotonic()
    sent = stamps(talk(upstream, ask(f"events=15 gap_us={GAP * 1e6:.0f} id=1")))
    assert begun <= sent[0] <= sent[-1] <= time.monotonic()
    late = [at - begun - number * GAP for number, at in enumerate(sent)]
    assert len(sent) == 15
    assert min(late) >= 0
    assert median(late) < GAP, "a machine that is this late measures nothing"
    assert upstream.report()["late_p50_us"] < GAP * 1e6


def test_a_burst_has_all_its_events_at_once(upstream: Upstream) -> None:
    answer = talk(upstream, ask("events=1000 gap_us=0 id=1"))
    lines = events(answer)
    assert len(stamps(answer)) == 1000
    assert json.loads(lines[-2])["choices"][0]["finish_reason"] == "stop"
    assert lines[-1] == b"[DONE]"
    assert len({len(line) for line in lines[:1000]}) == 1


def test_more_than_a_socket_takes_comes_whole(upstream: Upstream) -> None:
    with connect(upstream) as sock:
        sock.sendall(ask("events=100000 gap_us=0 id=1"))
        with sock.makefile("rb") as file:
            found = 0
            for line in file:
                found += b'"content"' in line
                if line == b"data: [DONE]\n":
                    break
    assert found == 100_000


def test_usage_comes_where_it_is_asked_for(upstream: Upstream) -> None:
    wish = ask("events=2 gap_us=0", stream_options={"include_usage": True})
    *_, usage, done = events(talk(upstream, wish))
    assert json.loads(usage)["choices"] == []
    assert json.loads(usage)["usage"]["total_tokens"] > 0
    assert done == b"[DONE]"
    assert not any(b"usage" in line for line in events(talk(upstream, ask("events=2"))))


def test_an_answer_in_one_piece_is_json(upstream: Upstream) -> None:
    answer = talk(upstream, ask("", stream=False), end=b"}")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert json.loads(body)["object"] == "chat.completion"


def test_a_request_in_chunks_and_parts_is_read(upstream: Upstream) -> None:
    body = ask("events=3 gap_us=0").partition(b"\r\n\r\n")[2]
    request = b"POST /x/chat/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
    request += b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    with connect(upstream) as sock:
        for sign in request + LAST_CHUNK:
            sock.sendall(bytes([sign]))
        assert b"200 OK" in sock.recv(65_536)


def test_requests_follow_each_other_on_one_connection(upstream: Upstream) -> None:
    one = ask("events=1 gap_us=0")
    said = b""
    with connect(upstream) as sock:
        sock.sendall(one * 5)
        while said.count(LAST_CHUNK) < 5:
            part = sock.recv(65_536)
            assert part, said
            said += part
    assert said.count(b"HTTP/1.1 200 OK") == 5
    assert upstream.report()["requests"] == 5


@pytest.mark.parametrize(
    ("path", "status"),
    [("/health", 200), ("/healthz", 200), ("/v1/models", 200), ("/get_server_info", 200),
     ("/get_model_info", 200), ("/metrics", 200), ("/elsewhere", 404)],
)  # fmt: skip
def test_probes_are_answered(upstream: Upstream, path: str, status: int) -> None:
    answer = talk(upstream, f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode(), end=b"}")
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert json.loads(answer.partition(b"\r\n\r\n")[2])


def test_who_leaves_is_told_with_the_time(upstream: Upstream) -> None:
    with connect(upstream) as leaver, connect(upstream) as stayer:
        for number, sock in enumerate((leaver, stayer), 1):
            sock.sendall(ask(f"events=1000 gap_us=10000 id={number}"))
            assert sock.recv(65_536)
        assert upstream.report()["open_streams"] == 2
        left_at = time.monotonic()
        leaver.close()
        while (report := upstream.report())["open_streams"] == 2:
            pass
        ((number, at),) = report["left"]
        assert (number, report["open_streams"]) == (1, 1)
        assert left_at <= at / 1e9 <= time.monotonic()


def test_who_stays_to_the_end_has_not_left(upstream: Upstream) -> None:
    talk(upstream, ask("events=3 gap_us=100 id=5"))
    report = upstream.report()
    assert (report["streams"], report["events"], report["open_streams"]) == (1, 3, 0)
    assert report["left"] == []


def test_a_reset_forgets_and_cuts(upstream: Upstream) -> None:
    with connect(upstream) as sock:
        sock.sendall(ask("events=1000 gap_us=10000 id=9"))
        assert sock.recv(65_536)
        upstream.reset()
        while sock.recv(65_536):
            pass
        report = upstream.report()
    counted = ("requests", "streams", "events", "open_streams")
    assert [report[name] for name in counted] == [0, 0, 0, 0]
    assert report["left"] == []


def test_a_request_that_is_too_large_is_refused(upstream: Upstream) -> None:
    with connect(upstream) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nx: " + b"x" * 16_384)
        assert sock.recv(65_536).startswith(b"HTTP/1.1 413 ")
