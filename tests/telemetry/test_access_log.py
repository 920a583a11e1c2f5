"""One line for each accepted request, whatever became of it."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.telemetry.access_log import (
    MAX_TRIED,
    AccessLog,
    fields_of,
    level_of,
    spoken,
    way_of,
)
from gateway.telemetry.log import Log, open_log
from gateway.telemetry.options import LogOptions
from gateway.words.answer import Usage
from gateway.words.errors import (
    Busy,
    FirstTokenTimeout,
    GatewayError,
    Internal,
    TooLarge,
    UpstreamRefused,
    UpstreamTruncated,
)
from gateway.words.life import Cause
from gateway.words.receipt import Attempt, Outcome, Phase, Receipt, Tap
from gateway.words.trace import TraceContext
from tests.telemetry.sinks import Pipe

FIELDS = [
    "request_id", "trace_id", "method", "path", "endpoint", "model", "asked", "target",
    "answered_by", "stream", "phase", "outcome", "cause", "status", "tokens_in", "tokens_out",
    "cached_tokens", "cost_nanos", "ttft_ms", "duration_ms", "bytes_in", "bytes_out", "attempts",
    "tried", "hedged", "resumed", "drained", "cache", "shared_with", "guards", "lost_tokens_in",
    "stale_connections", "malformed_events", "key", "team", "peer",
]  # fmt: skip


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with Pipe() as pipe:
        yield pipe


@pytest.fixture
def log(pipe: Pipe) -> Iterator[Log]:
    with open_log(LogOptions(log_format="json"), pipe.stream) as log:
        yield log


def received(path: str = "/v1/chat/completions", endpoint: str = "chat") -> Receipt:
    """Return the receipt of a request that has just arrived."""
    return Receipt("req-1", "POST", path, "127.0.0.1:50000", 100.0, endpoint=endpoint)


def streamed() -> Receipt:
    """Return the receipt of a stream that went well."""
    receipt = received()
    receipt.model, receipt.target, receipt.answered_by = "gpt", "openai/gpt-5.2", "gpt-5.2-0101"
    receipt.stream, receipt.phase, receipt.status = True, Phase.FINISHING, 200
    receipt.usage = Usage(input_tokens=12, output_tokens=340, cached_tokens=5)
    receipt.first_content_at, receipt.ended = 100.21, 101.93
    receipt.bytes_in, receipt.bytes_out, receipt.malformed_events = 900, 45_000, 1
    receipt.attempts = [Attempt("openai/gpt-5.2", 100.1, 101.93, "completed")]
    receipt.complete()
    return receipt


def failed(error: GatewayError, endpoint: str = "chat") -> Receipt:
    """Return the receipt of a request that ended in an error before the commit."""
    receipt = received(endpoint=endpoint)
    receipt.phase, receipt.status, receipt.ended = Phase.WAITING, error.status, 100.5
    receipt.fail(error)
    return receipt


def ended(cause: Cause) -> Receipt:
    """Return the receipt of a stream that was ended from outside."""
    receipt = received()
    receipt.phase, receipt.status, receipt.ended = Phase.STREAMING, 200, 100.5
    receipt.end(cause)
    return receipt


def told_of(receipt: Receipt) -> str:
    """Return what a person reads of a request."""
    return spoken(receipt, fields_of(receipt))


def way(*attempts: tuple[str, str], **more: Any) -> Receipt:
    """Return the receipt of a stream that came about by these attempts: target, and outcome."""
    receipt = streamed()
    receipt.attempts = [
        Attempt(target, 100.0 + number, 100.5 + number, outcome)
        for number, (target, outcome) in enumerate(attempts)
    ]
    for name, value in more.items():
        setattr(receipt, name, value)
    return receipt


GOOD = ("up/b", "completed")


def test_each_attempt_is_told_with_its_outcome_and_its_time() -> None:
    receipt = way(("up/a", "overloaded"), ("up/a", "lost"), GOOD, hedged=True, resumed=2)
    receipt.attempts[1].usage = Usage(input_tokens=70)
    receipt.attempts[2].usage = Usage(input_tokens=12)
    receipt.cache, receipt.shared_with = "miss", "req_7"
    fields = fields_of(receipt)
    assert fields["attempts"] == 3
    assert fields["tried"] == "up/a;overloaded;500, up/a;lost;500, up/b;completed;500"
    assert (fields["hedged"], fields["resumed"]) == (True, 2)
    assert (fields["cache"], fields["shared_with"]) == ("miss", "req_7")
    assert (fields["lost_tokens_in"], fields["tokens_in"]) == (70, 12)


@pytest.mark.parametrize(
    ("receipt", "told"),
    [
        (way(GOOD), ""),
        (way(), ""),
        (way(("up/a", "overloaded"), GOOD), "after up/a overloaded"),
        (
            way(("up/a", "x"), ("up/a", "x"), ("up/c", "y"), GOOD),
            "after up/a x (2 times), up/c y",
        ),
        (
            way(("a", "x"), ("b", "x"), ("c", "x"), ("d", "x"), ("e", "x"), GOOD),
            "after a x, b x, c x, 2 more",
        ),
        # What failed last is told as the cause.
        (way(("up/a", "x"), ("up/b", "y")), "after up/a x"),
        (way(("up/a", "lost"), GOOD, hedged=True), "raced"),
        (way(("up/a", "lost"), hedged=True), "raced"),
        (way(GOOD, asked="dear"), "in place of dear"),
        (way(GOOD, drained=True), "read on without its client"),
        (way(GOOD, ("up/a", "lost"), hedged=True), "raced"),
        (way(GOOD, ("up/a", "x"), hedged=True), "after up/a x · raced"),
        (way(("up/a", "cancelled"), ("up/b", "cancelled"), hedged=True), "raced"),
        (way(("up/a", "x"), ("up/b", "cancelled")), "after up/a x"),
        (way(("up/a", "cut"), GOOD, resumed=1), "after up/a cut · resumed"),
        (
            way(("up/a", "cut"), ("up/a", "cut"), GOOD, resumed=2),
            "after up/a cut (2 times) · resumed 2 times",
        ),
        (way(cache="hit"), "from the cache"),
        (way(GOOD, cache="miss"), ""),
        (way(shared_with="req_9"), "shared with req_9"),
    ],
)
def test_in_few_words_it_is_told_how_an_answer_came_about(receipt: Receipt, told: str) -> None:
    assert " · ".join(way_of(receipt)) == told
    between = f" · {told}" if told else ""
    assert f" · openai/gpt-5.2{between} · 12 → 340 tokens · " in told_of(receipt)


def test_r20_the_list_of_attempts_is_safe_to_read_and_bounded() -> None:
    """R20, R21: a client chooses a target's name behind a prefix, a provider its own codes."""
    hostile = way(("up/\x1b[2J\u202e", "no\r\nevil"), GOOD, shared_with="req\n" + "x" * 5000)
    fields = fields_of(hostile)
    assert fields["tried"] == "up/\\x1b[2J\\u202e;no\\r\\nevil;500, up/b;completed;500"
    assert told_of(hostile).isprintable()
    assert len(str(fields["shared_with"])) < 210
    long = way(*[("up/" + "x" * 300, "y" * 5000)] * 9)
    assert len(str(fields_of(long)["tried"])) == MAX_TRIED
    assert str(fields_of(long)["tried"]).endswith("…")
    assert len(told_of(long)) < 1000


