"""What calls came to, for Prometheus: by names that have an end, and by nothing they said."""

from typing import Any

import msgspec
import pytest

from gateway.telemetry.metrics import (
    CALLS,
    ENDS,
    ERRORS,
    FIRST_TOKEN_SECONDS,
    MOST_KNOWN,
    OF_A_CALL,
    SECONDS,
    TOKEN_SECONDS,
    TOKENS,
    Metrics,
)
from gateway.telemetry.naming import NONE, Naming
from gateway.telemetry.series import MOST_SERIES, OTHER
from gateway.words.answer import MOST_TOKENS, Usage
from gateway.words.errors import (
    BudgetSpent,
    ConnectFailed,
    RateLimited,
    UnknownModel,
    UpstreamRefused,
)
from gateway.words.life import Cause
from gateway.words.receipt import Attempt, Outcome, Phase, Receipt

DURATION = "gen_ai_server_request_duration_seconds"
FIRST = "gen_ai_server_time_to_first_token_seconds"
EACH = "gen_ai_server_time_per_output_token_seconds"
USED = "gen_ai_client_token_usage"
OVERHEAD = "gateway_overhead_seconds"
CANCELS = "gateway_cancel_latency_seconds"

Numbers = dict[tuple[str, ...], list[float]]


def metrics() -> Metrics:
    kinds = {"up": "openai", "eu": "azure"}
    return Metrics(Naming(kinds, ["gpt-5.2", "smart"], ["prod"]))


def call(**more: Any) -> Receipt:
    """Return a call that was let in and asked one target; it has not ended."""
    receipt = Receipt("req_1", "POST", "/v1/chat/completions", "127.0.0.1", 10.0)
    receipt.endpoint, receipt.model, receipt.stream = "chat", "gpt-5.2", True
    receipt.target, receipt.answered_by = "up/gpt-5.2", "gpt-5.2-2026-01-01"
    receipt.body_at, receipt.first_content_at = 10.5, 11.0
    receipt.told_at, receipt.ended = 13.375, 13.5
    receipt.usage = Usage(100, 5)
    receipt.attempts = [Attempt("up/gpt-5.2", 10.75, 13.25, "completed", usage=receipt.usage)]
    for name, value in more.items():
        setattr(receipt, name, value)
    return receipt


def done(receipt: Receipt) -> Receipt:
    receipt.complete()
    return receipt


def counted(*receipts: Receipt) -> dict[str, Numbers]:
    """Return what is told once these have ended: families, their series, their numbers."""
    tap = metrics()
    for receipt in receipts:
        tap.settled(receipt)
    return told(tap)


def told(tap: Metrics) -> dict[str, Numbers]:
    families = msgspec.json.decode(msgspec.json.encode(tap.told()))
    return {
        each["name"]: {tuple(labels): numbers for labels, numbers in each["series"]}
        for each in families
    }


def happened(numbers: Numbers) -> Numbers:
    """Return the series in which there is something."""
    return {labels: found for labels, found in numbers.items() if any(found)}


def only(numbers: Numbers) -> tuple[tuple[str, ...], list[float]]:
    """Return the one series that there is, and how much was observed of what size in all."""
    ((labels, found),) = numbers.items()
    return labels, [sum(found[:-1]), found[-1]]


GPT = ("chat", "openai", "up", "gpt-5.2", "gpt-5.2")


def test_a_stream_is_counted_with_its_names_and_its_times() -> None:
    families = counted(done(call(cost_nanos=700)))
    assert only(families[DURATION]) == ((*GPT, ""), [1, 3.5])
    assert only(families[FIRST]) == (GPT, [1, 1.0])
    assert only(families[EACH]) == (GPT, [1, 0.625])
    assert {labels[-1]: numbers[-1] for labels, numbers in families[USED].items()} == {
        "input": 100, "output": 5,
    }  # fmt: skip
    assert only(families[OVERHEAD]) == ((), [1, 0.375])
    assert happened(families["gateway_requests_total"]) == {("chat", "completed"): [1]}
    assert families["gateway_attempts_total"] == {
        ("up", "completed"): [1],
        ("eu", "completed"): [0],
    }
    assert families["gateway_cost_nanos_total"] == {("up", "gpt-5.2"): [700]}
    assert families[CANCELS] == {}


def test_the_bounds_are_opentelemetrys() -> None:
    bounds = {each.name: tuple(each.bounds) for each in metrics().told()}
    assert bounds[DURATION] == SECONDS
    assert bounds[FIRST] == FIRST_TOKEN_SECONDS
    assert bounds[EACH] == TOKEN_SECONDS
    assert bounds[USED] == TOKENS
    assert (SECONDS[0], SECONDS[-1], len(SECONDS)) == (0.01, 81.92, 14)
    assert (FIRST_TOKEN_SECONDS[0], FIRST_TOKEN_SECONDS[-1]) == (0.001, 10.0)
    assert (TOKEN_SECONDS[0], TOKEN_SECONDS[-1]) == (0.01, 2.5)
    assert (TOKENS[0], TOKENS[-1]) == (1, 67_108_864)
    for each in bounds.values():
        assert list(each) == sorted(set(each))


