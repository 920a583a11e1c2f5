"""The tap that counts for Prometheus what calls came to, and how long each part of them took.

The names with `gen_ai_` are OpenTelemetry's for generative AI, and so are the bounds of their
buckets; all others are the gateway's own. It says nothing of what was asked or answered (R21).
"""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Final, NamedTuple

from gateway.endpoints import ENDPOINTS
from gateway.telemetry.naming import NONE, Naming, operation_name
from gateway.telemetry.series import OTHER, Counter, Family, Histogram, Labels
from gateway.words.answer import MOST_TOKENS
from gateway.words.errors import GatewayError
from gateway.words.life import Cause
from gateway.words.receipt import Outcome, Phase, Receipt

OPERATIONS: Final = frozenset(endpoint.operation for endpoint in ENDPOINTS)

CALLS: Final = frozenset(endpoint.operation for endpoint in ENDPOINTS if endpoint.carried)
"""The operations that a model does."""

SECONDS: Final = (
    *(0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64),
    *(1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92),
)
FIRST_TOKEN_SECONDS: Final = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1),
    *(0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
TOKEN_SECONDS: Final = (
    *(0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2),
    *(0.3, 0.4, 0.5, 0.75, 1.0, 2.5),
)
TOKENS: Final = tuple(float(4**power) for power in range(14))
"""OpenTelemetry's bounds."""

SHORT_SECONDS: Final = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005),
    *(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
"""Bounds for what the gateway does itself."""

PROVIDER: Final = "provider"
MODEL: Final = "gen_ai_request_model"
OF_A_CALL: Final = (
    *("gen_ai_operation_name", "gen_ai_provider_name", PROVIDER),
    *(MODEL, "gen_ai_response_model"),
)
"""`provider` is the name that the operator has given; OpenTelemetry's is that of its kind."""

CACHE: Final = ("hit", "miss", "shared")
LOST, COMPLETED, CANCELLED = "lost", "completed", "cancelled"

MOST_KNOWN: Final = 1_000
"""Calls of different names whose labels are remembered."""


def _codes(kind: type[GatewayError]) -> Iterator[str]:
    yield kind.code or kind.type
    for narrower in kind.__subclasses__():
        yield from _codes(narrower)


ERRORS: Final = frozenset({*_codes(GatewayError), *Cause, *Outcome})
"""What an error may be called; a provider's own codes are `other`."""

CAUSES: Final = frozenset(Cause)

ENDS: Final = frozenset({*ERRORS, LOST, COMPLETED, CANCELLED, "differs", "handed on", "open"})
"""How attempts end."""

_Key = tuple[str, str | None, str | None, str | None, str | None]
"""Operation, model asked, target, model answered, error: as the receipt has them."""


class _Known(NamedTuple):
    """The labels of one sort of calls."""

    provider: str
    call: Labels
    ended: Labels
    tokens_in: Labels
    tokens_out: Labels
    cost: Labels


class Metrics:
    """A tap (see `words.receipt.Tap`). It counts since the process began, without waiting."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        self._known: dict[_Key, _Known] = {}
        ended = (*OF_A_CALL, "error_type")
        self._duration = Histogram("gen_ai_server_request_duration_seconds", SECONDS, ended)
        self._first_token = Histogram(
            "gen_ai_server_time_to_first_token_seconds", FIRST_TOKEN_SECONDS, OF_A_CALL
        )
        self._each_token = Histogram(
            "gen_ai_server_time_per_output_token_seconds", TOKEN_SECONDS, OF_A_CALL
        )
        self._tokens = Histogram(
            "gen_ai_client_token_usage", TOKENS, (*OF_A_CALL, "gen_ai_token_type")
        )
        self._overhead = Histogram("gateway_overhead_seconds", SHORT_SECONDS)
        self._cancels = Histogram("gateway_cancel_latency_seconds", SHORT_SECONDS, ("cause",))
        self._requests = Counter(
            "gateway_requests_total",
            ("operation", "outcome"),
            [*product(["chat"], Outcome), *product([NONE, *OPERATIONS], [Outcome.INTERNAL])],
        )
        self._gone = Counter("gateway_client_gone_total", ("phase",), [(each,) for each in Phase])
        self._attempts = Counter(
            "gateway_attempts_total",
            (PROVIDER, "outcome"),
            [(name, COMPLETED) for name in naming.kinds],
        )
        self._retries = Counter("gateway_retries_total")
        self._fallbacks = Counter("gateway_fallbacks_total")
        self._hedges = Counter("gateway_hedges_total")
        self._resumes = Counter("gateway_resumes_total")
        self._cache = Counter("gateway_cache_total", ("result",), [(each,) for each in CACHE])
        self._guards = Counter("gateway_guard_verdicts_total", ("guard", "verdict"), ())
        self._cost = Counter("gateway_cost_nanos_total", (PROVIDER, MODEL), ())

    def told(self) -> list[Family]:
        """Say all that was counted."""
        return [
            each.told()
            for each in (
                *(self._duration, self._first_token, self._each_token, self._tokens),
                *(self._overhead, self._cancels, self._requests, self._gone, self._attempts),
                *(self._retries, self._fallbacks, self._hedges, self._resumes, self._cache),
                *(self._guards, self._cost),
            )
        ]

    def learn(self, models: Iterable[str], prefix: str = "") -> None:
        """Take in the names of models that a provider lists: they are no longer `other`."""
        self._naming.learn(models, prefix)
        self._known.clear()

    def widen(self, naming: Naming) -> None:
        """Take in the names of another configuration."""
        self._naming.widen(naming)
        self._known.clear()

    def settled(self, receipt: Receipt) -> None:
        """Count it; costs the loop some microseconds."""
        outcome = receipt.outcome or Outcome.INTERNAL
        self._requests.add((receipt.endpoint or NONE, outcome))
        if receipt.endpoint in CALLS:
            self._call(receipt, outcome)
        elif receipt.attempts:
            self._tried(receipt, receipt.model, None)
        if outcome is not Outcome.COMPLETED:
            self._left(receipt, outcome)
        for each in receipt.guards:
            guard, _, verdict = each.rpartition(":")
            self._guards.add((guard, verdict))

    def _call(self, receipt: Receipt, outcome: Outcome) -> None:
        """Count a call to a model."""
        error = None if outcome is Outcome.COMPLETED else receipt.cause or outcome
        asked = receipt.asked or receipt.model
        key = (receipt.endpoint, asked, receipt.target, receipt.answered_by, error)
        known = self._known.get(key) or self._learn(key)
        began, ended = receipt.began, receipt.ended or receipt.began
        self._duration.observe(known.ended, ended - began)
        self._tried(receipt, asked, known)
        if receipt.cost_nanos:
            self._cost.add(known.cost, receipt.cost_nanos)
        if len(receipt.attempts) != 1 or receipt.hedged or receipt.cache is not None:
            self._way(receipt)
        if error is None and receipt.body_at is not None and receipt.shared_with is None:
            self._overhead.observe((), _overhead(receipt, receipt.body_at))
        first, usage = receipt.first_content_at, receipt.usage
        if first is not None and receipt.stream and receipt.cache in {None, "miss"}:
            self._first_token.observe(known.call, first - began)
            if error is None and usage is not None and usage.output_tokens > 1:
                each = (ended - first) / (min(usage.output_tokens, MOST_TOKENS) - 1)
                self._each_token.observe(known.call, each)

    def _tried(self, receipt: Receipt, asked: str | None, known: _Known | None) -> None:
        """Count the attempts; `known` are the labels of those at the target that has answered."""
        for attempt in receipt.attempts:
            its = known
            if its is None or attempt.target != receipt.target:
                key = (receipt.endpoint, asked, attempt.target, None, None)
                its = self._known.get(key) or self._learn(key)
            outcome, usage = attempt.outcome, attempt.usage
            self._attempts.add((its.provider, outcome if outcome in ENDS else OTHER))
            if usage is not None:
                self._tokens.observe(its.tokens_in, min(usage.input_tokens, MOST_TOKENS))
                self._tokens.observe(its.tokens_out, min(usage.output_tokens, MOST_TOKENS))

    def _way(self, receipt: Receipt) -> None:
        """Count what an answer came by, where that was not one attempt at one target."""
        asked = [attempt.target for attempt in receipt.attempts]
        homes = len(set(asked))
        self._retries.add((), len(asked) - homes)
        self._fallbacks.add((), max(homes - 1 - receipt.hedged, 0))
        self._hedges.add((), receipt.hedged)
        self._resumes.add((), receipt.resumed)
        if receipt.cache in CACHE:
            self._cache.add((receipt.cache,))

    def _left(self, receipt: Receipt, outcome: Outcome) -> None:
        """Count who has left, and how long it took until a call was over that was cut."""
        if outcome is Outcome.CLIENT_GONE:
            self._gone.add((receipt.phase,))
        # A client that has been told an error leaves as well: that ends nothing.
        if receipt.cut_at is not None and receipt.cause in CAUSES:
            seconds = (receipt.ended or receipt.cut_at) - receipt.cut_at
            self._cancels.observe((receipt.cause,), seconds)

    def _learn(self, key: _Key) -> _Known:
        """Work out the labels of calls of a sort; those that were seen lately are remembered."""
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        operation, asked, target, answered, error = key
        naming = self._naming
        provider, kind = naming.provider(target)
        model = naming.asked(asked)
        call = (operation_name(operation), kind, provider, model, naming.answered(answered))
        failed = "" if error is None else (error if error in ERRORS else OTHER)
        known = self._known[key] = _Known(
            *(provider, call, (*call, failed)),
            *((*call, "input"), (*call, "output"), (provider, model)),
        )
        return known


def _overhead(receipt: Receipt, body_at: float) -> float:
    """Return the seconds of a call in which neither its client nor a provider had a part.

    They are those from its whole body to its first attempt, and from the end of its last one until
    its last words were ready: how long the client took them is not ours. Of an answer for which
    nobody was asked they are those up to its beginning.
    """
    attempts = receipt.attempts
    if not attempts:
        return (receipt.first_content_at or body_at) - body_at
    last = attempts[0].ended if len(attempts) == 1 else max(each.ended or 0.0 for each in attempts)
    told_at = receipt.told_at or 0.0
    return max(attempts[0].began - body_at, 0.0) + max(told_at - (last or told_at), 0.0)
