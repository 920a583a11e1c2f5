"""A provider's error answer: how much of it is read, and what of it is told."""

from trio.testing import MockClock

from gateway.policy.scrub import Scrubber
from gateway.relay.refusal import MAX_ERROR_BYTES, scrub
from gateway.words.errors import BadRequest, UpstreamRefused
from gateway.words.secret import Secret
from tests.stage import KEY, Stage, chat

pytest_plugins = ("tests.onstage",)


def test_r11_what_was_not_said_is_not_scrubbed() -> None:
    scrubber = Scrubber([Secret(KEY)])
    error = UpstreamRefused(KEY, status=400, type=KEY, code=None)
    scrub(error, scrubber)
    assert (error.message, error.type, error.code, error.param) == ("***", "***", None, None)
    other = BadRequest("as it is", param="model")
    scrub(other, scrubber)
    assert (other.message, other.param) == ("as it is", "model")


async def test_an_error_without_end_is_read_in_bounds(
    stage: Stage, autojump_clock: MockClock
) -> None:
    part = b"x" * 10_000
    head = b"HTTP/1.1 500 No\r\ncontent-type: text/plain\r\n\r\n"
    provider = stage.provider(head, *[part] * 50)
    reply = await stage.ask(chat()).reply()
    assert reply.status == 500
    assert len(reply.body) < 3000
    assert provider.taken < MAX_ERROR_BYTES + len(head) + len(part)
    assert provider.closed_at == 0