def test_what_does_not_stream_has_no_first_token() -> None:
    families = counted(done(call(stream=False)))
    assert families[FIRST] == families[EACH] == {}
    assert only(families[DURATION])[1] == [1, 3.5]


def test_one_token_has_no_time_between_tokens() -> None:
    assert counted(done(call(usage=Usage(3, 1))))[EACH] == {}
    assert counted(done(call(usage=None)))[EACH] == {}


def test_absurd_usage_leaves_figures_that_can_be_told() -> None:
    families = counted(done(call(attempts=[], usage=Usage(10**400, 10**400))), done(absurd()))
    assert {found[-1] for found in families[USED].values()} == {MOST_TOKENS}
    assert sum(only(families[EACH])[1][:-1]) == 2


def absurd() -> Receipt:
    usage = Usage(10**400, 10**400)
    return call(usage=usage, attempts=[Attempt("up/gpt-5.2", 11.0, 12.0, "completed", usage=usage)])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectFailed("x"), "upstream_connect_error"),
        (RateLimited("x"), "rate_limit_exceeded"),
        (UpstreamRefused("x", status=418, type="t", code="teapot"), OTHER),
        (UpstreamRefused("x", status=418, type="t", code=None), "upstream_error"),
        (UpstreamRefused("x", status=418, type="t", code="a b\n"), OTHER),
    ],
)
def test_r10_an_error_has_a_name_of_ours_and_a_providers_own_is_other(
    error: Any, said: str
) -> None:
    receipt = call()
    receipt.fail(error)
    labels, _ = only(counted(receipt)[DURATION])
    assert labels == (*GPT, said)
    assert said == OTHER or said in ERRORS


def test_what_failed_has_no_overhead_and_no_time_for_each_token() -> None:
    receipt = call()
    receipt.fail(ConnectFailed("x"))
    families = counted(receipt)
    assert families[EACH] == families[OVERHEAD] == {}
    assert only(families[FIRST])[1] == [1, 1.0]


def test_a_refusal_has_no_provider() -> None:
    receipt = call(target=None, attempts=[], usage=None, answered_by=None, first_content_at=None)
    receipt.fail(UnknownModel("x"))
    receipt.model = "clients-own-name"
    families = counted(receipt)
    assert only(families[DURATION])[0] == ("chat", NONE, NONE, OTHER, "", "model_not_found")
    assert families[USED] == families[FIRST] == {}
    assert happened(families["gateway_requests_total"]) == {("chat", "refused"): [1]}


def test_the_model_that_was_asked_for_counts_where_another_took_its_place() -> None:
    receipt = done(call(model="smart", asked="gpt-5.2"))
    assert only(counted(receipt)[DURATION])[0] == (*GPT, "")


def test_probes_and_unknown_paths_are_requests_and_no_calls() -> None:
    probe = done(call(endpoint="healthz", attempts=[]))
    unknown = done(call(endpoint="", attempts=[]))
    families = counted(probe, unknown)
    assert happened(families["gateway_requests_total"]) == {
        ("healthz", "completed"): [1], (NONE, "completed"): [1],
    }  # fmt: skip
    assert families[DURATION] == families[OVERHEAD] == {}
    assert {"chat", "embeddings", "completions"} <= CALLS


def test_what_passes_through_is_an_attempt_and_no_call() -> None:
    families = counted(done(call(endpoint="files", model=None, usage=None)))
    assert families["gateway_attempts_total"]["up", "completed"] == [1]
    assert families[DURATION] == {}


def test_attempts_count_by_provider_and_end() -> None:
    tries = [
        Attempt("up/gpt-5.2", 10.6, 10.7, "upstream_connect_error"),
        Attempt("up/gpt-5.2", 10.8, 10.9, "their_own_code"),
        Attempt("eu/prod", 11.0, 13.0, "completed", usage=Usage(7, 8)),
    ]
    families = counted(done(call(attempts=tries, target="eu/prod", answered_by="prod")))
    assert families["gateway_attempts_total"] == {
        ("up", "completed"): [0], ("eu", "completed"): [1],
        ("up", "upstream_connect_error"): [1], ("up", OTHER): [1],
    }  # fmt: skip
    assert families["gateway_retries_total"] == {(): [1]}
    assert families["gateway_fallbacks_total"] == {(): [1]}
    assert families["gateway_hedges_total"] == {(): [0]}
    azure = ("chat", "azure.ai.openai", "eu", "gpt-5.2", "prod")
    assert set(families[USED]) == {(*azure, "input"), (*azure, "output")}
    assert only(families[OVERHEAD])[1] == [1, pytest.approx(0.1 + 0.375)]


