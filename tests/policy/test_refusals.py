"""What follows from a failure: who is asked next, whose fault it was, how long to wait."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.refusals import (
    KEY_PAUSE,
    KEY_REST,
    LONGEST_WAIT,
    Verdict,
    backoff,
    counts,
    key_rest_of,
    verdict_of,
    wait_of,
)
from gateway.words.client import Header
from gateway.words.errors import (
    AnswerTooLarge,
    BadRequest,
    BodyTimeout,
    Busy,
    ConnectFailed,
    ConnectTimeout,
    FirstTokenTimeout,
    GatewayError,
    IdleTimeout,
    Internal,
    NameFailed,
    NoCredentials,
    OwnKeyMissing,
    OwnKeyRefused,
    Stopped,
    StoppedByOperator,
    Timeout,
    TlsFailed,
    TotalTimeout,
    UnknownModel,
    UpstreamAuth,
    UpstreamFailure,
    UpstreamFault,
    UpstreamMalformed,
    UpstreamRefused,
    UpstreamReset,
    UpstreamTruncated,
    UpstreamWriteTimeout,
)

AGAIN, OTHER_KEY, ELSEWHERE = Verdict.AGAIN, Verdict.OTHER_KEY, Verdict.ELSEWHERE
LONGER, FINAL = Verdict.LONGER, Verdict.FINAL

NOW = 1_700_000_000.0
"""Tue, 14 Nov 2023 22:13:20 GMT."""


def refused(
    status: int,
    message: str = "No.",
    *headers: Header,
    type: str = "error",
    code: str | None = None,
    param: str | None = None,
) -> UpstreamRefused:
    return UpstreamRefused(
        message, status=status, type=type, code=code, param=param, headers=headers
    )


def told(
    message: str = "No.", *, type: str = "upstream_error", code: str | None = None
) -> UpstreamFault:
    """Return an error as it is told inside a stream."""
    return UpstreamFault(message, type=type, code=code)


@pytest.mark.parametrize(
    ("kind", "verdict", "counted"),
    [
        (ConnectFailed, AGAIN, True),
        (UpstreamReset, AGAIN, True),
        (UpstreamTruncated, AGAIN, True),
        (UpstreamMalformed, AGAIN, True),
        (UpstreamFailure, AGAIN, True),
        (UpstreamAuth, OTHER_KEY, True),
        (NameFailed, ELSEWHERE, True),
        (TlsFailed, ELSEWHERE, True),
        (NoCredentials, ELSEWHERE, True),
        (OwnKeyMissing, FINAL, False),
        (ConnectTimeout, ELSEWHERE, True),
        (FirstTokenTimeout, ELSEWHERE, True),
        (IdleTimeout, ELSEWHERE, True),
        (UpstreamWriteTimeout, ELSEWHERE, True),
        (Timeout, ELSEWHERE, True),
        (TotalTimeout, FINAL, False),
        (AnswerTooLarge, FINAL, False),
        (BadRequest, FINAL, False),
        (BodyTimeout, FINAL, False),
        (UnknownModel, FINAL, False),
        (Busy, FINAL, False),
        (Stopped, FINAL, False),
        (StoppedByOperator, FINAL, False),
        (Internal, FINAL, False),
        (GatewayError, FINAL, False),
    ],
)
def test_each_kind_of_error_has_its_verdict(
    kind: type[GatewayError], verdict: Verdict, counted: bool
) -> None:
    error = kind("What went wrong.")
    assert (verdict_of(error), counts(error)) == (verdict, counted)


@pytest.mark.parametrize(
    ("status", "verdict", "counted"),
    [
        (400, FINAL, False),
        (401, OTHER_KEY, True),
        (402, OTHER_KEY, True),
        (403, OTHER_KEY, True),
        (404, FINAL, False),
        (405, FINAL, False),
        (408, AGAIN, True),
        (409, AGAIN, False),
        (413, FINAL, False),
        (422, FINAL, False),
        (429, OTHER_KEY, True),
        (499, FINAL, False),
        (500, AGAIN, True),
        (501, ELSEWHERE, True),
        (502, AGAIN, True),
        (503, AGAIN, True),
        (504, AGAIN, True),
        (505, ELSEWHERE, True),
        (529, AGAIN, True),
        (599, AGAIN, True),
    ],
)
def test_each_status_of_a_provider_has_its_verdict(
    status: int, verdict: Verdict, counted: bool
) -> None:
    error = refused(status)
    assert (verdict_of(error), counts(error)) == (verdict, counted)
    in_stream = told(code=str(status))
    assert (verdict_of(in_stream), counts(in_stream)) == (verdict, counted)


@pytest.mark.parametrize(
    ("type", "code", "verdict"),
    [
        ("upstream_error", None, AGAIN),
        ("whatever", "no_idea", AGAIN),
        ("upstream_error", "200", AGAIN),
        ("upstream_error", "4290", AGAIN),
        ("upstream_error", "٤٢٩", AGAIN),
        ("server_error", None, AGAIN),
        ("overloaded_error", None, AGAIN),
        ("api_error", None, AGAIN),
        ("timeout_error", None, AGAIN),
        ("InternalServerError", None, AGAIN),
        ("service_unavailable_error", "server_is_overloaded", AGAIN),
        ("internalServerException", None, AGAIN),
        ("rate_limit_error", None, OTHER_KEY),
        ("tokens", "rate_limit_exceeded", OTHER_KEY),
        ("throttlingException", None, OTHER_KEY),
        ("RESOURCE_EXHAUSTED", None, OTHER_KEY),
        ("insufficient_quota", "insufficient_quota", OTHER_KEY),
        ("authentication_error", None, OTHER_KEY),
        ("permission_error", None, OTHER_KEY),
        ("billing_error", None, OTHER_KEY),
        ("invalid_request_error", "invalid_api_key", OTHER_KEY),
        ("invalid_request_error", None, FINAL),
        ("invalid_request_error", "invalid_request_error", FINAL),
        ("BadRequestError", None, FINAL),
        ("not_found_error", None, FINAL),
        ("request_too_large", None, FINAL),
        ("validationException", None, FINAL),
    ],
)
def test_an_error_told_in_a_stream_is_judged_by_its_words(
    type: str, code: str | None, verdict: Verdict
) -> None:
    assert verdict_of(told(type=type, code=code)) is verdict


@pytest.mark.parametrize(
    ("type", "code"),
    [
        ("invalid_request_error", "context_length_exceeded"),
        ("error", "context_window_exceeded"),
        ("ContextWindowExceededError", None),
        ("exceed_context_size_error", "400"),
        ("error", "tokens_limit_reached"),
        ("error", "model_max_prompt_tokens_exceeded"),
        ("error", "prompt_too_long"),
    ],
)
def test_a_prompt_too_long_is_known_by_its_code(type: str, code: str | None) -> None:
    errors = [
        *(refused(status, type=type, code=code) for status in (400, 413, 422, 500)),
        told(type=type, code=code),
    ]
    assert [verdict_of(error) for error in errors] == [LONGER] * 5
    assert not any(counts(error) for error in errors)


SENTENCES = {
    "openai": "This model's maximum context length is 8192 tokens. However, your messages"
    " resulted in 9000 tokens.",
    "openai responses": "Your input exceeds the context window of this model.",
    "anthropic": "prompt is too long: 208656 tokens > 200000 maximum",
    "anthropic, all": "input length and `max_tokens` exceed context limit: 170636 + 34048 > 200000",
    "gemini": "The input token count (1200293) exceeds the maximum number of tokens allowed.",
    "vertex": "Unable to submit request because the input token count is 9 but the model only"
    " supports up to 8.",
    "vllm": "The decoder prompt (length 17772) is longer than the maximum model length of 16384.",
    "vllm images": "The prompt (total length 25938) is too long to fit into the model (context"
    " length 4096).",
    "vllm of old": "Input prompt (2664 tokens) is too long and exceeds limit of 2560",
    "llama.cpp": "request (14429 tokens) exceeds the available context size (8192 tokens)",
    "llama.cpp of old": "the request exceeds the available context size. try increasing it",
    "llama-cpp-python": "Requested tokens (516) exceed context window of 512",
    "lm studio": "The number of tokens to keep from the initial prompt is greater than the context"
    " length.",
    "lm studio, another": "Input length 1581 exceeds context length 1500",
    "sglang": "The input (61709 tokens) is longer than the model's context length (40960 tokens).",
    "tgi": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048.",
    "tgi input": "Input validation error: `inputs` must have less than 512 tokens. Given: 600",
    "mistral": "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768"
    " maximum context length",
    "bedrock": "Input is too long for requested model.",
    "xai": "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "groq": "Please reduce the length of the messages or completion.",
    "cohere": "too many tokens: size limit exceeded by 19296 tokens.",
    "ollama": "prompt too long; exceeded max context length by 4 tokens",
    "github": "prompt token count of 70000 exceeds the limit of 64000",
    "kimi": "Invalid request: Your request exceeded model token limit: 262144",
    "poolside": "Input length 131393 exceeds the maximum allowed input length of 131040 tokens.",
    "perplexity": "The total length of all messages is too long.",
    "qwen": "Range of input length should be [1, 129024]",
}


@pytest.mark.parametrize("sentence", SENTENCES.values(), ids=SENTENCES)
def test_a_prompt_too_long_is_known_by_what_providers_say(sentence: str) -> None:
    kind = "invalid_request_error"
    for text in (sentence, sentence.upper(), f"Provider returned error: {sentence}"):
        assert verdict_of(refused(400, text, type=kind)) is LONGER
        assert verdict_of(refused(413, text)) is LONGER
        assert verdict_of(told(text, type=kind)) is LONGER
        assert verdict_of(told(text)) is LONGER


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (refused(429, "Too many tokens, please wait before trying again."), OTHER_KEY),
        (refused(429, "Maximum context length of the minute."), OTHER_KEY),
        (refused(404, "The maximum context length page is gone."), FINAL),
        (refused(503, "The prompt is too long for today's load."), AGAIN),
        (told("Too many tokens, please wait.", type="throttlingException"), OTHER_KEY),
        (told("The prompt is too long a story.", type="overloaded_error"), AGAIN),
        (refused(400, "max_tokens is too large: 6000. At most 4096 are supported."), FINAL),
        (refused(413, "Request exceeds the maximum size", type="request_too_large"), FINAL),
        (refused(400, "x" * 2000 + "prompt is too long"), FINAL),
    ],
)
def test_what_only_sounds_like_a_prompt_too_long_is_none(
    error: GatewayError, verdict: Verdict
) -> None:
    assert verdict_of(error) is verdict


@pytest.mark.parametrize(
    ("param", "verdict"),
    [
        (None, LONGER),
        ("messages[17].content", LONGER),
        ("input[0].content", LONGER),
        ("prompt", LONGER),
        ("user", FINAL),
        ("tools[0].function.description", FINAL),
    ],
)
def test_a_string_too_long_is_a_prompt_only_where_it_is_one(
    param: str | None, verdict: Verdict
) -> None:
    error = refused(400, "String too long.", code="string_above_max_length", param=param)
    assert verdict_of(error) is verdict


@pytest.mark.parametrize(
    "error",
    [
        refused(400, code="content_filter"),
        refused(400, code="content_policy_violation"),
        refused(400, type="image_generation_user_error", code="moderation_blocked"),
        refused(400, code="ResponsibleAIPolicyViolation"),
        refused(400, code="DataInspectionFailed"),
        refused(400, code="invalid_prompt"),
        refused(500, type="content_filter"),
        refused(403, code="content_filter"),
        refused(429, code="content_filter"),
        refused(
            400,
            "The response was filtered due to the prompt triggering Azure OpenAI's content"
            " management policy.",
        ),
        refused(400, '{"innererror":{"code":"ResponsibleAIPolicyViolation"}}'),
        refused(400, "Output blocked by content filtering policy"),
        refused(403, "Your chosen model requires moderation and your input was flagged."),
        told(code="content_filter"),
        told("The prompt is too long.", code="content_filter"),
        told(type="server_error", code="content_policy_violation"),
        told("Output blocked by content filtering policy"),
        told("Blocked by the content filter.", type="invalid_request_error"),
    ],
)
def test_a_content_filter_is_never_routed_around(error: GatewayError) -> None:
    assert verdict_of(error) is FINAL
    assert not counts(error)
    assert key_rest_of(error, NOW) == 0.0


def test_a_provider_whose_filter_is_down_may_be_asked_again() -> None:
    assert verdict_of(refused(503, "The content filter is not available.")) is AGAIN


@pytest.mark.parametrize(
    ("error", "rest"),
    [
        (UpstreamAuth("Wrong key."), KEY_REST),
        (refused(401), KEY_REST),
        (refused(402), KEY_REST),
        (refused(403), KEY_REST),
        (refused(429), KEY_PAUSE),
        (refused(429, "No.", (b"retry-after", b"7")), 7.0),
        (refused(429, "No.", (b"retry-after", b"nan")), KEY_PAUSE),
        (refused(429, "No.", (b"retry-after", b"99"), code="insufficient_quota"), KEY_REST),
        (refused(400, code="billing_hard_limit_reached"), KEY_REST),
        (refused(400, "API key not valid. Please pass a valid API key."), KEY_REST),
        (refused(400, "Your credit balance is too low to access the API."), KEY_REST),
        (told(type="authentication_error"), KEY_REST),
        (told(type="rate_limit_error"), KEY_PAUSE),
        (told(code="429"), KEY_PAUSE),
        (told("API key expired. Please renew it."), KEY_REST),
    ],
)
def test_a_key_rests_for_as_long_as_its_error_says(error: GatewayError, rest: float) -> None:
    assert verdict_of(error) is OTHER_KEY
    assert counts(error)
    assert key_rest_of(error, NOW) == rest


@pytest.mark.parametrize(
    "error",
    [
        ConnectFailed("Down."),
        refused(500),
        refused(503, "No.", (b"retry-after", b"9")),
        Busy("No."),
    ],
)
def test_a_key_does_not_rest_for_what_is_not_its_fault(error: GatewayError) -> None:
    assert key_rest_of(error, NOW) == 0.0


def test_nobody_puts_a_key_to_rest_with_words_that_a_provider_repeats() -> None:
    error = refused(400, "Invalid value: 'API key not valid'.", type="invalid_request_error")
    assert verdict_of(error) is FINAL
    assert key_rest_of(error, NOW) == 0.0


@pytest.mark.parametrize("status", [413, 429])
def test_one_request_that_wants_too_much_does_not_put_its_key_to_rest(status: int) -> None:
    error = refused(
        status,
        "Request too large for `llama-3.3-70b` in organization `org_1` on tokens per minute (TPM):"
        " Limit 12000, Requested 14137, please reduce your message size and try again.",
        type="tokens",
        code="rate_limit_exceeded",
    )
    assert verdict_of(error) is OTHER_KEY
    assert not counts(error)
    assert key_rest_of(error, NOW) == 0.0


@pytest.mark.parametrize(
    ("status", "header", "verdict"),
    [
        (503, b"false", ELSEWHERE),
        (503, b"true", AGAIN),
        (503, b"", AGAIN),
        (429, b"false", OTHER_KEY),
        (400, b"true", FINAL),
    ],
)
def test_a_provider_that_has_tried_in_vain_itself_is_not_asked_again(
    status: int, header: bytes, verdict: Verdict
) -> None:
    assert verdict_of(refused(status, "No.", (b"x-should-retry", header))) is verdict


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        (b"0", 0.0),
        (b"2", 2.0),
        (b"1.5", 1.5),
        (b"3600", 3600.0),
        (b"3601", LONGEST_WAIT),
        (b"999999999999999", LONGEST_WAIT),
        (b"Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        (b"Tue, 14 Nov 2023 22:13:50 -0000", 30.0),
        (b"Tue, 14 Nov 2023 23:13:50 +0100", 30.0),
        (b"Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        (b"Tue, 14 Nov 2099 22:00:00 GMT", LONGEST_WAIT),
        (b"", None),
        (b" ", None),
        (b"-1", None),
        (b"nan", None),
        (b"inf", None),
        (b"-inf", None),
        (b"1e999", None),
        (b"1_000", None),
        (b"0x10", None),
        (b"9" * 5000, None),
        (b"9" * 16, None),
        ("٣".encode(), None),
        (b"\xff", None),
        (b"soon", None),
        (b"Tue, 14 Nov 99999999999999999999 22:13:50 GMT", None),
        (b"Tue, 99 Nov 2023 22:13:50 GMT", None),
        (b"Tue, 14 Nov 2023 22:13:50 +9999", None),
        (b"Fri, 31 Dec 9999 23:59:59 -2359", LONGEST_WAIT),
        (b"Tue, 14 Nov 2023 22:13:50 GMT" + b" " * 40, None),
        (b"Tue,", None),
        (b",", None),
    ],
)
def test_a_provider_says_how_long_it_wants_to_be_left_alone(
    value: bytes, wait: float | None
) -> None:
    assert wait_of(refused(503, "No.", (b"retry-after", value)), NOW) == wait


def test_a_date_says_nothing_where_today_is_not_known() -> None:
    error = refused(503, "No.", (b"retry-after", b"Tue, 14 Nov 2023 22:13:50 GMT"))
    assert wait_of(error, None) is None


MS, AFTER = b"retry-after-ms", b"retry-after"
REQUESTS, TOKENS = b"x-ratelimit-reset-requests", b"x-ratelimit-reset-tokens"


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ((), None),
        (((MS, b"250"),), 0.25),
        (((MS, b"250"), (AFTER, b"9")), 0.25),
        (((AFTER, b"9"), (MS, b"junk")), 9.0),
        (((AFTER, b"9"), (REQUESTS, b"1s")), 9.0),
        (((AFTER, b"0"), (REQUESTS, b"1s")), 0.0),
        (((AFTER, b"junk"), (REQUESTS, b"1s")), 1.0),
        (((REQUESTS, b"120ms"), (TOKENS, b"6m0s")), 360.0),
        (((REQUESTS, b"1s"),), 1.0),
        (((TOKENS, b"120ms"),), 0.12),
        (((TOKENS, b"7.66s"),), 7.66),
        (((TOKENS, b"1h2m3s4ms"),), LONGEST_WAIT),
        (((TOKENS, b"2d"),), LONGEST_WAIT),
        (((TOKENS, b"0s"), (REQUESTS, b"0ms")), None),
        (((TOKENS, b""),), None),
        (((TOKENS, b"6"),), None),
        (((TOKENS, b"-6s"),), None),
        (((TOKENS, b"1e9s"),), None),
        (((TOKENS, b"nans"),), None),
        (((TOKENS, b"5\xc2\xb5s"),), None),
        (((TOKENS, b"9" * 400 + b"s"),), None),
    ],
)
def test_of_several_times_the_most_exact_one_holds(
    headers: tuple[Header, ...], wait: float | None
) -> None:
    assert wait_of(refused(429, "No.", *headers), NOW) == wait


def test_a_limits_reset_means_nothing_where_no_limit_was_reached() -> None:
    assert wait_of(refused(500, "No.", (TOKENS, b"6m0s")), NOW) is None


@given(st.sampled_from([MS, AFTER, REQUESTS, TOKENS]), st.binary(max_size=80))
def test_no_header_makes_a_wait_endless_or_fails(name: bytes, value: bytes) -> None:
    wait = wait_of(refused(429, "No.", (name, value)), NOW)
    assert wait is None or 0.0 <= wait <= LONGEST_WAIT


@given(
    st.text(st.sampled_from("0123456789 :,+-GMTJanTueZ"), max_size=40),
    st.floats(0, 1e11, allow_nan=False),
)
def test_no_date_makes_a_wait_endless_or_fails(value: str, today: float) -> None:
    wait = wait_of(refused(429, "No.", (AFTER, value.encode())), today)
    assert wait is None or 0.0 <= wait <= LONGEST_WAIT


@given(st.text(max_size=300), st.text(max_size=60), st.text(max_size=60), st.integers(400, 599))
def test_no_words_of_a_provider_are_without_a_verdict(
    message: str, type: str, code: str, status: int
) -> None:
    for error in (refused(status, message, type=type, code=code), told(type=type, code=code)):
        assert verdict_of(error) in Verdict
        assert counts(error) in {True, False}


@pytest.mark.parametrize(
    ("number", "least", "most"),
    [(1, 0.4, 0.6), (2, 1.2, 1.8), (3, 2.0, 3.0), (4, 4.0, 6.0), (5, 5.5, 8.0), (900, 5.5, 8.0)],
)
def test_each_retry_is_after_a_longer_pause_that_is_never_quite_the_same(
    number: int, least: float, most: float
) -> None:
    pauses = [backoff(number, draw) for draw in (0.0, 0.25, 0.5, 0.75, 0.999)]
    assert pauses[0] == least
    assert most * 0.99 < pauses[-1] < most
    assert all(shorter < longer for shorter, longer in pairwise(pauses))


@pytest.mark.parametrize("status", [401, 402, 403, 429])
def test_what_is_said_of_a_callers_own_key_concerns_nobody_else(status: int) -> None:
    error = OwnKeyRefused("No.", status=status, type="authentication_error", code=None)
    assert (verdict_of(error), counts(error), key_rest_of(error, None)) == (FINAL, False, 0.0)
