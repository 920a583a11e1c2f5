"""A request that passes through, from the client to the corridor. In virtual time."""

from trio.testing import MockClock

from tests.passages import ADA, FILE, key, refusal, told
from tests.stage import Stage, post

pytest_plugins = ("tests.onstage", "tests.served")


async def test_r27_a_web_page_sends_no_form_to_a_keyless_gateway(
    keyless: Stage, autojump_clock: MockClock
) -> None:
    """R27."""
    fields = ("Origin: http://evil.test", "Content-Type: multipart/form-data; boundary=B")
    reply = await keyless.ask(post(b"--B--", *fields, path="/v1/files")).reply()
    assert refusal(reply) == (403, "forbidden")


async def test_a_body_passes_whole_and_counts_for_as_long_as_it_is_held(
    served: Stage, autojump_clock: MockClock
) -> None:
    head = b'--B\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
    body = head + b"x" * 1_000 + b"\r\n--B--\r\n"
    up = served.provider(told(FILE))
    form = "Content-Type: multipart/form-data; boundary=B"
    request = post(body, key(ADA), form, path="/v1/files")
    assert (await served.ask(request[:400], request[400:]).reply()).status == 200
    assert b"".join(up.sent).partition(b"\r\n\r\n")[2] == body
    receipt = await served.receipt()
    assert receipt.bytes_in == len(body)
    assert served.calls.body_bytes == 0


async def test_a_body_that_is_too_long_is_refused(served: Stage, autojump_clock: MockClock) -> None:
    form = (key(ADA), "Content-Type: multipart/form-data; boundary=B")
    most = served.http.max_body_bytes
    request = post(b"x", *form, f"Content-Length: {most + 1}", path="/v1/files")
    assert (await served.ask(request).reply()).status == 413
    assert served.dialled == []