def test_an_attempt_that_nobody_closed_keeps_no_line_back() -> None:
    receipt = received()
    receipt.attempts = [Attempt("up/a", 100.0)]
    assert fields_of(receipt)["tried"] == "up/a;ok;0"
    assert told_of(receipt).endswith(" in its body · req-1")


def test_a_settled_receipt_is_one_line_with_every_field(log: Log, pipe: Pipe) -> None:
    tap: Tap = AccessLog(log)
    tap.settled(streamed())
    (event,) = pipe.events(1)
    assert list(event)[3:] == FIELDS
    assert event["event"] == "request"
    assert event["level"] == "info"
    assert (event["status"], event["outcome"], event["phase"]) == (200, "completed", "finishing")
    assert (event["tokens_in"], event["tokens_out"], event["cached_tokens"]) == (12, 340, 5)
    assert (event["ttft_ms"], event["duration_ms"]) == (210.0, 1930.0)
    assert (event["attempts"], event["malformed_events"]) == (1, 1)
    assert event["tried"] == "openai/gpt-5.2;completed;1830"
    assert (event["target"], event["answered_by"]) == ("openai/gpt-5.2", "gpt-5.2-0101")


def test_u5_a_request_that_was_sent_once_more_says_so() -> None:
    """U5 in part: that it is sent once more is shown elsewhere."""
    receipt = streamed()
    assert fields_of(receipt)["stale_connections"] == 0
    assert "fresh connection" not in told_of(receipt)
    receipt.attempts[0].stale = True
    assert fields_of(receipt)["stale_connections"] == 1
    assert " · sent again on a fresh connection · req-1" in told_of(receipt)


def test_what_never_happened_is_null_and_keeps_its_field() -> None:
    fields = fields_of(received())
    assert list(fields) == FIELDS
    assert [name for name, value in fields.items() if value is None] == [
        "trace_id", "model", "asked", "target", "answered_by", "cause", "tokens_in", "tokens_out",
        "cached_tokens", "cost_nanos", "ttft_ms", "duration_ms", "tried", "cache", "shared_with",
        "guards", "key", "team",
    ]  # fmt: skip
    assert (fields["hedged"], fields["resumed"], fields["lost_tokens_in"]) == (False, 0, 0)


def test_what_guards_have_done_is_told_by_their_names() -> None:
    receipt = received()
    for name, deed in (("pii", "redact"), ("w", "flag"), ("pii", "redact")):
        receipt.note_guard(name, deed)
    assert fields_of(receipt)["guards"] == "pii:redact, w:flag"


def test_a_call_in_a_trace_says_which() -> None:
    receipt = streamed()
    receipt.trace = TraceContext("4b" * 16, "01" * 8, sampled=False)
    assert fields_of(receipt)["trace_id"] == "4b" * 16


