"""What was seen of a stream through a proxy, and of clients that left there, judged. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.commands.diagnosis.verdict import Verdict, counted, fail, ok, skipped, warn
from gateway.downstream.live import SeenProcess
from gateway.relay.options import ClockOptions
from gateway.telemetry.endings import SeenEnded
from gateway.words.receipt import Outcome

WORDS: Final = 12
PACE: Final = 20.0
"""Words a second of the stream whose arrival is watched: it takes half a second."""

SPREAD: Final = (WORDS - 1) / PACE

REUSED: Final = 0.1
"""Seconds by which a connection must be older than its call, to have carried another before."""

USUAL_IDLE: Final = 55.0
"""Seconds of silence that nearly every proxy bears: their defaults begin at 60."""

ACCEL: Final = "x-accel-buffering"

UNBUFFER: Final = (
    "nginx: `proxy_buffering off; gzip off;`, and no proxy_ignore_headers X-Accel-Buffering, as in"
    " deploy/nginx; others: no buffering and no compression of text/event-stream."
)
KEEP: Final = 'nginx: `proxy_http_version 1.1; proxy_set_header Connection "";` and `keepalive`.'
HEED: Final = (
    "nginx: `proxy_ignore_client_abort off;`; others: have them close the connection to the gateway"
    " when the client closes theirs. Until then a call goes on, and is paid for, unheard."
)
UNSEEN: Final = (
    "Run this on the machine of the gateway, as its user; or name its admin with --admin and set"
    " GATEWAY_ADMIN_KEY."
)
RENAMED: Final = (
    "Where others are seen, the proxy gives requests another x-request-id, which hides it."
)
NOT_SEEN: Final = "the call was not seen at a gateway that can be asked"


@dataclass(frozen=True, slots=True)
class Streamed:
    """A stream as it came: its status, header fields, and when each of its words was there."""

    status: int
    fields: Mapping[str, str]
    came: Sequence[float]


def judge_stream(streamed: Streamed) -> list[Verdict]:
    """Judge whether words arrive when they are said."""
    if streamed.status != 200 or len(streamed.came) != WORDS:
        seen = f"answered {streamed.status}, with {len(streamed.came)} of {WORDS} words"
        return [fail("stream", seen, "Is the model `echo`, asked through this gateway?")]
    groups = len(set(streamed.came))
    spread = streamed.came[-1] - streamed.came[0]
    seen = f"{WORDS} words in {counted(groups, 'piece')}, over {spread * 1000:.0f} ms"
    held = f"{seen}; they were said over {SPREAD * 1000:.0f} ms"
    if groups <= 2 or spread < SPREAD / 4:
        stream = fail("stream", f"held back: {held}", UNBUFFER)
    elif groups < WORDS / 2:
        stream = warn("stream", f"held back in part: {held}", UNBUFFER)
    else:
        stream = ok("stream", seen)
    found = [stream, _judge_accel(streamed.fields, is_held=bool(stream.remedy))]
    coding = streamed.fields.get("content-encoding", "identity")
    if coding != "identity":
        found.append(warn("compression", f"a stream comes as {coding}", UNBUFFER))
    return found


def _judge_accel(fields: Mapping[str, str], *, is_held: bool) -> Verdict:
    if ACCEL in fields:
        return ok(ACCEL, "passes through: whoever is in front does not go by it")
    if is_held:
        return warn(ACCEL, "was taken out on the way, and not heeded", UNBUFFER)
    return ok(ACCEL, "was taken out on the way, as by one who heeds it")


def judge_connection(workers: Sequence[SeenProcess], call: str) -> list[Verdict]:
    """Judge, while a call is open, the connection on which it came, the second of its client."""
    for worker in workers:
        for connection in worker.connections:
            if connection.call is None or connection.call.id != call:
                continue
            found = [ok("arrives", f"at worker {worker.worker} of gateway {worker.supervisor}")]
            if connection.age is None:
                return found
            if connection.age - connection.call.age > REUSED:
                return [*found, ok("keep-alive", "the gateway's connection carries many calls")]
            seen = "a new connection to the gateway for a call: HTTP/1.0, or none are kept"
            return [*found, warn("keep-alive", seen, KEEP)]
    return [skipped("arrives", NOT_SEEN, UNSEEN)]


def find_ended(workers: Sequence[SeenProcess], call: str) -> SeenEnded | None:
    """Find a call among those that ended last."""
    return next((each for worker in workers for each in worker.ended if each.id == call), None)


def judge_leaving(check: str, ended: SeenEnded | None, after: float) -> Verdict:
    """Judge how a call ended whose client has left; `after` seconds later it had ended."""
    if ended is None:
        return skipped(check, NOT_SEEN, RENAMED)
    if ended.outcome == Outcome.CLIENT_GONE:
        return ok(check, f"the gateway knew it {max(after, 0.0) * 1000:.0f} ms later")
    return fail(check, f"the client's leaving did not arrive: the call {ended.outcome}", HEED)


def judge_clocks(clocks: ClockOptions) -> Verdict:
    """Judge for how long a stream may be silent, by what proxies bear."""
    silent = max(clocks.keepalive_interval, clocks.head_after)
    if clocks.keepalive_interval == 0:
        remedy = "Set [server] keepalive_interval to 15, or have the proxy wait longer."
        return warn("silence of streams", "a stream may be silent for ever", remedy)
    seen = f"a stream is never silent for longer than {silent:g} s"
    if silent > USUAL_IDLE:
        remedy = "Lower [server] keepalive_interval and head_after, or have the proxy wait longer."
        return warn("silence of streams", seen, remedy)
    return ok("silence of streams", seen)


def judge_silence(seconds: float, status: int, waited: float) -> Verdict:
    """Judge what came of an answer in one piece that was to be silent for so long."""
    if status == 200:
        return ok("silence of answers", f"{seconds:g} s without a word were borne")
    seen = f"an answer that takes {seconds:g} s was cut after {waited:.1f} s"
    seen += f", with status {status}" if status else ""
    remedy = (
        "nginx: proxy_read_timeout above [defaults.timeouts] total; others: their idle timeout."
        " Else have clients ask for streams."
    )
    return fail("silence of answers", seen, remedy)
