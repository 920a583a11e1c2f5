"""Where receipts and traces go: is it there, and does it take what we would send.

A sink of receipts is not sent any: it keeps what it is given. A collector is sent a batch of none.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import trio

from gateway.commands.diagnosis.provider import Tools
from gateway.commands.diagnosis.reach import reach
from gateway.commands.diagnosis.space import room_in
from gateway.commands.diagnosis.verdict import Verdict, fail, ok, skipped, warn
from gateway.config.traces import parse_collector, shown_to
from gateway.store.sink_address import SinkAddress
from gateway.telemetry.options import LogOptions
from gateway.telemetry.traces import OTLP
from gateway.upstream.posting import Posting
from gateway.words.errors import GatewayError

POST_TIMEOUT: Final = 2.0
NOTHING: Final = b""
"""How OTLP's protobuf writes a batch without a span."""

NOT_SENT: Final = "it is there; no receipt is sent to try it, for it would be kept"
NO_FOLDER: Final = "Make the folder, and let the gateway's user write in it."
NOT_WRITABLE: Final = "Let the gateway's user write it; this was tried as user {}."
WRONG_PATH: Final = "Is it the address of OTLP over HTTP, often port 4318?"
WRONG_KEY: Final = "Look at [telemetry] otlp_headers."


def receipts_file(path: Path) -> Sequence[Verdict]:
    """Look at the file of receipts. It blocks."""
    who = NOT_WRITABLE.format(os.geteuid())
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not path.parent.is_dir():
            return [fail("file", f"there is no folder {path.parent}", NO_FOLDER)]
        if not os.access(path.parent, os.W_OK | os.X_OK):
            return [fail("file", f"{path} cannot be made", who)]
        return [ok("file", f"{path} will be made"), room_in(path.parent)]
    except OSError as error:
        return [fail("file", f"{path}: {error.strerror}", who)]
    if stat.S_ISDIR(mode):
        return [fail("file", f"{path} is a folder", "Name a file in it.")]
    if not os.access(path, os.W_OK):
        return [fail("file", f"{path} cannot be written", who)]
    return [ok("file", f"{path} can be written"), room_in(path.parent)]


async def receipts_server(place: SinkAddress, tools: Tools) -> Sequence[Verdict]:
    """Go to the sink of receipts, and ask it nothing."""
    assert place.origin is not None
    outcome = await reach(place.origin, tools.trust, tools.today)
    last = [skipped("answer", NOT_SENT)] if outcome.arrived else []
    return [*outcome.verdicts, *last]


async def collector(options: LogOptions, tools: Tools) -> Sequence[Verdict]:
    """Send the collector of traces a batch without a span."""
    assert options.otlp_endpoint is not None
    place = parse_collector(options.otlp_endpoint.reveal())
    assert place.origin is not None
    assert place.target is not None
    outcome = await reach(place.origin, tools.trust, tools.today)
    if not outcome.arrived:
        return outcome.verdicts
    post = Posting(
        *(tools.client, place.origin, place.target, place.authorization, POST_TIMEOUT, OTLP),
        fields=shown_to(options),
    )
    began = trio.current_time()
    try:
        status, _ = await post.post(NOTHING)
    except GatewayError as error:
        return [*outcome.verdicts, fail("answer", str(error), WRONG_PATH)]
    return [*outcome.verdicts, _taken(status, trio.current_time() - began)]


def _taken(status: int, seconds: float) -> Verdict:
    if 200 <= status < 300:
        return ok("answer", f"took a batch without a span, in {seconds * 1000:.0f} ms")
    if status in {401, 403}:
        return fail("answer", f"refused what it was shown ({status})", WRONG_KEY)
    if status >= 500 or status in {404, 405}:
        return fail("answer", f"answered {status} to a batch without a span", WRONG_PATH)
    return warn("answer", f"answered {status} to a batch without a span", WRONG_PATH)
