"""Forms with files, from a client's socket to a provider's. In memory."""

import json

import pytest
import trio
from trio.testing import MockClock

from gateway.downstream.client import CONTINUE
from gateway.downstream.options import HttpOptions
from gateway.downstream.spool import HELD_BYTES
from tests.stage import Provider, Stage, answer, post

pytest_plugins = ("tests.onstage",)

B = "b0undary"
PATH = "/v1/audio/transcriptions"
AZURE = "/openai/deployments/m/audio/transcriptions"
TOLD = b'{"text":"hello"}'


def form(*, model: str | None = "m", size: int = 10) -> bytes:
    head = f"--{B}\r\ncontent-disposition: form-data; name="
    sound = f'{head}"file"; filename="a"\r\n\r\n'.encode() + b"\0" * size + b"\r\n"
    named = b"" if model is None else f'{head}"model"\r\n\r\n{model}\r\n'.encode()
    return sound + named + b"--%b--\r\n" % B.encode()


def posting(body: bytes, *fields: str, path: str = PATH) -> bytes:
    return post(body, f"Content-Type: multipart/form-data; boundary={B}", *fields, path=path)


async def test_a_form_reaches_the_provider_with_its_own_model(
    stage: Stage, autojump_clock: MockClock
) -> None:
    provider = stage.provider(answer(200, TOLD))
    request = posting(form())
    caller = stage.connect()
    caller.send(*(request[at : at + 1] for at in range(len(request))))
    reply = await caller.reply()
    assert (reply.status, reply.body) == (200, TOLD)
    head, _, body = b"".join(provider.sent).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/audio/transcriptions HTTP/1.1\r\n")
    assert b"\r\ncontent-length: %d" % len(body) in head
    assert body == form(model="m-1")
    receipt = await stage.receipt()
    assert (receipt.endpoint, receipt.model, receipt.bytes_in) == (
        "transcription",
        "m",
        len(form()),
    )


async def test_a_path_may_name_the_model(stage: Stage, autojump_clock: MockClock) -> None:
    provider = stage.provider(answer(200, TOLD))
    caller = stage.ask(posting(form(model=None), path=AZURE + "?api-version=2025-04-01"))
    assert (await caller.reply()).status == 200
    body = b"".join(provider.sent).partition(b"\r\n\r\n")[2]
    assert body.startswith(b"--b0undary\r\n")
    assert body.endswith(form(model=None))
    assert b'name="model"\r\n\r\nm-1\r\n' in body


async def test_a_path_s_model_stands_for_json_too(stage: Stage, autojump_clock: MockClock) -> None:
    provider = stage.provider(answer(200, b'{"data":[]}'))
    path = "/openai/deployments/m/embeddings?api-version=2025-04-01"
    assert (await stage.ask(post(b'{"input":"x"}', path=path)).reply()).status == 200
    assert provider.sent_json() == {"input": "x", "model": "m-1"}


async def test_a_form_in_chunks_is_the_same_form(stage: Stage, autojump_clock: MockClock) -> None:
    provider = stage.provider(answer(200, TOLD))
    body = form()
    wire = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    caller = stage.ask(posting(b"", "Transfer-Encoding: chunked"), wire, b"0\r\n\r\n")
    assert (await caller.reply()).status == 200
    assert b"".join(provider.sent).endswith(form(model="m-1"))


async def test_leave_to_send_a_form_is_given(stage: Stage, autojump_clock: MockClock) -> None:
    stage.provider(answer(200, TOLD))
    body = form()
    caller = stage.ask(posting(b"", "Expect: 100-continue", f"Content-Length: {len(body)}"))
    assert (await caller.reply()).status == 100
    assert CONTINUE.startswith(b"HTTP/1.1 100")
    caller.send(body)
    assert (await caller.reply()).status == 200


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (form(model=None), 400, "model"),
        (form(model=""), 400, "model"),
        (form(model="x"), 404, "model"),
        (form()[:-4], 400, None),
        (b"{}", 400, None),
    ],
)
async def test_a_form_that_cannot_be_read_is_refused(
    stage: Stage, body: bytes, status: int, param: str | None, autojump_clock: MockClock
) -> None:
    reply = await stage.ask(posting(body)).reply()
    assert (reply.status, reply.error["param"]) == (status, param)
    assert (await stage.receipt()).outcome == "refused"


