"""The bars: each looks at how a scenario went, and tells in sentences what is wrong. Pure."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

from benchmarks.failover.acts import TALE, usage
from benchmarks.failover.records import Attempt, Heard, Played

Bar = Callable[[Played], Iterator[str]]
"""Finds problems, or none."""

PACE: Final = 1.5
"""Seconds in which one target may get two attempts of one call, and no third."""

SLACK: Final = 1.0
"""Seconds by which a clock may be late, on a machine that is busy."""

EARLY: Final = 0.1
"""Seconds by which one may seem to be early, for it is read at two ends."""

KEYS: Final = {"message", "type", "param", "code"}
"""What an error object holds, by OpenAI's contract."""

TARGETS: Final = ("primary", "secondary")


def attempts(played: Played, target: str) -> list[Attempt]:
    """Return the attempts that a provider got."""
    return played.primary if target == "primary" else played.secondary


def whole_answer(played: Played) -> Iterator[str]:
    """Demand the complete and exact answer, as the wire has it and as OpenAI's client reads it."""
    for heard in played.heard:
        name = heard.call
        if heard.status != 200 or heard.error is not None:
            yield f"{name} got no answer: {got(heard)}"
            continue
        if heard.text != TALE:
            yield f"{name} got another text: {_shown(heard.text)}"
        elif heard.sdk_text != TALE or heard.sdk_error:
            read = heard.sdk_error or _shown(heard.sdk_text)
            yield f"{name}: OpenAI's client reads {read}"
        if heard.finishes != ["stop"]:
            yield f"{name} ends {len(heard.finishes)} times: {', '.join(heard.finishes)}"
        if len(heard.ids) != 1:
            yield f"{name} carries {len(heard.ids)} ids: {', '.join(heard.ids)}"
        if not heard.ended:
            yield f"{name} has all of the text, and a body without its end"
        if heard.mode == "stream" and not heard.done:
            yield f"{name} ends without [DONE]"


def told_as(status: int, code: str) -> Bar:
    """Demand an error with this status and code, as an error object and as OpenAI's client's."""

    def bar(played: Played) -> Iterator[str]:
        for heard in played.heard:
            error = heard.error or {}
            if (heard.status, error.get("code")) != (status, code):
                yield f"{heard.call} is not told {status} {code}: {got(heard)}"
            elif not error.keys() >= KEYS:
                yield f"{heard.call} is told an error without {', '.join(KEYS - error.keys())}"
            elif not heard.sdk_error:
                yield f"{heard.call}: OpenAI's client sees no error"

    return bar


def broken_off_cleanly(played: Played) -> Iterator[str]:
    """Demand the beginning of the answer, nothing else of any other, and an error in the stream."""
    for heard in played.heard:
        if not heard.text or not TALE.startswith(heard.text):
            yield f"{heard.call} got what is no beginning of the answer: {_shown(heard.text)}"
        if heard.error is None:
            yield f"{heard.call} is told no error: {got(heard)}"
        elif not heard.error.keys() >= KEYS:
            yield f"{heard.call} is told an error without {', '.join(KEYS - heard.error.keys())}"
        if not heard.sdk_error:
            yield f"{heard.call}: OpenAI's client sees no error"


def nothing_behind_errors(played: Played) -> Iterator[str]:
    """Demand that an error is the last word of a stream, without `[DONE]`."""
    for heard in played.heard:
        if heard.error is not None and (heard.late or heard.done):
            yield f"{heard.call} goes on behind an error: {_shown(heard.late or '[DONE]')}"


def paced(played: Played) -> Iterator[str]:
    """Demand that no call asks a target a third time before `PACE` is over."""
    for target in TARGETS:
        for heard in played.heard:
            times = times_of(heard, attempts(played, target))
            for first, third in zip(times, times[2:], strict=False):
                if third - first < PACE:
                    said = ", ".join(f"{time:.2f}" for time in times)
                    yield f"{heard.call}: 3 attempts at {target} within {PACE:g} s: {said}"
                    break


def agreed(played: Played) -> Iterator[str]:
    """Demand that the log says `completed` of those who got their answer, and of nobody else."""
    if played.lines is None:
        return
    lines = {line["request_id"]: line for line in played.lines}
    for heard in played.heard:
        line = lines.get(heard.headers.get("x-request-id", ""))
        if line is None:
            yield f"{heard.call} has no line in the log"
        elif (line["outcome"] == "completed") != (heard.status == 200 and heard.error is None):
            yield f"the log says {line['outcome']} of {heard.call}: {got(heard)}"


ALWAYS: Final[tuple[Bar, ...]] = (nothing_behind_errors, paced, agreed)
"""What holds in each scenario."""


def in_time(seconds: float) -> Bar:
    """Demand that each call is over by then."""

    def bar(played: Played) -> Iterator[str]:
        for heard in played.heard:
            if heard.seconds > seconds:
                yield f"{heard.call} took {heard.seconds:.1f} s, and {seconds:g} are enough"

    return bar


def waits(seconds: float) -> Bar:
    """Demand that the primary is not asked again before the time that it named is over."""

    def bar(played: Played) -> Iterator[str]:
        for before, after in pairwise(played.primary):
            if after.at - before.at < seconds - EARLY:
                yield f"primary is asked again after {after.at - before.at:.2f} s of {seconds:g}"

    return bar