def test_a_client_that_left_is_499_in_the_log_whatever_the_wire_said() -> None:
    fields = fields_of(ended(Cause.CLIENT_GONE))
    assert (fields["status"], fields["outcome"]) == (499, "client_gone")
    assert fields_of(ended(Cause.CLIENT_STALLED))["status"] == 200


def test_a_receipt_that_nobody_settled_is_a_bug() -> None:
    assert fields_of(received())["outcome"] == "internal"
    assert level_of(received()) == "error"


@pytest.mark.parametrize(
    ("receipt", "level"),
    [
        (streamed(), "info"),
        (ended(Cause.CLIENT_GONE), "info"),
        (failed(TooLarge("")), "info"),
        (failed(Busy("")), "warning"),
        (failed(FirstTokenTimeout("")), "warning"),
        (failed(UpstreamTruncated("")), "warning"),
        (failed(UpstreamRefused("", status=400, type="", code=None)), "warning"),
        (ended(Cause.CLIENT_STALLED), "warning"),
        (ended(Cause.IDLE_SILENCE), "warning"),
        (ended(Cause.DRAIN), "warning"),
        (failed(Internal("")), "error"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.outcome),
)
def test_the_level_says_whether_somebody_should_look(receipt: Receipt, level: str) -> None:
    assert level_of(receipt) == level


@pytest.mark.parametrize("probe", ["healthz", "readyz"])
def test_a_probe_is_heard_only_when_something_is_wrong(probe: str) -> None:
    receipt = received(endpoint=probe)
    receipt.status = 200
    receipt.complete()
    assert level_of(receipt) == "debug"
    assert level_of(failed(Internal(""), endpoint=probe)) == "error"


def test_a_probe_is_not_written_at_the_usual_level(log: Log, pipe: Pipe) -> None:
    access_log = AccessLog(log)
    receipt = received(endpoint="healthz")
    receipt.complete()
    access_log.settled(receipt)
    access_log.settled(streamed())
    assert pipe.events(1)[0]["endpoint"] == "chat"
    log.close()
    assert pipe.rest() == []


def test_the_query_of_a_path_is_not_shown_because_it_may_hold_a_key() -> None:
    assert fields_of(received("/v1/models?key=sk-1"))["path"] == "/v1/models"


def test_what_others_chose_can_neither_break_the_line_nor_fill_the_log() -> None:
    receipt = received("/\x1b[31m\u202e" + "a" * 5000)
    receipt.model = "x\r\ny"
    receipt.answered_by = "m" * 5000
    fields = fields_of(receipt)
    assert str(fields["path"]).startswith("/\\x1b[31m\\u202eaaa")
    assert len(str(fields["path"])) < 250
    assert fields["model"] == "x\\r\\ny"
    assert len(str(fields["answered_by"])) == 201


@pytest.mark.parametrize(
    ("receipt", "told"),
    [
        (
            streamed(),
            (
                "POST /v1/chat/completions 200 completed · openai/gpt-5.2 · 12 → 340 tokens"
                " · first after 210 ms · 1930 ms · req-1"
            ),
        ),
        (
            ended(Cause.CLIENT_GONE),
            "POST /v1/chat/completions 499 client_gone while streaming · 500 ms · req-1",
        ),
        (
            ended(Cause.IDLE_SILENCE),
            "POST /v1/chat/completions 200 timeout while streaming · idle_silence · 500 ms · req-1",
        ),
        (
            failed(TooLarge("")),
            "POST /v1/chat/completions 413 refused · request_too_large · 500 ms · req-1",
        ),
        (received(), "POST /v1/chat/completions 0 internal in its body · req-1"),
    ],
    ids=["completed", "client gone", "idle", "refused", "never settled"],
)
def test_on_a_terminal_the_request_is_told_as_a_person_would(receipt: Receipt, told: str) -> None:
    assert told_of(receipt) == told


def test_the_text_form_uses_the_told_line(pipe: Pipe) -> None:
    with open_log(LogOptions(log_format="text"), pipe.stream) as log:
        AccessLog(log).settled(streamed())
        (line,) = pipe.lines(1)
    assert line.endswith("info    " + told_of(streamed()))


def test_every_outcome_can_be_told() -> None:
    for outcome in Outcome:
        for phase in Phase:
            receipt = received()
            receipt.outcome, receipt.phase = outcome, phase
            assert str(outcome) in told_of(receipt)


def test_a_blocked_log_does_not_hold_up_the_taps(pipe: Pipe) -> None:
    pipe.fill()
    log = open_log(LogOptions(log_format="json"), pipe.stream)
    access_log = AccessLog(log)
    receipt = streamed()
    began = time.monotonic()
    for _ in range(20_000):
        access_log.settled(receipt)
    each = (time.monotonic() - began) / 20_000
    assert each < 100e-6
    assert log.lost > 10_000
    log.close(patience=0)
    pipe.stream.close()
    assert len(pipe.rest()) < 10_000
    log.close()
