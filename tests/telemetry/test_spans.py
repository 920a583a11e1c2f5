"""What the spans of a call say, once it has ended."""

import msgspec
import pytest

from gateway.telemetry.spans import MOST_ATTEMPTS, Ended, Peer, Span, spans_of
from gateway.words.answer import Usage
from gateway.words.caller import Caller
from gateway.words.errors import FirstTokenTimeout, GatewayError, Internal, TooLarge, UpstreamReset
from gateway.words.life import Cause
from gateway.words.receipt import Attempt, Phase, Receipt
from gateway.words.trace import TraceContext

AT = 1_800_000_000_000_000_000
PLACE = TraceContext("4b" * 16, "01" * 8, sampled=True)
PEERS = {"up": Peer("openai", "up.test", 443), "echo": Peer("echo")}


def attempt(target: str, began: float, ended: float | None, outcome: str) -> Attempt:
    place = msgspec.structs.replace(PLACE, span_id="02" * 8, parent_id=PLACE.span_id)
    return Attempt(target, began, ended, outcome, trace=place)


def call(*attempts: Attempt, **fields: object) -> Receipt:
    """Return the receipt of a call that took two seconds."""
    receipt = Receipt("req-1", "POST", "/v1/chat/completions?x=1", "10.0.0.7", 100.0)
    receipt.endpoint, receipt.model, receipt.stream = "chat", "gpt", True
    receipt.phase, receipt.status, receipt.ended = Phase.FINISHING, 200, 102.0
    receipt.attempts, receipt.trace = list(attempts), PLACE
    for name, value in fields.items():
        setattr(receipt, name, value)
    return receipt


def whole(*attempts: Attempt, **fields: object) -> Receipt:
    receipt = call(*attempts, **fields)
    receipt.complete()
    return receipt


def ended(cause: Cause, *attempts: Attempt, **fields: object) -> Receipt:
    receipt = call(*attempts, **fields)
    receipt.end(cause)
    return receipt


def failed(error: GatewayError) -> Receipt:
    receipt = call(status=error.status)
    receipt.fail(error)
    return receipt


def made(receipt: Receipt) -> list[Span]:
    return list(spans_of(Ended(receipt, AT), PEERS))


def steps(receipt: Receipt) -> list[tuple[str, float]]:
    """Return what happened in a call, and how many seconds after its beginning."""
    return [
        (name.removeprefix("gateway."), (at - AT) / 1e9 + 2.0)
        for name, at, _ in made(receipt)[0].moments
    ]


GOOD = attempt("up/gpt-5.2", 100.5, 102.0, "completed")


def test_times_are_counted_back_from_the_end() -> None:
    span, below = made(whole(GOOD))
    assert (span.began_ns, span.ended_ns) == (AT - 2_000_000_000, AT)
    assert (below.began_ns, below.ended_ns) == (AT - 1_500_000_000, AT)


def test_a_call_that_no_trace_is_known_of_has_no_span() -> None:
    assert made(whole(GOOD, trace=None)) == []
    unplaced = Attempt("up/m", 100.0, 101.0, "completed")
    assert len(made(whole(unplaced))) == 1


def test_a_call_says_what_became_of_it() -> None:
    receipt = whole(GOOD, answered_by="gpt-5.2-0101", target="up/gpt-5.2", cost_nanos=7)
    receipt.caller = Caller("ci", "0123456789ab", team="research")
    receipt.cache, receipt.resumed, receipt.hedged, receipt.drained = "miss", 1, True, True
    span = made(receipt)[0]
    assert (span.name, span.asks, span.failed) == ("POST /v1/chat/completions", False, False)
    assert span.values == {
        "http.request.method": "POST",
        "url.path": "/v1/chat/completions",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "client.address": "10.0.0.7",
        "gen_ai.request.model": "gpt",
        "gen_ai.response.model": "gpt-5.2-0101",
        "gateway.request_id": "req-1",
        "gateway.endpoint": "chat",
        "gateway.stream": True,
        "gateway.outcome": "completed",
        "gateway.phase": "finishing",
        "gateway.key": "ci",
        "gateway.team": "research",
        "gateway.target": "up/gpt-5.2",
        "gateway.cost_nanos": 7,
        "gateway.cache": "miss",
        "gateway.attempts": 1,
        "gateway.hedged": True,
        "gateway.resumed": 1,
        "gateway.read_on": True,
    }


