"""A provider's error answer: read in bounds, told as what it is, and without our secrets."""

from collections.abc import Iterable
from typing import Final

from gateway.forms import UpstreamForm
from gateway.forms.http import end_to_end
from gateway.policy.scrub import Scrubber
from gateway.relay.credentials import told_to_holder
from gateway.upstream.send import Incoming
from gateway.words.client import Header
from gateway.words.errors import GatewayError
from gateway.words.target import Target

MAX_ERROR_BYTES: Final = 65_536


async def refusal_of(
    incoming: Incoming, form: UpstreamForm, target: Target
) -> tuple[GatewayError, bytes]:
    """Read a provider's error answer, in bounds: what it is, and in which words."""
    body = bytearray()
    while len(body) < MAX_ERROR_BYTES and (data := await incoming.receive()):
        body += data
    status, said = incoming.status, bytes(body[:MAX_ERROR_BYTES])
    error = form.read_error(status, tuple(end_to_end(incoming.headers)), said)
    return told_to_holder(status, said, error) if target.client_key else error, said


def scrub(error: GatewayError, scrubber: Scrubber) -> None:
    """Take configured secrets out of whatever a provider said in an error (R11)."""
    error.message = scrubber.scrub(error.message)
    error.type = scrubber.scrub(error.type)
    error.code = error.code and scrubber.scrub(error.code)
    error.param = error.param and scrubber.scrub(error.param)
    error.headers = scrubbed(error.headers, scrubber)


def scrubbed(headers: Iterable[Header], scrubber: Scrubber) -> tuple[Header, ...]:
    """Return header fields without configured secrets."""
    return tuple((name, scrubber.scrub_bytes(value)) for name, value in headers)
