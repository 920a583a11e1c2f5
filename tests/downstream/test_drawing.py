"""The live tree in lines: what people see, and what no client's words can do to their terminal."""

import pytest

from gateway.downstream.drawing import MAX_SHOWN, age, draw, words
from gateway.downstream.live import (
    SeenAttempt,
    SeenCall,
    SeenConnection,
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
│  └─ req_1 · gpt-5.2 (stream) · streaming 2.1 s · 57 events, 12,304 bytes out · waits for the provider
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


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"),
        (3600, "1 h 0 min"), (90_061, "25 h 1 min"),
    ],
)  # fmt: skip
def test_an_age_is_told_as_people_do(seconds: float, said: str) -> None:
    assert age(seconds) == said
