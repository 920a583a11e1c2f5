"""What workers have counted with labels, as Prometheus reads it: each worker's series by itself.

Nothing is added up over workers: a counter of one that ended would fall otherwise. What a worker
tells is looked through, so that one of another version cannot spoil a scrape. Its lines are written
here and not by Prometheus's client, which takes a hundred times as long for thousands of series.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Any, Final

import msgspec
from prometheus_client.utils import floatToGoString

from gateway.policy.balances import Balance, together
from gateway.telemetry.lines import printable
from gateway.telemetry.series import Family

WORKER: Final = "worker"

COUNTER: Final = "_total"
"""How the name of a counter ends."""

UNNAMED: Final = "A figure of the worker's own."

HELP: Final = {
    "gen_ai_server_request_duration_seconds": (
        "Time from a request's head to its end, of all that a model was to do."
    ),
    "gen_ai_server_time_to_first_token_seconds": (
        "Time from a request's head to its first content, of streams that a provider has answered."
    ),
    "gen_ai_server_time_per_output_token_seconds": (
        "Time for each token after the first content, of streams that were told whole."
    ),
    "gen_ai_client_token_usage": (
        "Tokens of each attempt, whichever has answered: as its provider has reported them, or as"
        " they are estimated where an attempt broke off."
    ),
    "gateway_overhead_seconds": (
        "Time of a completed call in which neither its client nor a provider had a part: from its"
        " whole body to the first attempt, and from the end of the last one until its last words"
        " were ready."
    ),
    "gateway_cancel_latency_seconds": (
        "Time from the moment when a call was ended from outside until nothing of it was left."
    ),
    "gateway_requests_total": "Requests that have ended, probes too, by what became of them.",
    "gateway_client_gone_total": "Requests whose clients left, by how far the request had come.",
    "gateway_attempts_total": "Attempts at providers that have ended, by how they did.",
    "gateway_retries_total": "Attempts at a target that the same call had asked before.",
    "gateway_fallbacks_total": (
        "Attempts at a further target, after another one has failed the same call."
    ),
    "gateway_hedges_total": "Calls for which a second target was started beside a late one.",
    "gateway_resumes_total": "How often an answer that broke off was gone on with.",
    "gateway_cache_total": (
        "Calls by what the cache had for them: a hit, a miss, or an answer that another call was"
        " being told (shared)."
    ),
    "gateway_guard_verdicts_total": (
        "Calls in which a guard has found something, by what it did; once for each call."
    ),
    "gateway_cost_nanos_total": "What attempts have cost, in nano-dollars, where prices are known.",
    "gateway_open_calls_in_phase": "Open calls by how far they have come.",
    "gateway_open_calls_older_than": "Open calls that are older than so many seconds.",
    "gateway_oldest_call_seconds": "Age of the oldest open call.",
}
"""What each family counts; the label `worker` is in all of them."""

LIMIT: Final = "gateway_budget_limit_nanos"
SPENT: Final = "gateway_budget_spent_nanos"
RESERVED: Final = "gateway_budget_reserved_nanos"

OF_BUDGETS: Final = {
    LIMIT: "What may be spent from the budget in its window.",
    SPENT: "What is spent of the budget in its window, by all workers.",
    RESERVED: "What open calls hold of the budget, of all workers.",
}
"""Budgets of keys and teams, in nano-dollars; those of single users are in no metric."""

MOST_FAMILIES: Final = 100
MOST_SERIES: Final = 2_000
"""Of one family in one worker."""

MAX_LABEL: Final = 200
"""Characters of a label."""

_OURS: Final = (WORKER, "le")
"""Labels that are written beside those of a series."""

_NAME = re.compile(r"(?:gateway|gen_ai)_[a-z0-9_]{1,80}", re.ASCII)
_LABEL = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)


class Families:
    """The families of one scrape, as they are taken from the workers' answers."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}
        self._budgets: list[list[Balance]] = []

    def take(self, answer: dict[str, Any], worker: str, *, has_successor: bool = False) -> None:
        """Take what one worker tells; what is no family, and no budget, is left out.

        Of one that `has_successor` the budgets are too: that counts on from what the ledger has.
        """
        told = answer.get("families")
        for each in told[:MOST_FAMILIES] if isinstance(told, list) else ():
            with suppress(msgspec.ValidationError):
                self._note(msgspec.convert(each, Family), worker)
        with suppress(msgspec.ValidationError):
            if not has_successor:
                self._budgets.append(msgspec.convert(answer.get("budgets"), list[Balance]))

    def _note(self, family: Family, worker: str) -> None:
        names = family.labels
        sane = _NAME.fullmatch(family.name) and all(map(_LABEL.fullmatch, names))
        if not sane or len({*names, *_OURS}) != len(names) + len(_OURS):
            return
        head = _head(family.name, HELP.get(family.name, UNNAMED), _kind(family))
        lines = self._lines.setdefault(family.name, head)
        if lines[: len(head)] != head:
            return
        size = len(family.bounds) + 2 if family.bounds else 1
        known = {tuple(map(_shown, values)): numbers for values, numbers in family.series}
        for values, numbers in list(known.items())[:MOST_SERIES]:
            if len(values) == len(names) and len(numbers) == size:
                labels = _labels((*names, WORKER), (*values, worker))
                lines += _series(family.name, labels, family.bounds, numbers)

    def text(self) -> str:
        """Return them as Prometheus reads them, by their names, budgets last."""
        lines = [line for _, found in sorted(self._lines.items()) for line in found]
        return "\n".join([*lines, *_of_budgets(together(self._budgets)), ""])


def _kind(family: Family) -> str:
    if family.bounds:
        return "histogram"
    return "counter" if family.name.endswith(COUNTER) else "gauge"


def _head(name: str, text: str, kind: str) -> list[str]:
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    """Write labels between their braces; an empty one is none. The values can be shown."""
    said = []
    for name, value in zip(names, values, strict=True):
        if value:
            safe = value.replace("\\", r"\\").replace('"', r"\"")
            said.append(f'{name}="{safe}"')
    return ",".join(said)


def _series(
    name: str, labels: str, bounds: Sequence[float], numbers: Sequence[float]
) -> Iterator[str]:
    """Write a series. Of a histogram the buckets are added up: each holds those below it too."""
    if not bounds:
        yield f"{name}{{{labels}}} {numbers[0]}"
        return
    counts = list(accumulate(numbers[:-1]))
    for bound, count in zip((*map(floatToGoString, bounds), "+Inf"), counts, strict=True):
        yield f'{name}_bucket{{{labels},le="{bound}"}} {count}'
    yield f"{name}_count{{{labels}}} {counts[-1]}"
    yield f"{name}_sum{{{labels}}} {numbers[-1]}"


def _of_budgets(balances: Sequence[Balance]) -> Iterator[str]:
    named = [_labels(("budget", "of"), (_shown(each.name), _shown(each.of))) for each in balances]
    for name, text in OF_BUDGETS.items():
        yield from _head(name, text, "gauge")
        for labels, each in zip(named, balances, strict=True):
            amount = {LIMIT: each.limit, SPENT: each.used, RESERVED: each.reserved}[name]
            yield from _series(name, labels, (), (amount,))


def _shown(value: str) -> str:
    return printable(value)[:MAX_LABEL]
