"""The live tree in lines: what people see, and what no client's words can do to their terminal."""

import pytest

from gateway.downstream.drawing import MAX_SHOWN, age, draw, draw_rests, words
from gateway.downstream.live import (
    MOST_RESTING,
    SeenAttempt,
    SeenCall,
    SeenConnection,
    SeenHome,
    SeenKey,
    SeenProcess,
    SeenUpstream,
)

STREAM = SeenCall(
    id="req_1",
    method="POST",
    path="/v1/chat/completions",
    model="gpt-5.2",
    stream=True,
    age=2.06,
    phase="streaming",
    waits_for="the provider",
    bytes_in=100,
    bytes_out=12_304,
    pieces=57,
    tokens=55,
    tokens_per_second=61.4,
    ttft=1.2,
    key="ann",
    attempts=[SeenAttempt("openai/gpt", 2.0, "open", SeenUpstream("up.test:443", 40.0, 7))],
)
UPLOAD = SeenCall(
    id="req_2", method="POST", path="/v1/chat/completions", age=75.0, phase="body",
    waits_for="the client's body", bytes_in=9_000,
)  # fmt: skip
STOPPED = SeenCall(
    id="req_3", method="POST", path="/x", model="m", age=0.1, phase="waiting",
    waits_for="its end", cause="operator", attempts=[SeenAttempt("up/m", 0.1, "cancelled")],
)  # fmt: skip

WHOLE = """\
worker 1 · pid 71 · up 12.0 s · calls 3 · connections 1,005 · draining
├─ 127.0.0.1 · connected 3.2 s
│  └─ req_1 · ann · gpt-5.2 (stream) · streaming 2.1 s · 55 tokens, 61/s · first after 1,200 ms · 12,304 bytes out · waits for the provider
│     └─ openai/gpt · open 2.0 s
│        └─ up.test:443 · connected 40.0 s · request 7 of this connection
├─ 10.0.0.9 · connected 1 min 15 s
│  └─ req_2 · POST /v1/chat/completions · body 1 min 15 s · 9,000 bytes in · waits for the client's body
├─ unix
│  └─ req_3 · m · waiting 0.1 s · waits for its end · ending: operator
│     └─ up/m · cancelled 0.1 s
├─ 2 idle connections
└─ and 1,000 more
worker 2 · pid 72 · up 0.0 s
└─ 1 idle connection"""  # noqa: E501 (lines as they are shown)


def test_a_tree_is_drawn_from_the_process_to_the_upstream() -> None:
    idle = SeenConnection("127.0.0.1", 9.0)
    busy = [
        SeenConnection("127.0.0.1", 3.2, STREAM),
        SeenConnection("10.0.0.9", 75.0, UPLOAD),
        SeenConnection("unix", None, STOPPED),
    ]
    first = SeenProcess(
        pid=71, worker=1, uptime=12.0, draining=True, connections=[*busy, idle, idle],
        left_out=1000, gauges={"open_calls": 3.0, "open_connections": 1005.0, "another": 1.0},
    )  # fmt: skip
    second = SeenProcess(pid=72, worker=2, connections=[idle])
    assert "\n".join(draw([first, second])) == WHOLE


def test_r20_a_clients_words_move_no_cursor_and_turn_no_writing_round() -> None:
    """R20."""
    hostile = "m\x1b[2J\n\u202eabc"
    call = SeenCall(id=hostile, model=hostile, phase="body", waits_for=hostile)
    process = SeenProcess(connections=[SeenConnection("127.0.0.1", 1.0, call)])
    for line in draw([process]):
        assert line.isprintable()
    assert words("x" * 1000) == "x" * (MAX_SHOWN - 1) + "…"


def worker(number: int, *homes: SeenHome, supervisor: int = 70, left_out: int = 0) -> SeenProcess:
    return SeenProcess(
        supervisor=supervisor, worker=number, resting=list(homes), resting_left_out=left_out
    )


def test_below_the_tree_stands_each_home_and_key_that_rests_over_all_workers() -> None:
    down = SeenHome("up/m-1", "open", 9.5, 1)
    longer = SeenHome("up/m-1", "open", 12.0, 3)
    probed = SeenHome("up/a", "half_open", 0.0, 3, 1, [SeenKey(2, 3590.0), SeenKey(0, 5.0)])
    lines = list(draw([worker(2, longer, probed), worker(1, down), worker(3)]))
    assert lines[3:] == [
        "rests: up/m-1 for 12.0 s more (3 failures) · workers 1, 2",
        "half open: up/a, one call tries it (3 failures) · worker 2",
        "rests: the key of up/a for 5.0 s more · worker 2",
        "rests: key 2 of up/a for 59 min 50 s more · worker 2",
    ]
    assert all(line.startswith("worker ") for line in lines[:3])


def test_a_home_that_one_worker_leaves_alone_and_another_tries_has_two_lines() -> None:
    opened = SeenHome("up/m", "open", 3.0, 1)
    assert list(draw_rests([worker(1, opened), worker(2, SeenHome("up/m", "half_open"))])) == [
        "rests: up/m for 3.0 s more (1 failure) · worker 1",
        "half open: up/m, one call tries it · worker 2",
    ]


def test_where_there_are_several_gateways_a_worker_is_told_with_its_own() -> None:
    home = SeenHome("up/m", "open", 3.0, 2)
    assert list(draw_rests([worker(1, home, supervisor=90), worker(1, home)])) == [
        "rests: up/m for 3.0 s more (2 failures) · worker 1 of supervisor 70",
        "rests: up/m for 3.0 s more (2 failures) · worker 1 of supervisor 90",
    ]


def test_what_rests_beyond_the_bound_is_counted() -> None:
    homes = [SeenHome(f"up/{number:04}", "open", 1.0, 1) for number in range(MOST_RESTING + 5)]
    *shown, last = draw_rests([worker(1, *homes, left_out=1000)])
    assert len(shown) == MOST_RESTING
    assert last == "and 1,005 more that rest"
    assert list(draw_rests([worker(1, left_out=1)])) == ["and 1 more that rest"]
    assert list(draw_rests([worker(1), worker(2)])) == []


def test_r20_a_homes_name_moves_no_cursor() -> None:
    """R20."""
    hostile = SeenHome("up/\x1b[2J\n\u202e" + "x" * 1000, "open", 1.0, 1, 0, [SeenKey(1, 1.0)])
    home, key = draw_rests([worker(1, hostile)])
    for line in (home, key):
        assert line.isprintable()
        assert len(line) < 200
    # A tree may come from elsewhere, and say what no worker says.
    assert list(draw_rests([worker(1, SeenHome("up/m", "\x1b[2J"))])) == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (SeenCall(pieces=1), "1 event"),
        (SeenCall(pieces=2), "2 events"),
        (SeenCall(pieces=1, tokens=1, ttft=0.0125), "1 token · first after 12 ms"),
        (SeenCall(pieces=9, tokens=1234, tokens_per_second=2000.6), "1,234 tokens, 2,001/s"),
    ],
)
def test_what_was_answered_is_told_in_tokens_where_they_are_known(
    call: SeenCall, said: str
) -> None:
    _, _, line = draw([SeenProcess(connections=[SeenConnection("", None, call)])])
    assert f" · {said} · 0 bytes out" in line


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"),
        (3600, "1 h 0 min"), (90_061, "25 h 1 min"),
    ],
)  # fmt: skip
def test_an_age_is_told_as_people_do(seconds: float, said: str) -> None:
    assert age(seconds) == said