async def test_c13_a_form_that_is_too_long_is_refused(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C13."""
    stage.http = HttpOptions(max_body_bytes=100)
    body = form(size=200)
    declared = await stage.ask(posting(b"", f"Content-Length: {len(body)}")).reply()
    assert (declared.status, declared.error["code"]) == (413, "request_too_large")
    wire = b"%x\r\n%b\r\n" % (len(body), body)
    counted = await stage.ask(posting(b"", "Transfer-Encoding: chunked"), wire).reply()
    assert counted.status == 413


async def test_c12_a_form_that_stops_is_too_slow(stage: Stage, autojump_clock: MockClock) -> None:
    """C12."""
    began = trio.current_time()
    caller = stage.ask(posting(form()[:-9], f"Content-Length: {len(form())}"))
    assert (await caller.reply()).status == 408
    assert trio.current_time() - began == stage.http.body_timeout


async def test_c7_one_who_leaves_within_a_form_is_gone(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """C7."""
    caller = stage.ask(posting(form()[:-9], f"Content-Length: {len(form())}"))
    await trio.testing.wait_all_tasks_blocked()
    assert stage.calls.body_bytes == len(form()) - 9
    caller.leave()
    assert (await stage.receipt()).outcome == "client_gone"
    assert stage.calls.body_bytes == 0


async def test_g9_forms_are_counted_with_all_bodies(
    stage: Stage, autojump_clock: MockClock
) -> None:
    """G9."""
    stage.calls.most_body_bytes = 50
    reply = await stage.ask(posting(form(size=200))).reply()
    assert (reply.status, reply.error["code"]) == (503, "overloaded")


@pytest.mark.parametrize("media", ["application/json", "multipart/form-data", "text/plain"])
async def test_a_form_is_declared_as_one(
    stage: Stage, media: str, autojump_clock: MockClock
) -> None:
    reply = await stage.ask(post(form(), f"Content-Type: {media}", path=PATH)).reply()
    assert (reply.status, reply.error["code"]) == (415, "unsupported_media_type")


async def test_json_is_not_sent_as_a_form(stage: Stage, autojump_clock: MockClock) -> None:
    reply = await stage.ask(posting(form(), path="/v1/embeddings")).reply()
    assert reply.status == 415


async def test_r27_a_form_of_a_web_page_is_refused(stage: Stage, autojump_clock: MockClock) -> None:
    """R27: a page can send a form unasked, and without keys it must not."""
    reply = await stage.ask(posting(form(), "Origin: https://evil.example")).reply()
    assert (reply.status, reply.error["code"]) == (403, "forbidden")


class Patient(Provider):
    """Answers once it has read a form to its end."""

    async def send_all(self, data: bytes | bytearray | memoryview, /) -> None:
        scripts, self._scripts = self._scripts, []
        await super().send_all(data)
        self._scripts = scripts
        if bytes(data[-4:]) == b"--\r\n":
            self.say(*self._scripts.pop(0))


async def test_a_long_form_rests_in_a_file_and_is_sent_from_there(stage: Stage) -> None:
    provider = Patient(answer(200, TOLD))
    stage.prepare(provider)
    caller = stage.ask(posting(form(size=3 * HELD_BYTES)))
    with trio.fail_after(10):
        reply = await caller.reply()
    assert json.loads(reply.body) == {"text": "hello"}
    body = b"".join(provider.sent).partition(b"\r\n\r\n")[2]
    assert body == form(model="m-1", size=3 * HELD_BYTES)
    assert max(len(part) for part in provider.sent) <= 65_536
