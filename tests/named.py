"""Requests with an id of their own, and the line that the log has for each."""

from uuid import uuid4

from tests.process import Fields, Gateway


def named(wire: bytes) -> tuple[bytes, str]:
    """Give a request an id; return both."""
    request_id = uuid4().hex
    line, _, rest = wire.partition(b"\r\n")
    return b"%b\r\nX-Request-Id: %b\r\n%b" % (line, request_id.encode(), rest), request_id


async def line_of(real: Gateway, request_id: str) -> Fields:
    """Wait for a request's line in the log."""
    (line,) = await real.wait_for_lines(1, lambda line: line["request_id"] == request_id)
    return line