def test_an_attempt_says_who_was_asked_and_what_was_used() -> None:
    one = attempt("up/gpt-5.2", 100.5, 102.0, "completed")
    one.usage = Usage(12, 34, cached_tokens=5, reasoning_tokens=6, cache_write_tokens=7)
    one.cost_nanos, one.stale = 9, True
    span = made(whole(one, first_content_at=101.0, answered_by="gpt-5.2-0101"))[1]
    assert (span.name, span.asks, span.failed) == ("chat gpt-5.2", True, False)
    assert span.values == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-5.2",
        "gen_ai.request.stream": True,
        "gen_ai.response.model": "gpt-5.2-0101",
        "gen_ai.response.time_to_first_chunk": 0.5,
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 34,
        "gen_ai.usage.cache_read.input_tokens": 5,
        "gen_ai.usage.cache_write.input_tokens": 7,
        "gen_ai.usage.reasoning.output_tokens": 6,
        "server.address": "up.test",
        "server.port": 443,
        "gateway.request_id": "req-1",
        "gateway.provider": "up",
        "gateway.attempt": 1,
        "gateway.attempt.outcome": "completed",
        "gateway.attempt.cost_nanos": 9,
        "gateway.attempt.sent_again": True,
    }
    assert [name for name, _, _ in span.moments] == ["gateway.first_content"]


def test_only_a_stream_has_a_first_chunk() -> None:
    span = made(whole(GOOD, first_content_at=101.0, stream=False))[1]
    assert "gen_ai.response.time_to_first_chunk" not in span.values
    assert [name for name, _, _ in span.moments] == ["gateway.first_content"]


def test_what_passes_through_names_no_model() -> None:
    passed = attempt("up/files", 100.5, 102.0, "completed")
    span = made(whole(passed, endpoint="files", model=None, stream=False))[1]
    assert (span.name, span.values["gen_ai.operation.name"]) == ("files", "files")
    assert "gen_ai.request.model" not in span.values


def test_what_is_used_is_said_once() -> None:
    """Of one attempt what the call says, where the attempt says nothing; of several never."""
    spans = made(whole(GOOD, usage=Usage(1, 2)))
    assert [span.values.get("gen_ai.usage.input_tokens") for span in spans] == [None, 1]
    spans = made(whole(attempt("up/a", 100, 101, "x"), GOOD, usage=Usage(1, 2)))
    assert [span.values.get("gen_ai.usage.input_tokens") for span in spans] == [None] * 3


def test_a_provider_that_is_not_known_or_has_no_address_is_named_all_the_same() -> None:
    spans = made(whole(attempt("gone/m", 100, 101, "x"), attempt("echo/echo", 101, 102, "x")))
    assert [span.values["gen_ai.provider.name"] for span in spans[1:]] == ["gone", "echo"]
    assert all("server.address" not in span.values for span in spans)


@pytest.mark.parametrize(
    ("receipt", "wrong", "error"),
    [
        (whole(), False, None),
        (failed(TooLarge("x")), False, "request_too_large"),
        (failed(FirstTokenTimeout("x")), True, "first_token_timeout"),
        (failed(UpstreamReset("x")), True, "upstream_reset"),
        (failed(Internal("x")), True, "internal_error"),
        (ended(Cause.CLIENT_GONE), False, None),
        (ended(Cause.CLIENT_STALLED), False, None),
        (ended(Cause.OPERATOR), True, "operator"),
        (ended(Cause.TOTAL_TIMEOUT), True, "total_timeout"),
        (call(), True, "_OTHER"),
        (whole(status=404), False, "404"),
        (whole(status=503), True, "503"),
    ],
)
def test_who_leaves_is_no_error_and_what_fails_is(
    receipt: Receipt, wrong: bool, error: str | None
) -> None:
    span = made(receipt)[0]
    assert (span.failed, span.values.get("error.type")) == (wrong, error)