def given_up_at(clock: float) -> Bar:
    """Demand that a silent primary is left at its first clock, and never asked again."""

    def bar(played: Played) -> Iterator[str]:
        if len(played.primary) != 1:
            yield f"primary was silent, and asked {len(played.primary)} times"
            return
        only = played.primary[0]
        ends = [("left", only.gone)]
        ends += [("passed over", later.at) for later in played.secondary[:1]]
        for what, at in ends:
            if at is None:
                yield f"primary was silent, and not {what}"
            elif not clock - EARLY <= at - only.at <= clock + SLACK:
                yield f"primary was {what} after {at - only.at:.2f} s of silence, not {clock:g}"

    return bar


def asked(target: str, times: int) -> Bar:
    """Demand that a target is asked just so often."""

    def bar(played: Played) -> Iterator[str]:
        found = len(attempts(played, target))
        if found != times:
            yield f"{target} was asked {found} times, not {times}"

    return bar


def asked_for(model: str) -> Bar:
    """Demand that the secondary is asked for this model; elsewhere names are the operator's."""

    def bar(played: Played) -> Iterator[str]:
        found = {attempt.asked.model for attempt in played.secondary}
        if played.lines is not None and found != {model}:
            yield f"secondary was asked for {', '.join(sorted(found)) or 'nothing'}, not {model}"

    return bar


def no_prefill(played: Played) -> Iterator[str]:
    """Demand that nobody is sent the beginning of an answer who has not asked for it."""
    for target in TARGETS:
        found = sum(bool(attempt.asked.prefill) for attempt in attempts(played, target))
        if found:
            yield f"{target} was given the beginning of an answer {found} times"


def final(played: Played) -> Iterator[str]:
    """Demand that nobody is tempted to ask again what was tried everywhere."""
    for heard in played.heard:
        if heard.headers.get("x-should-retry") != "false":
            yield f"{heard.call} is not told x-should-retry: false"


def passed_on(header: str) -> Bar:
    """Demand that a header of the provider's refusal reaches the caller."""

    def bar(played: Played) -> Iterator[str]:
        for heard in played.heard:
            if header not in heard.headers:
                yield f"{heard.call} is not told {header}"

    return bar


def back_within(failures: int, rest: float) -> Bar:
    """Demand that the primary is used again so soon after the last of its failures."""

    def bar(played: Played) -> Iterator[str]:
        if len(played.primary) <= failures:
            yield "primary was never used again"
            return
        away = played.primary[failures].at - played.primary[failures - 1].at
        if away > rest + SLACK:
            yield f"primary was used again after {away:.1f} s, and its rest is {rest:g}"

    return bar


def bounded(target: str, most: int) -> Bar:
    """Demand that a target gets no more attempts than that, of all calls together."""

    def bar(played: Played) -> Iterator[str]:
        found = len(attempts(played, target))
        if found > most:
            yield f"{target} got {found} attempts of {len(played.heard)} calls, more than {most}"

    return bar


def accounted(played: Played) -> Iterator[str]:
    """Demand that usage, model and attempts are those of who answered; of one call.

    `x-gateway-attempts` is a list of target;outcome;milliseconds.
    """
    heard = played.heard[0]
    made = len(played.primary) + len(played.secondary)
    last = played.secondary[-1] if played.secondary else None
    if heard.usage != usage("secondary"):
        yield f"the usage is {heard.usage}, not that of secondary"
    if last is not None and heard.models != [last.asked.model]:
        yield f"the model is {', '.join(heard.models)}, not {last.asked.model}"
    if played.lines is None:
        return
    target = f"secondary/{last.asked.model if last else ''}"
    listed = heard.headers.get("x-gateway-attempts", "")
    if listed.count(",") + 1 != made or not listed.split(", ")[-1].startswith(f"{target};ok;"):
        yield f"x-gateway-attempts is {listed!r}, and providers saw {made}"
    for line in played.lines:
        told = {name: line.get(name) for name in ("target", "attempts", "tokens_in", "tokens_out")}
        came, went, _ = usage("secondary").values()
        wanted = {"target": target, "attempts": made, "tokens_in": came, "tokens_out": went}
        if told != wanted:
            yield f"the log says {told}, not {wanted}"


def times_of(heard: Heard, all_attempts: list[Attempt]) -> list[float]:
    """Return when one call's attempts came, in seconds since it began."""
    return [each.at - heard.began for each in all_attempts if each.asked.call == heard.call]


def got(heard: Heard) -> str:
    """Say in a few words what a caller got."""
    words = len(heard.text.split())
    error = heard.error
    if heard.status == 0:
        return f"no answer: {heard.sdk_error or 'nothing'}"
    if heard.status != 200:
        return f"{heard.status} {(error or {}).get('code') or 'without a code'}"
    if error is not None:
        return f"{words} words, then {error.get('code') or error.get('type') or 'an error'}"
    if heard.text == TALE:
        return f"all of it, by {', '.join(heard.models)}"
    return f"{words} words, no error"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:40]}…{text[-40:]}")