def test_a_race_is_a_hedge_and_no_fallback_and_its_loser_costs_tokens() -> None:
    tries = [
        Attempt("up/gpt-5.2", 10.6, 11.5, "lost", usage=Usage(7, 0)),
        Attempt("eu/prod", 11.0, 13.0, "completed", usage=Usage(7, 8)),
    ]
    families = counted(done(call(attempts=tries, target="eu/prod", hedged=True, resumed=2)))
    assert families["gateway_hedges_total"] == {(): [1]}
    assert families["gateway_fallbacks_total"] == {(): [0]}
    assert families["gateway_resumes_total"] == {(): [2]}
    assert families["gateway_attempts_total"]["up", "lost"] == [1]
    used = {labels[2]: numbers for labels, numbers in families[USED].items() if "input" in labels}
    assert set(used) == {"up", "eu"}


def test_what_guards_have_done_is_counted_once_for_each_call() -> None:
    families = counted(done(call(guards=("pii:redact", "a:b:flag"))))
    assert families["gateway_guard_verdicts_total"] == {
        ("pii", "redact"): [1],
        ("a:b", "flag"): [1],
    }


def test_a_kept_answer_is_a_hit_and_no_providers_speed() -> None:
    families = counted(done(call(cache="hit", attempts=[])))
    assert families["gateway_cache_total"] == {("hit",): [1], ("miss",): [0], ("shared",): [0]}
    assert families[FIRST] == families[EACH] == families[USED] == {}
    assert only(families[OVERHEAD])[1] == [1, 0.5]
    assert only(families[DURATION])[0] == (*GPT, "")


def test_who_reads_along_has_waited_for_a_provider_all_the_same() -> None:
    families = counted(done(call(cache="shared", shared_with="req_0", attempts=[])))
    assert families["gateway_cache_total"]["shared",] == [1]
    assert families[OVERHEAD] == families[FIRST] == {}


def test_a_client_that_leaves_is_counted_by_its_phase_and_by_how_long_its_end_took() -> None:
    receipt = call(phase=Phase.STREAMING, cut_at=13.25)
    receipt.end(Cause.CLIENT_GONE)
    families = counted(receipt)
    assert families["gateway_client_gone_total"] == {
        ("body",): [0], ("waiting",): [0], ("streaming",): [1], ("finishing",): [0],
    }  # fmt: skip
    assert only(families[CANCELS]) == (("client_gone",), [1, 0.25])
    assert only(families[DURATION])[0] == (*GPT, "client_gone")


def test_an_answer_that_is_read_on_is_counted_as_gone_and_was_not_cut() -> None:
    receipt = call(phase=Phase.STREAMING, drained=True)
    receipt.end(Cause.CLIENT_GONE)
    families = counted(receipt)
    assert families["gateway_client_gone_total"]["streaming",] == [1]
    assert families[CANCELS] == {}


def test_who_leaves_after_the_last_word_was_served() -> None:
    families = counted(done(call(cut_at=13.0)))
    assert families[CANCELS] == {}
    assert families["gateway_client_gone_total"]["finishing",] == [0]


def test_who_leaves_once_an_error_was_told_has_cut_nothing() -> None:
    receipt = call(cut_at=13.25)
    receipt.fail(BudgetSpent("x"))
    assert counted(receipt)[CANCELS] == {}


def test_a_receipt_without_an_outcome_is_a_bug_of_ours() -> None:
    families = counted(call(ended=None))
    assert happened(families["gateway_requests_total"]) == {("chat", "internal"): [1]}
    assert only(families[DURATION]) == ((*GPT, "internal"), [1, 0.0])


def test_r10_names_that_clients_and_providers_think_of_make_no_series() -> None:
    tap = metrics()
    for number in range(2 * MOST_KNOWN):
        name = f"name-{number}"
        tap.settled(done(call(model=name, answered_by=name, target=f"{name}/x")))
    families = told(tap)
    assert only(families[DURATION])[0] == ("chat", OTHER, OTHER, OTHER, OTHER, "")
    assert len(tap._known) <= MOST_KNOWN


def test_r10_there_is_an_end_to_the_series_of_many_names() -> None:
    names = [f"m{number}" for number in range(2 * MOST_SERIES)]
    tap = Metrics(Naming({"up": "openai"}, names))
    for name in names:
        tap.settled(done(call(model=name, answered_by=name)))
    families = told(tap)
    assert len(families[DURATION]) == MOST_SERIES + 1
    assert families[DURATION][*[OTHER] * len(OF_A_CALL), ""][-1] == 3.5 * MOST_SERIES


def test_a_name_that_is_listed_later_is_no_longer_other() -> None:
    tap = metrics()
    late = call(model="local/late", answered_by="late")
    tap.settled(done(late))
    tap.learn(["late"], "local/")
    tap.settled(late)
    asked = {labels[3:5] for labels in told(tap)[DURATION]}
    assert asked == {(OTHER, OTHER), ("local/late", "late")}


def test_every_outcome_of_ours_is_a_name() -> None:
    assert {*Outcome, *Cause} <= ERRORS < ENDS
    assert OTHER not in ENDS


def test_r21_nothing_that_was_asked_or_answered_is_in_what_is_told() -> None:
    tap = metrics()
    receipt = done(call(path="/v1/canary", session="canary", tags=("canary",), client="canary"))
    receipt.peer = receipt.request_id = "canary"
    tap.settled(receipt)
    assert b"canary" not in msgspec.json.encode(tap.told())