@pytest.mark.parametrize(
    ("outcome", "wrong"),
    [
        *(("completed", False), ("cancelled", False), ("lost", False), ("handed on", False)),
        *(("rate_limited", True), ("open", True)),
    ],
)
def test_an_attempt_fails_where_its_target_did(outcome: str, wrong: bool) -> None:
    span = made(whole(attempt("up/m", 100, 101, outcome)))[1]
    assert span.failed is wrong
    assert ("error.type" in span.values) is wrong


def test_what_happens_in_a_call_is_told_in_turn() -> None:
    receipt = ended(
        Cause.CLIENT_GONE,
        attempt("up/a", 100.25, 100.5, "x"),
        attempt("up/a", 100.5, 100.75, "x"),
        attempt("up/b", 100.75, 101.5, "cut"),
        attempt("up/b", 101.625, None, "open"),
        body_at=100.125,
        first_content_at=101.0,
        resumed=1,
        cut_at=101.75,
    )
    assert steps(receipt) == [
        *(("body", 0.125), ("retry", 0.5), ("fallback", 0.75), ("first_content", 1.0)),
        *(("resume", 1.625), ("cut", 1.75)),
    ]


def test_of_a_race_only_the_one_that_spoke_had_content() -> None:
    late, fast = attempt("up/a", 100.25, 101.0, "lost"), attempt("up/b", 100.5, 102.0, "completed")
    receipt = whole(late, fast, hedged=True, first_content_at=101.0)
    assert steps(receipt) == [("hedge", 0.5), ("first_content", 1.0)]
    _, first, second = made(receipt)
    assert (len(first.moments), len(second.moments)) == (0, 1)


@pytest.mark.parametrize(("began", "ended_at"), [(101.5, 102.0), (100.0, 100.5)])
def test_who_was_not_asked_then_had_not_the_first_content(began: float, ended_at: float) -> None:
    receipt = whole(attempt("up/a", began, ended_at, "completed"), first_content_at=101.0)
    assert made(receipt)[1].moments == []


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/v1/models", "GET /v1/models"),
        ("GET", "/v1/models/canary", "GET"),
        ("POST", "/v1/responses", "POST /v1/responses"),
        ("BREW", "/v1/models", "HTTP"),
    ],
)
def test_a_name_has_few_values(method: str, path: str, name: str) -> None:
    receipt = whole(method=method, path=path, endpoint="", model=None)
    span = made(receipt)[0]
    assert span.name == name
    assert span.values["http.request.method"] == name.partition(" ")[0].replace("HTTP", "_OTHER")


def test_what_others_chose_is_bounded_and_safe_to_read() -> None:
    """R10, R20."""
    receipt = whole(path="/" + "p" * 9_000, model="m\u202e" + "m" * 9_000)
    receipt.attempts = [attempt("up/" + "t" * 900, 100.0, 101.0, "x") for _ in range(500)]
    spans = made(receipt)
    assert len(spans) == 1 + MOST_ATTEMPTS
    texts = [value for span in spans for value in span.values.values() if isinstance(value, str)]
    assert max(map(len, texts)) < 300
    assert "\u202e" not in "".join(texts)
    assert spans[0].values["gateway.attempts"] == 500


def test_r21_what_a_client_says_beside_its_request_is_in_no_span() -> None:
    canary = "c4n4ry"
    receipt = whole(GOOD, tags=(canary,), session=canary, client=canary)
    assert canary not in repr(made(receipt))
